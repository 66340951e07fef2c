"""`deg predict`: an exported run on any videos, without a project; many processes may share it.

Reads the file of `deg export-model` and videos; writes what `deg_core.project.inference` says.
"""

import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from deg_core.data import bundle
from deg_core.errors import ConfigError, DegError, ModelError
from deg_core.progress import log
from deg_core.project.claims import claimed
from deg_core.project.inference import Inference, is_done, predict
from deg_core.project.machine import count_cores
from deg_core.project.recordings import Recording, name_all, part_of, read_list
from deg_core.versions import VERSIONS

DONE, BEFORE, FAILED, BUSY, BUG = "done", "before", "failed", "busy", "bug"


def predict_all(
    videos: Sequence[Path],
    *,
    model: Path,
    out: Path,
    listed: Path | None = None,
    root: Path | None = None,
    part: str | None = None,
    store: Path | None = None,
    scratch: Path | None = None,
    threads: int | None = None,
) -> int:
    """Predict all videos that are not done yet; one that cannot be used does not stop the others.

    Parameters
    ----------
    videos
        Video files and folders of numbered images.
    model
        File that `deg export-model` wrote.
    out
        Folder of the results.
    listed
        File with more videos, a path per line.
    root
        Folder above all videos, below which results lie as the videos do.
    part
        As ``3/8``: only the third of eight parts.
    store
        Folder to keep imported videos in, for another model; None keeps none.
    scratch
        Folder for what is computed in between; None takes one in ``out``.
    threads
        Threads to use; None takes all cores.

    Returns
    -------
    int
        0 if all videos of the part are done, or are at work in another process; 2 if videos could
        not be used; 1 after a fault of the program.

    Raises
    ------
    ConfigError
        If no video is given, names clash, the part is none, or this machine lacks what the run
        needs.
    ModelError
        If the model's file cannot be used.
    StateError
        If the folder of the results cannot be written.
    """
    paths = [*videos, *(read_list(listed) if listed else [])]
    if not paths:
        raise ConfigError("no video is given; name some, or a file that lists them with --list.")
    recordings = part_of(name_all(paths, root=root), part)
    with TemporaryDirectory(prefix="deg-model-") as folder:
        manifest = bundle.unpack(model, Path(folder))
        tell_versions(model, manifest)
        wanted = Inference(
            manifest=manifest, models=Path(folder), out=out, store=store, scratch=scratch,
            threads=threads or count_cores(),
        )  # fmt: skip
        ends = Counter(take(wanted, one, n, len(recordings)) for n, one in enumerate(recordings, 1))
    log(summary(ends, len(recordings), out))
    return 1 if ends[BUG] else 2 if ends[FAILED] else 0


def tell_versions(model: Path, manifest: bundle.Manifest) -> None:
    """Say which stages compute other numbers now than when the run was exported."""
    for stage, version in manifest.versions.items():
        if VERSIONS.get(stage) != version:
            log(
                f"{model}: {stage} is version {VERSIONS.get(stage)} in this program and was "
                f"{version} in the one that exported the run; numbers differ from the project's."
            )


def take(wanted: Inference, recording: Recording, number: int, total: int) -> str:
    """Predict one video, unless it is done or at work elsewhere; returns how it ended.

    Raises
    ------
    ConfigError, ModelError
        What would stop every other video as well.
    StateError
        If the folder of the results cannot be written.
    """
    where = f"[{number}/{total}]"
    with failing(wanted, recording, where) as ended:
        if is_done(wanted, recording):
            return BEFORE
    if ended:
        return ended[0]
    with claimed(wanted.out / ".locks" / recording.key) as ours:
        if not ours:
            log(f"{where} {recording.raw}: at work in another process.")
            return BUSY
        with failing(wanted, recording, where) as ended:
            if is_done(wanted, recording):  # meanwhile, by another process
                return BEFORE
            predict(wanted, recording)
            error_file(wanted, recording).unlink(missing_ok=True)
            log(f"{where} {recording.raw}: done.")
    return ended[0] if ended else DONE


@contextmanager
def failing(wanted: Inference, recording: Recording, where: str) -> Iterator[list[str]]:
    """Tell, and note beside the results, why a video failed; the list yielded gets how it ended."""
    ended: list[str] = []
    try:
        yield ended
    except (ConfigError, ModelError):
        raise
    except DegError as error:
        ended.append(FAILED)
        note(error_file(wanted, recording), str(error))
        log(f"deg: {where} {error}")
    except Exception as error:
        ended.append(BUG)
        note(error_file(wanted, recording), traceback.format_exc())
        log(
            f"deg: {where} {recording.raw}: unexpected {type(error).__name__}: {error}; this is a "
            "fault of the program."
        )


def error_file(wanted: Inference, recording: Recording) -> Path:
    """Say where it stands why a video failed."""
    return wanted.out / "records" / f"{recording.name}.error.txt"


def note(path: Path, text: str) -> None:
    """Write a text, if it can be written; the reason has been told already."""
    from deg_core.data.publish import publish_text

    try:
        publish_text(path, text.rstrip() + "\n")
    except DegError as error:
        log(f"deg: {error}")


def summary(ends: Counter[str], total: int, out: Path) -> str:
    """Put the end of all videos into one line."""
    parts = [f"{ends[DONE]} predicted", f"{ends[BEFORE]} done before"]
    if ends[BUSY]:
        parts.append(f"{ends[BUSY]} at work in another process")
    if ends[FAILED] or ends[BUG]:
        parts.append(f"{ends[FAILED] + ends[BUG]} failed (why: {out / 'records'}/*.error.txt)")
    videos = "1 video" if total == 1 else f"{total} videos"
    return f"deg: {videos}: {', '.join(parts)}; results in {out}."
