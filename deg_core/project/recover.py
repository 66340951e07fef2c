"""After a run that was cut off, by a power cut or a kill: find what it left damaged, remove it.

Snakemake looks only whether a result is there, and forgets a note that it cannot read. What is
removed here is missing, so that the next run makes it again.
"""

import json
import os
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
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
CUT = "the last run was cut off; removed, and made again"


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
    written = {
        path: changed
        for place in (folder / "results", folder / states.FOLDER, folder / METADATA)
        for path, changed in _files(place)
        if changed >= since - MARGIN_S
    }
    now = time.time()
    end = max((changed for changed in written.values() if changed <= now), default=now)
    removed = 0
    for path, changed in sorted(written.items()):
        for bad, sentence in _examined(folder, path, thoroughly=changed >= end - RECENT_S):
            _remove(bad)
            removed += 1
            if sentence:
                log(f"deg: {sentence}")
    return removed


def _files(place: Path) -> Iterator[tuple[Path, float]]:
    """Yield the files below a folder, those apart that are being written, and their dates."""
    for folder, _, names in os.walk(place):
        for name in names:
            path = Path(folder, name)
            if not name.startswith("."):
                yield path, path.stat().st_mtime


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
        return not ledger.place_of(name).exists()
    noted, now = fact_of(record["outputs"][name]), look(path)
    # Of another date, the record is of an earlier job.
    return now is None or now.mtime_ns != noted.mtime_ns or noted.sha256 == sha256(path)


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


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StateError(
            f"{path}: damaged, and cannot be removed ({error.strerror}); remove it and run again."
        ) from error
