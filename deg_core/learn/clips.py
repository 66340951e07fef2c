"""Clips from imported videos: which frames, in which order, batched ahead of the training."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from deg_core.data.video import FrameStore
from deg_core.errors import VideoError
from deg_core.learn.distributed import share
from deg_core.learn.prefetch import prefetched

AHEAD = 4
# Systems let a process have 256 files open, or more.
MOST_OPEN = 200
MOST_WORKERS = 8
Order = TypeVar("Order")
Batch = TypeVar("Batch")


@dataclass(frozen=True)
class ClipBatch:
    """Clips and what goes with them.

    ``clips`` (n, T, H, W, 3) uint8, a background being one more frame at the end of T; ``labels``
    (N, K) int8 of the center frames, or None. All N clips of the batch are there, unless other
    processes have the others; then ``first`` is the number of the first one, and ``total`` N.
    """

    clips: Tensor
    labels: Tensor | None
    first: int = 0
    total: int | None = None

    def __len__(self) -> int:
        return len(self.clips) if self.total is None else self.total

    def of(self, rows: slice) -> Tensor:
        """Return some clips of the batch, all of which are among those that are there."""
        return self.clips[rows.start - self.first : rows.stop - self.first]

    def to(self, device: torch.device) -> "ClipBatch":
        """Copy to a device, without waiting where the memory is pinned."""
        labels = None if self.labels is None else self.labels.to(device, non_blocking=True)
        clips = self.clips.to(device, non_blocking=True)
        return replace(self, clips=clips, labels=labels)

    def tensors(self) -> list[Tensor]:
        """List what is there."""
        return [self.clips] if self.labels is None else [self.clips, self.labels]


class ClipSource:
    """Reads clips of several videos around given frames.

    Parameters
    ----------
    stores
        Imported videos.
    length
        Frames per clip, T; frame t shows t - T//2 .. t - T//2 + T - 1.
    mean
        Channel means (3,) in 0..1: the color of frames before the first and after the last.
    backgrounds
        (H, W, 3) uint8 per video, appended to each clip; None for none.
    pinned
        Whether batches are to lie where a CUDA device can fetch them by itself.

    Attributes
    ----------
    shape
        Of a clip: T, or T + 1 with a background, H, W, 3.

    Raises
    ------
    VideoError
        If the videos were imported at different sizes.
    """

    def __init__(
        self,
        stores: Sequence[Path],
        *,
        length: int,
        mean: Sequence[float],
        backgrounds: Sequence[np.ndarray] | None = None,
        pinned: bool = False,
    ) -> None:
        self.stores = [FrameStore(path) for path in stores]
        self.length, self.backgrounds, self.pinned = length, backgrounds, pinned
        frames = length if backgrounds is None else length + 1
        self.shape = (frames, *self.stores[0].shape, 3)
        self.pad = padding_color(mean)
        for store in self.stores:
            if store.shape != self.stores[0].shape:
                raise VideoError(
                    f"{store.path}: {_size(store)}, but {self.stores[0].path.name} is "
                    f"{_size(self.stores[0])}; all must be imported at one size, so delete both "
                    "and run again."
                )

    @property
    def n_frames(self) -> list[int]:
        """Frames of each video."""
        return [store.n_frames for store in self.stores]

    def clip(self, video: int, frame: int, *, out: np.ndarray | None = None) -> np.ndarray:
        """Return (T, H, W, 3) uint8, or (T + 1, H, W, 3) with the background at the end.

        Parameters
        ----------
        video, frame
            Number of the video and of its frame.
        out
            What to fill and return, contiguous; None makes an array.
        """
        store = self.stores[video]
        clip = np.empty(self.shape, np.uint8) if out is None else out
        first = frame - self.length // 2
        start, stop = max(first, 0), min(first + self.length, store.n_frames)
        clip[: start - first] = clip[stop - first : self.length] = self.pad
        store.read(np.arange(start, stop), out=clip[start - first : stop - first])
        if self.backgrounds is not None:
            clip[-1] = self.backgrounds[video]
        if len(self.stores) > MOST_OPEN:
            store.close()
        return clip

    def batch(
        self,
        samples: np.ndarray,
        labels: Sequence[np.ndarray] | None = None,
        *,
        rows: slice | None = None,
    ) -> ClipBatch:
        """Read clips and labels of a batch.

        Parameters
        ----------
        samples
            (N, 2) rows of video and frame.
        labels
            (T, K) of each video.
        rows
            The samples whose clips are read; None reads all. Labels are those of all samples.
        """
        rows = slice(0, len(samples)) if rows is None else rows
        read = samples[rows].tolist()
        clips = self._memory((len(read), *self.shape))
        for clip, (video, frame) in zip(clips.numpy(), read, strict=True):
            self.clip(video, frame, out=clip)
        chosen = None
        if labels is not None:
            chosen = torch.from_numpy(np.stack([labels[v][f] for v, f in samples]))
        return ClipBatch(clips, chosen, rows.start, len(samples))

    def _memory(self, shape: tuple[int, ...]) -> Tensor:
        if self.pinned:
            return torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        return torch.from_numpy(np.empty(shape, np.uint8))  # numpy asks for large pages


def _size(store: FrameStore) -> str:
    return f"{store.shape[1]} x {store.shape[0]} pixels"


def cut(order: np.ndarray, *, size: int, start: int = 0) -> list[np.ndarray]:
    """Cut an epoch's samples into batches of ``size``, from batch number ``start`` on."""
    return [order[i : i + size] for i in range(start * size, len(order), size)]


def clip_frames(frame: int, *, length: int, n_frames: int) -> np.ndarray:
    """Say which frames the clip around a frame shows.

    Parameters
    ----------
    frame
        The frame whose clip it is.
    length
        Frames per clip, T.
    n_frames
        Frames of the video.

    Returns
    -------
    ndarray
        (T,) int64: ``frame - T // 2`` and the following; -1 before the first and after the last.
    """
    index = np.arange(length) + frame - length // 2
    return np.where((index >= 0) & (index < n_frames), index, -1)


def padding_color(mean: Sequence[float]) -> np.ndarray:
    """Return the (3,) uint8 color of frames outside a video: the mean, near 0 once normalised."""
    return np.clip(np.floor(255 * np.asarray(mean)), 0, 255).astype(np.uint8)


def to_unit(clips: Tensor, device: torch.device, *, out: Tensor | None = None) -> Tensor:
    """Move (N, T, H, W, 3) uint8 to the device as (N, T, 3, H, W) float32 in 0..1.

    Parameters
    ----------
    clips
        Bytes; a CUDA device fetches them from pinned memory while the processor goes on.
    device
        Where to.
    out
        What to overwrite and return, on that device.
    """
    channels_first = clips.to(device, non_blocking=device.type == "cuda").permute(0, 1, 4, 2, 3)
    unit = torch.empty(channels_first.shape, device=device) if out is None else out
    return unit.copy_(channels_first).mul_(1 / 255)


def normalize(clips: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Subtract the channel means (3,) and divide by the standard deviations (3,)."""
    return clips.sub(mean.view(3, 1, 1)).mul_(1 / std.view(3, 1, 1))


def denormalize(clips: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Undo `normalize`; what leaves 0..1 is cut off."""
    return (clips * std.view(3, 1, 1) + mean.view(3, 1, 1)).clamp(0, 1)


def ahead(
    make: Callable[[Order], Batch], orders: Iterable[Order], *, workers: int | None = None
) -> Generator[Batch, None, None]:
    """Make batches in threads of their own while the caller computes, in the given order.

    Parameters
    ----------
    make
        Turns samples into a batch, from several threads at once; what it raises is raised here.
    orders
        Samples of each batch.
    workers
        Threads; None leaves one of the job's threads to the caller.

    Notes
    -----
    What comes does not depend on the number of threads. They rest while as many batches wait as
    there are threads, or `AHEAD`: memory is bounded, and beside a slower caller they do no more
    work than one reader would.
    """
    workers = workers or min(max(torch.get_num_threads() - 1, 1), MOST_WORKERS)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="reader")
    todo = iter(orders)
    waiting = deque(pool.submit(make, order) for order in islice(todo, max(AHEAD, workers)))
    try:
        while waiting:
            waiting.extend(pool.submit(make, order) for order in islice(todo, 1))
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def clips_ahead(
    read: Callable[[np.ndarray], ClipBatch], orders: Iterable[np.ndarray], device: torch.device
) -> Generator[ClipBatch, None, None]:
    """Read batches of clips `ahead`, and bring them to a CUDA device ahead, too."""
    return prefetched(
        ahead(read, orders), device,
        move=lambda batch: batch.to(device), tensors=ClipBatch.tensors,
    )  # fmt: skip


def share_ahead(
    source: ClipSource,
    orders: Iterable[np.ndarray],
    device: torch.device,
    *,
    fewest: int,
    labels: Sequence[np.ndarray] | None = None,
) -> Generator[ClipBatch, None, None]:
    """Read, `clips_ahead`, of each batch what this process of a training computes.

    Parameters
    ----------
    source, labels
        See `ClipSource.batch`.
    orders
        Samples of each batch.
    device
        Where to.
    fewest
        Samples that the network needs at once.
    """

    def read(samples: np.ndarray) -> ClipBatch:
        return source.batch(samples, labels, rows=share(len(samples), fewest)[0])

    return clips_ahead(read, orders, device)


def epoch_order(
    samples: np.ndarray, *, seed: int, epoch: int, limit: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """Shuffle samples for one epoch; seed and epoch alone decide, so a resumed run agrees.

    Parameters
    ----------
    samples
        (n, 2) rows of video and frame.
    seed, epoch
        Decide the order.
    limit
        Samples that the epoch uses at most.
    weights
        (n,) how often each is drawn, with replacement; None takes each once.
    """
    rng = np.random.default_rng([seed, epoch])
    if weights is None:
        return samples[rng.permutation(len(samples))[:limit]]
    share = weights / weights.sum()
    return samples[rng.choice(len(samples), min(limit, len(samples)), p=share)]
