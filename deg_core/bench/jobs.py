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
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from deg_core import errors
from deg_core.bench.figures import peak_mb
from deg_core.data.publish import publish_json, read_json
from deg_core.errors import DegError
from deg_core.progress import log

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
LAST = 50  # lines that are kept of what a process says
# What a job says of its work stays unseen beside the tables. Lines that begin like this come
# through at once: without them `deg bench` seems to hang while another job has the graphics card.
# They are the words of `deg_core.learn.leases`, to which the tests hold them.
PASSED_ON = ("waiting for ", "got ")


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
        code, said = _run([*command, str(answer)], json.dumps(arguments, default=str))
        if code == 0:
            return read_json(answer)
        told = read_json(answer) if answer.is_file() else {}
        if "kind" in told:
            raise getattr(errors, told["kind"])(told["error"])
        raise JobFailed(_why(job, code, said))


def _run(command: Sequence[str], given: str) -> tuple[int, str]:
    """Run a command on a text; returns its exit code, and the end of its standard error."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, errors="replace",
    ) as process:  # fmt: skip
        try:
            # By a pipe: if this process is stopped before, that one gets nothing, and so ends.
            with suppress(BrokenPipeError), process.stdin as pipe:  # it may have died already
                pipe.write(given)
            said = deque(_passed_on(process.stderr), maxlen=LAST)
        except BaseException:  # whatever ends this process ends that one, too
            process.kill()
            raise
    return process.returncode, "".join(said)


def _passed_on(lines: Iterable[str]) -> Iterator[str]:
    """Yield all lines, and show those that the user must see as soon as they come."""
    for line in lines:
        if line.startswith(PASSED_ON):
            log(line.rstrip("\n"))
        yield line


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
        publish_json(answer, {"kind": _kind(error), "error": str(error)})
        return error.exit_code
    publish_json(answer, dict(found or {}) | {"peak_mb": peak_mb()})
    return 0


def _kind(error: DegError) -> str:
    """Name the nearest class that can be made from a sentence where nothing large is loaded.

    Other modules derive classes of their own, which their importers alone catch.
    """
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == errors.__name__)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
