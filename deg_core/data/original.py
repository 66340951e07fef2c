"""The original program's files and rules for data, to compare with and migrate from it.

Reads the videos, statistics and results that it writes; writes nothing. The pipeline uses none of
its rules: `statistics` and `store` hold its own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from deg_core.data.images import find_images, read_image
from deg_core.data.publish import open_hdf5
from deg_core.data.video import decode, probe
from deg_core.errors import StateError, VideoError

THRESHOLDS = "val/metrics_by_threshold/optimum"
OLD_THRESHOLDS = "threshold_curves/val/optimum"


@dataclass(frozen=True)
class Normalization:
    """Channel statistics of ``n`` frames: ``mean`` and ``std`` (3,) float64, on the scale 0..1."""

    n: int
    mean: NDArray[np.float64]
    std: NDArray[np.float64]


@dataclass(frozen=True)
class Outputs:
    """What a model of the original program says about a video of T frames and K behaviors.

    ``logits``, ``probabilities`` (T, K) float32; ``thresholds`` (K,) float32; ``behaviors`` K
    names, the first one being background; ``spatial``, ``flow`` (T, D) float32, the features, None
    of a sequence model.
    """

    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    thresholds: NDArray[np.float32]
    behaviors: tuple[str, ...]
    spatial: NDArray[np.float32] | None
    flow: NDArray[np.float32] | None


def resize(image: NDArray[np.uint8], size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Resize a frame linearly, also where it shrinks, so that pixels are skipped.

    Parameters
    ----------
    image : (H, W, 3) uint8
    size
        New height and width, in pixels; None leaves the frame as it is.

    Returns
    -------
    resized : (height, width, 3) uint8
    """
    if size is None or image.shape[:2] == tuple(size):
        return image
    return cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)


def channel_moments(batches: Iterable[ArrayLike]) -> tuple[NDArray[np.float64], NDArray]:
    """Merge the statistics of batches of pixels.

    Parameters
    ----------
    batches
        Each (..., C) float, on one scale.

    Returns
    -------
    mean, std : (C,) float64
        Of all pixels; the population standard deviation. NaN without a pixel; without a batch,
        C is 3.

    Notes
    -----
    Of uint8 frames, `statistics.moments_of` gives the same exactly, and without a merge.
    """
    total, mean, variance = 0, np.full(3, np.nan), np.full(3, np.nan)
    for batch in batches:
        values = np.asarray(batch, dtype=np.float64)
        values = values.reshape(-1, values.shape[-1])
        if not total:
            mean, variance = np.full((2, values.shape[1]), np.nan)
        if not (count := len(values)):
            continue
        here = values.mean(axis=0), values.var(axis=0)
        if not total:
            mean, variance = here
        share, gap = count / (total + count), here[0] - mean
        mean = mean + share * gap
        variance = variance + share * (here[1] - variance) + share * (1 - share) * gap**2
        total += count
    return mean, np.sqrt(variance)


def add_normalization(project: Normalization, video: Normalization) -> Normalization:
    """Add the statistics of a video to those of a project.

    Parameters
    ----------
    project
        With ``n`` 0, its mean and standard deviation are placeholders.
    video
        To be added.

    Returns
    -------
    Normalization
        Means and, unlike `statistics.merge`, standard deviations are averaged, weighted by the
        numbers of frames, as if all videos had the same mean.
    """
    n = project.n + video.n
    if not n:
        return project
    share = video.n / n
    return Normalization(
        n=n,
        mean=(1 - share) * np.asarray(project.mean) + share * np.asarray(video.mean),
        std=(1 - share) * np.asarray(project.std) + share * np.asarray(video.std),
    )


def frames_of(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Give the frames of a video of a project, one by one.

    Parameters
    ----------
    path
        A movie, a folder of images, or an HDF5 file with dataset ``frame`` of encoded images. The
        latter have red and blue swapped, and are swapped back.

    Yields
    ------
    frame : (H, W, 3) uint8 RGB

    Raises
    ------
    VideoError
        If an image, or the movie, cannot be decoded.
    StateError
        If the HDF5 file is missing or damaged, or has no such dataset.
    """
    path = Path(path)
    if path.suffix.lower() == ".h5":
        yield from _encoded_frames(path)
    elif path.is_dir():
        yield from (_three_channels(read_image(image)) for image in find_images(path).paths)
    else:
        yield from (_three_channels(frame.image) for frame in decode(probe(path)))


def _encoded_frames(path: Path) -> Iterator[NDArray[np.uint8]]:
    with open_hdf5(path) as file:
        for number, data in enumerate(file["frame"]):
            # What OpenCV calls blue is red: the writer gave it RGB, and it takes BGR.
            image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
            if image is None:
                raise VideoError(
                    f"{path}: image {number} of dataset 'frame' cannot be decoded; copy the file "
                    "again, or take the video from where it came."
                )
            yield image


def _three_channels(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.broadcast_to(image, (*image.shape[:2], 3))


def read_outputs(path: Path, group: str) -> Outputs:
    """Read what one model wrote about a video.

    Parameters
    ----------
    path
        A file ``*_outputs.h5``.
    group
        Name of the model there, such as ``resnet18`` or ``tgmj``.

    Raises
    ------
    StateError
        If the file is missing or damaged, or has no such group.
    """
    with open_hdf5(path) as file:
        if group not in file:
            raise StateError(
                f"{path}: has no group '{group}', only {', '.join(file) or 'none'}; name another."
            )
        stored = file[group]
        features = {
            name: stored[f"{name}_features"][()] if f"{name}_features" in stored else None
            for name in ("spatial", "flow")
        }
        return Outputs(
            logits=stored["logits"][()],
            probabilities=np.maximum(stored["P"][()], 0),  # some versions wrote -1 for "none"
            thresholds=_last_row(stored["thresholds"]),
            behaviors=tuple(stored["class_names"].asstr()[()].tolist()),
            **features,
        )


def _last_row(dataset: h5py.Dataset) -> NDArray:
    """Return (K,): of old files, which hold one row per epoch, the last one."""
    values = dataset[()]
    return values[-1] if values.ndim == 2 else values


def read_thresholds(path: Path, *, epoch: int | None = None) -> NDArray[np.float64]:
    """Read the thresholds that a training chose on validation.

    Parameters
    ----------
    path
        A file ``classification_metrics.h5``.
    epoch
        Counted from 0, as in the name of a checkpoint; None takes the last one.

    Returns
    -------
    thresholds : (K,) float64

    Raises
    ------
    StateError
        If the file is missing or damaged, or has no thresholds of that epoch.
    """
    with open_hdf5(path) as file:
        name = THRESHOLDS if THRESHOLDS in file else OLD_THRESHOLDS
        if name not in file:
            raise StateError(f"{path}: has no '{THRESHOLDS}'; give the file of a classifier.")
        rows = file[name][()].astype(np.float64)
    if rows.ndim == 1:  # old sequence models kept the last ones alone
        return rows
    number = len(rows) - 1 if epoch is None else epoch
    if not 0 <= number < len(rows):
        raise StateError(f"{path}: has thresholds of {len(rows)} epochs, not of epoch {number}.")
    return rows[number]
