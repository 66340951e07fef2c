"""HDF5 files that survive a full disk.

When a write fails inside the HDF5 library, closing the file or merely dropping its objects can
crash the interpreter, so that the user gets a segmentation fault in place of a sentence. Here the
library therefore never sees a failed write: the error is kept, and raised by Python.
"""

import io
import os
from pathlib import Path

import h5py
import numpy as np


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
    """Read a text attribute, of fixed length or not."""
    value = file.attrs[name]
    return value.decode() if isinstance(value, bytes) else str(value)
