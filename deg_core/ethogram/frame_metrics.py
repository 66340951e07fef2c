"""Scores that look at each frame by itself: counts, F1, ranking scores, precision-recall curves.

Reads and writes no file. Labels are 1 present, 0 absent, -1 unknown; unknown frames count nowhere.
What has no value is NaN: see each function for when that is.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]


class Counts(NamedTuple):
    """Scored frames by label and prediction; integers, or arrays of one shape."""

    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fn: NDArray[np.int64]
    tn: NDArray[np.int64]


class Ranking(NamedTuple):
    """The scores of one behavior, sorted once, so that many label tracks can be ranked by them.

    ``order`` : (T,) frames by falling score; ``group`` : (T,) for each position of that order, the
    number of its group of equal scores; ``ends`` : (G,) last position of each group; ``scores`` :
    (G,) the score of each group.
    """

    order: NDArray[np.int64]
    group: NDArray[np.int64]
    ends: NDArray[np.int64]
    scores: Numbers


class Hits(NamedTuple):
    """The distinct scores that positive frames have, highest first; each (H,) int64.

    ``group`` : number of the score; ``gain`` : positive frames with that score; ``tp``, ``fp`` :
    positive and negative frames with at least that score; ``fp_before`` : negative frames with a
    higher one.
    """

    group: NDArray[np.int64]
    gain: NDArray[np.int64]
    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fp_before: NDArray[np.int64]


def divide(numerator: ArrayLike, denominator: ArrayLike) -> Numbers:
    """Return the quotient, NaN where the denominator is 0."""
    above, below = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    quotient = np.full(np.broadcast_shapes(above.shape, below.shape), np.nan)
    return np.divide(above, below, out=quotient, where=below != 0)


def count(labels: ArrayLike, present: ArrayLike) -> Counts:
    """Count the scored frames by label and prediction.

    Parameters
    ----------
    labels : (T,) or (T, K) int8
        1 present, 0 absent, -1 unknown.
    present : same shape, bool
        Prediction.

    Returns
    -------
    Counts
        Each a number, or (K,) int64.
    """
    truth, found = np.asarray(labels), np.asarray(present, dtype=bool)
    yes, no = truth == 1, truth == 0
    tp, fp = (yes & found).sum(axis=0), (no & found).sum(axis=0)
    return Counts(tp, fp, yes.sum(axis=0) - tp, no.sum(axis=0) - fp)


def frame_scores(counts: Counts) -> dict[str, Numbers]:
    """Return accuracy, precision, recall and F1 from counts.

    Parameters
    ----------
    counts
        Frames by label and prediction.

    Returns
    -------
    dict
        ``accuracy``: (TP + TN) / all, NaN without a scored frame. ``precision``: TP / (TP + FP),
        ``recall``: TP / (TP + FN), ``f1``: 2 TP / (2 TP + FP + FN); the three are NaN without a
        positive frame. Precision is 0 where nothing is predicted although there is something to
        find, so that a behavior that is never predicted does not drop out of the mean.
    """
    tp, fp, fn, tn = counts
    positive = np.asarray(tp + fn)
    # One division of integers: equal ratios give equal floats, so ties of F1 are exact ties.
    f1 = divide(2 * tp, np.where(positive > 0, 2 * tp + fp + fn, 0))
    return {
        "accuracy": divide(tp + tn, tp + fp + fn + tn),
        "precision": divide(tp, np.where(positive > 0, np.maximum(tp + fp, 1), 0)),
        "recall": divide(tp, positive),
        "f1": f1,
    }


def rank(scores: ArrayLike) -> Ranking:
    """Sort the scores of one behavior.

    Parameters
    ----------
    scores : (T,) float
        Higher means more likely present.
    """
    values = np.asarray(scores, dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    falling = values[order]
    last = np.append(falling[1:] != falling[:-1], True)[: values.size]
    ends = np.flatnonzero(last)
    return Ranking(order, np.cumsum(last) - last, ends, falling[ends])


def find_hits(labels: ArrayLike, ranking: Ranking) -> tuple[Hits, int]:
    """Return the scores of the positive frames, and the number of negative frames.

    Parameters
    ----------
    labels : (T,) int8
        1 present, 0 absent, -1 unknown.
    ranking
        The sorted scores of the same frames.
    """
    ordered = np.asarray(labels)[ranking.order]
    fp = np.concatenate(([0], np.cumsum(ordered == 0)))  # fp[i]: among the first i frames
    groups = ranking.group[np.flatnonzero(ordered == 1)]  # ascending
    first = np.flatnonzero(np.diff(groups, prepend=-1))
    gain = np.diff(first, append=groups.size)
    group = groups[first]
    starts = np.where(group > 0, ranking.ends[group - 1] + 1, 0)
    hits = Hits(group, gain, np.cumsum(gain), fp[ranking.ends[group] + 1], fp[starts])
    return hits, int(fp[-1])


def ranking_scores(labels: ArrayLike, ranking: Ranking) -> dict[str, float]:
    """Return AUROC and average precision.

    Parameters
    ----------
    labels : (T,) int8
        1 present, 0 absent, -1 unknown.
    ranking
        The sorted scores of the same frames.

    Returns
    -------
    dict
        ``auroc``: exact area under the ROC curve, ties counted half; NaN unless there are positive
        and negative frames. ``average_precision``: sum over the distinct scores of the gain in
        recall times the precision there, as scikit-learn's; NaN without a positive frame.
    """
    hits, negative = find_hits(labels, ranking)
    positive = int(hits.gain.sum())
    # Twice the number of pairs in which the positive frame scores higher; a tie is half a pair.
    pairs = int((hits.gain * (2 * negative - hits.fp - hits.fp_before)).sum())
    steps = hits.gain * (hits.tp / (hits.tp + hits.fp))
    return {
        "auroc": pairs / (2 * positive * negative) if positive and negative else np.nan,
        "average_precision": float(steps.sum()) / positive if positive else np.nan,
    }


def precision_recall_curve(
    labels: ArrayLike, ranking: Ranking, *, points: int = 200
) -> dict[str, Numbers]:
    """Return precision, recall and F1 against the score from which on frames count as present.

    Parameters
    ----------
    labels : (T,) int8
        1 present, 0 absent, -1 unknown.
    ranking
        The sorted scores of the same frames.
    points
        Largest number of points.

    Returns
    -------
    dict
        ``threshold``, ``precision``, ``recall``, ``f1``: (P,) float64, P <= points, recall
        ascending. A frame counts as present at a score of at least ``threshold``. Points without a
        gain in recall are left out, being worse than the one before; of the others evenly many are
        kept, the first and the last among them. Empty without a positive frame.
    """
    hits, _ = find_hits(labels, ranking)
    kept = np.arange(hits.gain.size)
    if kept.size > points:
        kept = np.linspace(0, kept.size - 1, points).round().astype(np.int64)
    tp, fp = hits.tp[kept], hits.fp[kept]
    scores = frame_scores(Counts(tp, fp, hits.gain.sum() - tp, np.zeros_like(tp)))
    return {"threshold": ranking.scores[hits.group[kept]]} | {
        name: scores[name] for name in ("precision", "recall", "f1")
    }
