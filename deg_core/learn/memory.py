"""How many clips a training step can hold, the batch size `auto`, and how much memory there is."""

import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch
from torch import Tensor, nn

from deg_core.learn.average import given_back

SMALLEST, LARGEST = 8, 512
SHARE = 0.6  # of the free memory; the rest is for workspaces, batches read ahead, other programs
BACKWARD = 2.0  # gradients of the activations come on top of the activations
CGROUPS, OWN_CGROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
# Limit, use, and what of it the system takes back when asked: files that were read, in memory.stat.
VERSION_1 = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
VERSION_2 = "memory.max", "memory.current", "inactive_file"


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


@contextmanager
def untouched(network: nn.Module) -> Iterator[None]:
    """Leave no trace of the steps inside: neither in batch statistics nor in random numbers.

    A training of which a batch was tried equals one of which none was.
    """
    devices = {p.device for p in network.parameters() if p.device.type == "cuda"}
    with given_back(network), torch.random.fork_rng(devices=devices):
        yield


def free_memory(device: torch.device) -> int:
    """Return the bytes of memory that are free on a device, within the job's own limits."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return max(0, min([psutil.virtual_memory().available, *_rooms()]))


def peak_memory_mb() -> int:
    """Return the most memory that this process has had so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (2**20 if sys.platform == "darwin" else 2**10)


def _rooms() -> Iterator[int]:
    """Yield the bytes that each control group around this process still allows."""
    for folder, names in _control_groups():
        limit, used, taken_back = names
        try:
            room = int((folder / limit).read_text()) - int((folder / used).read_text())
            statistics = dict(
                line.split() for line in (folder / "memory.stat").read_text().splitlines()
            )
            yield room + int(statistics.get(taken_back, 0))
        except (OSError, ValueError):  # no such group to be seen from here, or "max": no limit
            continue


def _control_groups() -> Iterator[tuple[Path, tuple[str, str, str]]]:
    """Yield the folders of this process's control groups, up to the root, and their files.

    Inside a container the names may be those outside of it; then only the root is found, which
    holds the container's limit.
    """
    try:
        lines = OWN_CGROUP.read_text().splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root = CGROUPS / "memory" if controllers else CGROUPS
        folder = root / name.strip("/")
        for each in (folder, *folder.parents):
            yield each, VERSION_1 if controllers else VERSION_2
            if each == root:
                break
