"""Copies to a CUDA device, one batch ahead of the computation, and back while it goes on."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

Batch = TypeVar("Batch")


def prefetched(
    batches: Generator[Batch, None, None],
    device: torch.device,
    *,
    move: Callable[[Batch], Batch],
    tensors: Callable[[Batch], list[Tensor]],
) -> Generator[Batch, None, None]:
    """Copy each batch while the one before it is computed on.

    Parameters
    ----------
    batches
        Batches in pinned memory; closed at the end.
    device
        Where to; on any but a CUDA device batches go through as they are, which costs nothing.
    move
        Copies a batch to the device without waiting for it.
    tensors
        Lists what lies on the device of a batch that was moved.

    Yields
    ------
    Batch
        On the device, in the same order. The copy is complete before what is computed next.
    """
    if device.type != "cuda":
        yield from batches
        return
    side = torch.cuda.Stream(device)
    waiting: _Copy | None = None
    with closing(batches):
        for batch in batches:
            with torch.cuda.stream(side):
                copy = _Copy(moved := move(batch), tensors(moved), side.record_event())
            if waiting is not None:
                yield waiting.ready(device)
            waiting = copy
        if waiting is not None:
            yield waiting.ready(device)


@dataclass(frozen=True)
class _Copy:
    """A batch whose copy is under way, and the event that marks its end."""

    batch: Any
    tensors: list[Tensor]
    done: Any  # torch.cuda.Event

    def ready(self, device: torch.device) -> Any:
        """Return the batch; what the device is given from now on waits for the copy."""
        computing = torch.cuda.current_stream(device)
        computing.wait_event(self.done)
        for tensor in self.tensors:
            tensor.record_stream(computing)  # its memory is not given to the next copy before
        return self.batch


def leaving(tensors: Sequence[Tensor]) -> Callable[[], list[Tensor]]:
    """Have tensors copied to the processor's memory, behind what the device has been given so far.

    Parameters
    ----------
    tensors
        On any device.

    Returns
    -------
    callable
        Waits for the copies, and returns them. On a CUDA device it waits for nothing that the
        device was given later.
    """
    if not tensors or tensors[0].device.type != "cuda":
        return lambda: [tensor.cpu() for tensor in tensors]
    copies = [torch.empty_like(t, device="cpu", pin_memory=True) for t in tensors]
    for copy, tensor in zip(copies, tensors, strict=True):
        copy.copy_(tensor, non_blocking=True)
    done = torch.cuda.current_stream(tensors[0].device).record_event()

    def arrived() -> list[Tensor]:
        done.synchronize()
        return copies

    return arrived
