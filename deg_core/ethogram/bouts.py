"""From frames to bouts and back: runs, short-bout removal, background, bout tables.

Reads and writes no file; `postprocess` and `bout_lengths` (stages) publish what comes from here.
A bout is a half-open interval of frames, ``[start, stop)``, counted from 0.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from deg_core.ethogram.groups import relative, strongest
from deg_core.groups import Groups
from deg_core.settings import SmoothingSettings

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

UNKNOWN = -1
BACKGROUND = "background"


def intervals(trace: ArrayLike) -> IntArray:
    """Return the runs of true frames.

    Parameters
    ----------
    trace : (T,) bool
        Whether the behavior is present in each frame.

    Returns
    -------
    runs : (n, 2) int64
        Start and stop frame of each run, half-open, in order of time.
    """
    padded = np.zeros(np.size(trace) + 2, dtype=bool)
    padded[1:-1] = trace
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return edges.reshape(-1, 2).astype(np.int64)  # (2n,) -> (n, 2)


def from_intervals(runs: ArrayLike, *, n_frames: int) -> BoolArray:
    """Return the trace whose true frames are those of the intervals.

    Parameters
    ----------
    runs : (n, 2) int
        Start and stop frame of each interval, half-open; they may overlap.
    n_frames
        Number of frames T of the trace.

    Returns
    -------
    trace : (T,) bool

    Raises
    ------
    ValueError
        An interval is reversed or reaches outside the trace.
    """
    array = np.asarray(runs, dtype=np.int64).reshape(-1, 2)
    starts, stops = array[:, 0], array[:, 1]
    if np.any(starts < 0) or np.any(stops > n_frames) or np.any(starts > stops):
        raise ValueError(f"intervals must lie within 0..{n_frames} and not be reversed")
    steps = np.bincount(starts, minlength=n_frames + 1)
    steps = steps - np.bincount(stops, minlength=n_frames + 1)
    return np.cumsum(steps[:n_frames]) > 0


def remove_short(trace: ArrayLike, *, length: int) -> BoolArray:
    """Fill gaps and remove bouts of up to ``length`` frames, the shortest first.

    Parameters
    ----------
    trace : (T,) bool
        Whether the behavior is present in each frame.
    length
        Longest run, in frames, that vanishes; 0 leaves the trace as it is.

    Returns
    -------
    cleaned : (T,) bool

    Notes
    -----
    For l = 1..length: absent runs of exactly l frames become present, then present runs of exactly
    l frames become absent. Runs at either end of the trace count like the others, so a trace of up
    to ``length`` frames ends without any bout. Works on runs, not on frames: each pass handles the
    shortest runs left, and there are at most as many passes as different run lengths.
    """
    frames = np.array(trace, dtype=bool)
    if length < 1 or not frames.size:
        return frames
    edges = np.concatenate(([0], np.flatnonzero(frames[1:] != frames[:-1]) + 1, [frames.size]))
    present = frames[edges[:-1]]
    while present.size > 1 and (shortest := np.diff(edges).min()) <= length:
        # Every other run is longer than `shortest`, so the lengths skipped would change nothing.
        edges, present = _flip_runs(edges, present, value=False, length=shortest)
        edges, present = _flip_runs(edges, present, value=True, length=shortest)
    if present.size == 1 and frames.size <= length:
        present = np.zeros(1, dtype=bool)
    return np.repeat(present, np.diff(edges))


def _flip_runs(
    edges: IntArray, present: BoolArray, *, value: bool, length: int
) -> tuple[IntArray, BoolArray]:
    """Flip the runs of ``value`` with exactly ``length`` frames and merge them with neighbors."""
    flipped = present ^ ((present == value) & (np.diff(edges) == length))
    border = np.flatnonzero(flipped[1:] != flipped[:-1]) + 1
    kept = np.concatenate(([0], border))
    return np.append(edges[kept], edges[-1]), flipped[kept]


def bout_lengths(labels: ArrayLike) -> IntArray:
    """Return the lengths of the complete bouts of one behavior.

    Parameters
    ----------
    labels : (T,) int8
        1 present, 0 absent, -1 unknown.

    Returns
    -------
    lengths : (n,) int64
        In frames, ascending.

    Notes
    -----
    A bout with an unknown frame before or after it may go on there, so it is left out: counting
    it would make bouts look shorter than they are. A bout that begins or ends with the video is
    counted.
    """
    column = np.asarray(labels)
    runs = intervals(column == 1)
    fenced = np.concatenate(([0], column, [0]))  # frame t is at t + 1
    complete = (fenced[runs[:, 0]] != UNKNOWN) & (fenced[runs[:, 1] + 1] != UNKNOWN)
    return np.sort(np.diff(runs[complete], axis=1)[:, 0])


def removal_length(lengths: Sequence[int] | IntArray, *, settings: SmoothingSettings) -> int:
    """Return the number of frames up to which bouts and gaps of one behavior are removed.

    Parameters
    ----------
    lengths : (n,) int
        Bout lengths of the training labels, in frames; of no use to ``min_bout`` and ``none``.
    settings
        Method, percentile of what, and whether the limit itself is removed as well.

    Returns
    -------
    int
        0 removes nothing.

    Notes
    -----
    The paper removes bouts *shorter than* the 1st percentile of the training bouts. With
    ``inclusive`` the percentile is rounded half to even and bouts of that length vanish too, as
    in the reference implementation. A behavior without any complete training bout has limit 1.

    The low percentile of a few bouts is just the shortest of them, and half of all bouts may be
    shorter than the shortest of four. So a bout of one frame is counted beside them, whose weight
    fades as labels are added: the limit of 4 bouts is 4 % of the way from 1 to the shortest, that
    of 50 is halfway, that of 100 is the shortest, which then is their 1st percentile.
    """
    if settings.method == "none":
        return 0
    if settings.method == "min_bout":
        return max(settings.min_bout - (not settings.inclusive), 0)
    counted = np.append(lengths, np.ones(settings.one_frame_bouts))
    limit = float(np.percentile(counted, settings.percentile)) if len(lengths) else 1.0
    # Interpolation can leave 3.000000000004 where 3 is meant, which `ceil` would make 4.
    limit = round(limit, 6)
    return int(np.rint(limit)) if settings.inclusive else int(np.ceil(limit)) - 1


def binarize(
    probabilities: ArrayLike,
    *,
    thresholds: Sequence[float],
    lengths: Sequence[int],
    groups: Groups = (),
) -> BoolArray:
    """Return which behaviors are present: above the threshold, short bouts and gaps removed.

    Parameters
    ----------
    probabilities : (T, K) float
        Probability of each behavior in each frame, 0..1.
    thresholds : (K,) float
        A frame is positive where its probability is larger than this (not equal).
    lengths : (K,) int
        Longest run, in frames, that vanishes, per behavior; see `removal_length`.
    groups
        Columns of each exclusive group, of which no frame has two.

    Returns
    -------
    present : (T, K) bool

    Notes
    -----
    Of a group only the behavior whose probability is the largest in proportion to its threshold is
    present. Where filling gaps makes two of a group overlap, the one that was present before
    stays; where neither was, the one with the smaller limit, as its gap lies within that of the
    other. What this leaves of the other goes, too, if it is as short as the bouts that vanish.
    """
    # In float64, as the threshold search: a probability equal to a threshold stays negative.
    found = np.asarray(probabilities, dtype=np.float64) > np.asarray(thresholds, dtype=np.float64)
    found = strongest(found, relative(probabilities, thresholds), groups)
    cleaned = found.copy()
    for k, length in enumerate(lengths):
        cleaned[:, k] = remove_short(found[:, k], length=length)
    return settle(found, cleaned, lengths, groups)


def settle(
    found: BoolArray, cleaned: BoolArray, lengths: Sequence[int], groups: Groups
) -> BoolArray:
    """Leave one of each exclusive group where filling gaps made two of them overlap.

    Parameters
    ----------
    found, cleaned : (T, K) bool
        What is present before and after gaps were filled and bouts removed.
    lengths : (K,) int
        Longest bout, in frames, that was removed.
    groups
        Columns of each exclusive group.

    Returns
    -------
    present : (T, K) bool
        See the notes of `binarize`.
    """
    # What was found is never pushed aside by what was filled in.
    limits = np.asarray(lengths, dtype=np.float64)
    kept = strongest(cleaned, np.where(found, np.inf, -limits), groups)
    for k in np.flatnonzero((kept != cleaned).any(axis=0)):
        kept[:, k] = _without_short_bouts(kept[:, k], length=lengths[k])
    return kept


def _without_short_bouts(trace: BoolArray, *, length: int) -> BoolArray:
    """Remove bouts of up to ``length`` frames, and fill no gap."""
    runs = intervals(trace)
    return from_intervals(runs[np.diff(runs, axis=1)[:, 0] > length], n_frames=len(trace))


def background(present: ArrayLike) -> BoolArray:
    """Return the frames without any behavior.

    Parameters
    ----------
    present : (T, K) bool

    Returns
    -------
    background : (T,) bool
    """
    return ~np.asarray(present, dtype=bool).any(axis=1)


def background_labels(labels: ArrayLike) -> NDArray[np.int8]:
    """Return the background as labels.

    Parameters
    ----------
    labels : (T, K) int8
        1 present, 0 absent, -1 unknown.

    Returns
    -------
    background : (T,) int8
        0 where a behavior is present, 1 where all are known to be absent, else -1: an unknown
        behavior may be there.
    """
    array = np.asarray(labels)
    some = (array == 1).any(axis=1)
    unknown = (array == UNKNOWN).any(axis=1)
    return np.where(some, 0, np.where(unknown, UNKNOWN, 1)).astype(np.int8)


def ethogram_table(present: ArrayLike, *, behaviors: Sequence[str], fps: float) -> pd.DataFrame:
    """Return the ethogram as a table of frames.

    Parameters
    ----------
    present : (T, K) bool
    behaviors
        The K names, in the order of the columns.
    fps
        Frames per second.

    Returns
    -------
    pandas.DataFrame
        Columns ``frame``, ``time_s`` (seconds from the first frame), ``background`` and one per
        behavior, 0 or 1.
    """
    array = np.asarray(present, dtype=bool)
    frames = np.arange(len(array))
    head = {"frame": frames, "time_s": np.round(frames / fps, 6)}
    head[BACKGROUND] = background(array).astype(np.int8)
    return pd.DataFrame(head | {n: array[:, k].astype(np.int8) for k, n in enumerate(behaviors)})


def bout_table(
    present: ArrayLike, *, probabilities: ArrayLike, behaviors: Sequence[str], fps: float
) -> pd.DataFrame:
    """Return one row per bout, in order of time.

    Parameters
    ----------
    present : (T, K) bool
    probabilities : (T, K) float
        Probability of each behavior in each frame, 0..1.
    behaviors
        The K names, in the order of the columns.
    fps
        Frames per second.

    Returns
    -------
    pandas.DataFrame
        Columns ``behavior``, ``start_frame``, ``stop_frame`` (half-open), ``start_s``, ``stop_s``,
        ``duration_s`` and ``mean_probability`` over the frames of the bout. The background has no
        probability of its own and therefore no rows.
    """
    array, values = np.asarray(present, dtype=bool), np.asarray(probabilities, dtype=np.float64)
    tables = [
        _bouts_of(name, intervals(array[:, k]), values[:, k], fps)
        for k, name in enumerate(behaviors)
    ]
    return pd.concat(tables, ignore_index=True).sort_values(
        ["start_frame", "stop_frame"], kind="stable", ignore_index=True
    )


def _bouts_of(
    name: str, runs: IntArray, probabilities: NDArray[np.float64], fps: float
) -> pd.DataFrame:
    start, stop = runs[:, 0], runs[:, 1]
    total = np.concatenate(([0.0], np.cumsum(probabilities)))
    return pd.DataFrame(
        {
            "behavior": pd.Series([name] * len(runs), dtype=object),
            "start_frame": start,
            "stop_frame": stop,
            "start_s": np.round(start / fps, 6),
            "stop_s": np.round(stop / fps, 6),
            "duration_s": np.round((stop - start) / fps, 6),
            "mean_probability": np.round((total[stop] - total[start]) / (stop - start), 6),
        }
    )
