"""Confidence intervals by bootstrap: the test videos drawn again, with replacement.

Reads and writes no file. A video is what is drawn, since its frames and bouts are not independent
of each other (Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapters 8 and 13). No
frame is looked at again for it: whatever adds up over videos is counted once per video, and a
draw is a weight per video, how often it was drawn.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deg_core.ethogram.frame_metrics import Numbers, Ranking, divide, find_hits

LEVEL = 95.0  # percent of the resamples that lie within the interval
_MOST_SCORES = 1000
_CHUNK = 64  # draws at a time, so that what is computed of them stays in the processor's cache


class Draws(NamedTuple):
    """Resamples of V videos.

    ``weights`` : (R, V) float64, how often each video was drawn, each draw once; ``number`` : (n,)
    for each of the n resamples, which of those it is. Of 4 videos there are only 35.
    """

    weights: Numbers
    number: NDArray[np.int64]


class Levels(NamedTuple):
    """Positive and negative frames per video and level of the score, highest first.

    Each (V, L) float64.
    """

    positive: Numbers
    negative: Numbers


def draw(n_videos: int, *, n: int, seed: int) -> Draws:
    """Draw as many videos as there are, with replacement, ``n`` times.

    Parameters
    ----------
    n_videos
        Number V of videos.
    n
        Number of resamples.
    seed
        The same seed gives the same draws, and others than those of the shifts.
    """
    share = np.full(n_videos, 1 / n_videos)
    counts = np.random.default_rng((seed, 1)).multinomial(n_videos, share, size=n)
    weights, number = np.unique(counts, axis=0, return_inverse=True)
    return Draws(weights.astype(np.float64), number.reshape(-1))


def interval(values: Numbers, draws: Draws) -> tuple[Numbers, Numbers]:
    """Return the percentile interval of scores.

    Parameters
    ----------
    values : (R, C) float
        Scores of each draw; NaN where one is not defined.
    draws
        Which resample is which draw.

    Returns
    -------
    low, high : (C,) float64
        2.5th and 97.5th percentile over the resamples in which the score has a value; NaN if it
        has none in any.
    """
    bounds = np.full((2, values.shape[1]), np.nan)
    for column in range(values.shape[1]):
        sample = values[draws.number, column]
        sample = sample[~np.isnan(sample)]
        if sample.size:
            rest = (100 - LEVEL) / 2
            bounds[:, column] = np.percentile(sample, [rest, 100 - rest])
    return bounds[0], bounds[1]


def levels_of(
    labels: ArrayLike, ranking: Ranking, video: NDArray, n_videos: int, *, most: int = _MOST_SCORES
) -> Levels:
    """Count positive and negative frames of each video at each level of the score.

    Parameters
    ----------
    labels : (T,) int8
        1 present, 0 absent, -1 unknown.
    ranking
        The sorted scores of the same frames.
    video : (T,) int
        Which of the V videos each frame belongs to.
    n_videos
        V.
    most
        Each score of a positive frame is a level, and so is what lies between two of them. Of
        more than so many scores evenly many are taken, and the frames between count as tied.
    """
    hits, _ = find_hits(labels, ranking)
    kept = np.arange(hits.gain.size)
    if kept.size > most:
        kept = np.linspace(0, kept.size - 1, most).round().astype(np.int64)
    group = hits.group[kept]
    begins = np.where(group > 0, ranking.ends[group - 1] + 1, 0)
    borders = np.union1d(begins, ranking.ends[group] + 1)
    n_levels = borders.size + 1
    level = np.searchsorted(borders, np.arange(ranking.order.size), side="right")
    place = video[ranking.order] * n_levels + level
    ordered = np.asarray(labels)[ranking.order]
    tables = [
        np.bincount(place[ordered == value], minlength=n_videos * n_levels)
        .reshape(n_videos, n_levels).astype(np.float64)
        for value in (1, 0)
    ]  # fmt: skip
    return Levels(*tables)


def weighted_ranking(levels: Levels, weights: Numbers) -> dict[str, Numbers]:
    """Return AUROC and average precision of each draw.

    Parameters
    ----------
    levels
        Frames per video and level of the score.
    weights : (R, V) float
        How often each video was drawn.

    Returns
    -------
    dict
        ``auroc``, ``average_precision``: (R,) float64, NaN as in `ranking_scores`.
    """
    parts = [
        _ranking(chunk @ levels.positive, chunk @ levels.negative) for chunk in _chunks(weights)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _chunks(weights: Numbers) -> list[Numbers]:
    return np.split(weights, range(_CHUNK, len(weights), _CHUNK))


def _ranking(positive: Numbers, negative: Numbers) -> dict[str, Numbers]:
    tp, fp = positive.cumsum(axis=1), negative.cumsum(axis=1)
    n_positive, n_negative = tp[:, -1], fp[:, -1]
    pairs = (positive * (n_negative[:, None] - fp + negative / 2)).sum(axis=1)  # a tie is half one
    steps = positive * tp / np.maximum(tp + fp, 1)
    return {
        "auroc": divide(pairs, n_positive * n_negative),
        "average_precision": divide(steps.sum(axis=1), n_positive),
    }


def weighted_medians(per_video: list[NDArray[np.int64]], weights: Numbers) -> Numbers:
    """Return the median of all drawn videos' numbers, for each draw.

    Parameters
    ----------
    per_video
        Numbers of each of the V videos.
    weights : (R, V) float
        How often each video was drawn.

    Returns
    -------
    medians : (R,) float64
        NaN where there is no number.
    """
    values, place = np.unique(np.concatenate(per_video), return_inverse=True)
    if not values.size:
        return np.full(len(weights), np.nan)
    video = np.repeat(np.arange(len(per_video)), [len(numbers) for numbers in per_video])
    counts = np.bincount(video * values.size + place, minlength=len(per_video) * values.size)
    counts = counts.reshape(len(per_video), -1)  # (V, values)
    return np.concatenate([_medians(values, chunk @ counts) for chunk in _chunks(weights)])


def _medians(values: NDArray[np.int64], counts: Numbers) -> Numbers:
    """Return the median of each row, given how often it has each of the ascending values."""
    below = counts.cumsum(axis=1)
    total = below[:, -1:]
    # The two in the middle, which are one and the same of an odd number.
    low = (below >= (total + 1) // 2).argmax(axis=1)
    high = (below >= total // 2 + 1).argmax(axis=1)
    return np.where(total[:, 0] > 0, (values[low] + values[high]) / 2, np.nan)
