"""From which probability on a behavior counts as present: the best F1 on validation.

Reads and writes no file; `tune_thresholds` (stages) publishes what comes from here.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deg_core.ethogram.frame_metrics import Counts, Numbers, frame_scores
from deg_core.settings import ThresholdSettings


class Curve(NamedTuple):
    """Scores against the threshold; each (G,) float64, NaN without a positive frame."""

    threshold: Numbers
    precision: Numbers
    recall: Numbers
    f1: Numbers


class Choice(NamedTuple):
    """The threshold of one behavior, why it was chosen, and the curve that it was chosen from."""

    threshold: float
    reason: str
    precision: float
    recall: float
    f1: float
    n_positive: int
    n_negative: int
    curve: Curve


def grid(settings: ThresholdSettings) -> Numbers:
    """Return the thresholds that are tried, ascending, the last being 1."""
    return np.linspace(settings.lowest, 1.0, settings.n_grid)


def count_above(labels: ArrayLike, probabilities: ArrayLike, *, thresholds: ArrayLike) -> Counts:
    """Count frames by label and prediction at many thresholds at once.

    Parameters
    ----------
    labels : (T,) int8
        1 present, 0 absent, -1 unknown (not counted).
    probabilities : (T,) float
        0..1; a frame is predicted where its probability is larger than the threshold.
    thresholds : (G,) float

    Returns
    -------
    Counts
        Each (G,) int64.
    """
    truth = np.asarray(labels)
    values = np.asarray(probabilities, dtype=np.float64)
    tp, positive = _larger(values[truth == 1], thresholds)
    fp, negative = _larger(values[truth == 0], thresholds)
    return Counts(tp, fp, positive - tp, negative - fp)


def _larger(values: Numbers, thresholds: ArrayLike) -> tuple[NDArray[np.int64], int]:
    """Return how many values are larger than each threshold, and how many there are."""
    not_larger = np.searchsorted(np.sort(values), thresholds, side="right")
    return values.size - not_larger, values.size


def choose(
    labels: ArrayLike,
    probabilities: ArrayLike,
    *,
    settings: ThresholdSettings,
    pull: float = 0.0,
    shift: float = 0.0,
) -> Choice:
    """Return the threshold with the highest F1, the first of equals.

    Parameters
    ----------
    labels : (T,) int8
        1 present, 0 absent, -1 unknown (left out).
    probabilities : (T,) float
        0..1.
    settings
        Grid, floor and fallback.
    pull
        F1 that is given up per unit of log odds between threshold and fallback.
    shift
        Standard deviation, in log odds, of how other videos' probabilities differ from these.

    Returns
    -------
    Choice
        ``reason`` says whether the threshold is the best one, that one raised to the floor, or
        the fallback: where positive or negative frames are missing, and where the best F1 is
        below ``min_f1``, or that it is the one which promises most on other videos.
        ``precision``, ``recall`` and ``f1`` are those at the returned threshold, without pull and
        shift; NaN without a positive frame.

    Notes
    -----
    Probabilities shift from video to video, and the highest F1 of one or two often lies at the
    brink, where the next video has none of it. With ``shift`` s the threshold t maximises the
    mean of F1(t + d) over d ~ N(0, s), in log odds, which lies in the middle of the gap between
    positive and negative frames; ``pull`` keeps it near the fallback unless much is to be won.
    """
    thresholds = grid(settings)
    curve = _curve(labels, probabilities, thresholds)
    truth = np.asarray(labels)
    positive, negative = int((truth == 1).sum()), int((truth == 0).sum())
    expected = _expected_f1(curve, settings.fallback, pull=pull, shift=shift)
    threshold, reason = _decide(curve, expected, positive, negative, settings)
    here = _curve(labels, probabilities, np.array([threshold]))
    scores = [float(column[0]) for column in here[1:]]
    return Choice(threshold, reason, *scores, positive, negative, curve)


def _curve(labels: ArrayLike, probabilities: ArrayLike, thresholds: Numbers) -> Curve:
    scores = frame_scores(count_above(labels, probabilities, thresholds=thresholds))
    return Curve(thresholds, scores["precision"], scores["recall"], scores["f1"])


def _decide(
    curve: Curve, expected: Numbers, positive: int, negative: int, settings: ThresholdSettings
) -> tuple[float, str]:
    for number, kind in ((positive, "positive"), (negative, "negative")):
        if not number:
            # Any threshold, or the lowest one, would be "best": nothing can be learned from that.
            return settings.fallback, f"fallback: no {kind} frame in validation"
    highest = int(np.argmax(curve.f1))
    if curve.f1[highest] < settings.min_f1:
        return settings.fallback, f"fallback: best F1 below {settings.min_f1:g}"
    best = int(np.argmax(expected))
    if best != highest:
        threshold = max(float(curve.threshold[best]), settings.floor)
        return threshold, "best F1 to be expected of other videos"
    if curve.threshold[best] < settings.floor:
        return settings.floor, "best F1, raised to the floor"
    return float(curve.threshold[best]), "best F1"


def _expected_f1(curve: Curve, fallback: float, *, pull: float, shift: float) -> Numbers:
    """Return the F1 (G,) that each threshold promises on other videos, less the pull."""
    at = _log_odds(curve.threshold)
    expected = curve.f1
    if shift:
        moves = np.linspace(-3, 3, 61)
        share = np.exp(-0.5 * moves**2)
        moved = np.interp(at[:, None] + shift * moves, at, curve.f1)  # (G, 61)
        expected = moved @ (share / share.sum())
    return expected - pull * np.abs(at - _log_odds(np.array([fallback]))) if pull else expected


def _log_odds(p: Numbers) -> Numbers:
    tiny = np.finfo(np.float64).eps  # 1, the last threshold, is far away but not infinitely
    return np.log(np.clip(p, tiny, 1)) - np.log(np.clip(1 - p, tiny, 1))


def tune(
    labels: ArrayLike,
    probabilities: ArrayLike,
    *,
    behaviors: Sequence[str],
    settings: ThresholdSettings,
    pull: float = 0.0,
    shift: float = 0.0,
) -> dict[str, dict[str, Any]]:
    """Choose a threshold for each behavior, by the frames in which that behavior was scored.

    Parameters
    ----------
    labels : (T, K) int8
        1 present, 0 absent, -1 unknown.
    probabilities : (T, K) float
        0..1.
    behaviors
        The K names, in the order of the columns.
    settings
        Grid, floor and fallback.
    pull, shift
        See `choose`.

    Returns
    -------
    dict
        Per behavior the fields of `Choice`, with ``curve`` as lists ``threshold``, ``precision``,
        ``recall``, ``f1``, ready for JSON.
    """
    truth, values = np.asarray(labels), np.asarray(probabilities)
    tuned = {}
    for k, name in enumerate(behaviors):
        choice = choose(truth[:, k], values[:, k], settings=settings, pull=pull, shift=shift)
        curve = {key: column.tolist() for key, column in choice.curve._asdict().items()}
        tuned[name] = choice._asdict() | {"curve": curve}
    return tuned
