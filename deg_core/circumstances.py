"""With what, and where, a job computes: versions, commit, processor, graphics card, host."""

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from deg_core import __version__

CPUINFO = Path("/proc/cpuinfo")
# Distributions whose numbers enter results, by the name of the module that a job loads.
PACKAGES = {
    "av": "av", "cv2": "opencv-python-headless", "h5py": "h5py", "kornia": "kornia",
    "matplotlib": "matplotlib", "nncf": "nncf", "numpy": "numpy", "openvino": "openvino",
    "pandas": "pandas", "scipy": "scipy", "sklearn": "scikit-learn", "torch": "torch",
    "torchvision": "torchvision",
}  # fmt: skip
# What a job may be told by its surroundings.
VARIABLES = ("DEG_DEVICE", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "SLURM_JOB_ID")
_PACKAGE = Path(__file__).parent


def software() -> dict[str, Any]:
    """Name the versions of this program, of Python, and of the packages that are loaded."""
    loaded = {name for module, name in PACKAGES.items() if module in sys.modules}
    return {
        "deg-core": __version__,
        "commit": commit(_PACKAGE.parent),
        "code": digest_of_code(_PACKAGE),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in sorted({*loaded, "snakemake"})},
    }


def machine(environment: Mapping[str, str]) -> dict[str, Any]:
    """Describe the computer that this process runs on.

    Parameters
    ----------
    environment
        Of the process.
    """
    return {
        "host": platform.node(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": processor(CPUINFO),
        "cores": cores(),
        "gpus": graphics_cards(),
        "environment": {name: environment[name] for name in VARIABLES if name in environment},
    }


def cores() -> int:
    """Count the processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor(cpuinfo: Path) -> str:
    """Name the processor's model, as far as the system tells.

    Parameters
    ----------
    cpuinfo
        The list that Linux keeps; elsewhere Python's name of the processor is all there is.
    """
    try:
        with cpuinfo.open(encoding="utf-8", errors="replace") as lines:
            named = (line for line in lines if line.startswith("model name"))
            name = next(named, "").partition(":")[2].strip()
    except OSError:
        name = ""
    return name or platform.processor() or platform.machine()


def graphics_cards() -> list[str]:
    """Name the graphics cards that this process computed on; none if it did not use any."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return []
    return [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]


def commit(folder: Path) -> str | None:
    """Return the git commit of a checkout; None where there is no git, or no checkout."""
    if not (folder / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True,
            check=True, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def digest_of_code(package: Path) -> str:
    """Return the SHA-256 of the program's own modules, which tells more than a version.

    It also tells apart what was changed after the last commit.

    Parameters
    ----------
    package
        Its folder; folders above it do not matter.
    """
    found = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        found.update(f"{path.relative_to(package).as_posix()}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
