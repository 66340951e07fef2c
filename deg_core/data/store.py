"""Imported videos: every frame decoded and resized once, in HDF5, for fast random clips.

Writes and reads ``results/import/<video>.h5``. The frames are either raw (one chunk each, read
without any decoding) or JPEG pictures one after the other in one array of bytes.
"""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import cv2
import h5py
import numpy as np

from deg_core.data.extents import Descriptor, Extents
from deg_core.data.hdf5 import SafeFile, dataset_of, read_numbers, read_text, write_text
from deg_core.data.publish import damage_of, open_hdf5
from deg_core.errors import StateError

# Frames are collected up to this many bytes before HDF5 is called.
_BUFFER_BYTES = 8 * 2**20
_BLOB_CHUNK = 2**20
_TIME_CHUNK = 4096
_LONGEST_SIDE = 65535  # pixels, of a JPEG
_KIND = {1: cv2.IMREAD_GRAYSCALE, 3: cv2.IMREAD_COLOR}
_TO_RGB = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB}
Attribute = str | int | float | bool


class StoreWriter:
    """Write the frames of one video into an open file, in memory that does not grow.

    Parameters
    ----------
    file
        An empty file of `deg_core.data.publish.publish_hdf5`.
    shape
        Height, width and channels (1 or 3) of every frame.
    store
        Whether frames are kept as they are, or as JPEG.
    jpeg_quality
        1 to 100.
    """

    def __init__(
        self,
        file: SafeFile,
        *,
        shape: tuple[int, int, int],
        store: Literal["raw", "jpeg"],
        jpeg_quality: int = 90,
    ) -> None:
        self.shape = shape
        self.store = store
        self.n_frames = 0
        self._file = file
        self._options = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality]
        self._waiting: list[np.ndarray] = []
        self._waiting_bytes = 0
        if store == "raw":
            self._frames = file.create_dataset(
                "frames", shape=(0, *shape), maxshape=(None, *shape), chunks=(1, *shape), dtype="u1"
            )
        else:
            self._blob = _growing(file, "blob", np.uint8, _BLOB_CHUNK)
            self._offsets = _growing(file, "offsets", np.int64, _TIME_CHUNK)
            _append(self._offsets, np.zeros(1, np.int64))

    def append(self, frame: np.ndarray) -> None:
        """Add one frame.

        Parameters
        ----------
        frame : (H, W, C) uint8 RGB or gray

        Raises
        ------
        ValueError
            If it has another shape or type than the store.
        OSError
            If the disk is full.
        """
        if frame.shape != self.shape or frame.dtype != np.uint8:
            raise ValueError(f"expected uint8 {self.shape}, got {frame.dtype} {frame.shape}")
        kept = frame if self.store == "raw" else self._compress(frame)
        self._waiting.append(kept)
        self._waiting_bytes += kept.nbytes
        self.n_frames += 1
        if self._waiting_bytes >= _BUFFER_BYTES:
            self._flush()

    def finish(self, timestamps: np.ndarray, attributes: Mapping[str, Attribute]) -> None:
        """Write what is left, the times and the facts about the video.

        Parameters
        ----------
        timestamps : (T,) float64, seconds
        attributes
            Facts such as the rate and the source; numbers of frames and size are added.

        Raises
        ------
        ValueError
            If there is not one time per frame.
        OSError
            If the disk is full.
        """
        if len(timestamps) != self.n_frames:
            raise ValueError(f"{len(timestamps)} times for {self.n_frames} frames")
        self._flush()
        self._file.create_dataset("timestamps", data=np.asarray(timestamps, np.float64))
        height, width, channels = self.shape
        self._file.attrs.update(
            n_frames=self.n_frames, height=height, width=width, channels=channels
        )
        write_text(self._file, "store", self.store)
        self._file.attrs.update(attributes)

    def _compress(self, frame: np.ndarray) -> np.ndarray:
        picture = frame if self.shape[2] == 1 else cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", picture, self._options)
        return data.ravel()

    def _flush(self) -> None:
        if not self._waiting:
            return
        if self.store == "raw":
            _append(self._frames, np.stack(self._waiting))
        else:
            ends = np.cumsum([len(data) for data in self._waiting]) + len(self._blob)
            _append(self._blob, np.concatenate(self._waiting))
            _append(self._offsets, ends)
        self._waiting.clear()
        self._waiting_bytes = 0
        self._file.check()


class FrameStore:
    """Read frames of an imported video, in any order.

    May be used by several threads at once, after a fork, and pickled.

    Parameters
    ----------
    path
        An imported video.

    Attributes
    ----------
    n_frames
        Number of frames, T.
    fps
        Frames per second.
    shape
        Height and width of the frames, in pixels.
    channels
        1 if the video is gray, else 3; frames are given with three channels either way.
    store
        "raw" or "jpeg".
    variable_rate
        Whether the times between frames differ.

    Raises
    ------
    StateError
        If the file is missing, damaged or no imported video.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        with damage_of(self.path):
            self._mark = _mark(self.path.stat())
        with damage_of(self.path), open_hdf5(self.path) as file:
            about = file.attrs
            self.n_frames, self.fps = int(about["n_frames"]), float(about["fps"])
            self.shape = (int(about["height"]), int(about["width"]))
            self.channels, self.variable_rate = int(about["channels"]), bool(about["variable_rate"])
            self.store = read_text(file, "store")
            if not _sensible(self.shape, self.channels, self.fps):
                raise ValueError(f"claims frames of {self.shape} at {self.fps} per second")
            data = dataset_of(file, "frames" if self.store == "raw" else "blob")
            self._extents, self._offsets = Extents.of(data), self._bounds(file)
        if len(self._offsets) - 1 != self.n_frames:
            raise StateError(
                f"{self.path}: holds {len(self._offsets) - 1} frames, but says {self.n_frames}; "
                "delete it and import the video again."
            )
        self._file: Descriptor | None = None

    @property
    def timestamps(self) -> np.ndarray:
        """Times of the frames, (T,) float64, in seconds from the first."""
        with damage_of(self.path), open_hdf5(self.path) as file:
            times = read_numbers(file, "timestamps")
            if times.shape != (self.n_frames,):
                raise ValueError(f"'timestamps' are {times.shape}, for {self.n_frames} frames")
            return times

    def read(
        self, indices: Sequence[int] | np.ndarray, *, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Read some frames.

        Parameters
        ----------
        indices
            Numbers of the frames, in any order, repeated at will; runs of neighbors are fast.
        out
            (n, H, W, 3) uint8, contiguous: what to fill and return; None makes an array.

        Returns
        -------
        np.ndarray
            (n, H, W, 3) uint8 RGB, in the order asked for.

        Raises
        ------
        IndexError
            If an index is negative or beyond the end.
        ValueError
            If ``out`` is of another kind.
        StateError
            If the file is damaged, or another one than was opened.
        """
        wanted = np.asarray(indices, dtype=np.int64)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= self.n_frames):
            raise IndexError(f"{self.path}: frames 0 to {self.n_frames - 1}, asked for {wanted}")
        shape = (len(wanted), *self.shape, 3)
        frames = np.empty(shape, np.uint8) if out is None else out
        if frames.shape != shape or frames.dtype != np.uint8 or not frames.flags.c_contiguous:
            raise ValueError(
                f"expected contiguous uint8 {shape}, got {frames.dtype} {frames.shape}"
            )
        ends = [*np.flatnonzero(np.diff(wanted) != 1) + 1, len(wanted)]
        with damage_of(self.path):
            file = self._open()
            for begin, end in pairwise([0, *ends] if len(wanted) else []):
                self._fill(file, int(wanted[begin]), frames[begin:end])
        return frames

    def iter(self, batch: int) -> Iterator[tuple[int, np.ndarray]]:
        """Give all frames in order, ``batch`` at a time, each with the number of its first.

        Yields
        ------
        tuple[int, np.ndarray]
            Number of the first frame, and (n, H, W, 3) uint8 RGB.
        """
        for start in range(0, self.n_frames, batch):
            yield start, self.read(np.arange(start, min(start + batch, self.n_frames)))

    def close(self) -> None:
        """Close the file, once no thread reads from it; reading again opens it again."""
        self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_file": None}

    def _bounds(self, file: h5py.File) -> np.ndarray:
        """Say which bytes are a frame's: (T + 1,) int64, where each begins and the last ends."""
        if self.store == "raw":
            frame = (*self.shape, self.channels)
            if file["frames"].shape[1:] != frame:
                raise ValueError(f"'frames' are no {frame}")
            return np.arange(len(file["frames"]) + 1) * math.prod(frame)
        bounds = read_numbers(file, "offsets")
        if bounds[0] != 0 or bounds[-1] > len(file["blob"]) or (np.diff(bounds) <= 0).any():
            raise ValueError("'offsets' do not increase")
        return bounds

    def _open(self) -> Descriptor:
        """Open the file where it is not, and make sure that it is the same still."""
        file = self._file
        if file is None:
            file = Descriptor(self.path)
            if _mark(os.fstat(file.number)) != self._mark:
                raise StateError(f"{self.path}: was replaced while it was in use; run again.")
            self._file = file
        return file

    def _fill(self, file: Descriptor, start: int, frames: np.ndarray) -> None:
        """Read neighboring frames from ``start`` on into (n, H, W, 3)."""
        bounds = self._offsets[start : start + len(frames) + 1]
        if self.store == "raw" and self.channels == 3:
            return self._extents.read(file, int(bounds[0]), frames)
        data = np.empty(bounds[-1] - bounds[0], np.uint8)
        self._extents.read(file, int(bounds[0]), data)
        for number, (low, high) in enumerate(pairwise((bounds - bounds[0]).tolist())):
            picture = self._picture(data[low:high])
            if picture is None or picture.shape[:2] != self.shape:
                raise OSError(f"frame {start + number} is no picture")
            cv2.cvtColor(picture, _TO_RGB[self.channels], dst=frames[number])

    def _picture(self, data: np.ndarray) -> np.ndarray | None:
        """Return (H, W) gray or (H, W, 3) BGR; None if the bytes are no picture."""
        if self.store == "raw":
            return data.reshape(self.shape)
        with suppress(cv2.error):
            return cv2.imdecode(data, _KIND[self.channels])


def _sensible(shape: tuple[int, int], channels: int, fps: float) -> bool:
    sizes = all(0 < length <= _LONGEST_SIDE for length in shape)
    return sizes and channels in _KIND and math.isfinite(fps) and fps > 0


def _mark(status: os.stat_result) -> tuple[int, int]:
    """Tell a file from one that was put in its place."""
    return status.st_size, status.st_mtime_ns


def _growing(file: h5py.File, name: str, kind: type, chunk: int) -> h5py.Dataset:
    return file.create_dataset(name, shape=(0,), maxshape=(None,), chunks=(chunk,), dtype=kind)


def _append(dataset: h5py.Dataset, values: np.ndarray) -> None:
    start = len(dataset)
    dataset.resize(start + len(values), axis=0)
    dataset[start:] = values
