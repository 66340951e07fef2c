"""Render the example's videos and write their label files and the table that lists them.

Videos appear on first use at ``example/videos``; the labels and ``videos.tsv`` are committed.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from deg_core.data.publish import publish_file, publish_text
from deg_core.example.behaviors import BEHAVIORS, Phase, label, plan
from deg_core.example.draw import draw_frame, draw_look
from deg_core.example.motion import FIELD, FPS, Track, follow

SEED = 120  # gives each video at least two bouts of all but the rare behavior
N_FRAMES = 800
VIDEOS = tuple(f"demo_{i:02d}" for i in range(1, 11))
ANNOTATOR = "renderer"


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


def frames_of(spec: VideoSpec) -> Iterator[np.ndarray]:
    """Draw the frames of a video one after the other.

    Parameters
    ----------
    spec
        Which video.

    Yields
    ------
    frame : (size, size, 3) uint8 RGB
    """
    track = track_of(spec)
    _, for_look, for_noise = _generators(spec)
    look = draw_look(spec.n_frames, size=spec.size, rng=for_look)
    for index in range(spec.n_frames):
        yield draw_frame(look, track, index, rng=for_noise)


def track_of(spec: VideoSpec) -> Track:
    """Return where the animal of a video is and how it holds itself."""
    return follow(_plan(spec), rng=_generators(spec)[0])


def render_frames(spec: VideoSpec) -> tuple[np.ndarray, np.ndarray]:
    """Draw a whole video into memory.

    Parameters
    ----------
    spec
        Which video.

    Returns
    -------
    frames : (T, size, size, 3) uint8 RGB
    labels : (T, K) int8, 0 or 1
        One column per name in `BEHAVIORS`.
    """
    return np.stack(list(frames_of(spec))), _labels(spec)


def labels_of(video: str, *, seed: int = SEED, n_frames: int = N_FRAMES) -> np.ndarray:
    """Return the labels of a video without drawing it.

    Parameters
    ----------
    video
        Name of the video.
    seed
        Seed of the example.
    n_frames
        Length of the video.

    Returns
    -------
    labels : (T, K) int8, 0 or 1
        One column per name in `BEHAVIORS`.
    """
    return _labels(VideoSpec(video, seed=seed, n_frames=n_frames))


def render_video(
    video: str,
    out: Path,
    *,
    seed: int = SEED,
    n_frames: int = N_FRAMES,
    size: int = FIELD,
) -> None:
    """Render one video to an mp4 file; the same arguments give the same bytes.

    Parameters
    ----------
    video
        Name of the video, one of `VIDEOS` or any other.
    out
        The file, which appears when it is complete; its folder is made if needed.
    seed
        Seed of the example.
    n_frames
        Length of the video.
    size
        Side of the square frames in pixels; even, as the codec halves the color's resolution.

    Raises
    ------
    StateError
        If the file cannot be written.
    """
    spec = VideoSpec(video, seed=seed, n_frames=n_frames, size=size)
    with publish_file(out) as temporary:
        encode(frames_of(spec), temporary, size=spec.size)


def encode(frames: Iterator[np.ndarray], path: Path, *, size: int) -> None:
    """Write frames as H.264 in an mp4 container.

    Parameters
    ----------
    frames
        Each (size, size, 3) uint8 RGB.
    path
        File to write; its suffix does not matter.
    size
        Side of the frames in pixels; even.
    """
    # More threads or version strings would let the bytes differ between runs; so does x264's
    # macroblock tree, which reads memory that nobody has written.
    codec = {"crf": "20", "preset": "veryfast", "threads": "1", "x264-params": "mbtree=0"}
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=FPS, options={**codec, "flags": "+bitexact"})
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def label_text(video: str, *, seed: int = SEED, n_frames: int = N_FRAMES) -> str:
    """Return a video's label file: one scored interval over all of it, then the bouts by onset."""
    labels = labels_of(video, seed=seed, n_frames=n_frames)
    rows = [f"scored,*,0,{n_frames},{ANNOTATOR}"]
    for start, k, stop in sorted(_bouts(labels)):
        rows.append(f"bout,{BEHAVIORS[k]},{start},{stop},{ANNOTATOR}")
    return "\n".join(["kind,behavior,start_frame,stop_frame,annotator", *rows, ""])


def table_text() -> str:
    """Return the example's videos.tsv; paths are relative to the repository."""
    rows = ["video\tpath\tgroup\tpretrain\tlabels\tsplit"]
    for video in VIDEOS:
        paths = f"example/videos/{video}.mp4\t{video}\tyes\texample/labels/{video}.csv"
        rows.append(f"{video}\t{paths}\t")
    return "\n".join([*rows, ""])


def write_labels(folder: Path, *, seed: int = SEED) -> None:
    """Write ``videos.tsv`` and ``labels/<video>.csv`` of all videos into a folder.

    Parameters
    ----------
    folder
        Where to; the repository keeps them in ``example``.
    seed
        Seed of the example.

    Raises
    ------
    StateError
        If a file cannot be written.
    """
    publish_text(folder / "videos.tsv", table_text())
    for video in VIDEOS:
        publish_text(folder / "labels" / f"{video}.csv", label_text(video, seed=seed))


def _generators(spec: VideoSpec) -> list[np.random.Generator]:
    """Return the sources of randomness of the movement, the look and the camera's noise."""
    return np.random.default_rng([spec.seed, zlib.crc32(spec.video.encode())]).spawn(3)


def _plan(spec: VideoSpec) -> list[Phase]:
    return plan(spec.n_frames, seed=f"{spec.seed}:{spec.video}")


def _labels(spec: VideoSpec) -> np.ndarray:
    return label(_plan(spec))


def _bouts(labels: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Yield (first frame, column, frame after the last) of each bout."""
    for k in range(labels.shape[1]):
        change = np.flatnonzero(np.diff(labels[:, k], prepend=0, append=0))
        for start, stop in change.reshape(-1, 2):
            yield int(start), k, int(stop)
