"""How far two raters agree: two people, or a person and a model.

Reads and writes no file; `compare_raters` (stages) publishes what comes from here. Labels are
1 present, 0 absent, -1 unknown; a pair is compared on the frames that both scored. Of two raters
neither is the truth, so all that can be symmetric is; what cannot (`precision`, `recall`, the
shifts) takes the first rater as reference. What has no value is NaN.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import combinations
from operator import and_
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from deg_core.ethogram.bout_metrics import Bouts, iou_name
from deg_core.ethogram.bouts import (
    BACKGROUND,
    UNKNOWN,
    IntArray,
    background,
    background_labels,
    intervals,
)
from deg_core.ethogram.chance import join
from deg_core.ethogram.frame_metrics import Counts, count, divide

Labels = NDArray[np.int8]

OVERALL = "overall"
HUMAN, MODEL = "human-human", "model-human"
ALL, AGREE, DISAGREE = "all", "agree", "disagree"
#: Metrics that are averaged over behaviors under another name, as those of models are.
MACRO = ("precision", "recall", "f1", "kappa")
COLUMNS = [
    "kind", "first", "second", "frames", "behavior", "metric", "value", "n_frames", "n_videos"
]  # fmt: skip


class Rated(NamedTuple):
    """One video of T frames and K behaviors.

    ``raters`` : per annotator (T, K) int8, 1, 0 or -1; ``models`` : per model (T, K) bool, its
    ethogram.
    """

    raters: Mapping[str, Labels]
    models: Mapping[str, NDArray[np.bool_]]


class _Pair(NamedTuple):
    """Two raters, first and second: labels (T, K + 1) int8, the background last."""

    kind: str
    names: tuple[str, str]
    labels: tuple[Labels, Labels]


class _Compared(NamedTuple):
    """A pair on one selection of frames: scores per behavior, accuracy of all, and counts."""

    pair: _Pair
    frames: str
    blocks: dict[str, dict[str, float]]
    accuracy: float
    facts: dict[str, dict[str, int]]


# --- one behavior


def cohen_kappa(counts: Counts) -> float:
    """Return Cohen's kappa: the agreement beyond that of two raters who guess at their own rates.

    Parameters
    ----------
    counts
        Frames by first rater (as labels) and second rater (as prediction).

    Returns
    -------
    float
        (observed - expected) / (1 - expected) accuracy, -1..1; NaN without a frame, or where both
        raters say one and the same everywhere.

    Notes
    -----
    Cohen (1960), Educational and Psychological Measurement 20:37-46.
    """
    tp, fp, fn, tn = (int(n) for n in counts)
    n = tp + fp + fn + tn
    by_chance = (tp + fp) * (tp + fn) + (tn + fn) * (tn + fp)  # times n squared, exact
    return float(divide(n * (tp + tn) - by_chance, n * n - by_chance))


def frame_agreement(first: ArrayLike, second: ArrayLike) -> dict[str, float]:
    """Return the agreement frame by frame.

    Parameters
    ----------
    first, second : (T,) int8
        1 present, 0 absent, -1 unknown.

    Returns
    -------
    dict
        ``accuracy``: share of the frames on which both say the same. ``f1``: 2 both / (first +
        second), NaN if neither ever sees the behavior. ``precision``: share of the second's
        positive frames that are the first's, too; ``recall``: the other way round; NaN where there
        are none. ``kappa``: see `cohen_kappa`.
    """
    a, b = common(first, second)
    counts = count(a, b == 1)
    tp, fp, fn, tn = counts
    return {
        "accuracy": float(divide(tp + tn, tp + fp + fn + tn)),
        "precision": float(divide(tp, tp + fp)),
        "recall": float(divide(tp, tp + fn)),
        "f1": float(divide(2 * tp, 2 * tp + fp + fn)),
        "kappa": cohen_kappa(counts),
    }


def bout_agreement(
    first: ArrayLike, second: ArrayLike, *, iou: Sequence[float], cut_edges: bool = False
) -> dict[str, float]:
    """Return the agreement bout by bout.

    Parameters
    ----------
    first, second : (T,) int8
        1 present, 0 absent, -1 unknown.
    iou
        Overlaps (intersection over union, 0..1) at which two bouts count as one.
    cut_edges
        Whether to count an edge of either at the border of what both scored, too. By default it
        is left out: where that bout really begins or ends was not scored.

    Returns
    -------
    dict
        ``bout_f1_<percent>``: 2 pairs / (bouts of both), see `pair_bouts`; NaN if neither has a
        bout. ``onset_shift``, ``offset_shift``: median of second - first in frames, over the pairs
        at the smallest overlap; ``onset_error``, ``offset_error``: median size of it; NaN without
        one.
    """
    a, b = common(first, second)
    bouts = Bouts(intervals(a == 1), intervals(b == 1))
    n = len(bouts.labeled) + len(bouts.predicted)
    scores = {iou_name(x): float(divide(2 * len(pair_bouts(bouts, iou=x)), n)) for x in iou}
    pairs = pair_bouts(bouts, iou=min(iou, default=0.0))
    edges = bouts.labeled[pairs[:, 0]], bouts.predicted[pairs[:, 1]]
    fenced = np.concatenate(([UNKNOWN], a, [UNKNOWN]))  # frame t is at t + 1
    for side, name in enumerate(("onset", "offset")):
        ends = np.stack([edge[:, side] for edge in edges])
        inside = (fenced[ends + side] >= 0).all(axis=0)
        shift = (ends[1] - ends[0])[inside | cut_edges]
        scores[f"{name}_shift"] = float(np.median(shift)) if shift.size else np.nan
        scores[f"{name}_error"] = float(np.median(np.abs(shift))) if shift.size else np.nan
    return scores


def common(first: ArrayLike, second: ArrayLike) -> tuple[Labels, Labels]:
    """Return both labels, each (T,) int8, with -1 wherever either is unknown."""
    a, b = np.asarray(first, np.int8), np.asarray(second, np.int8)
    known = (a >= 0) & (b >= 0)
    return np.where(known, a, np.int8(UNKNOWN)), np.where(known, b, np.int8(UNKNOWN))


def pair_bouts(bouts: Bouts, *, iou: float) -> IntArray:
    """Pair the bouts of two raters, the largest overlap first, each bout once.

    Parameters
    ----------
    bouts
        Bouts of the first and of the second rater, each in order of time and without overlap.
    iou
        Smallest intersection over union, 0..1; bouts that do not touch are never a pair.

    Returns
    -------
    pairs : (n, 2) int64
        Index of the first's bout and of the second's. With the raters exchanged the pairs are the
        same; from an overlap of 0.5 on they are those of `bout_metrics.match`.
    """
    i, j, overlap = _overlaps(bouts)
    used: tuple[set[int], set[int]] = (set(), set())
    pairs = []
    for k in np.lexsort((j, i, -overlap)).tolist():
        p, q = int(i[k]), int(j[k])
        if overlap[k] >= iou and p not in used[0] and q not in used[1]:
            used[0].add(p)
            used[1].add(q)
            pairs.append((p, q))
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


def _overlaps(bouts: Bouts) -> tuple[IntArray, IntArray, NDArray[np.float64]]:
    """Return the indices of all bouts that touch, and their intersection over union."""
    one, two = bouts
    # Both are sorted, so those that touch a bout are neighbors.
    start = np.searchsorted(two[:, 1], one[:, 0], side="right")
    number = np.searchsorted(two[:, 0], one[:, 1], side="left") - start
    i = np.repeat(np.arange(len(one)), number)
    j = np.arange(i.size) - np.repeat(np.cumsum(number) - number, number) + start[i]
    both = np.minimum(one[i, 1], two[j, 1]) - np.maximum(one[i, 0], two[j, 0])
    either = np.diff(one)[i, 0] + np.diff(two)[j, 0] - both
    return i, j, both / either


# --- all behaviors, all raters


def agreed(labels: Sequence[ArrayLike]) -> Labels:
    """Say where raters agree.

    Parameters
    ----------
    labels
        Of each rater, int8 of one shape: 1 present, 0 absent, -1 unknown.

    Returns
    -------
    agreed : same shape, int8
        1 where all who scored the frame say the same, 0 where they do not, -1 where fewer than two
        scored it.
    """
    stack = np.stack([np.asarray(table) for table in labels])
    known, yes = (stack >= 0).sum(axis=0), (stack == 1).sum(axis=0)
    same = (yes == 0) | (yes == known)
    return np.where(known >= 2, same, UNKNOWN).astype(np.int8)


def compare_raters(
    videos: Sequence[Rated], *, behaviors: Sequence[str], iou: Sequence[float]
) -> pd.DataFrame:
    """Compare all annotators with each other, and the models with each of them.

    Parameters
    ----------
    videos
        Who says what of each video; a rater may lack in some, but each has one, and all models.
    behaviors
        The K names, in the order of the columns.
    iou
        Overlaps at which two bouts count as one.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, one row per pair, selection of frames, behavior and metric; no row where no
        frame has two annotators. ``first`` and ``second`` of two people are in alphabetical order;
        of a person and a model the person is the first. ``frames`` is ``all``, ``agree`` or
        ``disagree`` (see `agreed`, per behavior; of the last two there are no bout-wise metrics,
        since such frames cut bouts to pieces). A model is compared on frames that at least two
        annotators scored, so that it is judged on the frames on which they are. The background is
        a behavior like others. ``overall`` are means over the behaviors without it, of each metric
        over those in which it has a value for all pairs: if nobody saw a behavior, two people have
        no value for it, but a model has 0 after one false positive, which would count against the
        model alone. Only ``accuracy`` is that of all frames.
    """
    raters = _joined([video.raters for video in videos], background_labels)
    if len(raters) < 2:
        return pd.DataFrame(columns=COLUMNS)
    agree = agreed(list(raters.values()))
    tables = [{name: p.astype(np.int8) for name, p in video.models.items()} for video in videos]
    models = _joined(tables, background)
    pairs = [_Pair(HUMAN, pair, (raters[pair[0]], raters[pair[1]]))
             for pair in combinations(raters, 2)]  # fmt: skip
    pairs += [
        _Pair(MODEL, (human, model), (np.where(agree >= 0, labels, np.int8(UNKNOWN)), predicted))
        for model, predicted in models.items()
        for human, labels in raters.items()
    ]
    lengths = [len(next(iter(video.raters.values()))) + 1 for video in videos]
    number = np.repeat(np.arange(len(videos)), lengths)  # (T,), of the video
    names = [*behaviors, BACKGROUND]
    found = [one for pair in pairs for one in _compare(pair, agree, names, number, iou)]
    shared = {frames: _shared(found, frames) for frames in {one.frames for one in found}}
    rows = [row for one in found for row in _rows(one, shared[one.frames])]
    return pd.DataFrame(rows, columns=COLUMNS)


def _joined(videos: Sequence[Mapping[str, Labels]], derive: Any) -> dict[str, Labels]:
    """Join each rater's labels of all videos, with the background as last column."""
    names = sorted({name for video in videos for name in video})
    if not names:
        return {}
    shapes = [next(iter(video.values())).shape for video in videos]
    found = {}
    for name in names:
        tables = [
            video.get(name, np.full(shape, UNKNOWN, np.int8))
            for video, shape in zip(videos, shapes, strict=True)
        ]
        full = [np.column_stack([table, derive(table)]).astype(np.int8) for table in tables]
        found[name] = join(full, gap=UNKNOWN)
    return found


def _compare(
    pair: _Pair, agree: Labels, names: Sequence[str], number: IntArray, iou: Sequence[float]
) -> Iterator[_Compared]:
    """Score one pair on each selection; nothing where the two have no frame in common."""
    first, second = common(*pair.labels)
    if not (first >= 0).any():
        return
    for frames, value in ((ALL, None), (AGREE, 1), (DISAGREE, 0)):
        left = first if value is None else np.where(agree == value, first, np.int8(UNKNOWN))
        blocks = {}
        for k, name in enumerate(names):
            scores = frame_agreement(left[:, k], second[:, k])
            if value is None:
                scores |= bout_agreement(left[:, k], second[:, k], iou=iou)
            blocks[name] = scores
        known = left >= 0
        facts = {name: _facts(known[:, [k]], number) for k, name in enumerate(names)}
        facts[OVERALL] = _facts(known[:, :-1], number)
        whole = frame_agreement(left[:, :-1].ravel(), second[:, :-1].ravel())
        yield _Compared(pair, frames, blocks, whole["accuracy"], facts)


def _facts(known: NDArray[np.bool_], number: IntArray) -> dict[str, int]:
    """Count pairs of frame and behavior, and videos, in which anything was compared."""
    videos = np.unique(number[known.any(axis=1)])
    return {"n_frames": int(known.sum()), "n_videos": len(videos)}


def _table(one: _Compared) -> pd.DataFrame:
    """Return the scores, metrics by behaviors, without the background."""
    return pd.DataFrame({name: b for name, b in one.blocks.items() if name != BACKGROUND})


def _shared(found: Sequence[_Compared], frames: str) -> pd.DataFrame:
    """Say where all pairs have a value, metrics by behaviors."""
    return reduce(and_, (_table(one).notna() for one in found if one.frames == frames))


def _rows(one: _Compared, shared: pd.DataFrame) -> Iterator[dict[str, Any]]:
    means = _table(one).where(shared).mean(axis=1)
    overall = {f"{n}_macro" if n in MACRO else n: float(mean) for n, mean in means.items()}
    blocks = {OVERALL: overall | {"accuracy": one.accuracy}} | one.blocks
    for name, scores in blocks.items():
        for metric, score in scores.items():
            yield {
                "kind": one.pair.kind, "first": one.pair.names[0], "second": one.pair.names[1],
                "frames": one.frames, "behavior": name, "metric": metric, "value": score,
                **one.facts[name],
            }  # fmt: skip
