"""The original program's rules for decoding, to compare with and migrate from it.

The pipeline uses none of them: `thresholds` and `bouts` hold its own rules; its scores are in
`original_scores`. Where both agree, these call those. Here the background is a column, the first
one, and labels are (T, K) with 1 present, 0 absent, -1 unknown. Reads and writes no file.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deg_core.ethogram.bouts import (
    UNKNOWN,
    background,
    binarize,
    bout_lengths,
    from_intervals,
    intervals,
    removal_length,
)
from deg_core.ethogram.frame_metrics import Numbers
from deg_core.settings import PostprocessSettings, ThresholdSettings

IntArray = NDArray[np.int64]
GRID = ThresholdSettings()


def frames_in_runs(trace: ArrayLike, *, length: int, present: bool) -> IntArray:
    """Return the frames that lie in runs of exactly ``length`` frames.

    Parameters
    ----------
    trace : (T,) bool
        Whether the behavior is present in each frame.
    length
        Of the runs, in frames.
    present
        Whether runs of present or of absent frames are meant.

    Returns
    -------
    frames : (n,) int64
        Ascending.
    """
    runs = intervals(np.asarray(trace, dtype=bool) == present)
    exact = runs[np.diff(runs, axis=1)[:, 0] == length]
    return np.flatnonzero(from_intervals(exact, n_frames=np.size(trace)))


def predict(
    probabilities: ArrayLike, *, thresholds: ArrayLike, lengths: Sequence[int] | IntArray | int = 0
) -> IntArray:
    """Turn probabilities into an ethogram whose first column is the background.

    Parameters
    ----------
    probabilities : (T, K) float
        0..1; column 0 is not looked at.
    thresholds : (K,) float
        A frame is positive where its probability is larger. Lower ones than 0.01 count as 0.01.
    lengths : (K,) int, or int
        Longest gap and bout, in frames, that vanishes; 0 leaves all.

    Returns
    -------
    present : (T, K) int64
        1 or 0; the background is 1 where nothing else is, which with K = 1 is everywhere.
    """
    values = np.asarray(probabilities)
    removed = np.broadcast_to(np.asarray(lengths, dtype=np.int64), values.shape[1:])
    found = binarize(
        values[:, 1:],
        thresholds=raise_thresholds(thresholds)[1:].tolist(),
        lengths=removed[1:].tolist(),
    )
    return np.column_stack([background(found), found]).astype(np.int64)


def raise_thresholds(
    thresholds: ArrayLike, f1: ArrayLike | None = None, *, settings: ThresholdSettings = GRID
) -> Numbers:
    """Replace thresholds that are too low, and those whose score is.

    Parameters
    ----------
    thresholds : (K,) float
    f1 : (K,) float, optional
        Score that was reached with each.
    settings
        Floor, least score, and the threshold that replaces one with a lower score.

    Returns
    -------
    raised : (K,) float64
    """
    raised = np.maximum(np.asarray(thresholds, dtype=np.float64), settings.floor)
    if f1 is None:
        return raised
    return np.where(np.asarray(f1) < settings.min_f1, settings.fallback, raised)


def bout_percentiles(labels: Sequence[ArrayLike], *, percentile: float = 1.0) -> Numbers:
    """Return the percentile of the bout lengths of each behavior.

    Parameters
    ----------
    labels
        Per video (T, K) int; videos with any unknown frame are left out.
    percentile
        0..100, interpolated linearly.

    Returns
    -------
    limits : (K,) float64
        In frames; 1 for a behavior without a bout; of no video, of which K is not known, empty.
    """
    return np.array(
        [float(np.percentile(found, percentile)) if len(found) else 1.0 for found in _bouts(labels)]
    )


def removal_lengths(labels: Sequence[ArrayLike], *, percentile: float = 1.0) -> IntArray:
    """Return up to which length bouts and gaps are removed: `bout_percentiles`, rounded.

    Parameters
    ----------
    labels, percentile
        See `bout_percentiles`.

    Returns
    -------
    lengths : (K,) int64
        In frames, half to even, as the pipeline's option ``postprocess.inclusive``.
    """
    settings = PostprocessSettings(
        method="percentile", percentile=percentile, one_frame_bouts=0, inclusive=True
    )
    lengths = [removal_length(found, settings=settings) for found in _bouts(labels)]
    return np.array(lengths, dtype=np.int64)


def _bouts(labels: Sequence[ArrayLike]) -> list[IntArray]:
    """Return the bout lengths of each behavior over all completely labeled videos."""
    arrays = [np.asarray(table) for table in labels]
    complete = [table for table in arrays if not np.any(table == UNKNOWN)]
    n_behaviors = arrays[0].shape[1] if arrays else 0
    return [
        np.concatenate([np.empty(0, np.int64), *(bout_lengths(table[:, k]) for table in complete)])
        for k in range(n_behaviors)
    ]
