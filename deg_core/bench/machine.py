"""The machine that measures: what its figures have to be read with."""

import os
import platform
from pathlib import Path
from typing import Any

import psutil
import torch

from deg_core.learn.device import choose, describe, instructions

CPUINFO = Path("/proc/cpuinfo")
# What processors may have that makes low precision fast, as torch names it.
ABILITIES = ("avx2", "avx512_f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "amx_fp16")


def describe_machine(threads: int) -> dict[str, Any]:
    """Describe processor, memory, graphics card and torch.

    Parameters
    ----------
    threads
        Threads that the measurements use.
    """
    device = choose(threads)
    return {
        "processor": processor(CPUINFO),
        "cores": cores(),
        "threads": threads,
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "device": describe(device),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "supports": abilities(device),
        # Other programs at work when the measurements began, as the mean of the last minute.
        "load": round(os.getloadavg()[0], 1),
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
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def abilities(device: torch.device) -> list[str]:
    """List the number formats and instructions that make the device fast."""
    if device.type == "cuda":
        found = ["bf16"] if torch.cuda.is_bf16_supported(including_emulation=False) else []
        major, minor = torch.cuda.get_device_capability(device)
        return [*found, f"compute capability {major}.{minor}"]
    able = instructions()
    return [name for name in ABILITIES if able.get(name, False)]
