"""Frame times of a video: its rate, and whether the rate is constant."""

from dataclasses import dataclass

import numpy as np

# Intervals closer than this to the usual one are told from it by rounding only: containers
# store times in ticks of up to a millisecond.
TOLERANCE = 0.1
TICK_S = 0.00101


@dataclass(frozen=True)
class Timing:
    """When each frame was shown.

    Attributes
    ----------
    timestamps
        (T,) float64, seconds from the first frame.
    fps
        Frames per second, gaps apart.
    variable
        Whether some interval differs from the usual one.
    measured
        False if the file had no usable times, so that they follow from the rate alone.
    """

    timestamps: np.ndarray
    fps: float
    variable: bool
    measured: bool

    @property
    def longest_gap_s(self) -> float:
        """Longest time between two frames, in seconds."""
        return float(np.diff(self.timestamps).max(initial=0.0))


def measure_timing(times: np.ndarray, *, rate: float) -> Timing:
    """Find rate and regularity from presentation times.

    Parameters
    ----------
    times
        (T,) float64, seconds; NaN where a frame had no time.
    rate
        Frames per second to fall back on where the times are missing or do not increase.

    Returns
    -------
    Timing
        Its ``fps`` is one over the mean of the intervals that are like the median one: the mean
        undoes the rounding of times to ticks, the choice leaves out gaps. Where rounding alone can
        explain the difference to ``rate``, that one is taken.
    """
    times = np.asarray(times, dtype=np.float64)
    intervals = np.diff(times)
    if len(times) == 0 or not np.isfinite(times).all() or np.any(intervals <= 0):
        return Timing(np.arange(len(times)) / rate, rate, variable=False, measured=False)
    if len(times) == 1:
        return Timing(np.zeros(1), rate, variable=False, measured=True)
    median = np.median(intervals)
    usual = np.abs(intervals - median) <= max(TOLERANCE * median, TICK_S)
    # An even number of intervals of two lengths can have a median that is like neither.
    interval = float(intervals[usual].mean() if usual.any() else median)
    rounded = abs(interval - 1 / rate) * len(intervals) <= TICK_S
    fps = rate if rounded else round(1 / interval, 6)
    return Timing(times - times[0], fps, variable=not bool(usual.all()), measured=True)
