"""The private Slurm as tests see it: its jobs, their processes, its nodes, its controller."""

import contextlib
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

MARK = "# written by the tests of deg-core"
STATE = Path("/var/tmp/deg-slurm")
FIELD = re.compile(r"(\w[\w:/]*)=(.*?)(?= \w[\w:/]*=|$)")  # values may hold spaces


@dataclass(frozen=True)
class Job:
    """A job, as `scontrol show job` tells it; ``fields`` holds the rest."""

    number: int
    rule: str
    state: str
    node: str
    fields: dict[str, str]

    @property
    def asked(self) -> dict[str, str]:
        """What it asked for: partition, processors, memory, cards and time."""
        parts = dict(part.split("=", 1) for part in self.fields["TRES"].split(","))
        return {
            "partition": self.fields["Partition"],
            "cpus": parts["cpu"],
            "memory": parts["mem"],
            "cards": self.fields.get("TresPerJob", "").strip(),
            "time": self.fields["TimeLimit"],
        }


def is_ours() -> bool:
    """Tell whether this machine's Slurm is the one of tools/slurm/start.sh, and answers."""
    try:
        text = Path("/etc/slurm/slurm.conf").read_text(encoding="utf-8")
    except OSError:
        return False
    return MARK in text.splitlines() and not call("scontrol", "ping").returncode


def call(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of Slurm; none may hang."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return subprocess.CompletedProcess(command, 124, "", "took too long")


def jobs(folder: Path) -> list[Job]:
    """List all jobs of a project, the first submitted first; Slurm remembers them for an hour."""
    found = []
    for line in call("scontrol", "show", "job", "-o").stdout.splitlines():
        fields = dict(FIELD.findall(line))
        if Path(fields.get("WorkDir", "/")) != folder.resolve():
            continue
        rule = fields.get("Comment", "").removeprefix("rule_").split("_wildcards_")[0]
        found.append(
            Job(int(fields["JobId"]), rule, fields["JobState"], fields["NodeList"], fields)
        )
    return sorted(found, key=lambda job: job.number)


def of_rule(folder: Path, rule: str) -> list[Job]:
    """List the jobs of a rule or of a chain, by the beginning of its name."""
    return [job for job in jobs(folder) if job.rule.startswith(rule)]


def wait_for(what: Callable[[], object], *, seconds: float, every: float = 0.2) -> object:
    """Look until something is there, and return it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        time.sleep(every)
    raise AssertionError(f"waited in vain for {seconds} s")


def processes(number: int) -> list[psutil.Process]:
    """List the processes of a job, by the environment that Slurm gave them."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("SLURM_JOB_ID") == str(number):
                found.append(process)
    return found


def stage_of(number: int, stage: str) -> psutil.Process | None:
    """Find the process of a stage in a job: `deg train-features`, and not the shells around it."""
    for process in processes(number):
        with contextlib.suppress(psutil.Error):
            names = [Path(part).name for part in process.cmdline()]
            if "python" in names[0] and stage in names:
                return process
    return None


def cut_power(node: str, jobs_there: list[Job]) -> None:
    """Lose a node: the processes of its jobs are gone at once, and Slurm is told."""

    def send(number: int) -> None:
        for job in jobs_there:
            for process in processes(job.number):
                with contextlib.suppress(psutil.Error):
                    process.send_signal(number)

    send(signal.SIGSTOP)  # so that nothing ends in good order
    call("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    send(signal.SIGKILL)


def controller() -> psutil.Process:
    """Find slurmctld."""
    return psutil.Process(int((STATE / "pid" / "slurmctld.pid").read_text()))
