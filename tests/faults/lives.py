"""Lives of a project: run until finished, killed again and again on the way, checked each time."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import compare
import damage
from processes import LOOK_EVERY_S, Run, Worker, send
from trainings import Trainings

from deg_core import states

TRAININGS = ("train-flow", "train-features", "train-sequence")
ENDS_RUN = ("snakemake", "run", "all", "term run", "interrupt", "cut", "cut after term")
JOBS = ("job", "shell", "term job", "training", "term training")
JOBS_BEFORE = (0, 0, 1, 2, 4, 7)
ANY_TIME = 0.005  # how likely a run is ended at any look at it, also between jobs
LONGEST_S = 900.0  # that a run may go on without any progress: then something hangs


@dataclass
class Tally:
    """What happened in all lives together."""

    kills: Counter = field(default_factory=Counter)  # by kind
    rules: Counter = field(default_factory=Counter)  # of killed jobs, by rule
    spoiled: Counter = field(default_factory=Counter)  # files, by how
    checked: int = 0  # results that were compared
    wrong: list[str] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)  # epochs, by continuation of a training

    @property
    def count(self) -> int:
        """Number of kills."""
        return self.kills.total()


class Life:
    """One project from nothing to the end.

    Parameters
    ----------
    folder
        The project, nothing computed.
    expected
        What its results must be, by name below results/.
    seed
        Of everything random.
    tally
        Where to count.
    targets
        What to ask for; nothing asks for everything.
    jobs_before
        How many jobs may begin, or be at work, before one is killed.
    log
        Where to say what happens.
    """

    def __init__(
        self,
        folder: Path,
        expected: dict[str, bytes],
        *,
        seed: int,
        tally: Tally,
        targets: Sequence[str] = (),
        jobs_before: Sequence[int] = JOBS_BEFORE,
        log: Callable[[str], None] = print,
    ) -> None:
        self.folder, self.expected, self.tally = folder, expected, tally
        self.rng = random.Random(seed)
        self.targets, self.jobs_before, self.log = targets, jobs_before, log
        self.spoiled: dict[Path, bytes] = {}  # not yet removed by a run, as far as is known
        self.trainings = Trainings(tally.repeated)

    def live(self, kinds: list[str]) -> None:
        """Kill the project's runs in the given ways, one after the other; then let it finish."""
        waiting, began = list(kinds), time.monotonic()
        while True:
            retries = self.rng.choice(["0", "3"])
            options = ["--retries", retries, *self.targets]
            with (self.folder.parent / "said").open("a") as said:
                code = self._one_run(Run(self.folder, options, said), waiting)
            self.check(f"after a run that ended with {code}")
            if code == 0:
                self._finish()
                if not waiting:
                    self.trainings.close()
                    return
                self._begin_again()  # everything was done before all kills were
            if time.monotonic() - began > LONGEST_S * (2 + len(kinds)):
                raise TimeoutError(f"{self.folder}: no end is in sight")

    def _begin_again(self) -> None:
        self.trainings.close()
        self.trainings = Trainings(self.tally.repeated)
        for name in ("results", "state", "logs", "benchmarks", ".snakemake"):
            subprocess.run(["rm", "-rf", self.folder / name], check=True)

    def _finish(self) -> None:
        """Check what must be true at the end of a life."""
        found = compare.contents(self.folder / "results")
        self._note([f"{name} is missing" for name in self.expected if name not in found])
        left = [path for path in (self.folder / "state").rglob("*.pt") if path.name in states.NAMES]
        self._note([f"{path} is left" for path in left])

    def check(self, when: str) -> None:
        """Compare every result that is there with what it must be, whatever has happened."""
        found = compare.contents(self.folder / "results")
        for path in [*self.spoiled]:
            if not path.exists() or path.read_bytes() != self.spoiled[path]:
                del self.spoiled[path]
        for path in self.spoiled:
            if path.is_relative_to(self.folder / "results"):
                found.pop(path.relative_to(self.folder / "results").as_posix(), None)
        self.tally.checked += len(found)
        self._note([f"{name} {when}" for name in compare.wrong(found, self.expected)])
        self.trainings.look(self.folder)
        self._note(self.trainings.lost)
        self.trainings.lost.clear()

    def _note(self, wrong: list[str]) -> None:
        for line in wrong:
            self.log(f"WRONG {self.folder.parent.name}: {line}")
        self.tally.wrong += [f"{self.folder.parent.name}: {line}" for line in wrong]

    # --- one run

    def _one_run(self, run: Run, waiting: list[str]) -> int:
        """Let one run go on until it ends or is ended; takes kinds of kills off the list."""
        try:
            while waiting:
                kind = waiting[0]
                worker = self._moment(run, kind)
                if worker is None and not run.alive():
                    break  # it ended before there was anything to kill
                waiting.pop(0)
                self._kill(run, kind, worker)
                self.check(f"after the kill '{kind}'")
                if kind in ENDS_RUN:
                    break
            return run.wait_for_all()
        finally:
            run.kill_all()

    def _moment(self, run: Run, kind: str) -> Worker | None:
        """Wait for a random moment at which there is something of the kind to kill."""
        seen: set[int] = set()
        training = kind.endswith("training")
        skipped = 0 if training else self.rng.choice(self.jobs_before)
        while run.alive():
            workers = run.workers()
            if kind in ENDS_RUN and kind != "snakemake" and self.rng.random() < ANY_TIME:
                return workers[0] if workers else None
            for worker in workers:
                if worker.process.pid in seen or not self._fits(worker, kind):
                    continue
                seen.add(worker.process.pid)
                if len(seen) > skipped:
                    time.sleep(self.rng.random() ** 2 * (2.5 if training else 6))
                    return worker
            time.sleep(LOOK_EVERY_S)
        return None

    def _fits(self, worker: Worker, kind: str) -> bool:
        if kind.endswith("training"):
            return worker.rule in TRAININGS and self._has_begun(worker)
        return worker.kind == ("shell" if kind == "shell" else "job")

    def _has_begun(self, worker: Worker) -> bool:
        """Tell whether a training has ended an epoch, so that there is something to lose."""
        logs = (self.folder / "logs" / worker.rule.replace("-", "_")).rglob("*.log")
        return worker.kind == "job" and any("\nepoch " in f"\n{p.read_text()}" for p in logs)

    def _kill(self, run: Run, kind: str, worker: Worker | None) -> None:
        self.tally.kills[kind] += 1
        rule = worker.rule if worker else ""
        self.tally.rules[rule or "between jobs"] += 1
        self.log(f"{self.folder.parent.name}: kill {self.tally.count}: {kind} {rule}")
        if kind in JOBS:
            send(worker.process, signal.SIGTERM if kind.startswith("term") else signal.SIGKILL)
        elif kind == "snakemake":
            for other in run.workers():
                if other.kind == "snakemake":
                    send(other.process, signal.SIGKILL)
            self._refused(run)
        elif kind == "run":
            run.send(signal.SIGKILL)
            time.sleep(self.rng.random() * 4)  # Snakemake goes on, with nobody above it
            run.kill_all()
        elif kind == "interrupt":
            run.interrupt()
        elif kind == "term run":
            run.send(signal.SIGTERM)
        else:
            if kind == "cut after term":
                run.send(signal.SIGTERM)
                time.sleep(self.rng.random() * 2)
            run.kill_all()
            if kind.startswith("cut"):
                self._cut()

    def _cut(self) -> None:
        self.trainings.excuse()
        for path, how in damage.power_cut(self.folder, self.rng).items():
            self.tally.spoiled[how] += 1
            self.spoiled[path] = path.read_bytes()
            self.log(f"  {how}: {path.relative_to(self.folder)}")

    def _refused(self, run: Run) -> None:
        """A second run in a folder where jobs of a killed one still live must not begin."""
        busy = [worker for worker in run.workers() if worker.kind == "job"]
        if not busy or self.rng.random() < 0.7:
            return
        command = [sys.executable, "-m", "deg_core.cli", "run", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if any(worker.process.is_running() for worker in busy) and (
            done.returncode != 2 or "at work in this folder" not in done.stderr
        ):
            self._note([f"a second run ended with {done.returncode}: {done.stderr[-300:]}"])
