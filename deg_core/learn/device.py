"""Which device computes, with how many threads: the only reader of the environment here."""

import ctypes
import os
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass

import cv2
import torch

from deg_core.errors import ConfigError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8  # malloc.h
_DEFAULTS = {_M_MMAP_MAX: 65536, _M_TRIM_THRESHOLD: 2**17, _M_ARENA_MAX: 0}  # of glibc
# One arena: what one thread frees, such as a batch that was read ahead, serves the others.
_KEEPING = {_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: 2**31 - 1, _M_ARENA_MAX: 1}


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
    cv2.setNumThreads(1)  # pictures are decoded in threads of our own
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
        ``fp32``, ``bf16``, ``fp16``; ``auto`` is bf16 on a CUDA device that has it, fp16 on an
        older one, fp32 elsewhere.
    device
        What computes.
    """
    if wanted != "auto":
        return Precision(device, DTYPES[wanted])
    if device.type != "cuda":
        return Precision(device, torch.float32)
    has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return Precision(device, torch.bfloat16 if has_bfloat16 else torch.float16)


def inference_dtype(wanted: str, device: torch.device) -> torch.dtype:
    """Choose the number format of networks that only answer.

    Parameters
    ----------
    wanted
        ``fp32``, ``bf16``; ``auto`` is bf16 where the device computes it faster than fp32: on a
        CUDA device and on a processor with instructions for it.
    device
        What computes.
    """
    if wanted != "auto":
        return DTYPES[wanted]
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = device.type == "cpu" and has_fast_bfloat16()
    return torch.bfloat16 if fast else torch.float32


def has_fast_bfloat16() -> bool:
    """Tell whether this processor multiplies bfloat16 in hardware."""
    able = instructions()
    return any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def instructions() -> dict[str, object]:
    """Tell what this processor's instructions can do, as far as this version of torch knows."""
    return getattr(torch.cpu, "get_capabilities", dict)()


def name_of(dtype: torch.dtype) -> str:
    """Return the name that settings have for a number format."""
    return next(name for name, known in DTYPES.items() if known == dtype)


def keep_freed_memory(keep: bool = True) -> None:
    """Have the C library keep the memory of freed tensors for the next ones.

    glibc gives every large block back to the system at once, and each training step then waits
    for the same pages to be cleared again: a quarter of a small network's time on a processor.
    Elsewhere there is no such setting, and nothing happens.

    Parameters
    ----------
    keep
        False restores what every program begins with, which measurements compare with.
    """
    library = ctypes.CDLL(None)
    if not sys.platform.startswith("linux") or not hasattr(library, "mallopt"):
        return
    for option, value in (_KEEPING if keep else _DEFAULTS).items():
        library.mallopt(option, value)
    if not keep:
        library.malloc_trim(0)


def describe(device: torch.device) -> str:
    """Name a device for the run record."""
    if device.type == "cuda":
        return f"cuda: {torch.cuda.get_device_name(device)}"
    return device.type
