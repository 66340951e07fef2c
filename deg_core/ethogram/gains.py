"""What a postprocessing gains over another one, with errors, and which gain to believe.

Reads and writes no file; `deg_core.ethogram.choosing` asks it of each candidate.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deg_core.ethogram.bout_metrics import best_overlaps, match, scored_bouts
from deg_core.ethogram.bouts import BoolArray, IntArray
from deg_core.ethogram.frame_metrics import Numbers, divide
from deg_core.settings import AutoSettings

IOU = 0.5
BLOCKS = 20  # into which the videos are divided altogether, unless there are more videos


class Track(NamedTuple):
    """One video: labels (T, K) int8 (-1 unknown) and probabilities (T, K)."""

    labels: NDArray[np.int8]
    probabilities: NDArray[np.floating]


class Tally(NamedTuple):
    """Frames and bouts of one behavior by block of validation, each (..., B) int64.

    ``tp``, ``fp``, ``fn``: frames; ``labeled``, ``found``, ``matched``: bouts, matched at `IOU`;
    ``changed``: frames that are not as the first candidate has them.
    """

    tp: IntArray
    fp: IntArray
    fn: IntArray
    labeled: IntArray
    found: IntArray
    matched: IntArray
    changed: IntArray

    def frame_f1(self) -> Numbers:
        """Return F1 over all blocks, NaN without a positive frame."""
        return _f1(*(column.sum(axis=-1) for column in self[:3]))

    def bout_f1(self) -> Numbers:
        """Return bout-wise F1 over all blocks, NaN without a labeled bout."""
        labeled, found, matched = (column.sum(axis=-1) for column in self[3:6])
        return _f1(matched, found - matched, labeled - matched)

    def without_each(self) -> "Tally":
        """Leave out each block in turn: the same with an axis more, of one block each."""
        return Tally(*((c.sum(axis=-1, keepdims=True) - c)[..., None] for c in self))


def _f1(tp: IntArray, fp: IntArray, fn: IntArray) -> Numbers:
    return divide(2 * tp, np.where(tp + fn > 0, 2 * tp + fp + fn, 0))


class Gains(NamedTuple):
    """What each candidate gains against the first, with standard errors; each (C,) float64."""

    frame: Numbers
    frame_error: Numbers
    bout: Numbers
    bout_error: Numbers


def split_blocks(tracks: Sequence[Track]) -> tuple[list[IntArray], int]:
    """Divide the videos into blocks: the number of each frame's block (T,), and of all blocks."""
    each = max(1, round(BLOCKS / len(tracks)))
    sizes = [len(track.labels) for track in tracks]
    numbers = [i * each + np.arange(n) * each // max(n, 1) for i, n in enumerate(sizes)]
    return numbers, each * len(tracks)


def tally(
    labels: NDArray[np.int8], present: BoolArray, first: BoolArray, block: IntArray, *, n: int
) -> Tally:
    """Count frames and bouts of one behavior in one video.

    Parameters
    ----------
    labels : (T,) int8
        1 present, 0 absent, -1 unknown.
    present, first : (T,) bool
        What a candidate says, and what the first one says.
    block : (T,) int
        Block of each frame; a bout belongs to that of its middle, a match to that of the label.
    n
        Number of blocks of all videos.
    """
    bouts = scored_bouts(labels, present)
    matched = bouts.labeled[match(best_overlaps(bouts), iou=IOU).labeled]
    frames = [(labels == 1) & present, (labels == 0) & present, (labels == 1) & ~present]
    by_frame = [np.bincount(block[mask], minlength=n) for mask in frames]
    by_bout = [
        np.bincount(block[runs.sum(axis=1) // 2], minlength=n)
        for runs in (bouts.labeled, bouts.predicted, matched)
    ]
    changed = np.bincount(block[(present != first) & (labels >= 0)], minlength=n)
    return Tally(*by_frame, *by_bout, changed)


def gains(counts: Tally) -> Gains:
    """Return what the candidates gain against the first, by leaving out each block in turn.

    Parameters
    ----------
    counts
        Of C candidates and B blocks, each (C, B).

    Returns
    -------
    Gains
        Errors are infinite with fewer than two blocks that have something to count, or where one
        block holds all labeled bouts.

    Notes
    -----
    Jackknife: the error is sqrt((B - 1) / B * sum of (g_b - mean)^2), g_b being the gain without
    block b. Candidate and first are compared on the same blocks, so what makes a block hard for
    both does not count.
    """
    some = sum(counts[:6]).any(axis=0)
    kept = Tally(*(column[:, some] for column in counts))
    without, blocks = kept.without_each(), int(some.sum())
    found = []
    for whole, each in (
        (kept.frame_f1(), without.frame_f1()),
        (kept.bout_f1(), without.bout_f1()),
    ):
        spread = each - each[:1]  # (C, B)
        error = np.full(len(whole), np.inf)
        if blocks > 1 and np.isfinite(spread).all():
            squares = (spread - spread.mean(axis=1, keepdims=True)) ** 2
            error = np.sqrt((blocks - 1) / blocks * squares.sum(axis=1))
        found += [whole - whole[0], error]
    return Gains(*found)


def is_safe(found: Gains, settings: AutoSettings) -> BoolArray:
    """Say which candidates (C,) gain bouts and lose no frames, both beyond the margin."""
    frames = found.frame - settings.margin * found.frame_error >= -settings.tolerance
    return frames & (found.bout - settings.margin * found.bout_error > 0)


def pick(found: Gains, safe: BoolArray, changed: IntArray, settings: AutoSettings) -> int:
    """Return the number of the candidate to take; 0, the first, where none is safe.

    Parameters
    ----------
    found
        Gains of C candidates.
    safe : (C,) bool
        Those that come into question.
    changed : (C,) int
        Frames that each treats otherwise than the first.
    settings
        Standard errors for the margin and the mildness.

    Notes
    -----
    The best is the one whose gain in bout F1 less the margin is highest. Many are nearly as good,
    and the best of many is partly so by luck: of those within ``mildness`` standard errors, the one
    that changes the fewest frames is taken.
    """
    if not safe.any():
        return 0
    promised = np.where(safe, found.bout - settings.margin * found.bout_error, -np.inf)
    best = int(np.argmax(promised))
    near = promised >= promised[best] - settings.mildness * found.bout_error[best]
    return int(np.argmin(np.where(near, changed, np.iinfo(np.int64).max)))
