"""Pieces of a video that show a model as it is on average, neither at its best nor at its worst.

Reads and writes no file.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deg_core.ethogram.frame_metrics import Counts, Numbers, frame_scores


class Window(NamedTuple):
    """Frames ``[start, stop)`` and the mean F1 of the behaviors that are labeled in them."""

    start: int
    stop: int
    f1: float


def nearest_window(
    labels: ArrayLike, present: ArrayLike, *, length: int, step: int, target: float
) -> Window | None:
    """Find the window whose F1 is nearest to a given one.

    Parameters
    ----------
    labels : (T, K) int8
        1 present, 0 absent, -1 unknown.
    present : (T, K) bool
        Prediction.
    length
        Frames of a window; a shorter video is one window.
    step
        Frames between the starts of two windows.
    target
        Macro F1 of the run.

    Returns
    -------
    Window or None
        Among windows of which at least half was scored, the first of equals; None if none of them
        has a labeled frame, or the target is NaN.
    """
    truth, found = np.asarray(labels), np.asarray(present, dtype=bool)
    length = min(length, len(truth))
    starts = np.arange(0, len(truth) - length + 1, step)
    yes, no = truth == 1, truth == 0
    kinds = (yes & found, no & found, yes & ~found, no & ~found)
    counts = Counts(*(_sums(kind, starts, length) for kind in kinds))
    f1 = frame_scores(counts)["f1"]  # (windows, K)
    scored = _sums((truth >= 0).any(axis=1)[:, None], starts, length)[:, 0]
    defined = ~np.isnan(f1)
    usable = np.flatnonzero(defined.any(axis=1) & (2 * scored >= length))
    if not usable.size or np.isnan(target):
        return None
    mean = np.where(defined, f1, 0).sum(axis=1)[usable] / defined.sum(axis=1)[usable]
    best = np.abs(mean - target).argmin()
    start = int(starts[usable[best]])
    return Window(start, start + length, float(mean[best]))


def _sums(trace: NDArray[np.bool_], starts: NDArray[np.int64], length: int) -> Numbers:
    """Count the true frames of each column in each window."""
    total = np.zeros((len(trace) + 1, trace.shape[1]), dtype=np.int64)
    np.cumsum(trace, axis=0, out=total[1:])
    return total[starts + length] - total[starts]
