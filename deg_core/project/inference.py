"""One video through an exported run: the stages of a project one after the other, and a record.

Writes ``predictions/NAME.h5``, ``ethograms/NAME.csv`` and ``.bouts.csv``, and, last of all,
``records/NAME.json``: a video without a record is not done.
"""

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deg_core import circumstances
from deg_core.data.bundle import Manifest
from deg_core.data.publish import publish_json, read_json, sha256
from deg_core.errors import ConfigError, DegError, StateError
from deg_core.progress import log
from deg_core.project.claims import claimed
from deg_core.project.export_model import STAGES
from deg_core.project.recordings import Recording, content_of, mark_of
from deg_core.settings import ExtractSettings, ImportSettings, StatsSettings, from_dict, to_json
from deg_core.versions import VERSIONS

KINDS = ("predictions", "ethogram", "bouts")  # results, in the order in which they appear
# How long to wait for another process's import. Long videos take longer, but to import one twice
# costs less than to wait for a machine that is gone.
PATIENCE_S = 3600.0


@dataclass(frozen=True)
class Inference:
    """What all videos of one call have in common.

    Parameters
    ----------
    manifest
        What the run says of itself.
    models
        Folder with its files.
    out
        Folder of the results.
    store
        Folder where imported videos are kept; None keeps none.
    scratch
        Folder for what is computed in between, which may be large; None takes one in ``out``.
    threads
        Threads to use.
    """

    manifest: Manifest
    models: Path
    out: Path
    store: Path | None
    scratch: Path | None
    threads: int

    def work(self, recording: Recording) -> Path:
        """Say where results of a video wait until all of them are whole."""
        return self.out / ".work" / recording.key


@dataclass(frozen=True)
class Imported:
    """Where an imported video lies, and what belongs to it.

    Parameters
    ----------
    stem
        Path without ending.
    """

    stem: Path

    def _part(self, ending: str) -> Path:
        return self.stem.with_name(self.stem.name + ending)

    @property
    def store(self) -> Path:
        """The video."""
        return self._part(".h5")

    @property
    def background(self) -> Path:
        """Picture of the empty arena, which only some runs look at."""
        return self._part(".background.png")

    @property
    def stats(self) -> Path:
        """Statistics of its frames."""
        return self._part(".stats.json")

    @property
    def note(self) -> Path:
        """What was imported, and how."""
        return self._part(".source.json")

    def is_of(self, about: dict[str, Any]) -> bool:
        """Tell whether it is there and its note says just this."""
        try:
            return read_json(self.note) == about and self.store.is_file()
        except DegError:
            return False


def is_done(wanted: Inference, recording: Recording) -> bool:
    """Tell whether a video's results are those of this run, this program and this very video.

    Raises
    ------
    VideoError
        If the video cannot be looked at.
    """
    mark = mark_of(recording.raw)  # first: one that is gone is told, whatever there is of it
    try:
        record = read_json(recording.place(wanted.out, "record"))
        same = (
            record["model"] == wanted.manifest.digest
            and record["versions"] == _versions()
            and all(_is_whole(wanted.out / n, fact) for n, fact in record["results"].items())
        )
        source = record["source"]
    except (DegError, KeyError, TypeError, AttributeError):
        return False
    # Touched or copied, a video is the same as long as it holds the same.
    return same and (source["mark"] == mark or source["content"] == content_of(recording.raw))


def _is_whole(path: Path, fact: dict[str, Any]) -> bool:
    return path.is_file() and path.stat().st_size == fact["bytes"]


def _versions() -> dict[str, int]:
    return {stage: VERSIONS[stage] for stage in STAGES}


def predict(wanted: Inference, recording: Recording) -> None:
    """Compute a video's results and put them in their places, its record last.

    Raises
    ------
    VideoError
        If the video cannot be used.
    StateError
        If the disk is full, or something cannot be written.
    ModelError
        If the run's models cannot be used.
    ConfigError
        If this machine lacks what the run needs.
    """
    begun = time.perf_counter()
    source = {
        "path": str(recording.raw.absolute()),
        "mark": mark_of(recording.raw),
        "content": content_of(recording.raw),
    }
    work = wanted.work(recording)
    shutil.rmtree(work, ignore_errors=True)  # of a process that was killed
    made = {kind: work / f"{kind}{recording.place(Path(), kind).suffix}" for kind in KINDS}
    try:
        n_frames, fps = _compute(wanted, recording, source["content"], made)
        publish(wanted, recording, made, {
            "model": wanted.manifest.digest,
            "run": wanted.manifest.run,
            "source": source | {"n_frames": n_frames, "fps": fps},
            "versions": _versions(),
            "threads": wanted.threads,
            "seconds": round(time.perf_counter() - begun, 3),
            "software": _software(),
            "machine": _machine(),
        })  # fmt: skip
    finally:
        shutil.rmtree(work, ignore_errors=True)


def publish(
    wanted: Inference, recording: Recording, made: dict[str, Path], record: dict[str, Any]
) -> None:
    """Move finished results to their places; the record, without which they do not count, last."""
    place = recording.place(wanted.out, "record")
    place.unlink(missing_ok=True)
    results = {}
    for kind in KINDS:
        target = recording.place(wanted.out, kind)
        name = target.relative_to(wanted.out).as_posix()
        results[name] = {"bytes": made[kind].stat().st_size, "sha256": sha256(made[kind])}
        target.parent.mkdir(parents=True, exist_ok=True)
        made[kind].replace(target)
    publish_json(place, record | {"results": results})


def _compute(
    wanted: Inference, recording: Recording, content: str, made: dict[str, Path]
) -> tuple[int, float]:
    """Run the stages; returns the video's number of frames and its frames per second."""
    from deg_core.data.source import read_source
    from deg_core.stages import extract_features, postprocess, predict

    settings, models = wanted.manifest.settings, wanted.models
    with _room(wanted, recording) as room:
        store, background = _imported(wanted, recording, content, room)
        extract_features.run(
            store=store, background=background, flow=models / "flow.pt",
            features=models / "features.pt", out=room / "features.h5",
            settings=from_dict(ExtractSettings, settings["extract"]), threads=wanted.threads,
            quantized=models / "quantized.xml" if wanted.manifest.quantized else None,
        )  # fmt: skip
        predict.run(
            features=room / "features.h5", model=models / "sequence.pt", out=made["predictions"],
            threads=wanted.threads,
        )  # fmt: skip
        postprocess.run(
            predictions=made["predictions"], postprocessing=models / "postprocess.json",
            ethogram=made["ethogram"], bouts=made["bouts"],
        )  # fmt: skip
        about = read_source(store)
        return about.n_frames, about.fps


@contextmanager
def _room(wanted: Inference, recording: Recording) -> Iterator[Path]:
    """Give a folder for what is large and not kept."""
    if wanted.scratch is None:
        room = wanted.work(recording) / "room"
        room.mkdir(parents=True, exist_ok=True)
        yield room
        return
    wanted.scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="deg-predict-", dir=wanted.scratch) as room:
        yield Path(room)


def _imported(
    wanted: Inference, recording: Recording, content: str, room: Path
) -> tuple[Path, Path]:
    """Import a video and find its empty arena, or take what another call has kept or is making.

    Returns
    -------
    tuple
        The imported video and the picture of its arena, which only some runs look at.

    Raises
    ------
    ConfigError
        If another program's file has the name under which the video would be kept.
    """
    manifest = wanted.manifest
    about = {
        "content": content,
        "settings": to_json({name: manifest.settings[name] for name in ("import", "stats")}),
        "versions": {stage: VERSIONS[stage] for stage in ("import_video", "video_stats")},
        "background": manifest.needs_background,
    }
    alone = Imported(room / "video")
    if wanted.store is None:
        _import(manifest, recording, alone, about)
        return alone.store, alone.background
    kept = Imported(wanted.store / recording.name)
    if not kept.is_of(about):  # otherwise nothing is written: a store may be read-only
        with _claimed_import(wanted.store, recording) as ours:
            _look_again(kept.note.parent)
            if not (ours or kept.is_of(about)):
                log(f"{recording.raw}: still not in {wanted.store}; imported for this call alone.")
                kept = alone
            if not kept.is_of(about):
                _import(manifest, recording, kept, about)
    return kept.store, kept.background


def _claimed_import(store: Path, recording: Recording) -> AbstractContextManager[bool]:
    """Keep processes with other folders of results from importing a video into one store at once.

    Neither takes the other's file away while it reads it. The name is none of `predict.take`, whose
    folder may be the store.
    """
    return claimed(
        store / ".locks" / f"{recording.key}.import", patience_s=PATIENCE_S,
        waiting=f"{recording.raw}: another process imports it into {store}; waiting for that.",
    )  # fmt: skip


def _look_again(folder: Path) -> None:
    """Make a network drive ask for what another machine has written since it was looked for."""
    with suppress(OSError):
        os.utime(folder)


def _import(
    manifest: Manifest, recording: Recording, place: Imported, about: dict[str, Any]
) -> None:
    """Import a video, find its empty arena where the run looks at it, and note what was done."""
    from deg_core.stages import import_video, video_stats

    others = (place.background, place.stats) if manifest.needs_background else ()
    _check_ours(place.store, place.note, others)
    # The note last, so that what is left after a kill is still known to be ours.
    for path in (*others, place.note):
        path.unlink(missing_ok=True)
    settings = manifest.settings
    import_video.run(
        raw=recording.raw, out=place.store, settings=from_dict(ImportSettings, settings["import"])
    )
    if manifest.needs_background:
        video_stats.run(
            store=place.store, out=place.stats, background=place.background,
            settings=from_dict(StatsSettings, settings["stats"]),
        )  # fmt: skip
    publish_json(place.note, about)


def _check_ours(store: Path, note: Path, others: Iterable[Path]) -> None:
    """Refuse to write over what is no imported video, such as labels of another program."""
    if note.exists():
        ours = {note: _is_note(note)}
    elif store.exists():  # its note was not written, because the process was killed
        ours = {store: _is_import(store)}
    else:
        ours = {path: not path.exists() for path in others}
    for path, is_ours in ours.items():
        if not is_ours:
            raise ConfigError(f"--store: {path} was not written by deg; name another folder.")


def _is_note(path: Path) -> bool:
    try:
        content = read_json(path)
    except DegError:
        return False
    return isinstance(content, dict) and {"content", "settings", "versions"} <= content.keys()


def _is_import(path: Path) -> bool:
    from deg_core.data.source import read_source

    try:
        read_source(path)
    except StateError:
        return False
    return True


@cache
def _software() -> dict[str, Any]:
    return circumstances.software()


@cache
def _machine() -> dict[str, Any]:
    return circumstances.machine(os.environ)
