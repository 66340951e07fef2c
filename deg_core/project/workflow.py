"""How Snakemake is called on a project folder: the command line and the environment."""

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from deg_core.errors import StateError
from deg_core.project import machine
from deg_core.project.folder import repository

SITE = {"--profile", "--workflow-profile", "--executor", "-e"}
LOOKING = {"-n", "--dry-run", "--dryrun"}


def command(folder: Path, *, options: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Build the Snakemake command line for a project.

    Parameters
    ----------
    folder
        The project.
    options
        Options and targets of the user; what they say is not set again.
    environment
        Says which graphics cards are visible.

    Returns
    -------
    list of str
        Unless a profile or an executor is chosen: all cores, and as many concurrent jobs that
        want a graphics card as there are cards, or one per two cores where there is none.
    """
    root = repository()
    flags = given_flags(options)
    parts = [sys.executable, "-m", "snakemake"]
    if not flags & {"--resources", "--res"} and not flags & SITE:
        parts += ["--resources", f"gpu={gpu_jobs(environment)}"]
    if not flags & {"--cores", "-c", "--jobs", "-j"} and not flags & SITE:
        parts += ["--cores", "all"]
    if not flags & {"--profile", "--workflow-profile"}:
        parts += ["--workflow-profile", str(root / "profiles" / "default")]
    parts += ["--snakefile", str(root / "Snakefile"), "--directory", str(folder.resolve())]
    return parts + own_profile(options, root)


def with_options(command: Sequence[str], more: Sequence[str]) -> list[str]:
    """Add options that count more than those before them; after ``--`` stand only targets."""
    at = list(command).index("--") if "--" in command else len(command)
    return [*command[:at], *more, *command[at:]]


def given_flags(options: Sequence[str]) -> set[str]:
    """List the flags among the options, without values: ``--cores=4`` and ``-c4`` both count."""
    flags = {option.split("=")[0] for option in options if option.startswith("-")}
    return {re.sub(r"^(-[cj])\d+$|^(-[cj])all$", r"\1\2", flag) for flag in flags}


def own_profile(options: Sequence[str], root: Path) -> list[str]:
    """Let ``--profile NAME`` mean a profile of the workflow, where it has one of that name."""
    changed = list(options)
    for position, option in enumerate(options):
        flag, joined, name = option.partition("=")
        if flag != "--profile":
            continue
        if not joined:
            name = options[position + 1] if position + 1 < len(options) else ""
        if name and (root / "profiles" / name).is_dir():
            changed[position : position + (1 if joined else 2)] = [
                "--workflow-profile",
                str(root / "profiles" / name),
            ]
    return changed


def gpu_jobs(environment: Mapping[str, str]) -> int:
    """Say how many jobs that want a graphics card may run at once.

    As many as there are cards; where the processor computes in their place, one for two cores.
    """
    cards = 0
    if not environment.get("DEG_DEVICE", "").startswith("cpu"):
        cards = machine.count_gpus(environment) or int(machine.has_apple_gpu())
    return cards or max(1, machine.count_cores() // 2)


def job_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Put the environment's scripts first on the path, so that jobs find this very `deg`."""
    scripts = sysconfig.get_path("scripts")
    path = environment.get("PATH", os.defpath)
    return dict(environment) | {"PATH": os.pathsep.join([scripts, path])}


def is_dry(options: Sequence[str]) -> bool:
    """Tell whether the options only ask what would be done."""
    short = any(re.fullmatch(r"-[a-zA-Z]*n[a-zA-Z]*", option) for option in options)
    return short or bool(given_flags(options) & LOOKING)


def ask(folder: Path, *, options: Sequence[str], environment: Mapping[str, str]) -> str:
    """Call Snakemake and return all that it prints.

    Raises
    ------
    StateError
        If it fails; the message holds its own last lines.
    """
    require_writable(folder)
    done = subprocess.run(
        command(folder, options=options, environment=environment),
        env=job_environment(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise StateError(_complaint(folder, done.stdout))
    return done.stdout


def require_writable(folder: Path) -> None:
    """Make sure that Snakemake can keep its notes, which it needs even to look.

    Raises
    ------
    StateError
        If the folder cannot be written.
    """
    notes = folder / ".snakemake"
    try:
        notes.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=notes):
            pass
    except OSError as error:
        raise StateError(
            f"{notes}: cannot be written ({error.strerror}); Snakemake keeps its notes there, even "
            "if it only looks, so mend the permissions."
        ) from error


def _complaint(folder: Path, text: str) -> str:
    """Find in Snakemake's output what stopped it: a sentence of ours, or else its last lines."""
    lines = [line for line in text.splitlines() if line.strip()]
    ours = [line.removeprefix("deg: ") for line in lines if line.startswith("deg: ")]
    return ours[-1] if ours else f"{folder}: snakemake stopped: " + " / ".join(lines[-3:])
