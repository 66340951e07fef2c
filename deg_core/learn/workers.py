"""The processes of one training on several devices: started, watched and ended together."""

import contextlib
import functools
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from deg_core import recording
from deg_core.errors import DegError, Interrupted, StateError
from deg_core.learn import distributed, leases
from deg_core.learn.device import choose_several
from deg_core.progress import log

Run = Callable[..., None]
GRACE_S = 3.0
STOPPING = (signal.SIGTERM, signal.SIGINT)


def on_several_devices(run: Run) -> Run:
    """Let a stage's `run` work in as many processes as its settings' ``gpus`` say, a device each.

    Each process runs the whole of it; `deg_core.learn.distributed` divides the work, and the first
    one alone publishes. With ``gpus: 1``, or where nothing is trained, it is simply called.
    """

    @functools.wraps(run)
    def start(**arguments: Any) -> None:
        settings = arguments["settings"]
        if settings.gpus == 1 or settings.epochs == 0 or distributed.size() > 1:
            run(**arguments)
        else:
            together(start, arguments, choose_several(settings.gpus))

    return start


@dataclass(frozen=True)
class _Worker:
    """A process, and the end of a pipe at which it says how it ended."""

    process: BaseProcess
    said: Connection

    def outcome(self) -> BaseException | None:
        """Return why the process, which has spoken or ended, has failed; None if it has not."""
        try:
            said = self.said.recv()
        except EOFError:  # without a word
            self.process.join()
            return Died(self.process.exitcode)
        if isinstance(said, BaseException):
            return said
        recording.add(said)
        return None


class Died(Exception):
    """A process ended without a word; the argument is its exit code, negative for a signal."""


def together(run: Run, arguments: Mapping[str, Any], devices: Sequence[torch.device]) -> None:
    """Call a function in one process per device, and wait until all have ended.

    Parameters
    ----------
    run
        A module's function; its module is imported anew by each process.
    arguments
        What it gets. Of its ``threads`` each process gets its share.
    devices
        What each process computes with; this process holds them.

    Raises
    ------
    DegError
        What a process raised.
    Interrupted
        If this process was asked to stop.
    StateError
        If a process was killed; the others are then ended at once.
    RuntimeError
        With the traceback of any other error of a process.
    """
    log(f"{len(devices)} processes on {', '.join(map(str, devices))}")
    n = len(devices)
    shared = dict(arguments) | {"threads": max(1, arguments.get("threads", 1) // n)}
    with tempfile.TemporaryDirectory(prefix="deg-") as folder, _started(
        [(run, shared, Place(rank, tuple(devices), Path(folder))) for rank in range(n)]
    ) as workers, _passing_on(workers) as asked:  # fmt: skip
        errors = _errors(workers, asked)
        if errors:
            raise _told(errors, n, stopped=asked.is_set())
        for worker in workers:
            worker.process.join()


def _errors(workers: Sequence[_Worker], asked: threading.Event) -> list[BaseException]:
    """Wait until all have ended well, or a little longer than until the first one has failed."""
    waiting = {worker.said: worker for worker in workers}
    errors: list[BaseException] = []
    while waiting:
        ended = wait([*waiting], GRACE_S)
        # The end of one makes others fail, which may be noticed first: the reason follows at once.
        if errors and not ended:
            break
        outcomes = [waiting.pop(said).outcome() for said in ended]
        errors += [error for error in outcomes if error is not None]
        if asked.is_set():  # once more, since they hear it only after their training has begun
            _ask(list(waiting.values()))
    return errors


def _told(errors: Sequence[BaseException], n: int, *, stopped: bool) -> BaseException:
    """Choose the error that tells why the processes have ended."""
    for kind in (Died, DegError):
        errors = [e for e in errors if isinstance(e, kind)] or errors
    error = errors[0]
    if stopped and not isinstance(error, DegError):
        return Interrupted("stopped on request, before a step was made; run again to continue.")
    if isinstance(error, Died):
        return StateError(
            f"one of the {n} processes of this training was killed (exit code {error}), perhaps "
            "for lack of memory; run again to continue from the saved state."
        )
    return error


@dataclass(frozen=True)
class Place:
    """What a process must know: its number, all devices, and where it meets the others."""

    rank: int
    devices: tuple[torch.device, ...]
    folder: Path
    held: list[str] = field(default_factory=leases.held)
    project: Path | None = field(default_factory=recording.project_at_work)

    def enter(self) -> None:
        """Become this process."""
        os.environ["DEG_DEVICE"] = str(self.devices[self.rank])
        leases.inherit(self.held)
        distributed.join(
            self.rank, len(self.devices), device=self.devices[self.rank],
            meeting_point=self.folder / "meeting point",
        )  # fmt: skip


@contextlib.contextmanager
def _started(places: Sequence[tuple]) -> Iterator[list[_Worker]]:
    """Start a process per place; none of them outlives the block."""
    context = multiprocessing.get_context("spawn")  # the only way that CUDA allows
    workers: list[_Worker] = []
    try:
        for place in places:
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=_work, args=(*place, there))
            process.start()
            there.close()
            workers.append(_Worker(process, here))
        yield workers
    finally:
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.process.join()
            worker.said.close()


@contextlib.contextmanager
def _passing_on(workers: Sequence[_Worker]) -> Iterator[threading.Event]:
    """Pass SIGTERM and Ctrl-C on: the processes save their state and end.

    A second signal of the same kind does what it does anywhere.
    """
    asked = threading.Event()
    before: dict[int, Any] = {}

    def pass_on(number: int, _: object) -> None:
        asked.set()
        _ask(workers)
        signal.signal(number, before[number])

    for number in STOPPING:
        before[number] = signal.signal(number, pass_on)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ask(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()


def _work(run: Run, arguments: Mapping[str, Any], place: Place, said: Connection) -> None:
    """Be one of the processes."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for number in STOPPING:
        # But for the training loop, which ends in good order. What ends a whole group of processes,
        # or all of a Slurm job, comes to this one directly and from its parent: once is enough.
        signal.signal(number, signal.SIG_IGN)
    if place.rank:  # the first one speaks for all
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
    try:
        place.enter()
        with recording.helping(place.project) as noted:
            run(**arguments)
        distributed.leave()
        said.send(noted)
    except DegError as error:
        said.send(error)
    except BaseException:
        said.send(RuntimeError(f"in process {place.rank}: {traceback.format_exc()}"))


def _end_with_parent() -> None:
    """End this process as soon as the one that started it has ended, in whatever way."""
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)
