"""The jobs that Snakemake plans for a project, called in this process: no start-up for each."""

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from stub_project import ROOT

from deg_core.cli import main

BLOCK = re.compile(
    r"^(?:local)?rule (\w+):\n((?:    .*\n)+)(?:Shell command: (.*)\n)?", re.MULTILINE
)


@dataclass(frozen=True)
class Planned:
    """One job; ``command`` is empty where a script does it."""

    rule: str
    inputs: list[str]
    outputs: list[str]
    command: str

    def run(self) -> None:
        """Call the stage as the rule does, but for the log."""
        words = shlex.split(self.command.partition(" &> ")[0])
        assert words[0] == "deg"
        assert main(words[1:]) == 0, self.command


def plan(folder: Path, *options: str) -> list[Planned]:
    """Ask Snakemake what it would do, in an order in which it can be done."""
    command = [sys.executable, "-m", "snakemake", "-s", ROOT / "Snakefile", "--directory", folder,
               "--cores", "1", "--dry-run", "--forceall", "--printshellcmds", *options]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    text = re.sub(r"^\[.*\]\n", "", done.stdout + done.stderr, flags=re.MULTILINE)
    jobs = [
        Planned(rule, _files(body, "input"), _files(body, "output"), shell.strip())
        for rule, body, shell in BLOCK.findall(text)
    ]
    return _in_order(jobs)


def _files(body: str, what: str) -> list[str]:
    found = re.search(rf"^    {what}: (.*)$", body, re.MULTILINE)
    return found[1].split(", ") if found else []


def _in_order(jobs: list[Planned]) -> list[Planned]:
    waiting, done, found = list(jobs), set(), []
    made = {path for job in jobs for path in job.outputs}
    while waiting:
        ready = [job for job in waiting if not (set(job.inputs) & made) - done]
        assert ready, waiting
        found += ready
        done |= {path for job in ready for path in job.outputs}
        waiting = [job for job in waiting if job not in ready]
    return found
