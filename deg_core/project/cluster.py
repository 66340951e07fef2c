"""What `deg run` settles with Slurm before Snakemake starts, so that no run waits for ever.

Asks scontrol, sacct, squeue and sinfo. Keeps .snakemake/deg.slurm for as long as jobs of a run may
be in Slurm's hands; docs/cluster.md tells why each question is asked.
"""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deg_core.errors import ClusterError, ConfigError
from deg_core.progress import log
from deg_core.project import site
from deg_core.project.folder import quoted

PLUGIN = "snakemake_executor_plugin_slurm"
STATUS = "--slurm-status-command"
INTERVAL = "--slurm-init-seconds-before-status-checks"
# Seconds; a healthy controller answers within one, and Slurm's own programs try for about ten.
PATIENCE = 20
# What the plugin waits between two looks at the jobs, if nobody says otherwise.
USUAL_INTERVAL = 40
# How long jobs that are ending already may take for it, beyond Slurm's usual KillWait of 30 s.
ENDING_S = 120
# Without accounting, if the controller fails to answer once, the plugin turns to `sacct` for good
# and all, loses sight of its jobs, and waits for ever. This one asks what there is; it fails while
# the controller is away, and the plugin asks again (`slurm-status-attempts` in the profile).
STAND_IN = """#!/bin/sh
# Stands in for sacct, which answers only where accounting is on; called by Snakemake's plugin.
form='%i|%T'
while [ $# -gt 0 ]; do
  case $1 in
    --name) set -- "$@" "--name=$2"; shift ;;
    -j) set -- "$@" "--jobs=$2"; form=%N; shift ;;
    --name=* | --jobs=*) exec squeue --noheader --states=all --format="$form" "$1" ;;
  esac
  shift
done
exit 1
"""
# sacct says `CANCELLED by 1000`, which the plugin takes for a state that may yet end well: it waits
# for ever. This one leaves out by whom; {sacct} is the real one.
FILTER = """#!/bin/sh
# Stands before sacct for Snakemake's plugin, which knows CANCELLED but not `CANCELLED by UID`.
told=$({sacct} "$@") || exit $?
printf '%s\\n' "$told" | sed 's/|CANCELLED by .*/|CANCELLED/'
"""
# The plugin names jobs by the id of their run, and notes the rule as comment.
RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


@dataclass(frozen=True)
class Job:
    """A job of this user that Slurm has not finished with."""

    number: str
    state: str


def prepare(
    folder: Path, *, options: Sequence[str], environment: Mapping[str, str]
) -> tuple[str, ...]:
    """Ask Slurm what a run on it needs to know.

    Parameters
    ----------
    folder
        The project.
    options
        The user's, for Snakemake.
    environment
        Of the process; its PATH finds Slurm's programs.

    Returns
    -------
    tuple of str
        Further options for Snakemake; none where the run is not on Slurm.

    Raises
    ------
    ClusterError
        If this is no machine of a cluster, the controller does not answer, or neither sacct nor
        squeue can tell how jobs ended.
    ConfigError
        If the plugin is not installed, or the profile names a partition that is not there.
    """
    profile = site.read(folder, options=options, environment=environment)
    if profile.executor != "slurm":
        return ()
    if importlib.util.find_spec(PLUGIN) is None:
        raise ConfigError(
            "executor slurm: its plugin is not installed; `pip install 'deg-core[slurm]'` does it."
        )
    settings = _controller(environment)
    _require_partitions(profile, environment)
    return status_options(profile, settings, environment)


def _controller(environment: Mapping[str, str]) -> str:
    """Return what the controller says of itself."""
    try:
        asked = _ask(["scontrol", "show", "config"], environment)
    except FileNotFoundError as error:
        raise ClusterError(
            "executor slurm: there is no `scontrol` here, so this machine belongs to no Slurm "
            "cluster; run on a login node of it, or here without the profile."
        ) from error
    if asked is None:
        raise ClusterError(
            f"executor slurm: the controller does not answer (`scontrol show config`, {PATIENCE} "
            "s); try again when `scontrol ping` says UP. Nothing was started."
        )
    return asked


def status_options(
    profile: site.Profile, settings: str, environment: Mapping[str, str]
) -> tuple[str, ...]:
    """Choose the command that tells how jobs ended, and how often it is asked.

    With one that fails, Snakemake forgets its jobs and waits for ever. `sacct` answers where
    accounting is on. `squeue` forgets a job MinJobAge seconds after its end, and the plugin wants
    to look three times within them.

    Parameters
    ----------
    profile
        What the user chose; a chosen interval is only shortened.
    settings
        What the controller says of itself.
    environment
        Of the process.

    Raises
    ------
    ClusterError
        If neither can tell.
    """
    if _answers(["sacct", "--allocations", "--noheader"], environment):
        return (STATUS, "sacct")
    found = re.search(r"^MinJobAge\s*=\s*(\d+)", settings, flags=re.MULTILINE)
    longest = int(found[1]) // 3 if found else 0
    if longest < 1 or not _answers(["squeue", "--noheader", "--me"], environment):
        raise ClusterError(
            "executor slurm: nothing here can tell how a job ended: `sacct` does not answer "
            f"(accounting is off), and MinJobAge is {found[1] if found else 'unknown'}, where "
            "squeue needs at least 3 s, better 120; ask the cluster's administrators for either."
        )
    wanted = profile.value(INTERVAL) or USUAL_INTERVAL
    return (STATUS, "squeue", INTERVAL, str(min(int(wanted), longest)))


def _require_partitions(profile: site.Profile, environment: Mapping[str, str]) -> None:
    """Refuse a profile for another cluster: each job would fail, after all its retries."""
    listed = _ask(["sinfo", "--noheader", "--format=%R"], environment)
    there = set(listed.split()) if listed else set()
    named = {name for names in profile.partitions for name in names.split(",")}
    if there and named - there:
        raise ConfigError(
            f"{profile.path}: names the partition {', '.join(sorted(named - there))}, but this "
            f"cluster has {', '.join(sorted(there))}; copy the profile's folder, put your "
            "partitions in, and name the copy: `--profile COPY`."
        )


# --- jobs of earlier runs -----------------------------------------------------------------------


def note(folder: Path) -> Path:
    """Name the file that says: jobs of this project may be in Slurm's hands."""
    return folder / ".snakemake" / "deg.slurm"


def require_no_jobs(
    folder: Path, *, environment: Mapping[str, str], on_slurm: bool = False
) -> None:
    """Make sure that no job of an earlier run, which was killed, still works in a project.

    Snakemake would submit it a second time, and both would write the same files. Jobs that are
    ending already are waited for.

    Parameters
    ----------
    folder
        The project.
    environment
        Of the process.
    on_slurm
        Whether Slurm is asked even if no run of ours began there.

    Raises
    ------
    ClusterError
        If there are such jobs, or Slurm does not tell.
    """
    if not note(folder).exists() and not on_slurm:
        return
    until = time.monotonic() + ENDING_S
    while True:
        jobs = jobs_of(folder, environment=environment)
        if not jobs:
            note(folder).unlink(missing_ok=True)
            return
        if any(job.state != "COMPLETING" for job in jobs) or time.monotonic() > until:
            break
        log(f"{folder}: waiting for {len(jobs)} Slurm jobs of the last run to end.")
        time.sleep(2)
    numbers = [job.number for job in jobs]
    raise ClusterError(
        f"{folder}: Slurm jobs of an earlier run, which was killed, still work in this folder "
        f"({', '.join(numbers[:20])}{' and more' if len(numbers) > 20 else ''}); wait until they "
        f"end (`squeue --me`), or end them with `scancel {' '.join(numbers)}`; trainings continue "
        "where they stopped."
    )


def jobs_of(folder: Path, *, environment: Mapping[str, str]) -> list[Job]:
    """List the jobs that Snakemake submitted from a project and that Slurm has not finished with.

    Parameters
    ----------
    folder
        The project: the jobs' working folder.
    environment
        Of the process. The job that this very process may belong to does not count.

    Raises
    ------
    ClusterError
        If Slurm does not tell; where there is no `squeue`, there are no jobs either.
    """
    form = "--format=%F|%j|%k|%T|%Z"  # number (of the array), name, comment, state, folder
    try:
        listed = _ask(["squeue", "--noheader", f"--user={os.getuid()}", form], environment)
    except FileNotFoundError:
        return []
    if listed is None:
        raise ClusterError(
            f"{folder}: jobs of an earlier run may still be at work on the cluster, and Slurm does "
            "not tell (`squeue`); try again when `scontrol ping` says UP, or, if you know that "
            f"there are none, delete {quoted(note(folder))}."
        )
    own = environment.get("SLURM_JOB_ID")
    target = folder.resolve()
    jobs = {}
    for line in listed.splitlines():
        fields = line.split("|", maxsplit=4)
        if len(fields) < 5 or fields[0] == own or Path(fields[4]).resolve() != target:
            continue
        if RUN_ID.search(fields[1]) or fields[2].startswith(("rule_", "group_")):
            jobs[fields[0]] = Job(fields[0], fields[3])
    return list(jobs.values())


def begin(
    folder: Path, *, options: Sequence[str], environment: Mapping[str, str]
) -> dict[str, str]:
    """Note that jobs of a project are about to be in Slurm's hands.

    Parameters
    ----------
    folder
        The project.
    options
        What `prepare` returned.
    environment
        For Snakemake.

    Returns
    -------
    dict
        The environment, with a `sacct` that the plugin understands; where accounting is off, it
        asks squeue.
    """
    note(folder).touch()
    text = STAND_IN
    if "sacct" in options:
        real = shutil.which("sacct", path=environment.get("PATH", os.defpath)) or "sacct"
        text = FILTER.format(sacct=shlex.quote(real))
    program = note(folder).with_name("deg.programs") / "sacct"
    program.parent.mkdir(exist_ok=True)
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)
    path = os.pathsep.join([str(program.parent.resolve()), environment.get("PATH", os.defpath)])
    return dict(environment) | {"PATH": path}


def end(folder: Path, *, environment: Mapping[str, str]) -> None:
    """Take the note back if no job is left; a Snakemake that was killed leaves some."""
    if not note(folder).exists():
        return
    try:
        left = jobs_of(folder, environment=environment)
    except ClusterError:
        return
    if not left:
        note(folder).unlink(missing_ok=True)


# --- programs of Slurm --------------------------------------------------------------------------


def _ask(command: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Return what a program prints; None if it fails or takes too long."""
    try:
        done = subprocess.run(
            command, env=dict(environment), capture_output=True, text=True, errors="replace",
            timeout=PATIENCE, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None


def _answers(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    try:
        return _ask(command, environment) is not None
    except FileNotFoundError:
        return False
