"""Render the example's videos and write their label files and the table that lists them.

Videos appear on first use at ``example/videos``; the labels and ``videos.tsv`` are committed.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np

from deg_core.data.publish import publish_file, publish_text
from deg_core.errors import ConfigError
from deg_core.example import fly, swim
from deg_core.example.behaviors import BEHAVIORS, Phase, label, plan
from deg_core.example.draw import draw_frame, draw_look, points_of
from deg_core.example.motion import FIELD, FPS, Track, follow
from deg_core.example.spec import N_FRAMES, SEED, VIDEOS, VideoSpec, generators

ANNOTATOR = "renderer"
LABEL_HEAD = "kind,behavior,start_frame,stop_frame,annotator"


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
    _, for_look, for_noise = generators(spec)
    look = draw_look(spec.n_frames, size=spec.size, rng=for_look)
    for index in range(spec.n_frames):
        yield draw_frame(look, track, index, rng=for_noise)


# How each scene's frames are drawn, one after the other.
SCENES = {"mouse": frames_of, "fly": fly.frames_of, "swim": swim.frames_of}


def track_of(spec: VideoSpec) -> Track:
    """Return where the animal of a video is and how it holds itself."""
    return follow(_plan(spec), rng=generators(spec)[0])


def keypoints_of(spec: VideoSpec) -> np.ndarray:
    """Return where the animal's seven points are, (T, 7, 2) float64: x and y in pixels."""
    track = track_of(spec)
    look = draw_look(spec.n_frames, size=spec.size, rng=generators(spec)[1])
    return np.stack([points_of(look, track, index) for index in range(spec.n_frames)])


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
    scene: str = "mouse",
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
    scene
        What is drawn, one of `SCENES`.

    Raises
    ------
    ConfigError
        If there is no such scene.
    StateError
        If the file cannot be written.
    """
    if scene not in SCENES:
        raise ConfigError(f"there is no scene '{scene}' to draw; take one of {', '.join(SCENES)}.")
    spec = VideoSpec(video, seed=seed, n_frames=n_frames, size=size)
    with publish_file(out) as temporary:
        encode(SCENES[scene](spec), temporary, size=spec.size)


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
    return "\n".join([LABEL_HEAD, *label_rows(labels, BEHAVIORS, ANNOTATOR), ""])


def label_rows(labels: np.ndarray, behaviors: Sequence[str], annotator: str) -> list[str]:
    """Return one annotator's rows of a label file: what was scored, then the bouts by onset.

    Parameters
    ----------
    labels : (T, K) int8, 0 or 1
        All frames were scored.
    behaviors
        Names of the columns.
    annotator
        Who labeled.
    """
    rows = [f"scored,*,0,{len(labels)},{annotator}"]
    for start, k, stop in sorted(_bouts(labels)):
        rows.append(f"bout,{behaviors[k]},{start},{stop},{annotator}")
    return rows


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


def _plan(spec: VideoSpec) -> list[Phase]:
    return plan(spec.n_frames, seed=spec.text)


def _labels(spec: VideoSpec) -> np.ndarray:
    return label(_plan(spec))


def _bouts(labels: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Yield (first frame, column, frame after the last) of each bout."""
    for k in range(labels.shape[1]):
        change = np.flatnonzero(np.diff(labels[:, k], prepend=0, append=0))
        for start, stop in change.reshape(-1, 2):
            yield int(start), k, int(stop)
