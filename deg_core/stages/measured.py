"""Measure one video for the comparison with the videos of a training."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deg_core.data.arrays import open_features, read_predictions
from deg_core.data.source import read_source
from deg_core.data.store import FrameStore
from deg_core.ethogram import quality

_BATCH = 16


def picture_facts(store: Path, *, frames: int) -> dict[str, float]:
    """Measure the pictures of an imported video, and read size and rate of its source.

    Parameters
    ----------
    store
        Imported video.
    frames
        Number of frames that are looked at, a few at a time.

    Returns
    -------
    dict
        Values of ``brightness``, ``contrast``, ``sharpness``, ``size`` and ``frame_rate``.

    Raises
    ------
    StateError
        If the file is damaged.
    """
    source = read_source(store)
    with FrameStore(store) as video:
        chosen = quality.sampled(video.n_frames, frames)
        parts = [
            quality.picture_values(video.read(chosen[start : start + _BATCH]))
            for start in range(0, len(chosen), _BATCH)
        ]
    brightness, contrast, sharpness = np.concatenate(parts).mean(axis=0).tolist()
    return {
        "brightness": brightness,
        "contrast": contrast,
        "sharpness": sharpness,
        "size": source.width / source.height,
        "frame_rate": source.fps,
    }


def sampled_features(path: Path, *, frames: int) -> NDArray[np.float32]:
    """Read the features of some frames of a video, (n, 2D).

    Raises
    ------
    StateError
        If the file is damaged.
    """
    with open_features(path) as rows:
        chosen = quality.sampled(len(rows), frames)
        return np.concatenate([rows[int(i) : int(i) + 1] for i in chosen])


def uncertain_share(path: Path, thresholds: list[float], *, near: float) -> float:
    """Read a video's predictions; return the share of frames with one near its threshold.

    Raises
    ------
    StateError
        If the file is damaged.
    """
    probabilities = read_predictions(path).probabilities
    return quality.uncertain_share(probabilities, thresholds, near=near)
