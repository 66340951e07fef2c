"""Measurements in processes of their own, so that peak memory and threads are theirs alone.

The process that `deg bench` starts in loads nothing large: on Linux a process begins with its
parent's peak on its account.
"""

import importlib
import json
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from deg_core import errors
from deg_core.bench.figures import peak_mb
from deg_core.data.publish import publish_json, read_json
from deg_core.errors import DegError

# What a process can be asked for.
JOBS: dict[str, str] = {
    "machine": "deg_core.bench.machine:describe_machine",
    "draw": "deg_core.bench.material:draw",
    "repeat": "deg_core.bench.material:repeat",
    "store": "deg_core.bench.material:make_store",
    "statistics": "deg_core.bench.material:make_statistics",
    "models": "deg_core.bench.untrained:make_models",
    "read_models": "deg_core.bench.untrained:read_models",
    "extraction": "deg_core.bench.extraction:measure",
    "clips": "deg_core.bench.clips:measure",
    "train_flow": "deg_core.bench.training:measure_flow",
    "train_features": "deg_core.bench.training:measure_features",
    "compare_features": "deg_core.bench.training:compare_features",
    "train_sequence": "deg_core.bench.training:measure_sequence",
    "import": "deg_core.bench.length:import_once",
    "extract": "deg_core.bench.length:extract_once",
    "tgm": "deg_core.bench.tgm:measure",
    "tgm_memory": "deg_core.bench.tgm:memory",
}


class JobFailed(Exception):
    """A measurement ended without an answer; its text is one sentence."""


def do(job: str, **arguments: Any) -> dict[str, Any]:
    """Do one job in a new process.

    Parameters
    ----------
    job
        One of `JOBS`.
    **arguments
        Plain values and paths.

    Returns
    -------
    dict
        The job's answer, and the ``peak_mb`` of its process.

    Raises
    ------
    DegError
        What the job raised, if it is something that the user can mend.
    JobFailed
        If the process ended otherwise.
    """
    command = [sys.executable, "-m", "deg_core.bench.jobs", job]
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        done = subprocess.run(
            [*command, str(answer)], input=json.dumps(arguments, default=str), text=True,
            capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode == 2 and answer.is_file():
            told = read_json(answer)
            raise getattr(errors, told["kind"])(told["error"])
        if done.returncode:
            raise JobFailed(_why(job, done.returncode, done.stderr))
        return read_json(answer)


def _why(job: str, code: int, said: str) -> str:
    if code < 0:
        return f"{job}: killed by signal {-code}; if that is 9, the memory was too small for it."
    lines = [line for line in said.splitlines() if line.strip()] or ["no message"]
    return f"{job}: ended with code {code}: {lines[-1]}"


def main(job: str, answer: Path) -> int:
    """Do a job whose arguments come as JSON from standard input; write its answer."""
    module, _, function = JOBS[job].partition(":")
    arguments = json.load(sys.stdin)
    try:
        found = getattr(importlib.import_module(module), function)(**arguments)
    except DegError as error:
        traceback.print_exc()
        publish_json(answer, {"kind": type(error).__name__, "error": str(error)})
        return error.exit_code
    publish_json(answer, dict(found or {}) | {"peak_mb": peak_mb()})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
