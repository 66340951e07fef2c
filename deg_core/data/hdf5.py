"""HDF5 files that survive a full disk, and reading from files that may be damaged.

When a write fails inside the HDF5 library, closing the file or merely dropping its objects can
crash the interpreter, so that the user gets a segmentation fault in place of a sentence. Here the
library therefore never sees a failed write: the error is kept, and raised by Python.
"""

import io
import os
from pathlib import Path

import h5py
import numpy as np
from h5py import h5z

from deg_core.data.heaps import check_heaps

# What gzip can make of a byte; the library's other filters give less.
_MOST_COMPRESSION = 1032


class Disk(io.RawIOBase):
    """A file for the HDF5 library to write to, which keeps the first error to itself."""

    def __init__(self, path: Path) -> None:
        self.error: OSError | None = None
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        self._position = 0
        self._size = 0
        # What could not be written: the library must read back what it believes it wrote.
        self._lost: list[tuple[int, bytes]] = []

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to ``offset``, counted from the start or from the end."""
        self._position = offset + (self._size if whence == os.SEEK_END else 0)
        return self._position

    def tell(self) -> int:
        """Give the position, in bytes from the start."""
        return self._position

    def write(self, data: memoryview) -> int:
        """Write all of ``data`` at the position, or remember the error and the data."""
        view = memoryview(data).cast("B")
        written = 0
        try:
            while written < len(view) and self.error is None:
                written += os.pwrite(self._descriptor, view[written:], self._position + written)
        except OSError as error:
            self.error = error
        if written < len(view):
            self._lost.append((self._position + written, bytes(view[written:])))
        self._position += len(view)
        self._size = max(self._size, self._position)
        return len(view)

    def readinto(self, buffer: memoryview) -> int:
        """Fill ``buffer`` from the position; what lies beyond the end reads as zeros."""
        view = memoryview(buffer).cast("B")
        start, stop = self._position, self._position + len(view)
        data = os.pread(self._descriptor, len(view), start)
        view[: len(data)] = data
        view[len(data) :] = bytes(len(view) - len(data))
        for offset, lost in self._lost:
            low, high = max(start, offset), min(stop, offset + len(lost))
            if low < high:
                view[low - start : high - start] = lost[low - offset : high - offset]
        self._position = stop
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the size of the file."""
        self._size = self._position if size is None else size
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError as error:
            self.error = self.error or error
        return self._size

    def close(self) -> None:
        """Close the file of the system."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()


class SafeFile(h5py.File):
    """A new HDF5 file on a `Disk`.

    Parameters
    ----------
    path
        Where the file is made; what is there is replaced.
    """

    def __init__(self, path: Path) -> None:
        self._disk = Disk(path)
        # This version of the format has checksums, so that damage is noticed on opening.
        super().__init__(self._disk, "w", libver="v110")

    def check(self) -> None:
        """Raise the error of an earlier write; long jobs ask now and then, to stop early.

        Raises
        ------
        OSError
            If a write has failed.
        """
        if self._disk.error is not None:
            raise self._disk.error

    def finish(self) -> None:
        """Close the file on all levels.

        Raises
        ------
        OSError
            If a write has failed.
        """
        try:
            self.close()
        finally:
            self._disk.close()
        self.check()


def write_text(file: h5py.File, name: str, text: str) -> None:
    """Write a text attribute of fixed length.

    h5py's usual texts lie in a heap without a checksum, where damage makes the library hang.
    """
    content = text.encode()
    kind = h5py.string_dtype("utf-8", max(len(content), 1))
    file.attrs.create(name, np.array(content, dtype=kind))


def read_text(file: h5py.File, name: str) -> str:
    """Read a text attribute, of fixed length or, from older versions, of any."""
    if file.attrs.get_id(name).dtype.kind == "O" and Path(file.file.filename).is_file():
        check_heaps(Path(file.file.filename))
    return as_text(file.attrs[name])


def dataset_of(group: h5py.Group, name: str) -> h5py.Dataset:
    """Find a data set that lies in this very file.

    Raises
    ------
    KeyError
        If there is nothing of this name.
    ValueError
        If it lies in another file, or is no data set.
    """
    if group.get(name, getlink=True, default=None) is None:
        raise KeyError(f"no '{name}'")
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"'{name}' points to something else")
    dataset = group[name]
    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"'{name}' is no data set")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"'{name}' lies in other files")
    return dataset


def whole_dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    """Find a data set of numbers of which the file can hold as much as it claims.

    Without this a few wrong bytes ask for more memory than there is.

    Raises
    ------
    KeyError, ValueError
        See `dataset_of`; or if it holds no numbers, or claims more than there is.
    """
    dataset = dataset_of(group, name)
    if dataset.dtype.kind not in "biufV":
        raise ValueError(f"'{name}' holds {dataset.dtype}, no numbers")
    _check_claim(dataset, name)
    return dataset


def read_numbers(group: h5py.Group, name: str) -> np.ndarray:
    """Read all of a data set of numbers.

    Raises
    ------
    KeyError, ValueError
        See `whole_dataset`.
    """
    return np.asarray(whole_dataset(group, name)[()])


def read_texts(group: h5py.Group, name: str) -> list[str]:
    """Read a list of texts.

    Raises
    ------
    KeyError, ValueError
        See `dataset_of`; or if it holds something else, or claims more than there is.
    """
    dataset = dataset_of(group, name)
    _check_claim(dataset, name)
    if dataset.dtype.kind not in "SO" or dataset.ndim != 1:
        raise ValueError(f"'{name}' holds {dataset.dtype} {dataset.shape}, no list of texts")
    return [as_text(value) for value in dataset[()]]


def as_text(value: object) -> str:
    """Decode a text as h5py gives it.

    Raises
    ------
    ValueError
        If it is no UTF-8.
    """
    return value.decode() if isinstance(value, bytes) else str(value)


def _check_claim(dataset: h5py.Dataset, name: str) -> None:
    there = min(dataset.id.get_storage_size(), dataset.file.id.get_filesize())
    if dataset.size * dataset.dtype.itemsize > there * _most_per_byte(dataset):
        raise ValueError(f"'{name}' claims {dataset.shape}, more than the file holds")


def _most_per_byte(dataset: h5py.Dataset) -> int:
    """Say how many bytes one in the file may stand for."""
    plist = dataset.id.get_create_plist()
    filters = {plist.get_filter(i)[0] for i in range(plist.get_nfilters())}
    return _MOST_COMPRESSION if filters - {h5z.FILTER_FLETCHER32, h5z.FILTER_SHUFFLE} else 1
