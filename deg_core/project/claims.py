"""One process at a time for one piece of work, in a folder that many machines may share.

Writes empty lock files. The operating system lets go of a lock whatever way its process ends.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deg_core.errors import StateError
from deg_core.project.lock import NO_LOCKS


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Claim a piece of work.

    Parameters
    ----------
    path
        The lock file; made, and removed at the end.

    Yields
    ------
    bool
        Whether it is ours until the block ends; False while another process has it. Always True on
        a file system without locks.

    Raises
    ------
    StateError
        If the file cannot be made.
    """
    descriptor = _locked(path)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            # Removed while it is still ours: who waits for it finds out that it is another file.
            path.unlink(missing_ok=True)
            os.close(descriptor)


def _locked(path: Path) -> int | None:
    """Open and lock a file; None if another process has it."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
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


def _is_still(path: Path, descriptor: int) -> bool:
    """Tell whether an open file is the one that its path names."""
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False
