"""After a run that was cut off, by a power cut or a kill: find what it left damaged, remove it.

Snakemake looks only whether a result is there, and forgets a note that it cannot read. What is
removed here is missing, so that the next run makes it again. Results are moved aside and not
deleted, and only those that a job has made: others' files among them are nobody's business.
"""

import json
import os
import time
from base64 import urlsafe_b64decode
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from deg_core import states
from deg_core.data.publish import sha256
from deg_core.data.whole import damage
from deg_core.errors import StateError
from deg_core.ledger import FOLDER as PROVENANCE
from deg_core.ledger import Ledger, fact_of, look
from deg_core.progress import log

# A disk may hold back what was written before the run began.
MARGIN_S = 300.0
# What was written within so long before the end is read to its last byte; the rest where it ends.
RECENT_S = 600.0
METADATA = Path(".snakemake", "metadata")
REMOVED = Path(".snakemake", "deg.removed")
CUT = f"the last run was cut off; moved to {REMOVED}, and made again"
# Snakemake touches what a job has made; an edit by hand comes later, as a rule.
TOUCHED_S = 600.0


def put_in_order(folder: Path, *, since: float) -> int:
    """Remove what a run that was cut off left damaged, saying so in a sentence each.

    Parameters
    ----------
    folder
        The project, in which no other run is at work.
    since
        When that run began, in seconds, by the clock that dates the files.

    Returns
    -------
    int
        How many files were removed.

    Raises
    ------
    StateError
        If a file cannot be removed.
    """
    places = (folder / "results", folder / states.FOLDER, folder / METADATA)
    files = {path: changed for place in places for path, changed in _files(place)}
    written = {path: changed for path, changed in files.items() if changed >= since - MARGIN_S}
    known = noted_results(folder, files)
    now = time.time()
    end = max((changed for changed in written.values() if changed <= now), default=now)
    removed = 0
    for path, changed in sorted(written.items()):
        if not is_made(folder, path, known):
            continue
        for bad, sentence in _examined(folder, path, thoroughly=changed >= end - RECENT_S):
            _remove(folder, bad)
            removed += 1
            if sentence:
                log(f"deg: {sentence}")
    return removed


def _files(place: Path) -> Iterator[tuple[Path, float]]:
    """Yield the files below a folder, those apart that are being written, and their dates."""
    for folder, _, names in os.walk(place):
        for name in names:
            path = Path(folder, name)
            try:
                if not name.startswith("."):
                    yield path, path.stat().st_mtime
            except OSError:  # a link to what is not there
                continue


def is_made(folder: Path, path: Path, known: Collection[str]) -> bool:
    """Tell whether a file is a note, a state, or a result that a job has made.

    Parameters
    ----------
    folder
        The project.
    path
        The file.
    known
        Names of the results that Snakemake has notes on.
    """
    name = path.relative_to(folder).as_posix()
    if not name.startswith("results/"):
        return True
    return name in known or Ledger(folder).place_of(name).exists()


def _examined(folder: Path, path: Path, *, thoroughly: bool) -> Iterator[tuple[Path, str]]:
    """Yield what to remove because of one file, and why."""
    inside = path.relative_to(folder)
    if not os.access(path, os.R_OK):
        return  # another user's, as it seems; whoever reads it will say so
    if inside.is_relative_to(METADATA):
        yield from _unreadable_note(folder, path)
    elif inside.parts[0] == states.FOLDER:
        if damage(path, thoroughly=True):
            yield (
                path,
                f"{path}: damaged when the last run was cut off; removed; an older one serves.",
            )
    elif not inside.is_relative_to(PROVENANCE) and not is_whole(folder, path, thoroughly):
        yield path, f"{path}: damaged when {CUT}."


def is_whole(folder: Path, path: Path, thoroughly: bool) -> bool:
    """Tell whether a result is what its job wrote, as far as can be told.

    Parameters
    ----------
    folder
        The project.
    path
        The result.
    thoroughly
        Whether to compare all of its content with the digest that the ledger has of it; with a
        damaged record, nothing vouches for the result.
    """
    if damage(path, thoroughly=thoroughly):
        return False
    if not thoroughly:
        return True
    ledger = Ledger(folder)
    name = ledger.name_of(path)
    record = ledger.read(name)
    if record is None:
        return not ledger.is_damaged(name)
    noted, now = fact_of(record["outputs"][name]), look(path)
    # Of another date, the record is of an earlier job, or somebody has changed the file since.
    if now is None or not 0 <= now.mtime_ns - noted.mtime_ns < TOUCHED_S * 1e9:
        return True
    return noted.sha256 == sha256(path)


def _unreadable_note(folder: Path, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield a note of Snakemake that is damaged, and its result: a change would not be noticed."""
    try:
        if isinstance(json.loads(path.read_bytes()), dict):
            return
    except (OSError, ValueError):
        pass
    result = folder / noted_result(path.relative_to(folder / METADATA))
    yield path, ""
    if result.is_file():
        yield result, f"{result}: Snakemake's note on it was damaged when {CUT}."


def noted_results(folder: Path, files: Iterable[Path]) -> set[str]:
    """List the results of a project that Snakemake has notes on, which are among these files."""
    notes = folder / METADATA
    return {noted_result(path.relative_to(notes)) for path in files if path.is_relative_to(notes)}


def noted_result(note: Path) -> str:
    """Return the name of the result that a note is about, which is the note's own in base64.

    Parameters
    ----------
    note
        Relative to Snakemake's folder of notes; parts of long names are folders that begin with @.
    """
    text = "".join(part.removeprefix("@") for part in note.parts)
    try:
        return urlsafe_b64decode(text).decode()
    except ValueError:
        return ""


def _remove(folder: Path, path: Path) -> None:
    """Delete a note or state; move a result aside."""
    inside = path.relative_to(folder)
    try:
        if inside.parts[0] != "results":
            path.unlink(missing_ok=True)
            return
        (folder / REMOVED / inside).parent.mkdir(parents=True, exist_ok=True)
        path.replace(folder / REMOVED / inside)
    except OSError as error:
        raise StateError(
            f"{path}: damaged, and cannot be removed ({error.strerror}); remove it and run again."
        ) from error
