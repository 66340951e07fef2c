"""What an imported video says of the raw one that it was made from.

Reads the attributes of ``results/import/<video>.h5``.
"""

from dataclasses import dataclass
from pathlib import Path

from deg_core.data.hdf5 import read_text
from deg_core.data.publish import damage_of, open_hdf5


@dataclass(frozen=True)
class Source:
    """A raw video, as it was when it was imported.

    Attributes
    ----------
    name
        Of the file or folder.
    size
        Bytes on disk.
    height, width
        In pixels.
    codec
        FFmpeg's name of the codec, or the kind of image.
    n_frames
        Number of decoded frames.
    fps
        Frames per second.
    """

    name: str
    size: int
    height: int
    width: int
    codec: str
    n_frames: int
    fps: float

    @property
    def seconds(self) -> float:
        """Its duration."""
        return self.n_frames / self.fps


def read_source(path: Path) -> Source:
    """Read what an imported video says of its source.

    Raises
    ------
    StateError
        If the file is missing or damaged.
    """
    with damage_of(path), open_hdf5(path) as file:
        about = file.attrs
        return Source(
            name=read_text(file, "source"),
            size=int(about["source_bytes"]),
            height=int(about["source_height"]),
            width=int(about["source_width"]),
            codec=read_text(file, "codec"),
            n_frames=int(about["n_frames"]),
            fps=float(about["fps"]),
        )
