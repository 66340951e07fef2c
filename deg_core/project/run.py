"""`deg run`: quick checks, then Snakemake on a project folder, and what failed where."""

import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread
from types import FrameType

from deg_core import states
from deg_core.progress import log
from deg_core.project import cluster, inputs, lock, machine, recover, workflow
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
    ClusterError
        If a cluster was chosen that cannot be used, or still works in the folder.
    """
    project = open_project(folder)
    check(project)
    command = workflow.command(folder, options=options, environment=environment)
    jobs = workflow.job_environment(environment)
    if workflow.is_dry(options):
        workflow.require_writable(folder)
        return subprocess.call(command, env=jobs)
    unlocking = "--unlock" in options
    on_cluster: tuple[str, ...] = ()
    if not unlocking:
        on_cluster = cluster.prepare(folder, options=options, environment=environment)
    alone = partial(
        cluster.require_no_jobs, folder, environment=environment, on_slurm=bool(on_cluster)
    )
    with lock.claim(folder, unlocking=unlocking, elsewhere=alone) as claimed:
        if not unlocking:
            _go_on(project, claimed, environment)
            lock.write_record(claimed)
        if on_cluster:
            jobs = cluster.begin(folder, options=on_cluster, environment=jobs)
        command = workflow.with_options(command, on_cluster)
        code = supervise(
            command, environment=jobs, keep_open=claimed.descriptor, local=not on_cluster
        )
        cluster.end(folder, environment=environment)
        if not unlocking and lock.is_settled(folder):  # whatever failed, and however it ended
            states.discard_finished(folder)
    if code == 130:
        log(
            f"deg: {folder}: interrupted; what was done is kept, "
            f"and `deg run {quoted(folder)}` goes on."
        )
    elif code:
        log(explain(folder))
        return 2 if code == 1 and can_be_mended(folder) else code
    return code


def _go_on(project: Project, claimed: lock.Claim, environment: Mapping[str, str]) -> None:
    """Clear up after a run that was cut off, so that this one can go on from there."""
    folder = project.folder
    if claimed.stale:
        log(f"{folder}: the last run was killed; removing the lock that it left behind.")
        workflow.ask(folder, options=["--unlock"], environment=environment)
    if claimed.cut_off is not None:
        recover.put_in_order(folder, since=claimed.cut_off)
    inputs.renew(project)


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
    positive = {video: brief.positive for video, brief in project.briefs().items()}
    check_usable(project.videos, project.table, project=project.folder, drawn=project.drawn)
    plan(project.config, project.videos, positive)


def supervise(
    command: Sequence[str], *, environment: Mapping[str, str], keep_open: int, local: bool = True
) -> int:
    """Run a command to its end, whatever signal comes: it has jobs to end in good order.

    Parameters
    ----------
    command
        Program and arguments.
    environment
        Of the program.
    keep_open
        A file descriptor that the program inherits.
    local
        Whether its jobs are its children, so that one without children after SIGTERM is stuck.

    Returns
    -------
    int
        The exit code; 130 if an interrupt ended the program, 128 + n if signal n did.
    """
    interrupted = False
    process = subprocess.Popen(command, env=dict(environment), pass_fds=[keep_open])

    def forward(number: int, _: FrameType | None) -> None:
        # Snakemake starts no more jobs, but waits for those at work; trainings can save and end.
        process.send_signal(number)
        machine.tell_jobs(process.pid, number)
        if local:
            Thread(target=end_stuck, args=[process], daemon=True).start()

    before = signal.signal(signal.SIGTERM, forward)
    try:
        while True:
            try:
                code = process.wait()
                return 130 if interrupted and code else 128 - code if code < 0 else code
            except KeyboardInterrupt:
                if not interrupted and not machine.is_at_terminal():
                    forward(signal.SIGINT, None)
                interrupted = True
    finally:
        signal.signal(signal.SIGTERM, before)


def end_stuck(process: subprocess.Popen[bytes], *, patience_s: float = 20.0) -> None:
    """Interrupt a Snakemake that was told to end, has no jobs any more, and does not end.

    SIGTERM may come while it holds a lock that its answer to the signal asks for (9.27: in
    scheduling/job_scheduler.py): then it waits for ever.

    Parameters
    ----------
    process
        Snakemake.
    patience_s
        How long it may have no jobs, in seconds; after twice the time it is killed.
    """
    idle, step = 0.0, min(1.0, patience_s / 4)
    while process.returncode is None and idle < 2 * patience_s:
        if idle >= patience_s:
            process.send_signal(signal.SIGINT)
        time.sleep(step)
        idle = 0.0 if machine.has_children(process.pid) else idle + step
    if process.returncode is None:
        process.kill()


def explain(folder: Path) -> str:
    """Say what failed in the last run: rules, the last line of their logs, where to read on."""
    logs = logs_of_runs(folder)
    if not logs:
        return f"deg: {folder}: snakemake failed before it wrote a log; see above."
    failed = failures_of(logs[-1])
    lines = [f"deg: {folder}: the run did not finish."]
    lines += [f"  {sentence}" for sentence in of_inputs(logs[-1])]
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
    inputs_at_fault = any(map(of_inputs, logs_of_runs(folder)[-1:]))
    return (bool(said) or inputs_at_fault) and all(
        line.startswith("deg: ") and not line.startswith(NOT_MENDED) and REQUESTED not in line
        for line in said
    )


def logs_of_runs(folder: Path) -> list[Path]:
    """List Snakemake's own logs, the last run's last."""
    return sorted((folder / ".snakemake" / "log").glob("*.snakemake.log"))


def failures_of(path: Path) -> list[Failure]:
    """Find the failed jobs in one of Snakemake's logs."""
    return failures(path.read_text(encoding="utf-8", errors="replace"))


def of_inputs(path: Path) -> list[str]:
    """Say what one of Snakemake's logs holds against inputs, of which no job's log tells."""
    text = path.read_text(encoding="utf-8", errors="replace")
    gone = re.findall(r"^(.+) \(missing locally, parent dir", text, flags=re.MULTILINE)
    ahead = re.findall(
        r"^Output .+ has older modification time \(.+?\) than input (.+) \(\d{4}-", text,
        flags=re.MULTILINE,
    )  # fmt: skip
    found = [
        f"{name}: was there when the run began, and is gone; bring it back and run again."
        for name in gone
    ]
    found += [
        f"{name}: is dated later than what was just made of it; set the clock of the machine that "
        "wrote it, `touch` the file, and run again."
        for name in ahead
    ]
    return list(dict.fromkeys(found))


def failures(text: str) -> list[Failure]:
    """Find the failed jobs in Snakemake's log, each once, in the order of their failing."""
    found = re.findall(
        r"^Error in rule (\w+):\n(?:[ \t]+.*\n)*?[ \t]+log: (.+?)(?: \(check log file.*)?$",
        text, flags=re.MULTILINE,
    )  # fmt: skip
    # All that there is where Snakemake was asked to be quiet.
    commands = re.findall(
        r"^Command '.*\bdeg ([a-z-]+) .*&> (.+)' returned non-zero exit", text, flags=re.MULTILINE
    )
    found += [(stage.replace("-", "_"), path) for stage, path in commands if not found]
    return [Failure(*pair) for pair in dict.fromkeys(found)]


def last_line(path: Path) -> str:
    """Return the last line of a log that says something."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "its log is gone"
    return next((line for line in reversed(lines) if line.strip()), "its log is empty")
