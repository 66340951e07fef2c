"""What is wrong with the raw videos, and with what was imported from them."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from deg_core.data.publish import open_hdf5
from deg_core.data.spotcheck import Spots, spot_check
from deg_core.data.video import VideoInfo, probe
from deg_core.errors import StateError
from deg_core.presets import resolve
from deg_core.progress import track
from deg_core.project.findings import Finding, caught, warning
from deg_core.project.folder import Project
from deg_core.settings import ImportSettings, from_dict, from_json, to_dict
from deg_core.stages.import_video import choose_store, count_missing
from deg_core.table import Video, exists, is_drawn

# JPEG at the usual quality needs about so many bytes per byte of the frame.
JPEG_SHARE = 0.15


@dataclass
class Measured:
    """What the videos turned out to be.

    Attributes
    ----------
    lengths
        Frames of each video that could be read.
    rates
        Frames per second of the same.
    import_bytes
        What their imports will take on disk, those apart that are there already.
    """

    lengths: dict[str, int] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    import_bytes: float = 0.0


def examine_videos(project: Project, measured: Measured) -> Iterator[Finding]:
    """Check every video; what they turn out to be is noted in ``measured``."""
    settings = from_dict(ImportSettings, resolve(project.config, "import"))
    for video in track(project.videos, label="videos", unit="videos"):
        store = project.place(f"results/import/{video.video}.h5")
        raw = project.place(video.path)
        if exists(raw):
            yield from caught(_raw(video, raw, store, settings, measured))
        elif store.exists():
            yield from caught(_only_imported(video, store, settings, measured))
        elif not is_drawn(video, project.drawn):
            yield Finding(
                f"videos.tsv: video '{video.video}': {video.path} does not exist; "
                "correct the path, or delete the row."
            )
    yield from _different_rates(measured.rates)


def _raw(
    video: Video, raw: Path, store: Path, settings: ImportSettings, measured: Measured
) -> Iterator[Finding]:
    info = probe(raw, image_fps=settings.image_fps)
    spots = spot_check(info)
    measured.lengths[video.video] = decoded_length(store, info) or spots.n_frames
    measured.rates[video.video] = spots.timing.fps
    if not store.exists():
        measured.import_bytes += store_bytes(info, spots, settings)
    yield from _oddities(info, spots, settings)


def decoded_length(store: Path, info: VideoInfo) -> int | None:
    """Look up how many frames were decoded, which is surer than any count without decoding.

    Parameters
    ----------
    store
        The import, which need not exist.
    info
        Of the raw video.

    Returns
    -------
    int or None
        None if this very file has not been imported, or the import is damaged.
    """
    with suppress(StateError), open_hdf5(store) as file:
        if int(file.attrs["source_bytes"]) == info.size:
            return int(file.attrs["n_frames"])
    return None


def _oddities(info: VideoInfo, spots: Spots, settings: ImportSettings) -> Iterator[Finding]:
    missing = count_missing(info, spots.timing, end=spots.end)
    if missing > settings.max_missing * (spots.n_frames + missing):
        yield Finding(
            f"{info.path}: truncated: {spots.n_frames} frames of {spots.n_frames + missing} are "
            f"there (import.max_missing allows a share of {settings.max_missing:g} to be missing); "
            "copy the file again, or encode what is left of it (ffmpeg -i FILE NEW.mp4)."
        )
    elif missing or spots.n_frames < info.header_frames:
        yield warning(
            f"{info.path}: the header says {info.n_expected} frames, the file holds "
            f"{spots.n_frames}; labels must have one row for each of the latter."
        )
    if spots.broken:
        yield Finding(
            f"{info.path}: {spots.broken}; "
            "copy the file again, or encode what is left of it (ffmpeg -i FILE NEW.mp4)."
        )
    if spots.timing.variable:
        yield warning(
            f"{info.path}: the frame rate varies (usually {spots.timing.fps:g} per second, longest "
            f"gap {spots.timing.longest_gap_s:.3f} s); frames count as evenly spaced in the models."
        )


def store_bytes(info: VideoInfo, spots: Spots, settings: ImportSettings) -> float:
    """Estimate the size of a video's import."""
    height, width = settings.size
    raw = float(spots.n_frames * height * width * info.channels)
    return raw if choose_store(info, settings) == "raw" else raw * JPEG_SHARE


def _only_imported(
    video: Video, store: Path, settings: ImportSettings, measured: Measured
) -> Iterator[Finding]:
    """Check an import whose raw video is gone, which therefore cannot be made anew."""
    with open_hdf5(store) as file:
        measured.lengths[video.video] = int(file.attrs["n_frames"])
        measured.rates[video.video] = float(file.attrs["fps"])
        used = to_dict(from_json(ImportSettings, str(file.attrs["settings"])))
    now = to_dict(settings)
    changed = [f"{key} {used[key]} (now {now[key]})" for key in now if used[key] != now[key]]
    if changed:
        yield Finding(
            f"{video.path}: is gone, and {store.name} was imported with import settings "
            f"{', '.join(changed)}; bring the video back, or set the old values again."
        )
    else:
        yield warning(
            f"{video.path}: is gone; the import is used, and import settings cannot be changed."
        )


def _different_rates(rates: dict[str, float]) -> Iterator[Finding]:
    """Warn of rates that differ by more than a tenth: models count frames, not seconds."""
    if not rates:
        return
    slow, fast = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    if rates[fast] > 1.1 * rates[slow]:
        yield warning(
            f"videos of different frame rates: {slow} has {rates[slow]:g} per second, {fast} "
            f"{rates[fast]:g}; the models count frames, so encode them alike if you can."
        )
