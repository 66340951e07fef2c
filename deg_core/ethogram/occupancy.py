"""What animals do: time spent, bouts and their lengths, and which behavior follows which.

Reads and writes no file. The same functions serve labels and predictions, both cut to the frames
that were scored, so that they may be compared.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deg_core.ethogram.bouts import intervals

Counts = NDArray[np.int64]


class Occupancy(NamedTuple):
    """One behavior in one video: scored frames, frames and bouts in which it is present."""

    n_frames: int
    n_present: int
    n_bouts: int

    @property
    def share(self) -> float:
        """Share of the scored frames; NaN without any."""
        return self.n_present / self.n_frames if self.n_frames else float("nan")

    @property
    def mean_frames(self) -> float:
        """Mean length of a bout in frames; NaN without any."""
        return self.n_present / self.n_bouts if self.n_bouts else float("nan")


def occupancy(present: ArrayLike, scored: ArrayLike) -> Occupancy:
    """Sum up one behavior of one video.

    Parameters
    ----------
    present : (T,) bool
        Whether it is present, as labeled or as predicted.
    scored : (T,) bool
        Which frames count. A bout that reaches out of them is cut, and counts.
    """
    known = np.asarray(scored, dtype=bool)
    found = np.asarray(present, dtype=bool) & known
    return Occupancy(int(known.sum()), int(found.sum()), len(intervals(found)))


def transitions(present: ArrayLike, scored: ArrayLike) -> Counts:
    """Count which behavior starts next after which.

    Parameters
    ----------
    present : (T, K) bool
        Which behaviors are present; the background may be one of the columns.
    scored : (T,) bool
        Frames in which all of them are known.

    Returns
    -------
    counts : (K, K) int64
        From (rows) to (columns).

    Notes
    -----
    Behaviors may overlap, so what is counted is the order of onsets: from a bout to each bout that
    begins at the next onset after its own, whether the first has ended by then or not. Bouts that
    begin in the same frame do not follow each other. A stretch of scored frames is a sequence of
    its own, and a bout under way at its start is its first. With the background as a column,
    silence is a state like the others; without it, pauses are passed over. Where behaviors do not
    overlap this is the usual first-order matrix of an ethogram.
    """
    known = np.asarray(scored, dtype=bool)
    array = np.asarray(present, dtype=bool) & known[:, None]
    before = np.zeros_like(array)
    before[1:] = array[:-1]
    onsets = array & ~before  # (T, K); a stretch follows a frame in which nothing is known
    frames = np.flatnonzero(onsets.any(axis=1))
    stretch = np.searchsorted(intervals(known)[:, 0], frames, side="right")
    follows = np.flatnonzero(stretch[1:] == stretch[:-1])
    started = onsets[frames].astype(np.int64)  # (events, K)
    return started[follows].T @ started[follows + 1]
