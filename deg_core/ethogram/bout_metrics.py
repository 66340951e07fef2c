"""Scores that look at whole bouts: matches by overlap, edit score, edges, counts and durations.

Reads and writes no file. All functions take one behavior's labels, 1 present, 0 absent,
-1 unknown, and cut bouts and segments at unknown frames; several videos are scored together by
joining them with an unknown frame between. What has no value is NaN.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deg_core.ethogram.bouts import IntArray, intervals
from deg_core.ethogram.frame_metrics import Numbers, divide


class Overlaps(NamedTuple):
    """For each predicted bout that overlaps a labeled one: itself, the best of those, their IoU.

    ``predicted``, ``labeled`` : (M,) int64 indices of bouts; ``iou`` : (M,) float64, 0..1.
    """

    predicted: IntArray
    labeled: IntArray
    iou: Numbers


class Bouts(NamedTuple):
    """Labeled and predicted bouts within scored stretches: (n, 2) int64, half-open frames."""

    labeled: IntArray
    predicted: IntArray


class BoutSums(NamedTuple):
    """What is counted of one behavior's bouts: of two videos together it is the sum over the two.

    ``labeled``, ``predicted`` : number of bouts; ``matched`` : pairs at each overlap, as the last
    axis; ``splits``, ``merges`` : see `count_splits`; ``distance``, ``segments`` : see
    `edit_distance`; ``labeled_frames``, ``predicted_frames`` : frames in bouts. Each a number, or
    all of them arrays of one shape.
    """

    labeled: NDArray
    predicted: NDArray
    matched: NDArray
    splits: NDArray
    merges: NDArray
    distance: NDArray
    segments: NDArray
    labeled_frames: NDArray
    predicted_frames: NDArray


class EdgeErrors(NamedTuple):
    """Predicted minus labeled frame of matched bouts' onsets and offsets: each (n,) int64."""

    onset: IntArray
    offset: IntArray


def iou_name(iou: float) -> str:
    """Return the name of the bout-wise F1 at an overlap: ``bout_f1_25`` for 0.25."""
    return f"bout_f1_{100 * iou:g}"


def scored_bouts(labels: ArrayLike, present: ArrayLike) -> Bouts:
    """Return the labeled and the predicted bouts, cut at unknown frames.

    Parameters
    ----------
    labels : (T,) int8
        1 present, 0 absent, -1 unknown.
    present : (T,) bool
        Prediction.
    """
    truth = np.asarray(labels)
    return Bouts(intervals(truth == 1), intervals(np.asarray(present, dtype=bool) & (truth >= 0)))


def best_overlaps(bouts: Bouts) -> Overlaps:
    """Return, for each predicted bout, the labeled bout with which it overlaps most.

    Parameters
    ----------
    bouts
        Labeled and predicted bouts, each in order of time and without overlap among themselves.

    Returns
    -------
    Overlaps
        Predicted bouts that overlap no labeled one are left out; of equals the first is taken.
    """
    labeled, predicted = bouts
    # Both are sorted, so the labeled bouts that touch a predicted one are neighbors.
    first = np.searchsorted(labeled[:, 1], predicted[:, 0], side="right")
    number = np.searchsorted(labeled[:, 0], predicted[:, 1], side="left") - first
    p = np.repeat(np.arange(len(predicted)), number)  # (pairs,)
    within = np.arange(p.size) - np.repeat(np.cumsum(number) - number, number)
    q = first[p] + within
    start = np.maximum(predicted[p, 0], labeled[q, 0])
    stop = np.minimum(predicted[p, 1], labeled[q, 1])
    both = stop - start
    iou = both / (np.diff(predicted)[p, 0] + np.diff(labeled)[q, 0] - both)
    best_first = np.lexsort((q, -iou, p))
    keep = best_first[np.flatnonzero(np.diff(p[best_first], prepend=-1))]
    return Overlaps(p[keep], q[keep], iou[keep])


def match(overlaps: Overlaps, *, iou: float) -> Overlaps:
    """Return the pairs that count as found: enough overlap, each labeled bout used once.

    Parameters
    ----------
    overlaps
        The best labeled bout of each predicted one.
    iou
        Smallest intersection over union, 0..1.

    Returns
    -------
    Overlaps
        Where several predicted bouts claim one labeled bout, the one with the largest overlap has
        it; the others are false.
    """
    enough = np.flatnonzero(overlaps.iou >= iou)
    order = enough[np.lexsort((-overlaps.iou[enough], overlaps.labeled[enough]))]
    used = order[np.flatnonzero(np.diff(overlaps.labeled[order], prepend=-1))]
    return Overlaps(*(column[used] for column in overlaps))


def edge_errors(labels: ArrayLike, bouts: Bouts, matched: Overlaps) -> EdgeErrors:
    """Return by how many frames the onsets and offsets of matched bouts are off.

    Parameters
    ----------
    labels : (T,) int8
        1 present, 0 absent, -1 unknown.
    bouts
        Labeled and predicted bouts.
    matched
        The pairs to compare.

    Returns
    -------
    EdgeErrors
        Negative where the prediction is early. A labeled edge at the border of a scored stretch
        (or of a video) is left out: where the bout really begins or ends there was not scored.
    """
    fenced = np.concatenate(([-1], np.asarray(labels), [-1]))  # frame t is at t + 1
    truth, found = bouts.labeled[matched.labeled], bouts.predicted[matched.predicted]
    error = found - truth
    return EdgeErrors(
        onset=error[fenced[truth[:, 0]] >= 0, 0], offset=error[fenced[truth[:, 1] + 1] >= 0, 1]
    )


def median_size(errors: IntArray) -> float:
    """Return the median of the absolute errors, NaN without any."""
    return float(np.median(np.abs(errors))) if errors.size else float("nan")


def count_splits(bouts: Bouts) -> tuple[int, int]:
    """Count the labeled bouts that fall into pieces and the predicted ones that span several.

    Parameters
    ----------
    bouts
        Labeled and predicted bouts, each in order of time and without overlap among themselves.

    Returns
    -------
    splits : int
        Labeled bouts that two or more predicted ones overlap, by a frame or more.
    merges : int
        Predicted bouts that overlap two or more labeled ones.
    """
    return _spanning(bouts.labeled, bouts.predicted), _spanning(bouts.predicted, bouts.labeled)


def _spanning(long: IntArray, short: IntArray) -> int:
    """Count the bouts of the first kind that overlap two or more of the second."""
    first = np.searchsorted(short[:, 1], long[:, 0], side="right")
    last = np.searchsorted(short[:, 0], long[:, 1], side="left")
    return int((last - first >= 2).sum())


def edit_distance(labels: ArrayLike, present: ArrayLike) -> tuple[int, int]:
    """Compare the sequences of one behavior's present and absent segments.

    Parameters
    ----------
    labels : (T,) int8
        1 present, 0 absent, -1 unknown.
    present : (T,) bool
        Prediction.

    Returns
    -------
    distance, segments : int
        Sum over the scored stretches of the Levenshtein distance between the two sequences, and
        of the longer one's length.

    Notes
    -----
    Each scored stretch is read as its sequence of segments (absent, present, absent, ...), however
    long these are. The edit score is 1 - distance / segments. Behaviors may overlap here, so each
    has a sequence of its own, in contrast to the score of exclusive classes; with two alternating
    symbols it says whether bouts are split, merged, invented or missed, not where they are.
    """
    truth, found = np.asarray(labels), np.asarray(present, dtype=bool)
    stretches = intervals(truth >= 0)
    if not len(stretches):
        return 0, 0
    n, n_found = _segments(truth == 1, stretches), _segments(found, stretches)
    start = stretches[:, 0]
    # Alternating sequences of unequal length contain each other, whatever they start with. Of
    # equal length, but started differently, they need one end removed and one added (or, being
    # one segment only, one exchanged).
    turned = np.where((n == n_found) & ((truth[start] == 1) != found[start]), np.minimum(n, 2), 0)
    distance = np.abs(n - n_found) + turned
    return int(distance.sum()), int(np.maximum(n, n_found).sum())


def _segments(trace: NDArray[np.bool_], stretches: IntArray) -> IntArray:
    """Return the number of segments of the trace in each stretch."""
    changes = np.cumsum(np.diff(trace, prepend=trace[:1]))
    return 1 + changes[stretches[:, 1] - 1] - changes[stretches[:, 0]]


def count_bouts(
    labels: ArrayLike, present: ArrayLike, *, iou: Sequence[float]
) -> tuple[BoutSums, EdgeErrors]:
    """Count what the bout-wise scores of one behavior are made of.

    Parameters
    ----------
    labels : (T,) int8
        1 present, 0 absent, -1 unknown.
    present : (T,) bool
        Prediction.
    iou
        Overlaps (intersection over union, 0..1) at which a bout counts as found.

    Returns
    -------
    sums, edges
        The counts, and the edges of the pairs that are matched at the smallest overlap.
    """
    bouts = scored_bouts(labels, present)
    overlaps = best_overlaps(bouts)
    pairs = [match(overlaps, iou=x).iou.size for x in iou]
    edges = edge_errors(labels, bouts, match(overlaps, iou=min(iou, default=0.0)))
    sums = [
        len(bouts.labeled), len(bouts.predicted), pairs, *count_splits(bouts),
        *edit_distance(labels, present), np.diff(bouts.labeled).sum(),
        np.diff(bouts.predicted).sum(),
    ]  # fmt: skip
    return BoutSums(*map(np.asarray, sums)), edges


def bout_rates(sums: BoutSums, *, iou: Sequence[float]) -> dict[str, Numbers]:
    """Return the bout-wise scores that follow from counts.

    Parameters
    ----------
    sums
        Counts of one or of several behaviors.
    iou
        The overlaps of ``matched``.

    Returns
    -------
    dict
        All NaN without a labeled bout. ``bout_f1_<percent>``: 2 TP / (labeled + predicted bouts),
        TP being matched pairs. ``edit_score``: 1 - distance / segments. ``split_count``,
        ``merge_count``: see `count_splits`. ``count_bias``: |predicted - labeled| / labeled number
        of bouts. ``duration_bias``: the same for the mean duration; NaN without a predicted bout.
    """
    n, n_found = sums.labeled, sums.predicted
    both = np.where(n > 0, n + n_found, 0)
    duration = divide(sums.labeled_frames, n)
    scores = {iou_name(x): divide(2 * sums.matched[..., i], both) for i, x in enumerate(iou)}
    return scores | {
        "edit_score": 1 - divide(sums.distance, np.where(n > 0, sums.segments, 0)),
        "split_count": np.where(n > 0, sums.splits, np.nan),
        "merge_count": np.where(n > 0, sums.merges, np.nan),
        "count_bias": divide(np.abs(n_found - n), n),
        "duration_bias": np.abs(divide(sums.predicted_frames, n_found) - duration) / duration,
    }


def mean_duration(runs: IntArray) -> float:
    """Return the mean length of the bouts in frames, NaN without any."""
    return float(np.diff(runs).mean()) if len(runs) else float("nan")
