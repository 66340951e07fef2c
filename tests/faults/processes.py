"""The processes of one `deg run`: started, told apart, killed."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import psutil

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
LOOK_EVERY_S = 0.2
# Two jobs at a time with one thread each: numbers are those of one thread, everywhere.
OPTIONS = ("--cores", "2", "--max-threads", "1", "--quiet", "all")


@dataclass(frozen=True)
class Worker:
    """A process that a run started: what it is, and of which rule."""

    process: psutil.Process
    kind: str  # "snakemake", "shell", "job"
    rule: str = ""


class Run:
    """`deg run` on a project, in a session of its own, so that nobody else's processes are met.

    Parameters
    ----------
    folder
        The project.
    options
        For Snakemake, beside `OPTIONS`.
    said
        Where to write what it prints.
    """

    def __init__(self, folder: Path, options: Sequence[str], said: TextIO) -> None:
        command = [sys.executable, "-m", "deg_core.cli", "run", str(folder), *options, *OPTIONS]
        self.process = subprocess.Popen(
            command,
            stdout=said,
            stderr=said,
            env=dict(os.environ) | ONE_THREAD | {"DEG_DEVICE": "cpu"},
            start_new_session=True,
            preexec_fn=_hear_interrupts,
        )

    def alive(self) -> bool:
        """Tell whether `deg run` itself is there still."""
        return self.process.poll() is None

    def session(self) -> list[psutil.Process]:
        """List the living processes of the session, also those whose parents died."""
        found = []
        for number in psutil.pids():
            with contextlib.suppress(OSError, psutil.Error):
                if os.getsid(number) == self.process.pid:
                    process = psutil.Process(number)
                    found += [process] if process.status() != psutil.STATUS_ZOMBIE else []
        return found

    def workers(self) -> list[Worker]:
        """Tell the processes apart; `deg run` itself is none of them."""
        found = []
        for process in self.session():
            with contextlib.suppress(psutil.Error):
                if process.pid != self.process.pid:
                    found += _worker(process)
        return found

    def send(self, number: int) -> None:
        """Send `deg run` itself a signal."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def interrupt(self) -> None:
        """Send all an interrupt, as Ctrl-C in their terminal does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)

    def kill_all(self) -> None:
        """Kill every process at once, as a power cut does."""
        while processes := self.session():
            for process in processes:
                send(process, signal.SIGKILL)
            self.process.poll()
            time.sleep(0.01)
        self.process.wait()

    def wait_for_all(self) -> int:
        """Wait until `deg run` and whatever it left behind have ended; returns its exit code."""
        code = self.process.wait()
        while self.session():
            time.sleep(LOOK_EVERY_S)
        return code


def _hear_interrupts() -> None:
    """Undo what a shell does to programs in the background, which would ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def send(process: psutil.Process, number: int) -> None:
    """Send a signal to a process that may have ended meanwhile."""
    with contextlib.suppress(psutil.Error):
        process.send_signal(number)


def _worker(process: psutil.Process) -> list[Worker]:
    words = process.cmdline()
    names = [Path(word).name for word in words]
    if "snakemake" in names[:4] and "--snakefile" in words:
        return [Worker(process, "snakemake")]
    if names[:1] and names[0] in ("bash", "sh"):
        stages = [part.split()[0] for part in " ".join(words).split("deg ")[1:2]]
        return [Worker(process, "shell", *stages)]
    if "deg" in names[:3]:
        return [Worker(process, "job", names[names.index("deg") + 1])]
    scripts = [name for name in names if ".figure_" in name or name.startswith("tmp")]
    return [Worker(process, "job", scripts[0].split(".")[-2])] if scripts else []
