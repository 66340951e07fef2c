"""Where the bytes of an HDF5 data set lie in its file, and reading them from there.

The library is asked once. From then on bytes are read by their position, straight into the
caller's memory, by any number of threads and processes at once: the library has a lock for all
files together, a buffer of its own, and no use after a fork.
"""

import os
import weakref
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import h5py
import numpy as np


class Descriptor:
    """A file open for reading, until nobody holds this object any more."""

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self.number)

    def fill(self, target: memoryview, place: int) -> None:
        """Fill ``target`` with the bytes from ``place`` on.

        Raises
        ------
        OSError
            If the file ends before.
        """
        while len(target):
            n = os.preadv(self.number, [target], place)
            if n == 0:
                raise OSError(f"cut off at byte {place}")
            target, place = target[n:], place + n


@dataclass(frozen=True)
class Extents:
    """Runs of bytes of a data set that lie one behind the other in its file.

    Attributes
    ----------
    starts
        Number of the first byte of each run, counted within the data set; then its length.
    places
        Where each run begins in the file.
    """

    starts: tuple[int, ...]
    places: tuple[int, ...]

    @classmethod
    def of(cls, dataset: h5py.Dataset) -> Self:
        """Ask where a data set lies.

        Parameters
        ----------
        dataset
            One without filters, in chunks that divide its first axis only.

        Raises
        ------
        ValueError
            If it is stored in another way, or lacks a chunk.
        OSError
            If the file ends before the data set does.
        """
        if dataset.chunks is None or dataset.chunks[1:] != dataset.shape[1:]:
            raise ValueError(f"'{dataset.name}' is not stored in runs of rows")
        size = int(np.prod(dataset.chunks, dtype=np.int64)) * dataset.dtype.itemsize
        places = _places(dataset, size)
        if len(places) != -(-len(dataset) // dataset.chunks[0]):
            raise ValueError(f"'{dataset.name}' lacks a part")
        first = np.flatnonzero(np.diff(places, prepend=-1) != size)
        length = dataset.size * dataset.dtype.itemsize
        extents = cls((*(first * size).tolist(), length), tuple(places[first].tolist()))
        if extents.end > Path(dataset.file.filename).stat().st_size:
            raise OSError(f"cut off within '{dataset.name}'")
        return extents

    @property
    def end(self) -> int:
        """Place behind the last byte in the file."""
        runs = zip(self.places, pairwise(self.starts), strict=True)
        return max((place + stop - start for place, (start, stop) in runs), default=0)

    def read(self, file: Descriptor, start: int, target: np.ndarray) -> None:
        """Read the bytes from number ``start`` of the data set on.

        Parameters
        ----------
        file
            The data set's file.
        start
            Number of a byte.
        target
            What to fill: contiguous uint8 of any shape.

        Raises
        ------
        OSError
            If the file has become shorter.
        """
        left = memoryview(target.reshape(-1))
        while len(left):
            run = bisect_right(self.starts, start) - 1
            n = min(len(left), self.starts[run + 1] - start)
            file.fill(left[:n], self.places[run] + start - self.starts[run])
            left, start = left[n:], start + n


def _places(dataset: h5py.Dataset, size: int) -> np.ndarray:
    """List where the chunks of ``size`` bytes lie in the file, (n,) int64, in their order."""
    found: list[tuple[int, int]] = []

    def note(chunk: h5py.h5d.StoreInfo) -> None:
        if chunk.size != size or chunk.filter_mask or chunk.byte_offset is None:
            raise ValueError(f"'{dataset.name}' is compressed")
        found.append((chunk.chunk_offset[0], chunk.byte_offset))

    if dataset.id.get_create_plist().get_nfilters():
        raise ValueError(f"'{dataset.name}' is compressed")
    if len(dataset):
        dataset.id.chunk_iter(note)
    return np.array([place for _, place in sorted(found)], dtype=np.int64)
