"""`deg run`: quick checks, then Snakemake on a project folder, and what failed where."""

import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from deg_core.progress import log
from deg_core.project import lock, workflow
from deg_core.project.folder import Project, open_project, quoted
from deg_core.splits import plan
from deg_core.table import check_usable

SHOWN_FAILURES = 10
# How a job's last line begins after a fault of the program, or an interrupt; and what a training
# says that was asked to stop.
NOT_MENDED = ("deg: unexpected ", "deg: interrupted")
REQUESTED = "stopped on request"


@dataclass(frozen=True)
class Failure:
    """A job that failed, as Snakemake's log tells it."""

    rule: str
    log: str


def run(folder: Path, *, options: Sequence[str], environment: Mapping[str, str]) -> int:
    """Compute what is missing or stale in a project.

    Parameters
    ----------
    folder
        The project.
    options
        For Snakemake: options and targets.
    environment
        Of the process.

    Returns
    -------
    int
        Snakemake's exit code; 2 if each job that failed says what the user can mend; 130 after an
        interrupt.

    Raises
    ------
    ConfigError
        If settings, table or splits cannot be used.
    VideoError
        If a raw video is missing that has not been imported yet.
    StateError
        If another run is at work in the folder, or it cannot be written.
    """
    check(open_project(folder))
    command = workflow.command(folder, options=options, environment=environment)
    jobs = workflow.job_environment(environment)
    if workflow.is_dry(options):
        workflow.require_writable(folder)
        return subprocess.call(command, env=jobs)
    with lock.claim(folder) as claimed:
        if claimed.stale and "--unlock" not in options:
            log(f"{folder}: the last run was killed; removing the lock that it left behind.")
            workflow.ask(folder, options=["--unlock"], environment=environment)
        lock.write_record(claimed)
        code = supervise(command, environment=jobs, keep_open=claimed.descriptor)
    if code == 130:
        log(
            f"deg: {folder}: interrupted; what was done is kept, "
            f"and `deg run {quoted(folder)}` goes on."
        )
    elif code:
        log(explain(folder))
        return 2 if code == 1 and can_be_mended(folder) else code
    return code


def check(project: Project) -> None:
    """Check what takes no time, so that a mistake is told in a sentence and before any work.

    Raises
    ------
    ConfigError
        If there is no video, or the splits are not possible.
    LabelError
        If a label file cannot be used.
    VideoError
        If raw videos are missing that have not been imported.
    """
    positive: dict[str, dict[str, int]] = {}
    for video in project.videos:
        positive |= project.positives_of(video)
    check_usable(project.videos, project.table, project=project.folder, drawn=project.drawn)
    plan(project.config, project.videos, positive)


def supervise(command: Sequence[str], *, environment: Mapping[str, str], keep_open: int) -> int:
    """Run a command to its end, whatever signal comes: it has jobs to end in good order.

    Parameters
    ----------
    command
        Program and arguments.
    environment
        Of the program.
    keep_open
        A file descriptor that the program inherits.

    Returns
    -------
    int
        The exit code; 130 if an interrupt came, 128 + n if signal n ended the program.
    """
    interrupted = False
    process = subprocess.Popen(command, env=dict(environment), pass_fds=[keep_open])

    def forward(number: int, _: FrameType | None) -> None:
        process.send_signal(number)

    before = signal.signal(signal.SIGTERM, forward)
    try:
        while True:
            try:
                code = process.wait()
                return 130 if interrupted else 128 - code if code < 0 else code
            except KeyboardInterrupt:  # the terminal sends it to the program, too
                interrupted = True
    finally:
        signal.signal(signal.SIGTERM, before)


def explain(folder: Path) -> str:
    """Say what failed in the last run: rules, the last line of their logs, where to read on."""
    logs = logs_of_runs(folder)
    if not logs:
        return f"deg: {folder}: snakemake failed before it wrote a log; see above."
    failed = failures_of(logs[-1])
    lines = [f"deg: {folder}: the run did not finish."]
    for failure in failed[:SHOWN_FAILURES]:
        lines.append(f"  {failure.rule}: {last_line(folder / failure.log)}")
        lines.append(f"    ({folder / failure.log})")
    if len(failed) > SHOWN_FAILURES:
        lines.append(f"  and {len(failed) - SHOWN_FAILURES} more")
    lines.append(f"  log of the run: {logs[-1]}")
    lines.append(f"  `deg doctor {quoted(folder)}` looks for causes; what was done is kept.")
    return "\n".join(lines)


def can_be_mended(folder: Path) -> bool:
    """Tell whether bad input, and nothing else, made the last run fail: its jobs' logs say so."""
    said = [
        last_line(folder / failure.log)
        for path in logs_of_runs(folder)[-1:]
        for failure in failures_of(path)
    ]
    return bool(said) and all(
        line.startswith("deg: ") and not line.startswith(NOT_MENDED) and REQUESTED not in line
        for line in said
    )


def logs_of_runs(folder: Path) -> list[Path]:
    """List Snakemake's own logs, the last run's last."""
    return sorted((folder / ".snakemake" / "log").glob("*.snakemake.log"))


def failures_of(path: Path) -> list[Failure]:
    """Find the failed jobs in one of Snakemake's logs."""
    return failures(path.read_text(encoding="utf-8", errors="replace"))


def failures(text: str) -> list[Failure]:
    """Find the failed jobs in Snakemake's log, each once, in the order of their failing."""
    found = re.findall(
        r"^Error in rule (\w+):\n(?:[ \t]+.*\n)*?[ \t]+log: (.+?)(?: \(check log file.*)?$",
        text, flags=re.MULTILINE,
    )  # fmt: skip
    return [Failure(*pair) for pair in dict.fromkeys(found)]


def last_line(path: Path) -> str:
    """Return the last line of a log that says something."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "its log is gone"
    return next((line for line in reversed(lines) if line.strip()), "its log is empty")
