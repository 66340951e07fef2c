"""Which device computes, with how many threads: the only reader of the environment here."""

import ctypes
import os
import sys

import torch

from deg_core.errors import ConfigError

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h


def choose(threads: int) -> torch.device:
    """Set the number of threads and pick the device: CUDA, Apple's GPU, or the processor.

    Parameters
    ----------
    threads
        Threads that the job was given.

    Returns
    -------
    torch.device
        ``DEG_DEVICE`` decides where it is set.

    Raises
    ------
    ConfigError
        If ``DEG_DEVICE`` names no device of this machine.
    """
    torch.set_num_threads(max(1, threads))
    keep_freed_memory()
    wanted = os.environ.get("DEG_DEVICE")
    if wanted:
        try:
            torch.zeros(1, device=wanted)
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(
                f"DEG_DEVICE: expected a device of this machine such as cpu or cuda:0, got "
                f"'{wanted}' ({str(error).splitlines()[0]})."
            ) from error
        return torch.device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def keep_freed_memory() -> None:
    """Have the C library keep the memory of freed tensors for the next ones.

    glibc gives every large block back to the system at once, and each training step then waits
    for the same pages to be cleared again: a quarter of a small network's time on a processor.
    Elsewhere there is no such setting, and nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if sys.platform.startswith("linux") and mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def describe(device: torch.device) -> str:
    """Name a device for the run record."""
    if device.type == "cuda":
        return f"cuda: {torch.cuda.get_device_name(device)}"
    return device.type
