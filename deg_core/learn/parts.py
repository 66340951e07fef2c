"""A batch in parts, as memory allows: their losses add up to the batch's, and so do gradients."""

import gc
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import TypeVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from deg_core.errors import ConfigError
from deg_core.progress import log

T = TypeVar("T")
# What errors say that have no type of their own: of a processor, of Apple's GPU, of libraries.
SIGNS = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)

REMEDY = (
    "choose a smaller preset, `import: {size: ...}` or `sequence: {window: ...}` in config.yaml, "
    "or a machine or graphics card with more memory"
)


def fewest(network: nn.Module) -> int:
    """Count the samples that a training network needs at once: batch norm needs two."""
    return 2 if any(isinstance(module, _BatchNorm) for module in network.modules()) else 1


def evenly(rows: slice, *, most: int, least: int = 1) -> list[slice]:
    """Divide rows of a batch into parts whose sizes differ by one at most.

    Parameters
    ----------
    rows
        Of the batch.
    most
        Rows of a part; 0 sets no limit.
    least
        Rows of a part, which goes before ``most``.
    """
    n = rows.stop - rows.start
    count = -(-n // most) if most else 1
    count = max(1, min(count, n // least))
    return [
        slice(*edges) for edges in pairwise(rows.start + n * i // count for i in range(count + 1))
    ]


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that memory, of whatever device, ran out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)


def within_memory(compute: Callable[[], T]) -> T | None:
    """Compute, unless memory runs out.

    Parameters
    ----------
    compute
        Anything that may be done again with less.

    Returns
    -------
    object or None
        None if memory ran out. What had been in use is free again.
    """
    try:
        return compute()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # Behind the handler: as long as the error is there, so are the tensors of all its frames.
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    return None


def as_fits(compute: Callable[[slice], T], n: int, *, most: int) -> tuple[list[T], int]:
    """Compute rows 0 to ``n``, in parts that are halved until memory holds them.

    Parameters
    ----------
    compute
        Takes some rows, and may be called again for the same ones.
    n
        Rows there are.
    most
        Rows to compute at once.

    Returns
    -------
    tuple
        The parts' answers, in order, and how many rows can be computed at once.

    Raises
    ------
    ConfigError
        If memory does not hold a single one.
    """
    while True:
        divided = evenly(slice(0, n), most=most)
        answers = within_memory(partial(_each, compute, divided))
        if answers is not None:
            return answers, most
        largest = min(most, n)
        if largest == 1:
            raise ConfigError(f"memory does not even hold a single sample; {REMEDY}.")
        most = (largest + 1) // 2
        log(f"out of memory with {largest} samples at once: going on with {most} at once")


def _each(compute: Callable[[slice], T], divided: list[slice]) -> list[T]:
    return [compute(rows) for rows in divided]
