"""What this machine offers: graphics cards, processor cores, other programs at work in a folder."""

import itertools
import os
import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from deg_core.starting import IMAGENET_FILES
from deg_core.versions import VERSIONS

# Snakemake invocations that only look, and so disturb nobody.
LOOKING = {"-n", "--dry-run", "--dryrun", "--summary", "-S", "--report", "--lint", "--unlock"}


def count_cores() -> int:
    """Count the processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def count_gpus(environment: Mapping[str, str]) -> int:
    """Count the graphics cards that a job may use, without importing torch (which takes seconds).

    Parameters
    ----------
    environment
        ``CUDA_VISIBLE_DEVICES``, where set, decides; otherwise the driver's list does.
    """
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return sum(1 for name in visible.split(",") if name.strip() not in ("", "-1"))
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=True, timeout=30,
            env=dict(environment),
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(1 for line in listed.stdout.splitlines() if line.startswith("GPU "))


def has_apple_gpu() -> bool:
    """Tell whether this is one of Apple's machines, whose processor and GPU are one chip."""
    return (platform.system(), platform.machine()) == ("Darwin", "arm64")


def has_imagenet_weights(environment: Mapping[str, str], backbone: str = "resnet18") -> bool:
    """Tell whether ImageNet weights of a backbone lie where torch keeps what it downloads.

    Parameters
    ----------
    environment
        ``TORCH_HOME``, else ``XDG_CACHE_HOME``, else the home folder decides where that is.
    backbone
        Its name in the settings; the default is that of the preset `fast`.
    """
    cache = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME", "~")) / ".cache"
    home = Path(environment.get("TORCH_HOME") or Path(cache) / "torch").expanduser()
    file = home / "hub" / "checkpoints" / IMAGENET_FILES[backbone]
    return file.is_file() and file.stat().st_size > 0


def workers(folder: Path) -> list[int]:
    """Find the processes on this machine that compute in a project folder.

    Parameters
    ----------
    folder
        The project; what counts is a process's working folder, which Snakemake sets to it.

    Returns
    -------
    list of int
        Process ids of Snakemake, and of stages that a killed Snakemake left behind.
    """
    target = folder.resolve()
    found = []
    for process in psutil.process_iter():
        try:
            if is_worker(process.cmdline()) and Path(process.cwd()) == target:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue  # gone meanwhile, or another user's
    return sorted(found)


def tell_jobs(process: int, number: int) -> None:
    """Send a signal to the stages that a process has started, and not to the shells above them.

    Parameters
    ----------
    process
        Snakemake's id.
    number
        The signal's.
    """
    with suppress(psutil.Error):
        for job in psutil.Process(process).children(recursive=True):
            with suppress(psutil.Error, OSError):
                if is_worker(job.cmdline()):
                    job.send_signal(number)


def is_at_terminal() -> bool:
    """Tell whether an interrupt from the keyboard reaches this process, and so those it starts."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def has_children(process: int) -> bool:
    """Tell whether a process has started others that live."""
    try:
        children = psutil.Process(process).children()
        return any(child.status() != psutil.STATUS_ZOMBIE for child in children)
    except psutil.Error:
        return False


def is_worker(command: list[str]) -> bool:
    """Tell whether a command line is Snakemake's, or a stage's, and changes a project."""
    names = [Path(part).name for part in command]
    if "snakemake" in names[:4] and not LOOKING & set(command):
        return True
    stages = {rule.replace("_", "-") for rule in VERSIONS}
    if "--features" not in command:
        stages.discard("predict")  # the everyday command of that name changes no project
    pairs = itertools.pairwise(names)
    return any(name == "deg" and following in stages for name, following in pairs)
