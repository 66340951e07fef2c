"""`deg bench`: do the measurements one after the other and put their figures together."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from deg_core import __version__
from deg_core.bench.figures import figure
from deg_core.bench.jobs import JobFailed, do
from deg_core.bench.options import PARTS, STORES, Options, Size
from deg_core.data.publish import publish_json
from deg_core.presets import resolve
from deg_core.progress import log

FORMAT = "deg-core bench 1"
FPS = 30  # of rendered videos
CLIPS_SIZE = (256, 256)
# Lengths are compared with the smallest model and small frames: hours of video take minutes.
LENGTH_PRESET, LENGTH_SIZE = "lite", (96, 96)
TGM = {"c_in": 8, "c_out": 8, "length": 15}
TGM_SHAPES = ({"n": 8, "d": 512, "t": 180}, {"n": 16, "d": 1024, "t": 180})
TGM_QUICK = ({"n": 2, "d": 256, "t": 180},)
Record = dict[str, Any]
Show = Callable[[str, Record], None]


@dataclass
class Bench:
    """The measurements of one run, and the files that they share.

    Parameters
    ----------
    options
        What was asked for.
    folder
        For all files.
    job
        Does one job and returns its answer.
    """

    options: Options
    folder: Path
    job: Callable[..., Record] = do
    failed: list[Record] = field(default_factory=list)
    made: dict[Path, Record] = field(default_factory=dict)

    def once(self, path: Path, job: str, **arguments: Any) -> Record:
        """Make a file, unless it is there, and return what its job said."""
        if path not in self.made:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.made[path] = self.job(job, **arguments)
        return self.made[path]

    def video(self) -> Path:
        """Return the user's video, or a rendered one."""
        if self.options.video is not None:
            return self.options.video
        largest = max(max(size) for size in (*self.options.sizes, CLIPS_SIZE))
        path = self.folder / "rendered.mp4"
        self.once(path, "draw", out=path, n_frames=self.options.frames, size=largest + largest % 2)
        return path

    def store(self, size: Size, kind: str | None = None) -> tuple[Path, Record]:
        """Return the video, imported at a size, and what is to be said about it."""
        settings = resolve(self.options.config, "import") | ({"store": kind} if kind else {})
        folder = self.folder / f"{size_text(size)}-{settings['store']}"
        path = folder / "video.h5"
        about = self.once(
            path, "store", video=self.video(), out=path, size=size, n_frames=self.options.frames,
            settings=settings,
        )  # fmt: skip
        return path, about

    def statistics(self, store: Path) -> Path:
        """Return the folder of a store's statistics."""
        self.once(store.parent / "rgb.json", "statistics", store=store, folder=store.parent)
        return store.parent

    def models(self, preset: str, store: Path) -> tuple[Path, Path, Record]:
        """Return the model files of a preset: the project's own, or untrained ones."""
        own = self.trained(preset)
        if own is not None:
            return *own, self.once(own[1], "read_models", flow=own[0], features=own[1])
        folder = store.parent / preset
        flow, features = folder / "flow.pt", folder / "features.pt"
        settings = {s: resolve(self.options.config, s, preset) for s in ("flow", "features")}
        about = self.once(
            features, "models", folder=folder, store=store, statistics=self.statistics(store),
            settings=settings,
        )  # fmt: skip
        return flow, features, about

    def trained(self, preset: str) -> tuple[Path, Path] | None:
        """Return the models that the project has for a preset, if it has."""
        if self.options.project is None:
            return None
        models = self.options.project / "results" / "models"
        runs = sorted((models / "features" / preset).glob("*/all.pt"))  # final comes last
        flow = models / "flow" / f"{preset}.pt"
        return (flow, runs[-1]) if runs and flow.is_file() else None

    def attempt(self, part: str, what: str, work: Callable[[], Record]) -> Iterator[Record]:
        """Yield what some work found; if it failed, note that and yield nothing."""
        log(f"bench: {part}, {what}")
        try:
            yield work()
        except JobFailed as error:
            log(f"bench: {error}")
            self.failed.append({"part": part, "what": what, "why": str(error)})


def run(options: Options, *, out: Path | None, show: Show, job: Callable[..., Record] = do) -> int:
    """Measure what was asked for.

    Parameters
    ----------
    options
        What to measure.
    out
        JSON file that has everything that was measured so far; None: no file.
    show
        Called with each part's name, and all results, once the part is done; at first with
        ``machine``.
    job
        Does one job and returns its answer.

    Returns
    -------
    int
        0, or 1 if a measurement failed.

    Raises
    ------
    DegError
        If the video or the project cannot be used, or ``out`` cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, Path(folder), job)
        results: Record = {
            "format": FORMAT, "version": __version__, "options": options.plain(),
            "machine": job("machine", threads=options.threads), "failed": bench.failed,
        }  # fmt: skip
        for part in ("machine", *(name for name in PARTS if name in options.parts)):
            if part in MEASURES:
                results[part] = MEASURES[part](bench)
            show(part, results)
            if out is not None:  # at once, so that hours of work are not lost to a full disk
                publish_json(out, results)
    return 1 if bench.failed else 0


def extraction(bench: Bench) -> list[Record]:
    """Measure extraction: each preset at each size."""
    found: list[Record] = []
    for size, preset in product(bench.options.sizes, bench.options.presets):
        what = f"{preset} at {size_text(size)}"
        found += bench.attempt("extraction", what, partial(extraction_of, bench, preset, size))
    return found


def extraction_of(bench: Bench, preset: str, size: Size) -> Record:
    """Measure extraction with one preset at one size."""
    options = bench.options
    store, stored = bench.store(size)
    flow, features, models = bench.models(preset, store)
    scratch = store.parent / f"{preset}.out"
    scratch.mkdir(exist_ok=True)
    batch = min(options.batch, resolve(options.config, "extract")["batch_size"])
    answer = bench.job(
        "extraction", store=store, statistics=bench.statistics(store), flow=flow,
        features=features, folder=scratch, precisions=options.precisions, pairs=options.pairs,
        seconds=options.seconds, batch=batch, threads=options.threads,
    )  # fmt: skip
    about = {"preset": preset, "size": list(size), "store": stored["store"]}
    return about | {"weights": models["weights"]} | answer


def clips(bench: Bench) -> list[Record]:
    """Measure random clips from each kind of store."""

    def measured() -> Record:
        stores = {kind: bench.store(CLIPS_SIZE, kind) for kind in STORES}
        answer = bench.job(
            "clips", stores={kind: path for kind, (path, _) in stores.items()},
            repeats=bench.options.pairs,
        )  # fmt: skip
        return {
            kind: answer[kind] | {"bytes_per_frame": about["bytes"] / about["frames"]}
            for kind, (_, about) in stores.items()
        }

    what = f"at {size_text(CLIPS_SIZE)}"
    return [
        {"store": kind, "size": list(CLIPS_SIZE), **found}
        for each in bench.attempt("clips", what, measured)
        for kind, found in each.items()
    ]


def training(bench: Bench) -> list[Record]:
    """Measure the three trainings of each preset, at the first size."""
    found: list[Record] = []
    for preset, stage in product(
        bench.options.presets, ("train_flow", "train_features", "train_sequence")
    ):
        work = partial(training_of, bench, preset, stage)
        found += bench.attempt("training", f"{stage} of {preset}", work)
    return found


def training_of(bench: Bench, preset: str, stage: str) -> Record:
    """Measure steps of one training."""
    options, size = bench.options, bench.options.sizes[0]
    store, _ = bench.store(size)
    flow, _, models = bench.models(preset, store)
    section = stage.removeprefix("train_")
    arguments: Record = {
        "settings": resolve(options.config, section, preset),
        "limits": {"seconds": options.seconds, "batch": options.batch},
        "folder": store.parent / f"{preset}.{section}.state", "threads": options.threads,
    }  # fmt: skip
    if stage == "train_sequence":
        arguments["n_features"] = models["n_features"]
    else:
        arguments |= {"store": store, "statistics": bench.statistics(store)}
    if stage == "train_features":
        arguments["flow"] = flow
    answer = bench.job(stage, **arguments)
    if stage == "train_features":  # in a process of its own, whose memory is another's
        same = {name: arguments[name] for name in ("store", "statistics", "flow", "settings")}
        compared = bench.job(
            "compare_features", **same, batch=answer["batch"], pairs=options.pairs,
            threads=options.threads,
        )  # fmt: skip
        answer = compared | answer
    return {"preset": preset, "stage": stage, "size": list(size), **answer}


def length(bench: Bench) -> list[Record]:
    """Measure import and extraction of videos of several lengths, rendered."""
    minute = bench.folder / "minute.mp4"
    n_frames = round(FPS * 60 * min(1, *bench.options.minutes))
    rows: dict[tuple[str, float], list[Record]] = {}
    for _, kind, minutes in product(
        range(bench.options.repeats), bench.options.stores, bench.options.minutes
    ):
        bench.once(minute, "draw", out=minute, n_frames=n_frames, size=LENGTH_SIZE[0])
        times = max(1, round(minutes * 60 * FPS / n_frames))
        work = partial(length_of, bench, kind, times, n_frames)
        what = f"{times * n_frames / FPS / 60:g} minutes, {kind} store"
        rows.setdefault((kind, minutes), []).extend(bench.attempt("length", what, work))
    return [summed(found) for found in rows.values() if found]


def length_of(bench: Bench, kind: str, times: int, n_frames: int) -> Record:
    """Import and extract a video of so many minutes once."""
    frames, options = times * n_frames, bench.options
    folder = bench.folder / "length"
    video, store, out = folder / f"{times}.mp4", folder / "video.h5", folder / "features.h5"
    need = frames * LENGTH_SIZE[0] * LENGTH_SIZE[1] * 3 * (kind == "raw")
    if need > 0.9 * shutil.disk_usage(bench.folder).free:
        raise JobFailed(
            f"{bench.folder}: {need / 1e9:.1f} GB are needed and not free; set TMPDIR to a folder "
            "on a larger disk."
        )
    bench.once(video, "repeat", video=bench.folder / "minute.mp4", out=video, times=times)
    settings = {"size": LENGTH_SIZE, "store": kind}
    imported = bench.job("import", video=video, out=store, settings=settings)
    bench.job("statistics", store=store, folder=folder)
    place = folder / "models"
    bench.once(
        place, "models", folder=place, store=store, statistics=folder,
        settings={section: resolve({}, section, LENGTH_PRESET) for section in ("flow", "features")},
    )  # fmt: skip
    extracted = bench.job(
        "extract", store=store, statistics=folder, flow=place / "flow.pt",
        features=place / "features.pt", out=out, settings={}, threads=options.threads,
    )  # fmt: skip
    for path in (store, out):
        path.unlink(missing_ok=True)
    about = {"preset": LENGTH_PRESET, "size": list(LENGTH_SIZE), "store": kind}
    return about | {
        "minutes": frames / FPS / 60, "frames": frames, "import": imported, "extract": extracted,
    }  # fmt: skip


def summed(found: list[Record]) -> Record:
    """Turn repetitions of one length into figures."""
    stages = {
        stage: {
            name: figure([each[stage][name] for each in found])
            for name in ("wall_s", "cpu_s", "peak_mb")
        }
        for stage in ("import", "extract")
    }
    return found[0] | stages


def tgm(bench: Bench) -> list[Record]:
    """Measure the temporal mixture layer in both forms."""
    found: list[Record] = []
    for shape in TGM_QUICK if bench.options.quick else TGM_SHAPES:
        what = "N x D x T = " + " x ".join(str(shape[name]) for name in "ndt")
        found += bench.attempt("tgm", what, partial(tgm_of, bench, shape | TGM))
    return found


def tgm_of(bench: Bench, shape: Mapping[str, int]) -> Record:
    """Measure one shape: time in one process, memory in others."""
    options = bench.options
    found = bench.job("tgm", shape=shape, pairs=options.pairs, threads=options.threads)
    for form in ("grouped", "dense"):
        added = [
            bench.job("tgm_memory", shape=shape, form=form, threads=options.threads)["added_mb"]
            for _ in range(options.repeats)
        ]
        found[form]["added_mb"] = figure(added)
    return {"shape": dict(shape), **found}


def size_text(size: Size) -> str:
    """Write height and width as on the command line."""
    return f"{size[0]}x{size[1]}"


MEASURES: dict[str, Callable[[Bench], list[Record]]] = {
    "extraction": extraction, "clips": clips, "training": training, "length": length, "tgm": tgm,
}  # fmt: skip
