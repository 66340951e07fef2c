"""Clips from imported videos: which frames, in which order, batched ahead of the training."""

import queue
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deg_core.data.video import FrameStore
from deg_core.errors import VideoError

AHEAD = 4


@dataclass(frozen=True)
class ClipBatch:
    """Clips and what goes with them.

    ``clips`` (N, T, H, W, 3) uint8, a background being one more frame at the end of T; ``labels``
    (N, K) int8 of the center frames, or None.
    """

    clips: Tensor
    labels: Tensor | None


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
    ) -> None:
        self.stores = [FrameStore(path) for path in stores]
        self.length, self.backgrounds = length, backgrounds
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

    def clip(self, video: int, frame: int) -> np.ndarray:
        """Return (T, H, W, 3) uint8, or (T + 1, H, W, 3) with the background at the end."""
        store = self.stores[video]
        index = clip_frames(frame, length=self.length, n_frames=store.n_frames)
        inside = index >= 0
        extra = 0 if self.backgrounds is None else 1
        clip = np.empty((self.length + extra, *store.shape, 3), np.uint8)
        clip[: self.length][~inside] = self.pad
        clip[: self.length][inside] = store.read(index[inside])
        if self.backgrounds is not None:
            clip[-1] = self.backgrounds[video]
        return clip

    def batch(self, samples: np.ndarray, labels: Sequence[np.ndarray] | None = None) -> ClipBatch:
        """Read the clips of ``samples``, (N, 2) rows of video and frame."""
        clips = np.stack([self.clip(int(v), int(f)) for v, f in samples])
        if labels is None:
            return ClipBatch(torch.from_numpy(clips), None)
        chosen = np.stack([labels[v][f] for v, f in samples])
        return ClipBatch(torch.from_numpy(clips), torch.from_numpy(chosen))


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


def to_unit(clips: Tensor, device: torch.device) -> Tensor:
    """Move (N, T, H, W, 3) uint8 to the device as (N, T, 3, H, W) float32 in 0..1."""
    channels_first = clips.to(device).permute(0, 1, 4, 2, 3)
    unit = torch.empty(channels_first.shape, device=device)
    return unit.copy_(channels_first).mul_(1 / 255)


def normalize(clips: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Subtract the channel means (3,) and divide by the standard deviations (3,)."""
    return clips.sub(mean.view(3, 1, 1)).mul_(1 / std.view(3, 1, 1))


def denormalize(clips: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Undo `normalize`; what leaves 0..1 is cut off."""
    return (clips * std.view(3, 1, 1) + mean.view(3, 1, 1)).clamp(0, 1)


def ahead(
    make: Callable[[np.ndarray], ClipBatch], orders: Sequence[np.ndarray]
) -> Generator[ClipBatch, None, None]:
    """Make batches in a thread of their own while the caller computes, in the given order.

    Parameters
    ----------
    make
        Turns samples into a batch; what it raises is raised here.
    orders
        Samples of each batch.
    """
    ready: queue.Queue = queue.Queue(maxsize=AHEAD)
    stop = threading.Event()

    def put(item: object) -> None:
        while not stop.is_set():
            try:
                return ready.put(item, timeout=0.2)
            except queue.Full:
                continue

    def work() -> None:
        try:
            for samples in orders:
                if stop.is_set():
                    return
                put(make(samples))
            put(None)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()


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
