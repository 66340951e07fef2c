"""The original program's scores and its search for thresholds, to compare with it.

The pipeline uses none of them: `metrics` and `thresholds` hold its own rules. Here the background
is a column, the first one, and labels are (T, K) with 1 present, 0 absent, -1 unknown. Reads and
writes no file.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from deg_core.ethogram.bouts import UNKNOWN
from deg_core.ethogram.frame_metrics import Counts, Numbers, count, divide
from deg_core.ethogram.original import GRID, IntArray, predict, raise_thresholds
from deg_core.ethogram.thresholds import count_above, grid
from deg_core.settings import ThresholdSettings

SMALLEST = 1e-7  # a denominator of 0 becomes this, so that 0 / 0 is 0
SMALLEST_SUM = 1e-9  # added to the sum of a row of a confusion matrix


class Scores(NamedTuple):
    """Scores of many predictions; each of one shape, float64.

    ``informedness`` is the true positive rate plus the true negative rate less 1; ``tpr`` and
    ``fpr`` are rates whose denominator is a little larger than the number of frames.
    """

    accuracy: Numbers
    precision: Numbers
    recall: Numbers
    f1: Numbers
    f2: Numbers
    informedness: Numbers
    tpr: Numbers
    fpr: Numbers


class Curves(NamedTuple):
    """What the original program stores of its threshold search, over G thresholds.

    ``thresholds`` : (G,); ``scores`` : each (G, K); ``confusion`` : (2, 2, G, K) int64, by label
    and prediction; ``auroc``, ``mean_average_precision`` : (K,), areas below G points, without
    the corners that no threshold of the grid reaches; ``optimum``, ``optimum_informedness`` : (K,),
    the thresholds.
    """

    thresholds: Numbers
    scores: Scores
    confusion: IntArray
    auroc: Numbers
    mean_average_precision: Numbers
    optimum: Numbers
    optimum_informedness: Numbers


def confusion(labels: ArrayLike, present: ArrayLike) -> IntArray:
    """Count frames by label and prediction.

    Parameters
    ----------
    labels : (T, K) int
        Frames that are unknown count nowhere.
    present : (T, K) bool
        Prediction.

    Returns
    -------
    counts : (2, 2, K) int64
        Label, prediction, behavior.
    """
    return _square(count(labels, present))


def _square(counts: Counts) -> IntArray:
    return np.array([[counts.tn, counts.fp], [counts.fn, counts.tp]])


def confusion_scores(counts: ArrayLike) -> Scores:
    """Return the scores that counts of frames give.

    Parameters
    ----------
    counts : (2, 2, ...) int
        Frames by label and prediction.

    Returns
    -------
    Scores
        Each of the shape that is left. Where there is nothing to divide by, accuracy is NaN and
        the others are as if their fraction were 0.

    Notes
    -----
    As in the original, denominators are rounded to float32, and with them the last digits of the
    scores; which of two thresholds is the better one may depend on it.
    """
    (tn, fp), (fn, tp) = np.asarray(counts, dtype=np.int64)
    precision, recall = _over(tp, tp + fp), _over(tp, tp + fn)
    return Scores(
        accuracy=divide(tn + tp, tn + fp + fn + tp),
        precision=precision,
        recall=recall,
        f1=f_score(precision, recall, beta=1),
        f2=f_score(precision, recall, beta=2),
        informedness=recall + _over(tn, fp + tn) - 1,
        tpr=tp / (fn + tp + SMALLEST_SUM),
        fpr=fp / (tn + fp + SMALLEST_SUM),
    )


def f_score(precision: ArrayLike, recall: ArrayLike, *, beta: float) -> Numbers:
    """Return the weighted harmonic mean of precision and recall; 0 if both are."""
    p, r = np.asarray(precision, np.float64), np.asarray(recall, np.float64)
    return _over((1 + beta**2) * p * r, beta**2 * p + r)


def _over(numerator: ArrayLike, denominator: ArrayLike) -> Numbers:
    # NumPy would round a scalar denominator and then compute in float32: arrays of any shape.
    below = np.maximum(np.asarray(denominator).astype(np.float32), np.float32(SMALLEST))
    return np.asarray(numerator, np.float64) / below.astype(np.float64)


def threshold_curves(
    labels: ArrayLike, probabilities: ArrayLike, *, settings: ThresholdSettings = GRID
) -> Curves:
    """Score every threshold of a grid, and choose one per behavior.

    Parameters
    ----------
    labels : (T, K) int, or (T,) int
        Frames with any unknown label are left out. Of one dimension: the column that is positive.
    probabilities : (T, K) float
        0..1; a frame is predicted where its probability is larger than the threshold.
    settings
        Grid, floor, fallback and least score.

    Returns
    -------
    Curves

    Notes
    -----
    Unlike `thresholds.tune`, a behavior that is present in all frames gets the lowest threshold.
    """
    truth, values = _known(labels, probabilities)
    thresholds = grid(settings)
    columns = [
        _square(count_above(truth[:, k], values[:, k], thresholds=thresholds))
        for k in range(values.shape[1])
    ]
    counts = np.stack(columns, axis=-1)  # (2, 2, G, K)
    scores = confusion_scores(counts)
    return Curves(
        thresholds=thresholds,
        scores=scores,
        confusion=counts,
        auroc=_area(scores.tpr, scores.fpr),
        mean_average_precision=_area(scores.precision, scores.recall),
        optimum=_best(thresholds, scores.f1, settings),
        optimum_informedness=_best(thresholds, scores.informedness, settings),
    )


def _known(labels: ArrayLike, probabilities: ArrayLike) -> tuple[IntArray, Numbers]:
    """Return labels (T, K) and probabilities (T, K) of the frames without an unknown label."""
    truth, values = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    if truth.ndim == 1:
        known = truth != UNKNOWN
        return np.eye(values.shape[1], dtype=np.int64)[truth[known]], values[known]
    known = (truth != UNKNOWN).all(axis=1)
    return truth[known], values[known]


def _area(y: Numbers, x: Numbers) -> Numbers:
    """Return the areas (K,) below curves (G, K) whose x falls."""
    return -np.trapezoid(y, x, axis=0)


def _best(thresholds: Numbers, scores: Numbers, settings: ThresholdSettings) -> Numbers:
    best = np.argmax(scores, axis=0)
    highest = np.take_along_axis(scores, best[None], axis=0)[0]
    return raise_thresholds(thresholds[best], highest, settings=settings)


def epoch_scores(
    labels: ArrayLike, probabilities: ArrayLike, *, settings: ThresholdSettings = GRID
) -> dict[str, Numbers]:
    """Return what the original program reports of one epoch, decoded with its own thresholds.

    Parameters
    ----------
    labels, probabilities, settings
        See `threshold_curves`.

    Returns
    -------
    dict
        Under its names: ``*_by_class`` (K,), ``*_class_mean``, ``*_overall`` (counts summed over
        behaviors), ``f1_class_mean_nobg`` (without the background; NaN if K is 1) and
        ``binary_confusion`` (K, 2, 2) int64. ``auroc_overall`` and ``mAP_overall`` are NaN.
    """
    truth, values = _known(labels, probabilities)
    curves = threshold_curves(truth, values, settings=settings)
    counts = confusion(truth, predict(values, thresholds=curves.optimum))
    by_class, overall = confusion_scores(counts), confusion_scores(counts.sum(axis=-1))
    areas = {"auroc": curves.auroc, "mAP": curves.mean_average_precision}
    scores = {
        "accuracy_overall": overall.accuracy,
        "accuracy_by_class": by_class.accuracy,
        "f1_overall": overall.f1,
        "f1_by_class": by_class.f1,
        "f1_class_mean": np.mean(by_class.f1),
        "f1_class_mean_nobg": np.mean(by_class.f1[1:]) if len(by_class.f1) > 1 else np.nan,
        "binary_confusion": np.moveaxis(counts, -1, 0),
    }
    for name, area in areas.items():
        scores |= {f"{name}_by_class": area, f"{name}_class_mean": np.mean(area)}
        scores |= {f"{name}_overall": np.nan}
    return scores


def hardmax(probabilities: ArrayLike) -> IntArray:
    """Mark the most probable behavior of each frame: (T, K) float to (T, K) int64, 0 or 1."""
    values = np.asarray(probabilities)
    return np.eye(values.shape[1], dtype=np.int64)[values.argmax(axis=1)]


def mean_class_accuracy(counts: ArrayLike) -> float:
    """Return the mean share of correct frames over the classes that occur; NaN if none does.

    Parameters
    ----------
    counts : (K, K) int
        See `groups.confusion`.
    """
    square = np.asarray(counts)
    totals = square.sum(axis=1)
    shares = np.diag(square) / (totals + SMALLEST_SUM)
    return float(shares[totals > 0].mean()) if totals.any() else float("nan")


def macro_f1(counts: ArrayLike) -> float:
    """Return the mean F1 over the classes that are labeled or predicted; NaN if none is.

    Parameters
    ----------
    counts : (K, K) int
        See `groups.confusion`.
    """
    square = np.asarray(counts)
    totals = square.sum(axis=0) + square.sum(axis=1)
    scores = divide(2 * np.diag(square), totals)
    return float(np.nanmean(scores)) if totals.any() else float("nan")
