"""What is wrong with computed files: damage, dates in the future, inputs that changed unnoticed."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from deg_core import states
from deg_core.data.whole import damage
from deg_core.errors import StateError
from deg_core.ledger import FOLDER as PROVENANCE
from deg_core.project import inputs, recover, verify
from deg_core.project.findings import Finding, warning
from deg_core.project.folder import Project, quoted

SHOWN = 3


def examine_results(project: Project, *, thoroughly: bool) -> Iterator[Finding]:
    """Check what lies under results/ and state/, and what it was made of.

    Parameters
    ----------
    project
        The project.
    thoroughly
        Whether to read every file to its last byte and compare it with the digest that was noted
        when it was made.
    """
    files = _files(project.folder)
    looked = ((path, damage(path, thoroughly=thoroughly)) for path in files)
    damaged = {path: found for path, found in looked if found is not None}
    notes = (project.folder / recover.METADATA).rglob("*") if damaged else ()
    known = recover.noted_results(project.folder, notes)
    told = {path for path in damaged if recover.is_made(project.folder, path, known)}
    yield from (_damaged(project.folder, path, damaged[path]) for path in sorted(told))
    yield from _future(project, files)
    yield from _changed(project, thoroughly)
    if thoroughly:
        yield from _compared(project.folder, told)


def _files(folder: Path) -> list[Path]:
    """List the computed files; records of the ledger are checked with the files they are about."""
    return [
        path
        for place in ("results", states.FOLDER)
        for path in sorted((folder / place).rglob("*"))
        if path.is_file()
        and not path.name.startswith(".")
        and not path.relative_to(folder).is_relative_to(PROVENANCE)
    ]


def _damaged(folder: Path, path: Path, error: StateError) -> Finding:
    if path.relative_to(folder).parts[0] != states.FOLDER:
        return Finding(str(error))
    return warning(f"{error} The training will go on from an older state, or start again.")


def _future(project: Project, files: list[Path]) -> Iterator[Finding]:
    """Find dates in the future, by the clock that dates files; those of raw videos do not count."""
    now = _clock(project.folder)
    labels = [project.place(video.labels) for video in project.videos if video.labels]
    for path in inputs.dated_ahead(labels, now=now):
        yield Finding(
            f"{path}: is dated in the future, and Snakemake refuses what is made of such a file; "
            "set the clock of the machine that wrote it, and `touch` the file."
        )
    ahead = inputs.dated_ahead(files, now=now)
    if ahead:
        shown = ", ".join(map(str, ahead[:SHOWN])) + (", ..." if len(ahead) > SHOWN else "")
        yield warning(
            f"{project.folder}: results dated in the future: {len(ahead)} ({shown}); what is made "
            "of them may fail, or be made again in each run; set the clock of the machine that "
            "wrote them, then `touch` them in the order in which they were made."
        )


def _clock(folder: Path) -> float:
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            return Path(file.name).stat().st_mtime
    except OSError:
        return time.time()


def _changed(project: Project, thoroughly: bool) -> Iterator[Finding]:
    for change in inputs.changed_labels(project):
        yield warning(
            f"{change.source}: has changed, although its date is older than {change.result}; "
            f"`deg run {quoted(project.folder)}` imports it anew."
        )
    for change in inputs.changed_videos(project, thoroughly=thoroughly):
        if thoroughly:
            yield Finding(
                f"{change.source}: is another video of the same size than the one that was "
                f"imported; delete {change.result} and run again, or bring the old one back."
            )
        else:
            yield warning(
                f"{change.source}: has another date than when it was imported; "
                f"`deg doctor {quoted(project.folder)} --deep` tells whether it is another video."
            )


def _compared(folder: Path, told: set[Path]) -> Iterator[Finding]:
    """Compare all results with their digests; what is known as damaged is not told again."""
    try:
        found = verify.verify(folder)
    except StateError:
        return  # nothing has been recorded yet
    names = tuple(f"{path}: " for path in told)
    yield from (Finding(text) for text in found.damaged if not text.startswith(names))
