"""Which device computes, with how many threads: the only reader of the environment here."""

import ctypes
import os
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Precision:
    """The number format that networks compute in on a device; weights stay float32."""

    device: torch.device
    dtype: torch.dtype

    def autocast(self) -> AbstractContextManager:
        """Compute in the format within this context; losses belong outside of it."""
        mixed = self.dtype != torch.float32
        return torch.autocast(self.device.type, dtype=self.dtype, enabled=mixed)

    def scaler(self) -> torch.amp.GradScaler:
        """Scale the loss where the format is float16, whose small gradients vanish."""
        return torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)


def precision_of(wanted: str, device: torch.device) -> Precision:
    """Choose the number format of a training.

    Parameters
    ----------
    wanted
        ``float32``, ``bfloat16``, ``float16``; ``auto`` is bfloat16 on a CUDA device that has it,
        float16 on an older one, float32 elsewhere.
    device
        What computes.
    """
    if wanted != "auto":
        return Precision(device, getattr(torch, wanted))
    if device.type != "cuda":
        return Precision(device, torch.float32)
    has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return Precision(device, torch.bfloat16 if has_bfloat16 else torch.float16)


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
