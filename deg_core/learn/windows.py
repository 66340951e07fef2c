"""Windows of several videos, cut where the network computes.

Frames of all videos lie end to end in one table, which is on the device if it fits there, in main
memory if it fits only there, and stays in the videos' files otherwise. Windows are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from deg_core.learn.memory import free_memory
from deg_core.learn.tiling import TILE, Rows

SHARE = 0.5  # of the free memory, for features; the rest is for training steps
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Windows:
    """A batch: ``features`` (N, D, L) float32 and ``labels`` (N, K, L) int8, -1 in padding."""

    features: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.features)


class Video(Rows, Protocol):
    """Features (T, D) of a video, in float16 or float32: an array, or what reads them."""

    shape: tuple[int, int]
    dtype: np.dtype


@dataclass(frozen=True)
class Held:
    """Videos that are read, if they fit.

    Attributes
    ----------
    videos
        As they came in, or as parts of the table.
    table
        (sum of T, D) on the device or in main memory; None if it fits nowhere.
    """

    videos: Sequence[Video]
    table: Tensor | None

    @property
    def place(self) -> str:
        """Name where the features are."""
        return "their files" if self.table is None else f"the memory of {self.table.device}"


class _Part:
    """Some rows of a table, as numpy gives them."""

    def __init__(self, table: Tensor, first: int, like: Video) -> None:
        self.shape, self.dtype = tuple(like.shape), like.dtype
        self._table = table[first : first + len(like)]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> np.ndarray:
        return self._table[rows].cpu().numpy()


def held(videos: Sequence[Video], device: torch.device) -> Held:
    """Read videos into one table, in the number format that they have.

    Parameters
    ----------
    videos
        (T, D) each.
    device
        Where the table should be. Main memory is the second choice.

    Returns
    -------
    Held
        With a table if half of the free memory holds it.
    """
    dtype = torch.from_numpy(np.empty(0, np.result_type(*(x.dtype for x in videos)))).dtype
    counts, n_features = [len(x) for x in videos], videos[0].shape[1]
    place = place_for(sum(counts) * n_features * dtype.itemsize, device)
    if place is None:
        return Held(videos, None)
    table = torch.empty(sum(counts), n_features, dtype=dtype, device=place)
    firsts = first_rows(counts)
    for video, first in zip(videos, firsts, strict=True):
        for a in range(0, len(video), TILE):
            rows = torch.from_numpy(video[a : a + TILE])
            table[first + a : first + a + len(rows)] = rows
    parts = [_Part(table, first, like) for first, like in zip(firsts, videos, strict=True)]
    return Held(parts, table)


def place_for(n_bytes: int, device: torch.device) -> torch.device | None:
    """Choose the device, or main memory, whichever has room for a table; None if neither has."""
    for place in (device, CPU):
        if n_bytes <= SHARE * free_memory(place):
            return place
    return None


def first_rows(counts: Sequence[int]) -> list[int]:
    """Tell where each video starts in the table."""
    return (np.cumsum(counts, dtype=np.int64) - counts).tolist()


class Cutter:
    """Cuts windows of some length out of videos.

    Parameters
    ----------
    frames
        Features of the videos.
    labels
        (T, K) int8 of each video.
    length
        Frames of a window, L.
    device
        Where windows are made.
    """

    def __init__(
        self, frames: Held, labels: Sequence[np.ndarray], *, length: int, device: torch.device
    ) -> None:
        self.frames, self.length, self.device = frames, length, device
        self.counts = np.array([len(table) for table in labels])
        self.firsts = np.array(first_rows(self.counts))
        self.labels = torch.from_numpy(np.concatenate(labels)).to(device)
        self.shifts: Tensor | None = None

    @property
    def is_at_once(self) -> bool:
        """Whether windows are cut from the device's own memory, and nothing is waited for."""
        table = self.frames.table
        return table is not None and table.device.type == self.device.type

    def shift(self, offsets: Sequence[np.ndarray]) -> None:
        """Subtract a vector (D,) float32 from the features of each video from now on."""
        self.shifts = torch.from_numpy(np.stack(offsets)).to(self.device)

    def cut(self, windows: np.ndarray, padding: Tensor) -> Windows:
        """Cut a batch.

        Parameters
        ----------
        windows
            (N, 2) rows of video and first frame.
        padding
            (D,) float32: what frames behind the end of a video hold.
        """
        video, frame = windows[:, :1], windows[:, 1:] + np.arange(self.length)  # (N, 1), (N, L)
        counts = self.counts[video]
        index = self.firsts[video] + np.minimum(frame, counts - 1)
        behind = torch.from_numpy(np.flatnonzero(frame >= counts)).to(self.device)
        features = self._frames(windows, index).float()  # (N * L, D)
        if self.shifts is not None:
            shifts = self.shifts[torch.from_numpy(video).to(self.device)]  # (N, 1, D)
            features.view(*index.shape, -1).sub_(shifts)
        labels = self.labels[torch.from_numpy(index.ravel()).to(self.device)]
        features[behind], labels[behind] = padding, -1
        return Windows(self._by_window(features), self._by_window(labels))

    def _by_window(self, rows: Tensor) -> Tensor:
        return rows.view(-1, self.length, rows.shape[1]).transpose(1, 2)

    def _frames(self, windows: np.ndarray, index: np.ndarray) -> Tensor:
        """Gather the frames (N * L, D) of windows as they are, with anything behind the end."""
        table = self.frames.table
        if table is not None:
            rows = torch.from_numpy(index.ravel()).to(table.device)
            return table.index_select(0, rows).to(self.device)
        videos = self.frames.videos
        dtype = np.result_type(*(x.dtype for x in videos))
        gathered = np.zeros((*index.shape, videos[0].shape[1]), dtype)
        for window, (video, start) in zip(gathered, windows, strict=True):
            rows = videos[video][start : start + self.length]
            window[: len(rows)] = rows
        return torch.from_numpy(gathered).to(self.device).flatten(0, 1)
