"""Stage import_video: decode and resize every frame of a raw video once.

Reads a video file or a folder of numbered images; writes ``results/import/<video>.h5``.
"""

import math
import shutil
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from deg_core.data.publish import publish_hdf5
from deg_core.data.store import Attribute, StoreWriter
from deg_core.data.timing import Timing, measure_timing
from deg_core.data.video import BrokenVideo, VideoInfo, count_packets, decode, probe
from deg_core.errors import StateError, VideoError
from deg_core.progress import log, track
from deg_core.recording import reading
from deg_core.settings import ImportSettings, to_dict, to_json
from deg_core.versions import VERSIONS


def run(*, raw: Path, out: Path, settings: ImportSettings) -> None:
    """Decode a raw video into a store of resized frames.

    Parameters
    ----------
    raw
        Video file, or folder of numbered images.
    out
        HDF5 file to write.
    settings
        Size of the frames and how they shrink, kind of store, how many frames may be missing.

    Raises
    ------
    VideoError
        If the video is missing, empty, no video, truncated, or changes its size.
    StateError
        If the disk has too little room, or the store cannot be written.
    """
    reading(raw, folder=True)
    info = probe(raw, image_fps=settings.image_fps)
    store = choose_store(info, settings)
    if store == "raw":
        check_room(out, raw_bytes(info, settings))
    with publish_hdf5(out) as file:
        shape = (*settings.size, info.channels)
        writer = StoreWriter(file, shape=shape, store=store, jpeg_quality=settings.jpeg_quality)
        copied = _copy_frames(info, writer, method=settings.resize)
        timing = measure_timing(np.array(copied.times), rate=info.fps)
        _complain(info, timing, copied, max_missing=settings.max_missing)
        writer.finish(timing.timestamps, _facts(info, timing, settings))


@dataclass
class Copied:
    """What went through the decoder.

    Attributes
    ----------
    times
        When each frame is shown, in seconds of the file's own clock; NaN if not known.
    end
        Until when the last frame is shown.
    n_damaged
        Number of frames of which the decoder had to guess parts.
    broken
        Why decoding stopped before the end, if it did.
    """

    times: array = field(default_factory=lambda: array("d"))
    end: float = math.nan
    n_damaged: int = 0
    broken: BrokenVideo | None = None


def choose_store(info: VideoInfo, settings: ImportSettings) -> Literal["raw", "jpeg"]:
    """Decide how frames are kept, from the number of frames that is to be expected."""
    if settings.store != "auto":
        return settings.store
    return "raw" if raw_bytes(info, settings) / 1e9 <= settings.raw_limit_gb else "jpeg"


def raw_bytes(info: VideoInfo, settings: ImportSettings) -> int:
    """Count the bytes of all frames to be expected, resized and not compressed."""
    n_frames = info.n_expected if info.n_expected >= 0 else count_packets(info.path)
    return n_frames * math.prod(settings.size) * info.channels


def check_room(out: Path, n_bytes: int) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises
    ------
    StateError
        If fewer bytes than ``n_bytes`` are free where ``out`` will be.
    """
    folder = next(parent for parent in out.absolute().parents if parent.exists())
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise StateError(
            f"{out}: the frames need {n_bytes / 1e9:.1f} GB, and the disk has {free / 1e9:.1f} GB "
            "left; make room, or set `import: {store: jpeg}` in config.yaml."
        )


def resize(
    image: np.ndarray, size: tuple[int, int], *, method: Literal["area", "linear"] = "area"
) -> np.ndarray:
    """Resize a frame: by areas when it shrinks, so that nothing is skipped, else linearly.

    Parameters
    ----------
    image : (H, W, C) uint8
    size
        New height and width, in pixels.
    method
        ``linear``: linearly even when it shrinks.

    Returns
    -------
    np.ndarray
        (height, width, C) uint8.
    """
    height, width = size
    if image.shape[:2] == size:
        return image
    shrinks = height <= image.shape[0] and width <= image.shape[1]
    chosen = cv2.INTER_AREA if shrinks and method == "area" else cv2.INTER_LINEAR
    # OpenCV drops the axis of a single channel.
    return cv2.resize(image, (width, height), interpolation=chosen).reshape(height, width, -1)


def count_missing(info: VideoInfo, timing: Timing, *, end: float) -> int:
    """Count the frames that the header promises and the file does not hold.

    Parameters
    ----------
    info
        What the header says.
    timing
        Times of the decoded frames.
    end
        When the last frame ends, in seconds of the file's own clock; NaN if not known.

    Notes
    -----
    Files that give a duration but no count (Matroska), and files whose count includes frames
    that an edit list hides (mp4), are judged by where the last frame ends; the others by count.
    """
    n_frames = len(timing.timestamps)
    by_count = max(info.header_frames - n_frames, 0)
    if not math.isfinite(info.duration) or not (info.header_frames < 0 or info.trimmed):
        return by_count
    # The clock of some files starts later than 0, and their duration counts from 0.
    covered = float(timing.timestamps[-1]) + 1 / timing.fps if n_frames else 0.0
    covered = max(covered, end) if math.isfinite(end) else covered
    by_time = max(round((info.duration - covered) * timing.fps), 0)
    return by_time if info.header_frames < 0 else min(by_count, by_time)


def _copy_frames(
    info: VideoInfo, writer: StoreWriter, *, method: Literal["area", "linear"]
) -> Copied:
    """Fill the store, as far as the video can be decoded."""
    copied = Copied()
    total = info.n_expected if info.n_expected >= 0 else None
    try:
        for frame in track(decode(info), total=total, label=info.path.name, unit="frames"):
            writer.append(resize(frame.image, writer.shape[:2], method=method))
            copied.times.append(frame.time)
            copied.end = frame.stop
            copied.n_damaged += frame.damaged
    except BrokenVideo as error:
        copied.broken = error
    return copied


def _complain(info: VideoInfo, timing: Timing, copied: Copied, *, max_missing: float) -> None:
    """Say in the log what is odd about a video; raise if it is no good."""
    n_frames = len(copied.times)
    if n_frames == 0:
        raise copied.broken or VideoError(f"{info.path}: holds no frame; give another file.")
    n_missing = count_missing(info, timing, end=copied.end)
    lost = (n_missing + copied.n_damaged) / (n_frames + n_missing)
    # Without a count or a duration nobody knows how much a broken file lacks.
    if lost > max_missing or (copied.broken and info.n_expected < 0):
        known = f" of {n_frames + n_missing}" if info.n_expected >= 0 else ""
        raise VideoError(
            f"{info.path}: truncated or damaged, only {n_frames - copied.n_damaged}{known} frames "
            f"are whole (import.max_missing allows a share of {max_missing:g} to be missing); copy "
            "the file again, or encode what is left of it (ffmpeg -i FILE NEW.mp4)."
        ) from copied.broken
    if n_missing or copied.n_damaged or n_frames != info.header_frames >= 0:
        log(
            f"{info.path}: {n_frames} frames decoded, {copied.n_damaged} of them damaged, "
            f"{n_missing} missing, header says {max(info.header_frames, 0) or 'nothing'}."
        )
    if not timing.measured:
        log(f"{info.path}: no usable times; {timing.fps:g} frames per second by the header.")
    if timing.variable:
        log(
            f"{info.path}: the frame rate varies ({timing.fps:g} per second usually, longest gap "
            f"{timing.longest_gap_s:.3f} s); frames keep their own times."
        )


def _facts(info: VideoInfo, timing: Timing, settings: ImportSettings) -> dict[str, Attribute]:
    return {
        "fps": timing.fps,
        "variable_rate": timing.variable,
        "header_frames": info.header_frames,
        "source": info.path.name,
        "source_bytes": info.size,
        "source_height": info.height,
        "source_width": info.width,
        "codec": info.codec,
        "settings": to_json(to_dict(settings)),
        "version": VERSIONS["import_video"],
    }
