"""What is measured on: videos and stores, made anew for every run; no torch."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np

from deg_core.data.publish import publish_file, publish_hdf5
from deg_core.data.store import StoreWriter
from deg_core.data.video import decode, probe
from deg_core.errors import VideoError
from deg_core.example.render import render_video
from deg_core.settings import ImportSettings, StatsSettings, from_dict
from deg_core.stages import merge_stats, video_stats
from deg_core.stages.import_video import resize


def draw(*, out: str, n_frames: int, size: int) -> None:
    """Render a video of the example's animal."""
    render_video("bench", Path(out), n_frames=n_frames, size=size)


def repeat(*, video: str, out: str, times: int) -> None:
    """Copy the packets of an mp4 video several times in a row, without encoding them again."""
    with publish_file(Path(out)) as temporary, av.open(video) as source:
        stream = source.streams.video[0]
        packets = [packet for packet in source.demux(stream) if packet.pts is not None]
        ticks = round(1 / stream.average_rate / stream.time_base) * len(packets)
        shown = [(packet.pts, packet.dts) for packet in packets]
        with av.open(str(temporary), "w", format="mp4") as target:
            copy = target.add_stream_from_template(stream)
            for turn in range(times):
                for packet, (pts, dts) in zip(packets, shown, strict=True):
                    packet.pts, packet.dts = pts + turn * ticks, dts + turn * ticks
                    packet.stream = copy
                    target.mux(packet)


def make_store(
    *, video: str, out: str, size: Sequence[int], n_frames: int, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Import the first frames of a video: what `import_video` does, cut short.

    Parameters
    ----------
    video, out
        Raw video, and store to write.
    size
        Height and width.
    n_frames
        Frames at most.
    settings
        Of the import; ``auto`` is told from these frames alone.

    Returns
    -------
    dict
        ``frames``, ``store`` and ``bytes``.

    Raises
    ------
    VideoError
        If the video holds no frame.
    """
    chosen = from_dict(ImportSettings, dict(settings) | {"size": list(size)})
    info = probe(Path(video), image_fps=chosen.image_fps)
    frames = (
        resize(frame.image, chosen.size, method=chosen.resize)
        for frame in islice(decode(info), n_frames)
    )
    kind = "raw" if chosen.store == "auto" else chosen.store
    n = write_store(Path(out), frames, store=kind, fps=info.fps, quality=chosen.jpeg_quality)
    if n == 0:
        raise VideoError(f"{video}: holds no frame; give another file.")
    return {"frames": n, "store": kind, "bytes": Path(out).stat().st_size}


def write_store(
    path: Path, frames: Iterator[np.ndarray], *, store: str, fps: float, quality: int = 90
) -> int:
    """Write frames (H, W, C) uint8 as an imported video; returns how many."""
    first = next(frames, None)
    if first is None:
        return 0
    with publish_hdf5(path) as file:
        writer = StoreWriter(file, shape=first.shape, store=store, jpeg_quality=quality)
        writer.append(first)
        for frame in frames:
            writer.append(frame)
        times = np.arange(writer.n_frames) / fps
        writer.finish(times, {"fps": fps, "variable_rate": False})
        return writer.n_frames


def make_statistics(*, store: str, folder: str) -> None:
    """Write rgb.json and video.background.png of a store into a folder, as the stages do."""
    place = Path(folder)
    video_stats.run(
        store=Path(store), out=place / "video.json", background=place / "video.background.png",
        settings=StatsSettings(),
    )  # fmt: skip
    merge_stats.run(videos=["video"], folder=place, out=place / "rgb.json")
