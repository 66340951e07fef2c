"""One project's way through a cluster where things go wrong, told once and asserted on by tests.

Hard limits are those of `timeout -k`: none of the runs may hang, whatever the scheduler does.
"""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import psutil
import scheduler
import small
from scheduler import Job, wait_for

from deg_core.project import machine

LIMIT_S = 3000
# Longer than Snakemake, which looks each 12 s, and Slurm's programs, which try for 10 s, take.
AWAY_S = 45
# The shipped profile, looking more often than users should.
QUICK = (
    "--profile", "slurm", "--slurm-init-seconds-before-status-checks", "2",
    "--max-status-checks-per-second", "10",
)  # fmt: skip
ENVIRONMENT = dict(os.environ) | {"DEG_DEVICE": "cpu"}


@dataclass(frozen=True)
class Ended:
    """A run that has ended: its exit code and all that it said."""

    code: int
    said: str


@dataclass(frozen=True)
class Story:
    """What happened; jobs as they were when it had happened."""

    folder: Path
    workstation: Path
    lost: Job  # its node went down
    canceled: Job  # a training, by `scancel`
    orphan: Job  # a training that outlived Snakemake
    refused: list[Ended]  # `deg run` while it lived
    late: Job  # a training that met its time limit
    finished: Ended
    again: Ended  # a dry run, after all

    @property
    def jobs(self) -> list[Job]:
        """All jobs that the cluster remembers."""
        return scheduler.jobs(self.folder)

    def record(self, training: str) -> dict[str, object]:
        """Read the record of a training."""
        (path,) = (self.folder / "results" / "models" / training).rglob("*.run.json")
        return json.loads(path.read_text())


class Run:
    """`deg run`, with a limit that nothing escapes; what it says goes to a file."""

    alive: ClassVar[list["Run"]] = []

    def __init__(self, folder: Path, *options: str, said: Path) -> None:
        command = ["timeout", "-k", "10", str(LIMIT_S), sys.executable, "-m", "deg_core.cli"]
        self.said = said
        with said.open("w") as out:
            self.process = subprocess.Popen(
                [*command, "run", str(folder), *options], stdout=out, stderr=out, env=ENVIRONMENT
            )
        self.alive.append(self)

    def wait(self) -> Ended:
        """Wait for its end."""
        code = self.process.wait()
        self.alive.remove(self)
        return Ended(code, self.said.read_text(errors="replace"))

    def kill(self) -> None:
        """Kill `deg run` and Snakemake at once, as a login node that goes down does."""
        with contextlib.suppress(psutil.Error):  # it may have ended by itself
            for process in psutil.Process(self.process.pid).children(recursive=True):
                process.kill()
        self.process.kill()
        self.process.wait()
        self.alive.remove(self)

    def must_go_on(self) -> None:
        """Complain if it has ended, so that nobody waits for what cannot come."""
        code = self.process.poll()
        assert code is None, f"ended with {code}:\n{self.said.read_text()[-3000:]}"


def run(folder: Path, *options: str, said: Path) -> Ended:
    """Run to the end."""
    return Run(folder, *options, said=said).wait()


def play(place: Path) -> Story:
    """Take a project through it all, and another one through a run on this machine."""
    folder, workstation = (
        small.make(place / n, place / "raw") for n in ("on slurm", "workstation")
    )
    local = Run(workstation, "--cores", "all", said=place / "workstation.log")
    first = Run(folder, *QUICK, said=place / "first.log")
    lost = node_down(folder, first)
    canceled = cancel_training(folder, first)
    orphan, refused = kill_snakemake(folder, first)

    second = Run(folder, *QUICK, said=place / "second.log")
    controller_away(folder, second)
    late = meet_time_limit(folder, second)
    finished = second.wait()
    assert local.wait().code == 0, local.said.read_text()[-3000:]
    again = run(folder, *QUICK, "-n", said=place / "again.log")
    return Story(folder, workstation, lost, canceled, orphan, refused, late, finished, again)


def predict_as_array(project: Path, place: Path) -> tuple[list[Job], list[str]]:
    """Predict the raw videos twice with the script of docs/large.md, one task for each video.

    Returns
    -------
    tuple
        The jobs, and what each said.
    """
    deg, raw = place / "bin" / "deg", project.parent / "raw"
    deg.parent.mkdir(parents=True)
    deg.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m deg_core.cli "$@"\n')
    deg.chmod(0o755)
    subprocess.run([deg, "export-model", project, "--out", place / "mouse.deg"], check=True)
    (place / "videos.txt").write_text("".join(f"{path}\n" for path in sorted(raw.glob("*.mkv"))))
    page = Path(__file__).parents[2].joinpath("docs", "large.md").read_text(encoding="utf-8")
    script = textwrap.dedent(
        re.search(r"(?:^    .+\n)*^    #!/bin/bash\n(?:^    .+\n)+", page, re.M)[0]
    )
    script = "".join(x for x in script.splitlines(keepends=True) if "--gpus" not in x)
    (place / "array.sh").write_text(script.replace("/data", str(raw)))
    search = {"PATH": f"{deg.parent}{os.pathsep}{ENVIRONMENT['PATH']}"}
    for _ in range(2):
        asked = "--array=1-3", "--partition=cpu", "--cpus-per-task=1", "--mem=1500M", "--time=10"
        subprocess.run(
            ["timeout", "600", "sbatch", "--wait", *asked, "array.sh"],
            cwd=place, env=ENVIRONMENT | search, check=True,
        )  # fmt: skip
    jobs = scheduler.jobs(place)
    return jobs, [Path(job.fields["StdOut"]).read_text() for job in jobs]


def node_down(folder: Path, running: Run) -> Job:
    """Take the node of an import away while it works; another node takes over."""
    job = hold(folder, running, "import")
    there = [other for other in scheduler.jobs(folder) if other.node == job.node]
    scheduler.cut_power(job.node, there)
    lost = _ended(folder, job)
    wait_for(lambda: len(scheduler.of_rule(folder, job.rule)) > 3, seconds=600)
    scheduler.call("scontrol", "update", f"nodename={job.node}", "state=resume")
    return lost


def cancel_training(folder: Path, running: Run) -> Job:
    """Cancel the training of the feature extractor when it has saved a state."""
    job = _in_training(folder, running, "train_features")
    scheduler.call("scancel", str(job.number))
    return _ended(folder, job)


def kill_snakemake(folder: Path, running: Run) -> tuple[Job, list[Ended]]:
    """Kill `deg run` and Snakemake while the sequence model trains; then try to run again."""
    job = _in_training(folder, running, "train_sequence")
    running.kill()
    refused = [
        run(folder, *options, said=folder.parent / f"refused {len(options)}.log")
        for options in (QUICK, ("--cores", "1"))
    ]
    scheduler.call("scancel", str(job.number))  # as the message says
    # On a cluster of several machines nobody would see what ends a little later than Slurm says.
    wait_for(lambda: not machine.workers(folder), seconds=120)
    return job, refused


def controller_away(folder: Path, running: Run) -> None:
    """Let the controller be silent while Snakemake looks at its jobs, again and again."""
    _in_training(folder, running, "train_sequence")
    controller = scheduler.controller()
    controller.send_signal(signal.SIGSTOP)
    time.sleep(AWAY_S)
    controller.send_signal(signal.SIGCONT)
    wait_for(lambda: scheduler.call("scontrol", "ping").returncode == 0, seconds=60)


def meet_time_limit(folder: Path, running: Run) -> Job:
    """Let the sequence training be so slow that its time runs out."""
    job = _in_training(folder, running, "train_sequence")
    scheduler.call("scontrol", "update", f"jobid={job.number}", "timelimit=1")
    return _ended(folder, job)


def _in_training(folder: Path, running: Run, rule: str) -> Job:
    """Wait until a training has a state to continue from, and hold it there."""
    stage = rule.replace("_", "-")

    def caught(job: Job) -> bool:
        assert job.state != "COMPLETED", f"{rule} ended before it was held"
        states = [path for path in (folder / "state" / rule).rglob("*.pt") if path.is_file()]
        process = scheduler.stage_of(job.number, stage)
        if not states or process is None:
            return False
        process.send_signal(signal.SIGSTOP)
        return True

    return _working(folder, running, rule, caught)


def hold(folder: Path, running: Run, rule: str) -> Job:
    """Wait for a running job of a rule, and stop its processes."""

    def held(job: Job) -> bool:
        found = scheduler.processes(job.number)
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.suspend()
        return bool(found) and job.state == "RUNNING"

    return _working(folder, running, rule, held)


def _working(folder: Path, running: Run, rule: str, far_enough) -> Job:
    """Wait for a running job of a rule that has got far enough."""

    def look() -> Job | None:
        running.must_go_on()
        for job in scheduler.of_rule(folder, rule):
            if job.state in ("RUNNING", "COMPLETED") and far_enough(job):
                return job
        return None

    return wait_for(look, seconds=LIMIT_S)


def _ended(folder: Path, job: Job) -> Job:
    """Wait until Slurm has finished with a job, and return how."""

    def look() -> Job | None:
        (now,) = (other for other in scheduler.jobs(folder) if other.number == job.number)
        return None if now.state in ("RUNNING", "COMPLETING", "PENDING") else now

    return wait_for(look, seconds=600)
