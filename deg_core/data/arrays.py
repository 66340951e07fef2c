"""Features and predictions: one row per frame, in HDF5.

Writes and reads ``results/features/**.h5`` and ``results/predictions/**.h5``. Features are large:
they are written part by part, and prediction reads them so; training has `deg_core.data.stored`.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import h5py
import numpy as np

from deg_core.data.hdf5 import SafeFile, read_numbers, read_text, whole_dataset, write_text
from deg_core.data.publish import damage_of, open_hdf5, publish_hdf5
from deg_core.errors import ConfigError, StateError
from deg_core.groups import from_text, indices, to_text

Names = tuple[str, ...]
FEATURES = ("spatial", "flow", "logits")
PREDICTIONS = ("probabilities", "feature_probabilities")
# A quarter of a minute at 60 frames per second; windows of training are of that order.
_CHUNK_FRAMES = 1024


@dataclass(frozen=True)
class Features:
    """What the feature extractor gives for each frame of a video.

    Attributes
    ----------
    spatial, flow
        (T, D) float32: features of the picture and of the motion.
    logits
        (T, K) float32: the extractor's own answer.
    fps
        Frames per second.
    behaviors
        Names of the K columns.
    digest
        SHA-256 that names the models.
    groups
        Names of the members of each exclusive group.
    """

    spatial: np.ndarray
    flow: np.ndarray
    logits: np.ndarray
    fps: float
    behaviors: Names
    digest: str
    groups: tuple[Names, ...] = ()


@dataclass(frozen=True)
class Predictions:
    """Probabilities of the behaviors for each frame of a video.

    Attributes
    ----------
    probabilities
        (T, K) float32: of the sequence model.
    feature_probabilities
        (T, K) float32: of the feature extractor alone; (T, 0) where there is none.
    fps
        Frames per second.
    behaviors
        Names of the K columns.
    digest
        SHA-256 that names the models.
    groups
        Names of the members of each exclusive group.
    """

    probabilities: np.ndarray
    feature_probabilities: np.ndarray
    fps: float
    behaviors: Names
    digest: str
    groups: tuple[Names, ...] = ()


class FeatureWriter:
    """Write features part by part, in order and without gaps.

    Parameters
    ----------
    file
        A file with empty data sets for all frames.
    """

    def __init__(self, file: SafeFile) -> None:
        self.n_written = 0
        self._file = file
        self._n_frames = len(file["logits"])

    def write(self, start: int, spatial: np.ndarray, flow: np.ndarray, logits: np.ndarray) -> None:
        """Write the rows of some frames.

        Parameters
        ----------
        start
            Number of the first frame: where the last call ended.
        spatial : (n, D) float
        flow : (n, D) float
        logits : (n, K) float

        Raises
        ------
        StateError
            If a value is NaN, or too large for the type on disk: the model is no good.
        ValueError
            If rows are left out, written twice, or too many, or differ in number.
        OSError
            If the disk is full.
        """
        stop = start + len(logits)
        if start != self.n_written or stop > self._n_frames:
            raise ValueError(
                f"rows {start}-{stop}; expected from {self.n_written}, up to {self._n_frames}"
            )
        for name, part in zip(FEATURES, (spatial, flow, logits), strict=True):
            dataset = self._file[name]
            if part.shape != (len(logits), dataset.shape[1]):
                raise ValueError(f"{name}: {part.shape}, expected {len(logits)} of {dataset.shape}")
            with np.errstate(over="ignore"):
                kept = part.astype(dataset.dtype)
            if not np.isfinite(kept).all():
                raise StateError(
                    f"{name} of frames {start}-{stop}: not finite as {dataset.dtype}, so the "
                    "training of the model went astray; train it again with a lower learning rate."
                )
            dataset[start:stop] = kept
        self.n_written = stop
        self._file.check()


@contextmanager
def feature_writer(
    path: Path,
    *,
    n_frames: int,
    fps: float,
    behaviors: Sequence[str],
    n_features: int,
    n_motion: int | None = None,
    digest: str,
    groups: Sequence[Sequence[str]] = (),
    dtype: Literal["float32", "float16"] = "float32",
) -> Iterator[FeatureWriter]:
    """Give a writer; the file appears when the block ends well and every frame was written.

    Parameters
    ----------
    path
        Where to write.
    n_frames
        Number of rows.
    fps
        Frames per second.
    behaviors
        Names of the logits.
    n_features
        Numbers per frame of the spatial features, and of those of the motion.
    n_motion
        Numbers per frame of the latter, if they are not as many.
    digest
        SHA-256 that names the models.
    groups
        Names of the members of each exclusive group.
    dtype
        How features are kept; logits are float32 either way.

    Raises
    ------
    StateError
        If the file cannot be written, or what is written is not finite.
    ValueError
        If frames are missing at the end.
    """
    with publish_hdf5(path) as file:
        _describe(
            file, n_frames=n_frames, fps=fps, behaviors=behaviors, digest=digest, groups=groups
        )
        n_motion = n_features if n_motion is None else n_motion
        for name, width in (("spatial", n_features), ("flow", n_motion)):
            _create(file, name, (n_frames, width), dtype)
        _create(file, "logits", (n_frames, len(behaviors)))
        writer = FeatureWriter(file)
        yield writer
        if writer.n_written != n_frames:
            raise ValueError(f"{path}: {writer.n_written} of {n_frames} frames were written")


def read_features(path: Path) -> Features:
    """Read the features of one video.

    Raises
    ------
    StateError
        If the file is missing, damaged or holds something else.
    """
    return Features(**_read(path, FEATURES, of_behaviors=("logits",)))


class FeatureRows:
    """Both feature vectors of each frame side by side, spatial first, read where they are asked.

    Parameters
    ----------
    file
        An open file of features.
    path
        Its path, for the messages.

    Attributes
    ----------
    n_features
        Numbers per frame, 2D.
    logits
        (T, K) float32: the extractor's own answer.
    fps, behaviors, digest, groups
        As in `Features`.
    """

    def __init__(self, file: h5py.File, path: Path) -> None:
        self._file, self._path = file, path
        about = _about(file, path, FEATURES, of_behaviors=("logits",))
        self.fps, self.behaviors = about["fps"], about["behaviors"]
        self.digest, self.groups = about["digest"], about["groups"]
        with damage_of(path):
            self.logits: np.ndarray = read_numbers(file, "logits").astype(np.float32, copy=False)
        self.n_features = file["spatial"].shape[1] + file["flow"].shape[1]

    def __len__(self) -> int:
        return len(self.logits)

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Read some frames, (n, 2D) float32.

        Raises
        ------
        StateError
            If the file is damaged.
        """
        with damage_of(self._path):
            parts = [self._file[name][rows] for name in ("spatial", "flow")]
        return np.concatenate(parts, axis=1, dtype=np.float32)


@contextmanager
def open_features(path: Path) -> Iterator[FeatureRows]:
    """Open the features of one video for reading part by part.

    Raises
    ------
    StateError
        If the file is missing, damaged or holds something else.
    """
    with damage_of(path):
        file = h5py.File(path, "r", locking=False)
    with file:
        yield FeatureRows(file, path)


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write the predictions of one video.

    Raises
    ------
    StateError
        If the file cannot be written, or a probability is not within 0 and 1.
    ValueError
        If the arrays do not fit each other or the behaviors.
    """
    arrays = {name: getattr(predictions, name) for name in PREDICTIONS}
    n_frames = len(predictions.probabilities)
    for name, values in arrays.items():
        alone = name != "probabilities" and not values.shape[1]
        if not alone and values.shape != (n_frames, len(predictions.behaviors)):
            raise ValueError(f"{name}: shape {values.shape}, {len(predictions.behaviors)} names")
        if not ((values >= 0) & (values <= 1)).all():
            raise StateError(
                f"{path}: {name} are not all within 0 and 1: the training of the model went "
                "astray; train it again with a lower learning rate."
            )
    with publish_hdf5(path) as file:
        _describe(
            file,
            n_frames=n_frames,
            fps=predictions.fps,
            behaviors=predictions.behaviors,
            digest=predictions.digest,
            groups=predictions.groups,
        )
        for name, values in arrays.items():
            _create(file, name, values.shape)[...] = values


def read_predictions(path: Path) -> Predictions:
    """Read the predictions of one video.

    Raises
    ------
    StateError
        If the file is missing, damaged or holds something else.
    """
    return Predictions(**_read(path, PREDICTIONS, of_behaviors=PREDICTIONS))


def _create(
    file: h5py.File, name: str, shape: tuple[int, ...], dtype: str = "float32"
) -> h5py.Dataset:
    # Arrays without any value have nothing to divide into chunks.
    if not all(shape):
        return file.create_dataset(name, shape=shape, dtype=dtype)
    chunks = (min(_CHUNK_FRAMES, shape[0]), shape[1])
    # The checksum costs little on files of this size, and tells bytes that have changed.
    return file.create_dataset(name, shape=shape, dtype=dtype, chunks=chunks, fletcher32=True)


def _describe(
    file: h5py.File,
    *,
    n_frames: int,
    fps: float,
    behaviors: Sequence[str],
    digest: str,
    groups: Sequence[Sequence[str]],
) -> None:
    names = json.dumps(list(behaviors), ensure_ascii=False)
    file.attrs.update(n_frames=n_frames, fps=float(fps))
    write_text(file, "behaviors", names)
    write_text(file, "digest", digest)
    write_text(file, "groups", to_text(groups, behaviors))


def _read(path: Path, names: Sequence[str], *, of_behaviors: Sequence[str]) -> dict[str, object]:
    """Read arrays and attributes, and check that they fit each other."""
    with damage_of(path), open_hdf5(path) as file:
        about = _about(file, path, names, of_behaviors=of_behaviors)
        arrays = {name: read_numbers(file, name).astype(np.float32, copy=False) for name in names}
    return arrays | about


def _about(
    file: h5py.File, path: Path, names: Sequence[str], *, of_behaviors: Sequence[str]
) -> dict[str, object]:
    """Read the attributes, and check that the arrays fit them and each other."""
    with damage_of(path):
        shapes = {name: whole_dataset(file, name).shape for name in names}
        n_frames = int(file.attrs["n_frames"])
        fps, digest = float(file.attrs["fps"]), read_text(file, "digest")
        text = read_text(file, "behaviors")
        # Files from before there were groups have none.
        grouped = read_text(file, "groups") if "groups" in file.attrs else "[]"
    try:
        behaviors = tuple(json.loads(text))
    except ValueError as error:
        raise StateError(f"{path}: its behaviors are no list; delete it and run again.") from error
    try:
        groups = tuple(map(tuple, from_text(grouped)))
        indices(groups, behaviors)
    except ConfigError as error:
        raise StateError(f"{path}: damaged ({error}); delete it and run again.") from error
    for name, shape in shapes.items():
        widths = {len(behaviors)} if name in of_behaviors else {*shape[1:]}
        if name == "feature_probabilities":
            widths.add(0)  # there may be no feature extractor
        if len(shape) != 2 or shape[0] != n_frames or shape[1] not in widths:
            raise StateError(
                f"{path}: {name} is {shape}, for {n_frames} frames and {len(behaviors)} "
                "behaviors; delete it and run again."
            )
    return {"fps": fps, "behaviors": behaviors, "digest": digest, "groups": groups}
