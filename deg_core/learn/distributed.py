"""One training in several processes, a device each: who computes what, and what they agree on.

Each process computes its part of every batch. Gradients are added up, so that all make the same
step and hold the same weights; the first process alone validates, writes and speaks. A process
that is alone, as almost all are, finds here that it is the first of one.
"""

import datetime
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

T = TypeVar("T")
# Validating may take long, and the others wait for it; who dies is noticed by who started it.
PATIENCE = datetime.timedelta(days=7)


def join(rank: int, size: int, *, device: torch.device, meeting_point: Path) -> None:
    """Become one of the processes of a training.

    Parameters
    ----------
    rank, size
        Number of this process, from 0, and of all.
    device
        What this process computes with.
    meeting_point
        File that does not exist yet, the same for all.
    """
    # They are on one machine; which of its networks Gloo would take depends on its host name.
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo",
        store=dist.FileStore(str(meeting_point), size), rank=rank, world_size=size,
        timeout=PATIENCE,
    )  # fmt: skip


def leave() -> None:
    """Part from the other processes in good order."""
    dist.destroy_process_group()


def _joined() -> bool:
    return dist.is_available() and dist.is_initialized()


def size() -> int:
    """Count the processes of this training."""
    return dist.get_world_size() if _joined() else 1


def rank() -> int:
    """Return the number of this process, from 0."""
    return dist.get_rank() if _joined() else 0


def is_first() -> bool:
    """Tell whether this process is the one that validates, writes and speaks."""
    return rank() == 0


def share(n: int, fewest: int) -> tuple[slice, float]:
    """Tell which samples of a batch this process computes.

    Parameters
    ----------
    n
        Samples of the batch.
    fewest
        Samples that the network needs at once.

    Returns
    -------
    rows, weight
        Where they are in the batch, and what their loss counts: 1, unless there are too few for
        all processes. Then each computes all of them, for its share.
    """
    if n < size() * fewest:
        return slice(0, n), 1 / size()
    return slice(n * rank() // size(), n * (rank() + 1) // size()), 1.0


def any_of(*flags: bool) -> list[bool]:
    """Tell of each flag whether any process has set it."""
    if size() == 1:
        return list(flags)
    told = torch.tensor(flags, dtype=torch.int32)
    dist.all_reduce(told, dist.ReduceOp.MAX)
    return [bool(flag) for flag in told.tolist()]


def from_first(make: Callable[[], T]) -> T:
    """Compute in the first process, and give the result to all."""
    if size() == 1:
        return make()
    given = [make() if is_first() else None]
    dist.broadcast_object_list(given, src=0, device=torch.device("cpu"))
    return given[0]


def wait_for_all() -> None:
    """Wait until every process has come here."""
    any_of(False)


def add_up(parameters: Iterable[nn.Parameter], loss: float) -> float:
    """Add up gradients, in place, and losses of all processes; returns the loss.

    Each parameter by itself, which needs no memory besides; several are on their way at once.
    """
    if size() == 1:
        return loss
    on_their_way = [
        dist.all_reduce(p.grad, async_op=True) for p in parameters if p.grad is not None
    ]
    for work in on_their_way:
        work.wait()
    total = torch.tensor(loss, dtype=torch.float64)
    dist.all_reduce(total)
    return total.item()


@torch.no_grad()
def average_statistics(network: nn.Module) -> None:
    """Give all processes the mean of the running statistics of their batch norms.

    Each has seen its own part of the batch; without this, validation and resuming would see
    those of one part only.
    """
    if size() == 1:
        return
    found = list(_statistics(network))
    if not found:
        return
    joined = torch.cat([statistic.flatten() for statistic in found])
    dist.all_reduce(joined)
    means = joined.div_(size()).split([statistic.numel() for statistic in found])
    for statistic, mean in zip(found, means, strict=True):
        statistic.copy_(mean.view_as(statistic))


def _statistics(network: nn.Module) -> Iterator[Tensor]:
    for module in network.modules():
        if isinstance(module, _BatchNorm) and module.running_mean is not None:
            yield module.running_mean
            yield module.running_var
