"""One process at a time for one piece of work, in a folder that many machines may share.

Writes empty lock files. The operating system lets go of a lock whatever way its process ends.
"""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deg_core.errors import StateError
from deg_core.progress import log
from deg_core.project.lock import NO_LOCKS

POLL_S = 1.0


@contextmanager
def claimed(path: Path, *, patience_s: float = 0.0, waiting: str = "") -> Iterator[bool]:
    """Claim a piece of work.

    Parameters
    ----------
    path
        The lock file; made, and removed at the end.
    patience_s
        How long to wait for another process that has it, in seconds. One that ends lets go, but
        some network file systems never learn that its machine is gone.
    waiting
        What to say, once, where there is somebody to wait for.

    Yields
    ------
    bool
        Whether it is ours until the block ends; False if another process has it still. Always True
        on a file system without locks.

    Raises
    ------
    StateError
        If the file cannot be made.
    """
    descriptor = _awaited(path, patience_s, waiting)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            # Removed while it is still ours: who waits for it finds out that it is another file.
            with suppress(PermissionError):  # another user's, who was killed and left it
                path.unlink(missing_ok=True)
            os.close(descriptor)


def _awaited(path: Path, patience_s: float, waiting: str) -> int | None:
    """Open and lock a file as soon as nobody else has it; None once patience is at its end."""
    until = time.monotonic() + patience_s
    descriptor = _locked(path)
    if descriptor is None and patience_s:
        log(waiting)
    while descriptor is None and time.monotonic() < until:
        time.sleep(POLL_S)
        descriptor = _locked(path)
    return descriptor


def _locked(path: Path) -> int | None:
    """Open and lock a file; None if another process has it."""
    while True:
        try:
            descriptor = _open(path)
        except OSError as error:
            raise StateError(
                f"{path}: cannot be written ({error.strerror}); choose a folder that you may write."
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                os.close(descriptor)
                return None
        if _is_still(path, descriptor):
            return descriptor
        os.close(descriptor)


def _open(path: Path) -> int:
    """Open a lock file, and make it, for those who may write where its folder lies."""
    _make_folder(path.parent)
    try:
        return os.open(path, os.O_RDWR)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        with suppress(OSError):  # another user has made it meanwhile, or the disk has no modes
            os.fchmod(descriptor, 0o666 & stat.S_IMODE(path.parent.stat().st_mode))
        return descriptor


def _make_folder(folder: Path) -> None:
    """Make a folder for those who may write the one above it, whatever this user's umask."""
    if folder.is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):  # as with the file
        folder.chmod(stat.S_IMODE(folder.parent.stat().st_mode))


def _is_still(path: Path, descriptor: int) -> bool:
    """Tell whether an open file is the one that its path names."""
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except OSError as error:
        # ESTALE is how NFS says that another machine has removed it.
        if error.errno not in (errno.ENOENT, errno.ESTALE):
            raise
        return False
