"""How many clips a training step can hold: the batch size `auto`."""

from collections.abc import Callable
from pathlib import Path

import psutil
import torch
from torch import Tensor

SMALLEST, LARGEST = 8, 512
SHARE = 0.6  # of the free memory; the rest is for workspaces, batches read ahead, other programs
BACKWARD = 2.0  # gradients of the activations come on top of the activations
CGROUP = Path("/sys/fs/cgroup/memory.max")


def fitting_batch(loss_of: Callable[[int], Tensor], *, free: int, most: int = LARGEST) -> int:
    """Find the largest power of two of samples whose training step fits the memory.

    What a step keeps for its backward pass is counted, on two small batches; what grows between
    them is the price of a sample. No step is tried until it fails, so nothing is lost on the way
    and every device gives the same count.

    Parameters
    ----------
    loss_of
        Computes the loss of so many samples.
    free
        Bytes that the training may use.
    most
        Samples there are.

    Returns
    -------
    int
        8 to 512, fewer only where there are fewer samples.
    """
    few, more = (kept_bytes(loss_of, n) for n in (2, 4))
    each = max((more - few) / 2, 1)
    room = (free * SHARE / BACKWARD - max(few - 2 * each, 0)) / each
    size = SMALLEST
    while size * 2 <= min(room, LARGEST, most):
        size *= 2
    return max(1, min(size, most))


def kept_bytes(loss_of: Callable[[int], Tensor], n: int) -> int:
    """Count the bytes that a step of ``n`` samples keeps for its backward pass."""
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = loss_of(n)  # kept alive, or its memory would be counted for the next tensor, too
    del loss
    return sum(kept.values())


def free_memory(device: torch.device) -> int:
    """Return the bytes of memory that are free on a device, within the job's own limit."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = psutil.virtual_memory().available
    try:
        return min(free, int(CGROUP.read_text()))
    except (OSError, ValueError):  # no control group, or "max": no limit
        return free
