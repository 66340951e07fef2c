"""One run at a time in a project folder, and how a killed run is told from one at work.

Writes .snakemake/deg.lock, held for as long as a run lives; the operating system lets go of it
whatever way the run ends.
"""

import ctypes
import errno
import fcntl
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from deg_core.errors import StateError
from deg_core.progress import log
from deg_core.project import machine
from deg_core.project.folder import quoted

LOCK = Path(".snakemake", "deg.lock")
# What a file system says that knows no locks.
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


@dataclass(frozen=True)
class Claim:
    """A folder that belongs to this run.

    ``descriptor`` must be handed to the child process, so that the claim lasts as long as either
    lives; ``stale`` says that a run which died left Snakemake's own locks behind. ``cut_off`` is
    when the last run began, if it did not end in good order, in seconds by the files' own clock.
    """

    descriptor: int
    stale: bool
    cut_off: float | None = None


@contextmanager
def claim(
    folder: Path, *, unlocking: bool = False, elsewhere: Callable[[], None] = lambda: None
) -> Iterator[Claim]:
    """Claim a project folder for one run.

    Parameters
    ----------
    folder
        The project.
    unlocking
        Whether the run is there to remove Snakemake's locks, whoever's they are.
    elsewhere
        Called once no other run holds the folder; raises if jobs are at work in it that this
        machine may not see.

    Raises
    ------
    StateError
        If another run works in it, if it cannot be told whether one does, or if the folder
        cannot be written.
    """
    path = folder / LOCK
    try:
        path.parent.mkdir(exist_ok=True)
        handle = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise StateError(
            f"{folder}: cannot be written ({error.strerror}); "
            "a run needs permission to write in the project's folder."
        ) from error
    with handle:
        _lock(handle, folder)
        elsewhere()
        stale = _left_behind(folder, _read(handle), unlocking=unlocking)
        status = os.fstat(handle.fileno())
        yield Claim(handle.fileno(), stale, status.st_mtime if status.st_size else None)
        # Locks that remain now are those of a Snakemake that was killed; the record shows the next
        # run that it was one of ours, and when it began. So it does after an error.
        if not snakemake_locks(folder) and not unlocking:
            _keep(handle.fileno())  # what Snakemake noted may not be on the disk yet
            handle.truncate(0)


def _keep(descriptor: int) -> None:
    """Force to the disk what Snakemake has noted; jobs have done so with their results.

    The project's disk alone: `os.sync` would wait for what any program writes to any disk.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "syncfs"):  # Linux
        library.syncfs(descriptor)
    else:
        os.sync()


def _lock(handle: TextIO, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in NO_LOCKS:
            log(f"{folder}: lies on a disk without locks, so nothing keeps a second run out of it.")
            return
        if not isinstance(error, BlockingIOError):
            raise StateError(f"{folder}: cannot be locked ({error.strerror}).") from error
        record = _read(handle)
        # `deg run` itself may have been killed, with its Snakemake living on.
        here = machine.workers(folder)[:1] or [record.get("pid", "?")]
        raise StateError(
            f"{folder}: another `deg run` is at work in this folder (process {here[0]} on "
            f"{record.get('host', '?')}); wait until it ends, or stop it with Ctrl-C in its "
            "terminal."
        ) from error


def _read(handle: TextIO) -> dict[str, object]:
    handle.seek(0)
    try:
        record = json.loads(handle.read())
    except json.JSONDecodeError:
        return {}
    return record if isinstance(record, dict) else {}


def write_record(claimed: Claim) -> None:
    """Note in the lock file which process runs, for the messages and decisions of later runs.

    Raises
    ------
    StateError
        If the disk is full.
    """
    text = json.dumps({"host": socket.gethostname(), "pid": os.getpid()})
    try:
        os.ftruncate(claimed.descriptor, 0)
        os.write(claimed.descriptor, text.encode())
        os.fsync(claimed.descriptor)
    except OSError as error:
        raise StateError(
            f"{LOCK}: cannot be written ({error.strerror}); free some space and run again."
        ) from error


def _left_behind(folder: Path, record: dict[str, object], *, unlocking: bool) -> bool:
    """Tell whether a dead run left locks; refuse where a living one may have made them."""
    busy = machine.workers(folder)
    if busy:
        ids = ", ".join(map(str, busy))
        raise StateError(
            f"{folder}: snakemake or its jobs are at work in this folder (process {ids}); "
            f"wait until they end, or end them with `kill {ids.replace(',', '')}`."
        )
    if not snakemake_locks(folder):
        return False
    if _ran_here(record) or unlocking:
        return True
    raise StateError(
        f"{folder}: locked by a snakemake that does not run on this machine; if it runs on no "
        "other machine either, it was killed: remove its lock with "
        f"`deg run {quoted(folder)} --unlock`."
    )


def killed_here(folder: Path) -> bool:
    """Tell whether Snakemake's locks are those of a `deg run` of this machine that has died."""
    path = folder / LOCK
    if not snakemake_locks(folder) or machine.workers(folder):
        return False
    try:
        with path.open(encoding="utf-8") as handle:
            return _ran_here(_read(handle))
    except OSError:
        return False


def _ran_here(record: dict[str, object]) -> bool:
    return record.get("host") == socket.gethostname()


def is_settled(folder: Path) -> bool:
    """Tell whether Snakemake has noted the end of all that it began in a project folder.

    It has not where its locks lie, or marks of results that were being made: those are deleted by
    a later run, which makes them again.
    """
    marks = (folder / ".snakemake" / "incomplete").rglob("*")
    return not snakemake_locks(folder) and not any(mark.is_file() for mark in marks)


def snakemake_locks(folder: Path) -> bool:
    """Tell whether Snakemake's own locks lie in a project folder."""
    return any((folder / ".snakemake" / "locks").glob("*.lock"))
