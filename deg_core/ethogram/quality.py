"""How unlike the videos of a training another video is, in numbers and in words.

Known videos are those that a run trained on or chose with. What they have in common gives a range
for each check; a video outside of it may still be predicted well, but somebody should look.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, inf, log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from deg_core.settings import QualitySettings

OK, LOOK = "ok", "look"
Values = Mapping[str, float]
# No behavior is so rare or so frequent that log odds beyond this say more.
_CLIP = 1e-6
_GRAY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@dataclass(frozen=True)
class Check:
    """One thing that is looked at.

    Attributes
    ----------
    floor
        By how much the range of the known videos is widened at least: a difference, or for a
        ratio the factor.
    ratio
        Whether values are compared by their ratio.
    words
        Says what a value means that is too low and too high; None if that side never matters.
    form
        Writes a value.
    """

    floor: float
    ratio: bool
    words: tuple[str | None, str | None]
    form: Callable[[float], str]


def _two_digits(value: float) -> str:
    return f"{value:.3g}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


CHECKS: dict[str, Check] = {
    "brightness": Check(
        15.0, False, ("darker (mean gray level of 255)", "brighter (mean gray level of 255)"),
        "{:.0f}".format,
    ),
    "contrast": Check(
        1.4, True, ("with less contrast (spread of gray levels)", "with more contrast (spread of "
        "gray levels)"), "{:.0f}".format,
    ),
    "sharpness": Check(
        2.0, True, ("blurred, or with little texture (difference of neighboring pixels)",
        "sharper, noisier or with more texture (difference of neighboring pixels)"), _two_digits,
    ),
    "size": Check(
        1.05, True, ("of narrower shape, so that it is stretched (width by height)",
        "of wider shape, so that it is squeezed (width by height)"), "{:.2f}".format,
    ),
    "frame_rate": Check(
        1.1, True, ("recorded at fewer frames per second", "recorded at more frames per second"),
        _two_digits,
    ),
    "feature_distance": Check(
        1.25, True, (None, "unlike them in what the model sees (distance of a typical frame from "
        "the training frames)"), "{:.2f}".format,
    ),
    "uncertain": Check(
        0.2, False, (None, "predicted with more doubt (share of frames with a probability near a "
        "threshold)"), _percent,
    ),
}  # fmt: skip


def sampled(n_frames: int, count: int) -> NDArray[np.int64]:
    """Choose frames, evenly spaced from the first to the last, each once."""
    return np.unique(np.linspace(0, n_frames - 1, min(count, n_frames)).round().astype(np.int64))


def picture_values(frames: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Measure frames.

    Parameters
    ----------
    frames : (n, H, W, 3) uint8 RGB

    Returns
    -------
    values : (n, 3) float64
        Mean gray level, standard deviation of the gray levels, and mean size of the difference
        between neighboring pixels; all on the scale 0 to 255.
    """
    gray = frames @ _GRAY  # (n, H, W)
    steps = [np.abs(np.diff(gray, axis=axis)).mean(axis=(1, 2)) for axis in (1, 2)]
    columns = [gray.mean(axis=(1, 2)), gray.std(axis=(1, 2)), sum(steps) / 2]
    return np.stack(columns, axis=1).astype(np.float64)


def scale_of(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much each feature varies, (D,); one that hardly does gets a tenth of the others.

    Parameters
    ----------
    features : (n, D) float32
    """
    spread = features.std(axis=0, dtype=np.float64)
    alive = spread[spread > 0]
    least = 0.1 * float(np.median(alive)) if len(alive) else 1.0
    return np.maximum(spread, least).astype(np.float32)


def typical_distance(
    features: NDArray[np.float32],
    reference: NDArray[np.float32],
    *,
    scale: NDArray[np.float32],
    neighbors: int,
) -> float:
    """Measure how far a typical frame of a video is from the frames of others.

    Parameters
    ----------
    features : (n, D) float32
        Of frames of the video.
    reference : (m, D) float32
        Of frames of other videos.
    scale : (D,) float32
        What each feature is divided by.
    neighbors
        Nearest frames over which a distance is averaged.

    Returns
    -------
    float
        Median over the frames, per root of D; NaN if there is nothing to compare with.
    """
    if not len(reference) or not len(features):
        return float("nan")
    search = NearestNeighbors(n_neighbors=min(neighbors, len(reference)), algorithm="brute")
    distances, _ = search.fit(reference / scale).kneighbors(features / scale)
    return float(np.median(distances.mean(axis=1)) / sqrt(features.shape[1]))


def uncertain_share(
    probabilities: NDArray[np.float32], thresholds: Sequence[float], *, near: float
) -> float:
    """Return the share of frames on which any behavior's probability is near its threshold.

    Parameters
    ----------
    probabilities : (T, K) float32
    thresholds
        K numbers.
    near
        Difference in log odds.
    """
    difference = _log_odds(probabilities) - _log_odds(np.array(thresholds))
    return float((np.abs(difference) < near).any(axis=1).mean()) if len(probabilities) else 0.0


def _log_odds(values: NDArray) -> NDArray[np.float64]:
    clipped = np.clip(np.asarray(values, np.float64), _CLIP, 1 - _CLIP)
    return np.log(clipped / (1 - clipped))


def bounds(name: str, known: Sequence[float], *, margin: float) -> tuple[float, float]:
    """Say which values of a check are ordinary.

    Parameters
    ----------
    name
        One of `CHECKS`.
    known
        Values of the known videos; those that are NaN do not count.
    margin
        By which share of their range it is widened on both sides.

    Returns
    -------
    low, high
        From the smallest to the largest, widened; infinite where no video is known.
    """
    check = CHECKS[name]
    values = [value for value in known if np.isfinite(value)]
    if not values:
        return -inf, inf
    low, high = min(values), max(values)
    if not check.ratio:
        room = max(margin * (high - low), check.floor)
        return low - room, high + room
    low, high = (log(max(value, 1e-12)) for value in (low, high))
    room = max(margin * (high - low), log(check.floor))
    return exp(low - room), exp(high + room)


def flag(
    values: Values, known: Sequence[Values], *, settings: QualitySettings
) -> list[dict[str, Any]]:
    """Compare a video with the known ones.

    Parameters
    ----------
    values
        The video's value of each check; NaN where there is none.
    known
        The values of the known videos; a check that one lacks is not compared with that one.
    settings
        How wide the ranges are.

    Returns
    -------
    list of dict
        Per check ``check``, ``value``, ``low``, ``high``, ``flag`` (`OK` or `LOOK`) and
        ``reason``, which is empty for an ordinary value.
    """
    rows = []
    for name in CHECKS:
        others = [video[name] for video in known if name in video]
        low, high = bounds(name, others, margin=settings.margin)
        reason = explain(name, values[name], low, high)
        low = -inf if CHECKS[name].words[0] is None else low
        rows.append(
            {"check": name, "value": values[name], "low": low, "high": high,
             "flag": LOOK if reason else OK, "reason": reason}
        )  # fmt: skip
    return rows


def explain(name: str, value: float, low: float, high: float) -> str:
    """Say in words what is unusual about a value; nothing if it is ordinary."""
    check = CHECKS[name]
    words = check.words[0] if value < low else check.words[1] if value > high else None
    if words is None:
        return ""
    expected = f"{check.form(low)} to {check.form(high)}"
    if check.words[0] is None:
        expected = f"up to {check.form(high)}"
    return f"{words}: {check.form(value)}, expected {expected}"
