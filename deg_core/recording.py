"""What one job reads and makes, noted while it runs and kept in the project's ledger.

A job is one call of `deg`, or one script of a figure. Files that it makes pass through
`deg_core.data.publish`, which tells `published`. Files that it reads are noticed as Python opens
them; readers in other languages (HDF5, OpenCV, FFmpeg) are told by `reading`.
"""

import os
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deg_core import circumstances
from deg_core.ledger import CONFIG, FOLDER, Fact, Ledger, absolute, digest, find_project, look
from deg_core.progress import log

# Folders of a project whose files are no inputs: what Snakemake keeps, and resumable states.
_APART = {"state", "logs"}
_CODE = {".py", ".pyc", ".so"}
_INSTALLED = (f"{sys.prefix}{os.sep}", f"{sys.base_prefix}{os.sep}")
_PROGRAM = Path(__file__).absolute().parent  # what comes with it is told by its version


@dataclass
class Job:
    """One job at work.

    Attributes
    ----------
    stage, version
        What it is, and which version of its numbers.
    words
        Its command line.
    arguments
        What the words mean.
    project
        Folder of the project.
    reads
        Files that were read, by absolute path: their name, and how they looked then.
    made
        Files that were published, by absolute path.
    gpus
        Graphics cards that helping processes used.
    """

    stage: str
    version: int | None
    words: Sequence[str]
    arguments: Mapping[str, Any]
    project: Path
    reads: dict[str, tuple[str, Fact]] = field(default_factory=dict)
    made: dict[str, None] = field(default_factory=dict)
    gpus: list[str] = field(default_factory=list)

    def read(self, path: str | Path, *, folder: bool = False) -> None:
        """Note that a file, or all of a folder, is read as it is now."""
        whole = Path(absolute(path))
        # A hidden one is a temporary file of `publish`, which reads back what it wrote.
        if str(whole) in self.reads or whole.name.startswith(".") or whole.is_relative_to(_PROGRAM):
            return
        seen = look(whole) if folder or whole.is_file() else None
        if seen is not None:
            self.reads[str(whole)] = (Ledger(self.project).name_of(path), seen)

    def opened(self, path: str) -> None:
        """Note a file that was opened for reading, if it is one of the project's."""
        whole = absolute(path)
        # Of a folder that is read as a whole, each image counts already.
        if self._owns(whole) and str(Path(whole).parent) not in self.reads:
            self.read(whole)

    def _owns(self, whole: str) -> bool:
        root = f"{self.project}{os.sep}"
        if not whole.startswith(root) or whole.startswith(_INSTALLED):
            return False
        parts = Path(whole[len(root) :]).parts
        hidden = any(part.startswith(".") for part in parts)
        return not hidden and parts[0] not in _APART and Path(parts[-1]).suffix not in _CODE

    def _is_state(self, path: str) -> bool:
        """Tell a training's resumable state, which may be anywhere."""
        state = self.arguments.get("state")
        return state is not None and path.startswith(f"{absolute(state)}{os.sep}")

    def inputs(self, ledger: Ledger) -> dict[str, Any]:
        """Return what was read and was there before, with the digests."""
        kept = f"{FOLDER.as_posix()}/"
        found = {}
        for path, (name, seen) in sorted(self.reads.items()):
            if path not in self.made and not name.startswith(kept) and not self._is_state(path):
                found[name] = _settled(ledger, name, seen).as_json()
        return found

    def outputs(self, ledger: Ledger) -> dict[str, Any]:
        """Return what was published and is a product, with the digests."""
        found = {}
        for path in self.made:
            name, seen = ledger.name_of(path), look(Path(path))
            parts = Path(name).parts
            hidden = not _is_outside(name) and any(part.startswith(".") for part in parts)
            product = not hidden and parts[0] not in _APART and not self._is_state(path)
            if seen is not None and product:
                done = Fact(seen.bytes, seen.mtime_ns, digest(Path(path)))
                found[name] = done.as_json()
        return found


_current: Job | None = None
_watching = False


def reading(path: str | Path, *, folder: bool = False) -> None:
    """Note that the job at work, if there is one, reads a file.

    Parameters
    ----------
    path
        What is read.
    folder
        Whether it may be a folder, all of whose files are read.
    """
    if _current is not None:
        _current.read(path, folder=folder)


def published(path: str | Path) -> None:
    """Note that the job at work, if there is one, has made a file."""
    if _current is not None:
        _current.made[absolute(path)] = None


def project_at_work() -> Path | None:
    """Return the project of the job at work, if there is one."""
    return None if _current is None else _current.project


@contextmanager
def helping(project: Path | None) -> Iterator[Job | None]:
    """Note what this process does for the job of another one, which then calls `add`.

    Parameters
    ----------
    project
        What `project_at_work` told the other process; None if there is nothing to note.
    """
    global _current
    if project is None:
        yield None
        return
    _watch()
    _current = helper = Job("", None, (), {}, project)
    try:
        yield helper
        helper.gpus = circumstances.graphics_cards()
    finally:
        _current = None


def add(helper: Job | None) -> None:
    """Count what a helping process has read and made as done by the job at work."""
    if _current is not None and helper is not None:
        _current.reads = helper.reads | _current.reads
        _current.made |= helper.made
        _current.gpus = _current.gpus or helper.gpus  # each sees all of them


@contextmanager
def job(
    stage: str,
    *,
    version: int | None,
    words: Sequence[str],
    arguments: Mapping[str, Any],
    project: Path | None = None,
) -> Iterator[None]:
    """Record what happens inside; nothing is kept if it fails, or outside of any project.

    Parameters
    ----------
    stage
        Name of the rule or command.
    version
        Of the stage's numbers; None where it has none.
    words
        The command line; words that name files name inputs, unless they are published.
    arguments
        What the words mean; paths are left out of the record, for the words tell them.
    project
        Its folder; default: the nearest one at or above the working folder, or else a word. A job
        that turns out to make nothing in there is not recorded.

    Notes
    -----
    That a record cannot be written is told, and is no reason to lose the result.
    """
    global _current
    places = [Path(), *map(Path, words)] if project is None else [project]
    folder = find_project(*places)
    if folder is None or _current is not None:
        yield
        return
    _watch()
    begun, clock, cpu = datetime.now(UTC), time.perf_counter(), _cpu_seconds()
    _current = at_work = Job(stage, version, words, arguments, folder)
    try:
        for word in words:
            if _names_file(word):
                at_work.read(word)
        yield
    finally:
        _current = None
    spent = {
        "started": begun.isoformat(timespec="seconds"),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - clock, 2),
        "cpu_seconds": round(_cpu_seconds() - cpu, 2),
    }
    try:
        keep(at_work, spent, anywhere=project is not None)
    # Whatever it is: the result is published already, and no record is worth losing it.
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        log(f"{folder / FOLDER}: how the result came to be is not recorded ({reason}).")


def keep(done: Job, spent: Mapping[str, Any], *, anywhere: bool = True) -> None:
    """Write the record of a job that has ended well.

    Parameters
    ----------
    done
        The job.
    spent
        When it ran, and for how long.
    anywhere
        Whether products outside of the project count alone.

    Raises
    ------
    OSError
        If the record cannot be written, or a product is gone.
    """
    ledger = Ledger(done.project)
    outputs = done.outputs(ledger)
    inside = [name for name in outputs if not _is_outside(name)]
    if not (inside or (anywhere and outputs)):
        return
    settings = {name: _plain(value) for name, value in done.arguments.items()}
    settings = {name: value for name, value in settings.items() if not _is_path(value)}
    machine = circumstances.machine(os.environ)
    machine |= {"gpus": machine["gpus"] or done.gpus, "threads": done.arguments.get("threads")}
    ledger.write(
        {
            "stage": done.stage,
            "version": done.version,
            "command": shlex.join(done.words),
            "settings": settings,
            "seed": seed_of(settings),
            **spent,
            "software": circumstances.software(),
            "machine": machine,
            "project": {CONFIG: _digest_of(done.project / CONFIG)},
            "inputs": done.inputs(ledger),
            "outputs": outputs,
        }
    )


def seed_of(settings: Mapping[str, Any]) -> int | None:
    """Find the seed among the settings of a job."""
    for value in (settings, *settings.values()):
        if isinstance(value, Mapping) and value.get("seed") is not None:
            return value["seed"]
    return None


def _settled(ledger: Ledger, name: str, seen: Fact) -> Fact:
    """Add the digest, unless the file is no longer the one that was read."""
    path = ledger.path_of(name)
    now = look(path)
    if now is None or not now.looks_like(seen):
        return seen
    return Fact(seen.bytes, seen.mtime_ns, ledger.digest_of(name, now))


def _is_outside(name: str) -> bool:
    return Path(name).is_absolute() or name.startswith("..")


def _digest_of(path: Path) -> str | None:
    try:
        return digest(path)
    except OSError:
        return None


def _names_file(word: str) -> bool:
    try:
        return Path(word).is_file()
    except (OSError, ValueError):  # too long a word, or one with a null character
        return False


def _is_path(value: Any) -> bool:
    return isinstance(value, Path) or (
        isinstance(value, list) and any(isinstance(item, Path) for item in value)
    )


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _cpu_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _watch() -> None:
    """Have Python tell which files it opens; this cannot be undone, only be left without effect."""
    global _watching
    if not _watching:
        sys.addaudithook(_notice)
        _watching = True


def _notice(event: str, details: tuple[Any, ...]) -> None:
    if event != "open" or _current is None:
        return
    path, _, flags = details
    only_read = isinstance(flags, int) and flags & os.O_ACCMODE == os.O_RDONLY
    if only_read and isinstance(path, str | os.PathLike):
        name = os.fspath(path)
        if isinstance(name, str):
            _current.opened(name)
