"""The machine that measures: what its figures have to be read with."""

import os
import platform
from typing import Any

import psutil
import torch

from deg_core.circumstances import CPUINFO, cores, processor
from deg_core.learn.device import choose, describe, instructions

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


def abilities(device: torch.device) -> list[str]:
    """List the number formats and instructions that make the device fast."""
    if device.type == "cuda":
        found = ["bf16"] if torch.cuda.is_bf16_supported(including_emulation=False) else []
        major, minor = torch.cuda.get_device_capability(device)
        return [*found, f"compute capability {major}.{minor}"]
    able = instructions()
    return [name for name in ABILITIES if able.get(name, False)]
