"""Which postprocessing serves bouts best: candidates, and the choice among them on validation.

Reads and writes no file; `choose_postprocessing` (stages) publishes what comes from here.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from deg_core.ethogram.bout_metrics import scored_bouts
from deg_core.ethogram.bouts import BoolArray, IntArray
from deg_core.ethogram.gains import (
    Gains,
    Tally,
    Track,
    gains,
    is_safe,
    pick,
    split_blocks,
    tally,
)
from deg_core.ethogram.smoothing import Treatment, apply, fixed, hysteresis, moved
from deg_core.groups import Groups
from deg_core.settings import AutoSettings, PostprocessSettings, SmoothingSettings

# Frames, each about one and a half times the one before; below, log odds.
LENGTHS = (1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90, 135, 200)
BANDS = ((0.5, 0.5), (1.0, 1.0), (1.5, 1.5), (1.0, 0.0), (0.0, 1.0))
MOVES = (-1.5, -1.0, -0.5, 0.5, 1.0, 1.5)


class Tried(NamedTuple):
    """One candidate and its scores on validation, NaN without a labeled bout."""

    treatment: Treatment
    frame_f1: float
    bout_f1: float


class Choice(NamedTuple):
    """What one behavior gets, why, and the best of each method that was tried."""

    treatment: Treatment
    reason: str
    n_bouts: int
    n_tried: int
    tried: list[Tried]


def candidates(
    settings: SmoothingSettings, *, threshold: float, lengths: Sequence[int] | IntArray
) -> list[Treatment]:
    """Return what is tried for one behavior, first what its settings say.

    Parameters
    ----------
    settings
        Method; of ``auto`` the percentile filter is the first. Any other method is the only one.
    threshold
        The tuned threshold, 0..1.
    lengths : (n,) int
        Lengths of the training bouts, in frames; no gap, bout or window that is tried is longer
        than their median.
    """
    first = fixed(settings, threshold=threshold, lengths=lengths)
    if settings.method != "auto":
        return [first]
    limit = float(np.median(lengths)) if len(lengths) else 0.0
    steps = [n for n in LENGTHS if n <= limit]

    def more(method: str, **parameters: int) -> Treatment:
        return Treatment(method, threshold, threshold, **parameters)

    found = [first, more("none"), *(more("min_bout", length=n) for n in steps)]
    found += [more("median", reach=n // 2, length=first.length) for n in steps if n > 2]
    found += [
        more("stitch", max_gap=gap, max_bout=bout)
        for i, gap in enumerate(steps)
        for j, bout in enumerate(steps)
        if abs(i - j) in (0, 2)
    ]
    found += [
        hysteresis(threshold, up=up, down=down, length=length)
        for up, down in BANDS
        for length in sorted({first.length, *steps[::3]})
    ]
    return found


def with_moved_thresholds(one: Treatment, by: float) -> Treatment:
    """Return a treatment whose thresholds are so many units of log odds higher."""
    return replace(one, threshold=moved(one.threshold, by), low=moved(one.low, by))


class Bench:
    """Validation videos on which the candidates of one behavior are tried.

    Parameters
    ----------
    tracks
        The videos, each with K behaviors.
    behavior
        Column of the behavior.
    start
        The K treatments from which all start, which other members of its group keep.
    groups
        Columns of each exclusive group.
    """

    def __init__(
        self, tracks: Sequence[Track], behavior: int, start: Sequence[Treatment], groups: Groups
    ) -> None:
        self.columns = next((list(g) for g in groups if behavior in g), [behavior])
        self.place = self.columns.index(behavior)
        self.groups = (tuple(range(len(self.columns))),) if len(self.columns) > 1 else ()
        self.start = [start[k] for k in self.columns]
        self.tracks = [
            Track(t.labels[:, behavior], np.asarray(t.probabilities[:, self.columns], np.float64))
            for t in tracks
        ]
        self.blocks, self.n_blocks = split_blocks(tracks)

    def count(self, options: Sequence[Treatment], *, shift: float = 0.0) -> Tally:
        """Count for each option, thresholds being higher by ``shift``; each (C, B)."""
        total: list[list[IntArray]] = []
        for track, block in zip(self.tracks, self.blocks, strict=True):
            first: BoolArray | None = None
            rows = []
            for one in options:
                treatments = [with_moved_thresholds(t, shift) for t in self.start]
                treatments[self.place] = with_moved_thresholds(one, shift)
                present = apply(track.probabilities, treatments, groups=self.groups)[:, self.place]
                first = present if first is None else first
                rows.append(tally(track.labels, present, first, block, n=self.n_blocks))
            total.append([np.stack(column) for column in zip(*rows, strict=True)])
        return Tally(*(sum(column) for column in zip(*total, strict=True)))

    def judge(
        self, options: Sequence[Treatment], settings: AutoSettings
    ) -> tuple[Tally, Gains, BoolArray]:
        """Return counts (C, B) and gains (C,) of all options, and which of them are safe (C,).

        A candidate must be safe also where the probabilities are shifted either way, as those of
        other videos will be; only those that are safe as it is are tried so.
        """
        counts = self.count(options)
        found = gains(counts)
        safe = is_safe(found, settings)
        by = settings.shift / math.sqrt(len(self.tracks))
        for shift in (-by, by) if by else ():
            left = np.flatnonzero(safe)
            if left.size:
                there = self.count([options[0], *(options[i] for i in left)], shift=shift)
                safe[left] = is_safe(gains(there), settings)[1:]
        return counts, found, safe

    def choose(self, options: Sequence[Treatment], settings: AutoSettings) -> tuple[int, Tally]:
        """Return the number of the option to take, and the counts of all."""
        counts, found, safe = self.judge(options, settings)
        return pick(found, safe, counts.changed.sum(axis=1), settings), counts


def choose(
    tracks: Sequence[Track],
    *,
    behaviors: Sequence[str],
    thresholds: Sequence[float],
    lengths: Sequence[Sequence[int] | IntArray],
    settings: PostprocessSettings,
    groups: Groups = (),
    joint: bool = False,
) -> dict[str, Choice]:
    """Choose the postprocessing of each behavior.

    Parameters
    ----------
    tracks
        The validation videos.
    behaviors
        Names of the K columns.
    thresholds : (K,) float
        The tuned thresholds.
    lengths
        For each behavior the lengths of its training bouts, in frames.
    settings
        Methods, and how far validation is trusted.
    groups
        Columns of each exclusive group.
    joint
        Whether the thresholds are moved with the postprocessing.

    Returns
    -------
    dict
        The choice of each behavior, in their order.
    """
    own = [settings.of(name) for name in behaviors]
    options = [
        candidates(one, threshold=t, lengths=n)
        for one, t, n in zip(own, thresholds, lengths, strict=True)
    ]
    chosen: list[Choice] = []
    current = [found[0] for found in options]
    for k, found in enumerate(options):
        one = _choose_one(Bench(tracks, k, current, groups), found, settings.auto, joint=joint)
        after = [*current[:k], one.treatment, *current[k + 1 :]]
        others = [j for group in groups if k in group for j in group if j != k]
        if _loses(tracks, others, groups, current, after, settings.auto):
            why = f"{one.treatment.method} would cost another of its exclusive group; {STAYS}"
            one, after = one._replace(treatment=current[k], reason=why), current
        chosen.append(one)
        current = after
    return dict(zip(behaviors, chosen, strict=True))


STAYS = "it stays as it was set"


def _choose_one(
    bench: Bench, options: list[Treatment], settings: AutoSettings, *, joint: bool
) -> Choice:
    n_bouts = sum(len(scored_bouts(t.labels, t.labels == 1).labeled) for t in bench.tracks)
    if n_bouts < settings.min_bouts or (len(options) == 1 and not joint):
        counts, number = bench.count(options[:1]), 0
        reason = "set in config.yaml"
        if len(options) > 1 or joint:
            reason = (
                f"{n_bouts} labeled bouts in validation, fewer than {settings.min_bouts}; {STAYS}"
            )
        return _result(options[:1], counts, number, n_bouts, reason)
    number, counts = bench.choose(options, settings)
    if joint:
        options = options + [with_moved_thresholds(options[number], by) for by in MOVES]
        number, counts = bench.choose(options, settings)
    return _result(options, counts, number, n_bouts, _reason(counts, number))


def _reason(counts: Tally, number: int) -> str:
    if not number:
        return f"nothing gains bouts beyond doubt without losing frames; {STAYS}"
    bout, frame = counts.bout_f1(), counts.frame_f1()
    return (
        f"bout F1 {bout[number]:.3f} instead of {bout[0]:.3f}, "
        f"frame F1 {frame[number]:.3f} instead of {frame[0]:.3f} on validation"
    )


def _result(
    options: Sequence[Treatment], counts: Tally, number: int, n_bouts: int, reason: str
) -> Choice:
    """Gather a choice, with the chosen and otherwise the best option of each method."""
    bout, frame = counts.bout_f1(), counts.frame_f1()
    best: dict[str, int] = {options[0].method: 0}
    for i in np.argsort(-bout, kind="stable"):
        best.setdefault(options[i].method, int(i))
    shown = sorted({*best.values(), number})
    tried = [Tried(options[i], float(frame[i]), float(bout[i])) for i in shown]
    return Choice(options[number], reason, n_bouts, len(options), tried)


def _loses(
    tracks: Sequence[Track], others: Sequence[int], groups: Groups, before: Sequence[Treatment],
    after: Sequence[Treatment], settings: AutoSettings,
) -> bool:  # fmt: skip
    """Say whether one of a behavior's group loses frame or bout F1 by how that one is treated."""
    if list(before) == list(after):
        return False
    for k in others:
        old = Bench(tracks, k, before, groups).count([before[k]])
        new = Bench(tracks, k, after, groups).count([after[k]])
        pairs = ((old.frame_f1(), new.frame_f1()), (old.bout_f1(), new.bout_f1()))
        if any(now[0] < was[0] - settings.tolerance for was, now in pairs):
            return True
    return False
