"""What decides a drawn video, and the sources of randomness that follow from it."""

import zlib
from dataclasses import dataclass

import numpy as np

from deg_core.example.motion import FIELD

SEED = 120  # gives each video of the example at least two bouts of all but the rare behavior
N_FRAMES = 800
VIDEOS = tuple(f"demo_{i:02d}" for i in range(1, 11))


@dataclass(frozen=True)
class VideoSpec:
    """What decides a video, down to its last bit.

    Parameters
    ----------
    video
        Name of the video; videos of other names are other videos.
    seed
        Seed of the whole example.
    n_frames
        Number of frames.
    size
        Side of the square frames in pixels.
    """

    video: str = VIDEOS[0]
    seed: int = SEED
    n_frames: int = N_FRAMES
    size: int = FIELD

    @property
    def text(self) -> str:
        """The seed of what the animal does, for `deg_core.example.behaviors.Dice`."""
        return f"{self.seed}:{self.video}"


def generators(spec: VideoSpec) -> list[np.random.Generator]:
    """Return the sources of randomness of the movement, the look and the camera's noise."""
    return np.random.default_rng([spec.seed, zlib.crc32(spec.video.encode())]).spawn(3)
