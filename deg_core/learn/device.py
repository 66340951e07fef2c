"""Which device computes, with how many threads: the only reader of the environment here."""

import ctypes
import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch

from deg_core.errors import ConfigError
from deg_core.learn import leases

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8  # malloc.h
_DEFAULTS = {_M_MMAP_MAX: 65536, _M_TRIM_THRESHOLD: 2**17, _M_ARENA_MAX: 0}  # of glibc
# One arena: what one thread frees, such as a batch that was read ahead, serves the others.
_KEEPING = {_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: 2**31 - 1, _M_ARENA_MAX: 1}


def choose(threads: int, *, gpu: bool = True) -> torch.device:
    """Set the number of threads and pick the device: CUDA, Apple's GPU, or the processor.

    Parameters
    ----------
    threads
        Threads that the job was given.
    gpu
        False for stages whose rule asks for no graphics card: they compute on the processor, and
        so on no card that another job has.

    Returns
    -------
    torch.device
        ``DEG_DEVICE`` decides where it is set. A CUDA device is this process's until it ends:
        where all are taken, this waits.

    Raises
    ------
    ConfigError
        If ``DEG_DEVICE`` names no device of this machine.
    """
    torch.set_num_threads(max(1, threads))
    cv2.setNumThreads(1)  # pictures are decoded in threads of our own
    keep_freed_memory()
    if not gpu:
        return torch.device("cpu")
    device = choose_several(1)[0]
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


def choose_several(n: int) -> list[torch.device]:
    """Pick ``n`` devices for as many processes, which may all be the processor.

    Raises
    ------
    ConfigError
        If ``DEG_DEVICE`` names no device of this machine, or there are fewer than ``n``.
    """
    wanted = os.environ.get("DEG_DEVICE")
    device = _existing(wanted) if wanted else _fastest()
    if device.type == "cuda":
        names = cards()
        if device.index is not None:
            names = {device.index: names[device.index]}
        _require(len(names), n)
        return [torch.device("cuda", i) for i in _leased(names, n)]
    if device.type != "cpu":
        _require(1, n)
    return [device] * n


def cards() -> dict[int, str]:
    """Name the graphics card behind each CUDA device that this process may use.

    Returns
    -------
    dict
        Number of the device, which ``CUDA_VISIBLE_DEVICES`` decides, to what its driver calls the
        card for everybody: its UUID, or that of a part of it (MIG).
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    names = {}
    for i in range(torch.cuda.device_count()):
        listed = visible[i].strip() if i < len(visible) else ""
        known = getattr(torch.cuda.get_device_properties(i), "uuid", f"device-{i}")
        names[i] = listed if listed.startswith("MIG-") else str(known)
    return names


def _leased(names: Mapping[int, str], n: int) -> list[int]:
    """Wait for ``n`` of the cards; returns their numbers."""
    folder = Path(os.environ.get("DEG_LEASES") or leases.FOLDER)
    shared = os.environ.get("DEG_SHARE_GPU", "") not in ("", "0")
    taken = leases.take(list(names.values()), n, shared=shared, folder=folder)
    return [i for i, name in names.items() if name in taken]


def _fastest() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _existing(wanted: str) -> torch.device:
    """Return the device of a name; nothing is put on a card, which may be another job's yet."""
    try:
        device = torch.device(wanted)
        if device.type != "cuda":
            torch.zeros(1, device=device)
        elif not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count():
            raise RuntimeError(f"CUDA devices found: {torch.cuda.device_count()}")
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"DEG_DEVICE: expected a device of this machine such as cpu or cuda:0, got "
            f"'{wanted}' ({str(error).splitlines()[0]})."
        ) from error
    return device


def _require(found: int, n: int) -> None:
    if found < n:
        raise ConfigError(
            f"gpus: expected {n} graphics cards for one training, found {found} that this job may "
            "use; lower `gpus` of its section in config.yaml, or give the job more (docs/gpu.md)."
        )


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
        ``fp32``, ``bf16``, ``fp16``; ``auto`` is bf16 where the device computes it faster than
        fp32, fp16 on a CUDA device too old for that, fp32 elsewhere.
    device
        What computes.
    """
    dtype = DTYPES[wanted] if wanted != "auto" else inference_dtype(wanted, device)
    if wanted == "auto" and device.type == "cuda" and dtype == torch.float32:
        dtype = torch.float16
    return Precision(device, dtype)


def inference_dtype(wanted: str, device: torch.device) -> torch.dtype:
    """Choose the number format of networks that only answer.

    Parameters
    ----------
    wanted
        ``fp32``, ``bf16``; ``auto`` is bf16 where the device computes it faster than fp32.
    device
        What computes.
    """
    if wanted != "auto":
        return DTYPES[wanted]
    return torch.bfloat16 if is_fast_at_bfloat16(device) else torch.float32


def is_fast_at_bfloat16(device: torch.device) -> bool:
    """Tell whether a CUDA device or a processor has instructions for bfloat16."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and has_fast_bfloat16()


def compiles(device: torch.device) -> bool:
    """Tell whether networks that score videos are to be compiled: on CUDA, by ``DEG_COMPILE=1``."""
    return device.type == "cuda" and os.environ.get("DEG_COMPILE", "") not in ("", "0")


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
