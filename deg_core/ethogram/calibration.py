"""Calibration: whether of the frames called 70 % likely about 70 % are positive.

Reads and writes no file. Labels are 1 present, 0 absent, -1 unknown; unknown frames count nowhere.
The probabilities of a behavior are put into 10 bins of equal width. The expected calibration
error is the mean over the scored frames of the distance, in their bin, between mean probability
and share of positive frames (Naeini, Cooper and Hauskrecht 2015, AAAI 29, 2901-2907), and the
reliability curve is one of the two against the other (DeGroot and Fienberg 1983, The Statistician
32, 12-22).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deg_core.ethogram.frame_metrics import Numbers, divide

N_BINS = 10
_BORDERS = np.linspace(0, 1, N_BINS + 1)


def bins_of(probabilities: ArrayLike) -> NDArray[np.intp]:
    """Return the bin of each probability: 0 up to and with 0.1, 1 up to and with 0.2, ..."""
    return np.searchsorted(_BORDERS[1:-1], probabilities, side="left")


def gaps(labels: ArrayLike, probabilities: Numbers, bins: NDArray[np.intp]) -> Numbers:
    """Sum in each bin what the probabilities say more than is there.

    Parameters
    ----------
    labels : (T,) int8
        1 present, 0 absent, -1 unknown.
    probabilities : (T,) float
        Of the same frames.
    bins : (T,) intp
        See `bins_of`.

    Returns
    -------
    gaps : (N_BINS,) float64
        Sum over the scored frames of probability minus label. Of two videos together it is the
        sum over the two.
    """
    truth = np.asarray(labels)
    excess = probabilities - truth
    excess *= truth >= 0
    return np.bincount(bins, weights=excess, minlength=N_BINS)


def calibration_error(gaps: Numbers, n_frames: ArrayLike) -> Numbers:
    """Return the expected calibration error, 0..1.

    Parameters
    ----------
    gaps : (..., N_BINS) float
        See the function of that name.
    n_frames : (...) int
        Number of scored frames.

    Returns
    -------
    error : (...) float64
        NaN without a scored frame. It needs no positive frame: a probability of 0.3 where the
        behavior never is, is wrong by 0.3.
    """
    return divide(np.abs(gaps).sum(axis=-1), n_frames)


def reliability(
    labels: ArrayLike, probabilities: Numbers, bins: NDArray[np.intp]
) -> dict[str, NDArray]:
    """Return the reliability curve.

    Parameters
    ----------
    labels, probabilities, bins
        As for `gaps`.

    Returns
    -------
    dict
        Per bin ``low`` and ``high``, its borders; ``n_frames``, scored frames in it;
        ``mean_probability`` and ``share_positive`` of them, NaN without any.
    """
    truth = np.asarray(labels)
    known = truth >= 0
    n = np.bincount(bins[known], minlength=N_BINS)
    total = np.bincount(bins[known], weights=probabilities[known], minlength=N_BINS)
    positive = np.bincount(bins[truth == 1], minlength=N_BINS)
    return {
        "low": _BORDERS[:-1].round(1), "high": _BORDERS[1:].round(1), "n_frames": n,
        "mean_probability": divide(total, n), "share_positive": divide(positive, n),
    }  # fmt: skip
