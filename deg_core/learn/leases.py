"""Leases of graphics cards: two jobs compute on one card only if both were told to share.

There is one file per card, in a folder that all programs of a machine have in common. What counts
is the lock on it, which the system lets go of whatever way its holder ends; the text inside tells
others who that is.
"""

import fcntl
import getpass
import json
import os
import re
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from deg_core.progress import log

FOLDER = Path("/tmp/deg-core-gpus")  # not $TMPDIR, which may be another one for each job
POLL_S = 2.0
OPEN_S = 1.0  # another user makes the folder, or a file in it, in less than that
REMIND_S = 600.0

# What this process holds until it ends: the descriptor by the card's name, or None where the
# process that started this one holds it.
_held: dict[str, int | None] = {}


def take(
    names: Sequence[str], n: int = 1, *, shared: bool = False, folder: Path = FOLDER
) -> list[str]:
    """Wait until some of the cards are free, and keep them until this process ends.

    Parameters
    ----------
    names
        Cards that would do, each known by the same name to all programs of the machine.
    n
        How many of them are needed. All are taken at once or none is, or two jobs could wait for
        each other's.
    shared
        Whether others who say the same may compute on them, too.
    folder
        Where the files are.

    Returns
    -------
    list of str
        The cards, those first that this process has already.
    """
    mine = [name for name in names if name in _held][:n]
    others = [name for name in names if name not in _held]
    if shared and others:  # spread over the cards, as far as chance does
        turn = os.getpid() % len(others)
        others = others[turn:] + others[:turn]
    try:
        taken = _wait(others, n - len(mine), shared=shared, folder=folder)
    except OSError as error:
        log(
            f"{folder}: cannot be used ({error.strerror or error}), so nothing keeps other jobs "
            "off the graphics card; set DEG_LEASES to a folder that all users may write."
        )
        return [*mine, *others][:n]
    _held.update(taken)
    return [*mine, *taken]


def inherit(names: Sequence[str]) -> None:
    """Count cards as taken that the process which started this one holds for both."""
    _held.update(dict.fromkeys(names))


def held() -> list[str]:
    """List the cards that this process has."""
    return list(_held)


def _wait(names: Sequence[str], n: int, *, shared: bool, folder: Path) -> dict[str, int]:
    """Return the descriptors of ``n`` cards; says whom it waits for."""
    said, at = "", 0.0
    while (taken := _attempt(names, n, shared=shared, folder=folder)) is None:
        holders = "; ".join(f"{name} is held by {holder(name, folder)}" for name in names)
        if holders != said or time.monotonic() - at > REMIND_S:
            said, at = holders, time.monotonic()
            log(f"waiting for {n} of {len(names)} graphics cards: {holders}")
        time.sleep(POLL_S)
    if said:
        log(f"got {', '.join(taken)}")
    return taken


def _attempt(names: Sequence[str], n: int, *, shared: bool, folder: Path) -> dict[str, int] | None:
    """Take ``n`` cards, or none."""
    taken: dict[str, int] = {}
    for name in names:
        if len(taken) == n:
            break
        descriptor = _open(_path(name, folder))
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        else:
            taken[name] = descriptor
    if len(taken) < n:
        for descriptor in taken.values():
            os.close(descriptor)
        return None
    for descriptor in taken.values():
        _sign(descriptor)
    return taken


def holder(name: str, folder: Path = FOLDER) -> str:
    """Say who holds a card, as its file tells."""
    try:
        found = json.loads(_path(name, folder).read_text(encoding="utf-8"))
        return (
            f"process {found['pid']} of {found['user']} since {found['since']} "
            f"({found['command']} in {found['folder']})"
        )
    except (OSError, ValueError, KeyError, TypeError):  # being written just now
        return "another job"


def _path(name: str, folder: Path) -> Path:
    return folder / f"{re.sub(r'[^A-Za-z0-9-]', '_', name)}.lock"


def _open(path: Path) -> int:
    """Open a card's file; while another user is making it or its folder, nobody else may."""
    until = time.monotonic() + OPEN_S
    while True:
        try:
            return _open_once(path)
        except (PermissionError, FileNotFoundError):
            if time.monotonic() >= until:
                raise
        time.sleep(0.05)


def _open_once(path: Path) -> int:
    """Open a card's file for any user; children do not inherit it, or they would hold it, too."""
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(PermissionError):  # another user's, who has made it meanwhile
            path.parent.chmod(0o1777)
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        # Without O_CREAT first: with it, Linux refuses files of another user in such a folder.
        return os.open(path, flags)
    except FileNotFoundError:
        descriptor = os.open(path, flags | os.O_CREAT, 0o666)
        os.fchmod(descriptor, 0o666)
        return descriptor


def _sign(descriptor: int) -> None:
    """Note who holds the card."""
    about = {
        "pid": os.getpid(),
        "user": _user(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]]),
        "folder": str(Path.cwd()),
    }
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(about).encode(), 0)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container, a number without a name
        return f"user {os.getuid()}"
