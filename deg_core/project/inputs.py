"""Videos and label files that changed although their dates say that they did not.

Snakemake asks whether a file is newer than what was made of it. A label file that was copied with
its old date, or written while a clock was wrong, is not; so what the ledger noted of it decides.
Reads the ledger; `renew` removes results that were made of other labels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deg_core.errors import StateError
from deg_core.ledger import Fact, Ledger, digest, fact_of, look
from deg_core.progress import log
from deg_core.project.folder import Project

# Clocks of two machines that are set by the network differ by less.
SLACK_S = 120.0


@dataclass(frozen=True)
class Change:
    """An input that is not what a result was made of, and the result."""

    source: Path
    result: Path


def changed_labels(project: Project) -> Iterator[Change]:
    """Yield label files whose content has changed and whose date has not passed their result's."""
    for video in project.videos:
        if video.labels is not None:
            source = project.place(video.labels)
            result = project.folder / "results" / "labels" / f"{video.video}.csv"
            pair = _differing(project, source, result)
            unseen = pair is not None and pair[1].mtime_ns <= result.stat().st_mtime_ns
            if unseen and _content(source) != pair[0].sha256:
                yield Change(source, result)


def changed_videos(project: Project, *, thoroughly: bool) -> Iterator[Change]:
    """Yield raw videos that have another date than when they were imported, yet the same size.

    Another size is noticed by the workflow itself.

    Parameters
    ----------
    project
        The project.
    thoroughly
        Whether to read them, and leave out those with the same content.
    """
    for video in project.videos:
        source = project.place(video.path)
        result = project.folder / "results" / "import" / f"{video.video}.h5"
        pair = _differing(project, source, result)
        same_size = pair is not None and pair[0].bytes == pair[1].bytes
        if same_size and not (thoroughly and _content(source) == pair[0].sha256):
            yield Change(source, result)


def renew(project: Project) -> None:
    """Remove what was made of label files that have changed unnoticed, saying so.

    Raises
    ------
    StateError
        If it cannot be removed.
    """
    for change in changed_labels(project):
        try:
            change.result.unlink(missing_ok=True)
        except OSError as error:
            raise StateError(
                f"{change.result}: cannot be removed ({error.strerror}); mend the permissions."
            ) from error
        log(
            f"deg: {change.source}: has changed, although its date is older than what was made "
            "of it; it is imported anew."
        )


def _differing(project: Project, source: Path, result: Path) -> tuple[Fact, Fact] | None:
    """Return what a source was and what it is, if by size or date it is not the same."""
    then, now = _noted(project.folder, source, result), look(source)
    if then is None or now is None or now.looks_like(then):
        return None
    return then, now


def _noted(folder: Path, source: Path, result: Path) -> Fact | None:
    """Return what a source was when a result that is there was made of it."""
    ledger = Ledger(folder)
    record = ledger.read(ledger.name_of(result)) if result.exists() else None
    places = {} if record is None else record["inputs"]
    found = [
        fact_of(entry)
        for name, entry in places.items()
        if entry["sha256"] and ledger.name_of(ledger.path_of(name)) == ledger.name_of(source)
    ]
    return found[0] if found else None


def _content(path: Path) -> str | None:
    try:
        return digest(path)
    except OSError:
        return None


def dated_ahead(paths: list[Path], *, now: float) -> list[Path]:
    """List the files that are dated in the future.

    Parameters
    ----------
    paths
        Files, of which some may be gone.
    now
        What the clock says that dates files, in seconds.
    """
    found = []
    for path in paths:
        seen = look(path)
        if seen is not None and seen.mtime_ns / 1e9 > now + SLACK_S:
            found.append(path)
    return found
