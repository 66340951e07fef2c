"""`deg movie`: a video with its labels, predictions and probabilities scrolling below it.

Reads results/ and the raw video, or the imported one where that is gone; writes an mp4 file.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deg_core.data.arrays import read_predictions
from deg_core.data.ethograms import read_ethogram
from deg_core.data.labels import read_frame_labels
from deg_core.data.movie_file import publish_movie
from deg_core.data.publish import damage_of, read_json
from deg_core.data.source import read_source
from deg_core.data.store import FrameStore
from deg_core.data.video import VideoInfo, decode, probe
from deg_core.errors import ConfigError, StateError, VideoError
from deg_core.ethogram.smoothing import treatments
from deg_core.explain import nearest
from deg_core.movie.picture import Picture
from deg_core.movie.strip import Tracks
from deg_core.progress import log, track
from deg_core.project.folder import Project, open_project, quoted
from deg_core.recording import reading
from deg_core.splits import ALL, FINAL, plan
from deg_core.table import Video

# More than screens show; above it frames are left out.
MOST_RATE = 60.0
WANTED = ("start_s", "stop_s", "speed", "scale", "window_s")
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Wanted:
    """Which part of a video is shown, and how.

    Attributes
    ----------
    start_s, stop_s
        From and until when, in seconds; None for the beginning and the end.
    speed
        How many times as fast as the video.
    scale
        Size of the frames against the video's; None chooses.
    window_s
        Seconds that the strip shows at once.
    """

    start_s: float | None = None
    stop_s: float | None = None
    speed: float = 1.0
    scale: float | None = None
    window_s: float = 20.0

    def check(self) -> None:
        """Refuse what no movie can be made of.

        Raises
        ------
        ConfigError
            If a number is not finite or not above 0, or the movie would end before it begins.
        """
        for name, flag in (("speed", "speed"), ("scale", "scale"), ("window_s", "window")):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ConfigError(f"--{flag}: expected a number above 0, found {value:g}.")
        for name, flag in (("start_s", "from"), ("stop_s", "to")):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"--{flag}: expected seconds, 0 or more, found {value:g}.")

    def frames(self, n_frames: int, fps: float) -> range:
        """Give the numbers of the frames that are shown.

        Raises
        ------
        ConfigError
            If there is none.
        """
        start = math.floor((self.start_s or 0.0) * fps + 1e-6)
        stop = n_frames if self.stop_s is None else math.ceil(self.stop_s * fps - 1e-6)
        step = max(1, math.ceil(fps * self.speed / MOST_RATE - 1e-6))
        shown = range(start, min(stop, n_frames), step)
        if not shown:
            raise ConfigError(
                f"--from, --to: there is no frame from {self.start_s or 0:g} s up to "
                f"{stop / fps:g} s; the video has {n_frames / fps:g} s."
            )
        return shown


def make(
    folder: Path, video: str, *, wanted: Wanted, run: str | None = None, out: Path | None = None
) -> int:
    """Write the movie of one video.

    Parameters
    ----------
    folder
        The project; the video's ethogram must have been computed.
    video
        Id of the video.
    wanted
        Which part is shown, and how.
    run
        Whose predictions, as preset/split/n_train; None for the full run that is for new videos,
        else for that of split 0.
    out
        The movie, an .mp4 file; default: named after the video, in the project.

    Returns
    -------
    int
        0.

    Raises
    ------
    ConfigError
        If there is no such project, video or run, several runs to choose from, or a number is not
        possible.
    StateError
        If results are missing or damaged, or the movie cannot be written.
    VideoError
        If the raw video can be read no more.
    """
    wanted.check()
    project = open_project(folder)
    entry = find_video(project, video)
    path = folder / f"{video}.mp4" if out is None else out
    check_out(path)
    results = folder / "results"
    name = choose_run(project, video, run)
    tracks = read_tracks(results, video, name)
    source = choose_source(project, entry)
    shown = wanted.frames(len(tracks), tracks.fps)
    picture = Picture(
        tracks, frame_size=source_size(source), scale=wanted.scale, window_s=wanted.window_s,
        title=f"{video} ({part_of(project, video, name)}) · {name}",
    )  # fmt: skip
    size = (picture.layout.width, picture.layout.height)
    with publish_movie(path, size=size, rate=tracks.fps * wanted.speed / shown.step) as write:
        images = read_images(source, shown)
        for number, image in track(images, total=len(shown), label=video, unit="frames"):
            write(picture.draw(number, image))
    log(f"{path}: written, {len(shown)} frames of {size[0]} x {size[1]} pixels.")
    return 0


def find_video(project: Project, video: str) -> Video:
    """Find a video in the table.

    Raises
    ------
    ConfigError
        If it is not there.
    """
    known = {entry.video: entry for entry in project.videos}
    if video not in known:
        raise ConfigError(
            f"{project.table}: there is no video '{video}'; {nearest(video, list(known))}"
        )
    return known[video]


def check_out(path: Path) -> None:
    """Make sure that a movie can be written there, before any work.

    Raises
    ------
    ConfigError
        If it is a folder, or not named as an mp4 file.
    """
    if path.suffix.lower() != ".mp4" or path.is_dir():
        raise ConfigError(f"--out: '{path}' must be a file that ends in .mp4, the form of a movie.")


def choose_run(project: Project, video: str, run: str | None) -> str:
    """Choose the run whose predictions are shown.

    Raises
    ------
    ConfigError
        If there is no such run, or several could be meant.
    StateError
        If the video has no ethogram yet.
    """
    found = runs_of(project.folder / "results", video)
    if not found:
        raise StateError(
            f"{project.folder}: video {video} has no ethogram yet; "
            f"`deg run {quoted(project.folder)}` computes it."
        )
    if run is not None:
        if run not in found:
            raise ConfigError(
                f"--run: no ethogram of {video} by '{run}'; there are {', '.join(found)}."
            )
        return run
    for split in (FINAL, "0"):
        fitting = [name for name in found if name.split("/")[1:] == [split, ALL]]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise ConfigError(
                f"--run: several runs have an ethogram of {video}; choose one of "
                f"{', '.join(fitting)}."
            )
    if len(found) > 1:
        raise ConfigError(
            f"--run: several runs have an ethogram of {video}; choose one of {', '.join(found)}."
        )
    return found[0]


def runs_of(results: Path, video: str) -> list[str]:
    """List the runs that have predictions and an ethogram of a video."""
    folder = results / "predictions"
    names = [
        path.parent.relative_to(folder).as_posix() for path in folder.glob(f"*/*/*/{video}.h5")
    ]
    return sorted(
        name for name in names if (results / "ethograms" / name / f"{video}.csv").exists()
    )


def part_of(project: Project, video: str, run: str) -> str:
    """Say what a run used a video for: a movie of a training video flatters the model."""
    positive = {name: brief.positive for name, brief in project.briefs().items()}
    for known, parts in plan(project.config, project.videos, positive).items():
        if known.name == run:
            names = {"training": parts.train, "validation": parts.val, "test": parts.test}
            return next((name for name, ids in names.items() if video in ids), "new video")
    return "a run of before"


def read_tracks(results: Path, video: str, run: str) -> Tracks:
    """Read what the strip shows.

    Raises
    ------
    StateError
        If a file is missing or damaged, or they do not fit together.
    """
    predicted = read_predictions(results / "predictions" / run / f"{video}.h5")
    names = list(predicted.behaviors)
    ethogram = results / "ethograms" / run / f"{video}.csv"
    present = read_ethogram(ethogram, names)
    tracks = Tracks(
        behaviors=names,
        human=read_human(results / "labels" / f"{video}.csv", names),
        present=present,
        probabilities=predicted.probabilities,
        thresholds=read_thresholds(results / "thresholds", run, names),
        fps=predicted.fps,
    )
    lengths = {len(predicted.probabilities), len(present)}
    lengths |= set() if tracks.human is None else {len(tracks.human)}
    if len(lengths) > 1:
        raise StateError(
            f"{ethogram}: its number of frames is not that of the predictions or labels beside it; "
            "`deg run` mends that."
        )
    return tracks


def read_thresholds(folder: Path, run: str, behaviors: Sequence[str]) -> list[float]:
    """Read a run's thresholds, one per behavior: those in use, where postprocessing moved them.

    Raises
    ------
    StateError
        If the file is missing or damaged.
    """
    used, tuned = folder / f"{run}.postprocess.json", folder / f"{run}.json"
    path = used if used.exists() else tuned  # results of a version that did not move them
    chosen = read_json(path)
    with damage_of(path):
        if path == tuned:
            return [float(chosen["sequence"][name]["threshold"]) for name in behaviors]
        return [one.threshold for one in treatments(chosen["sequence"], behaviors)]


def read_human(path: Path, behaviors: Sequence[str]) -> NDArray[np.int8] | None:
    """Read a video's imported labels, (T, K) int8; a behavior without labels is not scored."""
    if not path.exists():
        return None
    names, table = read_frame_labels(path)
    human = np.full((len(table), len(behaviors)), -1, np.int8)
    for k, name in enumerate(behaviors):
        if name in names:
            human[:, k] = table[:, list(names).index(name)]
    return human


def choose_source(project: Project, video: Video) -> VideoInfo | FrameStore:
    """Choose where the frames come from: the raw video, at its full size, or the imported one.

    Raises
    ------
    StateError
        If the imported video is damaged or missing.
    """
    path = project.folder / "results" / "import" / f"{video.video}.h5"
    raw = project.place(video.path)
    if not raw.exists():
        log(f"{raw}: is gone, so the movie shows the imported video, which is smaller.")
        return FrameStore(path)
    try:
        info = probe(raw)
    except VideoError as error:
        log(f"{error} The movie shows the imported video instead.")
        return FrameStore(path)
    if info.size != read_source(path).size:
        log(f"{raw}: is another file than was imported; the movie shows the imported video.")
        return FrameStore(path)
    reading(raw, folder=True)
    return info


def source_size(source: VideoInfo | FrameStore) -> tuple[int, int]:
    """Return width and height of the frames, in pixels."""
    if isinstance(source, VideoInfo):
        return source.width, source.height
    return source.shape[1], source.shape[0]


def read_images(source: VideoInfo | FrameStore, shown: range) -> Iterator[tuple[int, Image]]:
    """Give the frames that are shown, each with its number.

    Raises
    ------
    VideoError
        If the raw video ends before them.
    """
    if isinstance(source, FrameStore):
        with source:
            for number in shown:
                yield number, source.read([number])[0]
        return
    given = 0
    frames = decode(source, first=shown.start, step=shown.step)
    for number, frame in zip(shown, frames, strict=False):
        yield number, frame.image
        given += 1
    if given < len(shown):
        raise VideoError(
            f"{source.path}: ends before frame {shown[given]}, which was there when it was "
            "imported; copy it again from the camera."
        )
