"""Features in their file: any frames of a video at any time, in memory for these frames only.

Reads ``results/features/**.h5``. Training cuts short windows at random from hours of features.
Through the HDF5 library each would cost two chunks of 1024 frames, their checksums and an open
file with a cache; here the rows themselves are read from where the library put them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import h5py
import numpy as np
from h5py import h5z

from deg_core.data.arrays import FeatureRows
from deg_core.data.publish import damage_of
from deg_core.errors import StateError

COLUMNS = ("spatial", "flow")


class StoredFeatures:
    """Both feature vectors of each frame of a video side by side, spatial first.

    No file stays open, so that there may be any number of these; threads may share one.

    Parameters
    ----------
    path
        File of features. It is read once through the HDF5 library, which checks its sums.

    Attributes
    ----------
    shape
        Frames, and numbers per frame, 2D.
    dtype
        float16 or float32, as the file has them.
    behaviors, digest
        As in `Features`.

    Raises
    ------
    StateError
        If the file is missing, damaged or holds something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        with damage_of(self.path):
            file = h5py.File(self.path, "r", locking=False)
        with file:
            about = FeatureRows(file, self.path)
            self.behaviors, self.digest = about.behaviors, about.digest
            with damage_of(self.path):
                self._columns = [_Column.of(file[name]) for name in COLUMNS]
        self.shape = len(about), about.n_features
        self.dtype = np.result_type(*(column.dtype for column in self._columns))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Read some frames, (n, 2D) float16 or float32.

        Raises
        ------
        StateError
            If the file is no longer what it was.
        """
        start, stop, _ = rows.indices(len(self))
        with damage_of(self.path), self.path.open("rb", buffering=0) as file:
            parts = [column.read(file, start, max(start, stop)) for column in self._columns]
        return np.concatenate(parts, axis=1)


@dataclass(frozen=True)
class _Column:
    """Where in the file the rows of one data set lie: chunks of whole rows, not compressed."""

    dtype: np.dtype
    width: int
    rows_per_chunk: int
    starts: Sequence[int]  # of the chunks, in bytes

    @classmethod
    def of(cls, data: h5py.Dataset) -> "_Column":
        """Find the chunks of (T, D) and have the library check them."""
        if data.size == 0:
            return cls(data.dtype, data.shape[1], 1, ())
        plist = data.id.get_create_plist()
        kinds = {plist.get_filter(i)[0] for i in range(plist.get_nfilters())}
        if data.chunks is None or data.chunks[1] < data.shape[1] or kinds - {h5z.FILTER_FLETCHER32}:
            raise StateError(
                f"{data.file.filename}: expected {data.name[1:]} in chunks of whole frames, not "
                "compressed, found another layout; run extract_features again."
            )
        size, starts = data.chunks[0], []
        for a in range(0, len(data), size):
            data[a : a + size]
            starts.append(data.id.get_chunk_info_by_coord((a, 0)).byte_offset)
        return cls(data.dtype, data.shape[1], size, tuple(starts))

    def read(self, file: FileIO, start: int, stop: int) -> np.ndarray:
        """Read the rows from ``start`` up to ``stop``, (n, D)."""
        out, size = np.empty((stop - start, self.width), self.dtype), self.rows_per_chunk
        if not out.size:  # features of keypoints have nothing of the motion
            return out
        for chunk in range(start // size, -(-stop // size)):
            low, high = max(start, chunk * size), min(stop, (chunk + 1) * size)
            part = out[low - start : high - start]
            file.seek(self.starts[chunk] + (low - chunk * size) * self.width * out.itemsize)
            if file.readinto(part) != part.nbytes:
                raise OSError("it ends too early")
        return out
