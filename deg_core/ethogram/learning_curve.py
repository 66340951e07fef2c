"""How the score of a behavior grows with its labels, and what more of them would bring.

Reads and writes no file; `advise` (stages) publishes what comes from here. The curve is an
inverse power law that levels off: f(n) = top - drop * (n / scale) ** -rate, n being the positive
frames that a training has seen. What cannot be told from the points is None.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

MIN_SIZES = 3  # different numbers of frames, for a curve of three parameters
DRAWS = 200
INTERVAL = (2.5, 97.5)  # percentiles of the draws
#: Residuals well above this count as outliers: linearly, not squared.
SOFT = 0.05
#: Of top, drop and rate.
LOWEST, HIGHEST, START = (0.0, 0.0, 0.05), (1.0, 1.0, 2.0), (0.9, 0.1, 0.5)


class Curve(NamedTuple):
    """A fitted learning curve: ``top`` and ``drop`` are scores, ``scale`` is in frames."""

    top: float
    drop: float
    rate: float
    scale: float

    def at(self, n: ArrayLike) -> NDArray[np.float64]:
        """Return the score, 0..1, at some numbers of positive frames > 0."""
        ratio = np.asarray(n, np.float64) / self.scale
        return np.clip(self.top - self.drop * ratio**-self.rate, 0.0, 1.0)


class Points(NamedTuple):
    """Trainings: each (N,). ``n`` : positive frames seen; ``f1`` : 0..1; ``split`` : its number."""

    n: NDArray[np.float64]
    f1: NDArray[np.float64]
    split: NDArray[np.int64]

    @property
    def splits(self) -> NDArray[np.int64]:
        """The splits that there are."""
        return np.unique(self.split)

    @property
    def n_sizes(self) -> int:
        """Number of sizes of training set: the most that one split has.

        Two splits with the same two numbers of videos have four numbers of frames, but these are
        two points of a curve.
        """
        return max((np.unique(self.n[self.split == s]).size for s in self.splits), default=0)


class Forecast(NamedTuple):
    """Scores, 0..1: of the curve now, with more labels, and the 95 % interval of the latter.

    The interval is NaN where one split alone cannot tell it.
    """

    now: float
    expected: float
    low: float
    high: float


def usable(n: ArrayLike, f1: ArrayLike, split: ArrayLike) -> Points:
    """Return the trainings that saw the behavior and have a score."""
    frames, scores = np.asarray(n, np.float64), np.asarray(f1, np.float64)
    kept = (frames > 0) & ~np.isnan(scores)
    return Points(frames[kept], scores[kept], np.asarray(split)[kept])


def fit(points: Points) -> Curve | None:
    """Fit the curve.

    Parameters
    ----------
    points
        At least `MIN_SIZES` sizes of training set.

    Returns
    -------
    Curve or None
        It never falls. None with fewer sizes.

    Notes
    -----
    Least squares with a loss that is linear for outliers (scipy's ``soft_l1``), all parameters
    bounded. The form is that of Cortes et al. (1994), Advances in Neural Information Processing
    Systems 6, and Figueroa et al. (2012), BMC Medical Informatics and Decision Making 12:8.
    """
    return _fit(points) if points.n_sizes >= MIN_SIZES else None


def _fit(points: Points) -> Curve:
    scale = float(points.n.max())
    log_ratio = np.log(points.n / scale)

    # Not cut off at 0: where it is flat, no step would lead out again.
    def residuals(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        top, drop, rate = parameters
        return top - drop * np.exp(-rate * log_ratio) - points.f1

    def slopes(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        _, drop, rate = parameters
        power = np.exp(-rate * log_ratio)
        return np.stack([np.ones_like(power), -power, drop * log_ratio * power], axis=1)

    found = least_squares(
        residuals, START, jac=slopes, bounds=(LOWEST, HIGHEST), loss="soft_l1", f_scale=SOFT,
        method="dogbox",
    )  # fmt: skip
    return Curve(*(float(x) for x in found.x), scale)


def forecast(points: Points, *, now: float, then: float, seed: int) -> Forecast | None:
    """Say what a training with more labels is likely to score.

    Parameters
    ----------
    points
        The trainings there are.
    now, then
        Positive frames of today's training, and of that with more labels; > 0.
    seed
        Of the draws.

    Returns
    -------
    Forecast or None
        None where the curve cannot be fitted.

    Notes
    -----
    The interval is that of `DRAWS` bootstrap samples: splits are drawn with replacement, and from
    each its trainings, since those of one split share their test videos and vary together. A
    sample of fewer than `MIN_SIZES` numbers of frames says nothing of the form and is drawn anew.
    Few splits vary less when drawn than splits do, so deviations are widened by
    sqrt(splits / (splits - 1)).
    """
    curve = fit(points)
    if curve is None:
        return None
    rng = np.random.default_rng(seed)
    expected, low, high = float(curve.at(then)), np.nan, np.nan
    n_splits = points.splits.size
    if n_splits > 1:
        drawn = np.array([float(_fit(_sample(points, rng)).at(then)) for _ in range(DRAWS)])
        wider = expected + (drawn - expected) * np.sqrt(n_splits / (n_splits - 1))
        low, high = (float(x) for x in np.clip(np.percentile(wider, INTERVAL), 0.0, 1.0))
    return Forecast(float(curve.at(now)), expected, low, high)


def _sample(points: Points, rng: np.random.Generator) -> Points:
    """Draw splits, and trainings of each, with replacement."""
    members = [np.flatnonzero(points.split == s) for s in points.splits]
    while True:
        chosen = rng.integers(len(members), size=len(members))
        rows = np.concatenate([rng.choice(members[s], len(members[s])) for s in chosen])
        if np.unique(points.n[rows]).size >= MIN_SIZES:
            return Points(*(column[rows] for column in points))
