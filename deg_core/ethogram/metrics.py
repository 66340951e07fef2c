"""All scores of one model on the test videos, each beside its chance level.

Reads and writes no file; `evaluate` (stages) publishes what comes from here. Labels are 1 present,
0 absent, -1 unknown; unknown frames count nowhere.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deg_core.ethogram.bout_metrics import bout_scores, iou_name, mean_duration, scored_bouts
from deg_core.ethogram.bouts import UNKNOWN, background, background_labels
from deg_core.ethogram.chance import join, shifted
from deg_core.ethogram.frame_metrics import (
    Counts,
    Numbers,
    Ranking,
    count,
    frame_scores,
    precision_recall_curve,
    rank,
    ranking_scores,
)
from deg_core.ethogram.groups import classes, confusion, group_scores
from deg_core.groups import Groups, named
from deg_core.settings import EvaluateSettings

#: Whether a larger or a smaller value is better, for each metric of a behavior.
DIRECTIONS = {
    "accuracy": "higher",
    "precision": "higher",
    "recall": "higher",
    "f1": "higher",
    "auroc": "higher",
    "average_precision": "higher",
    "bout_f1": "higher",
    "edit_score": "higher",
    "onset_error": "lower",
    "offset_error": "lower",
    "count_bias": "lower",
    "duration_bias": "lower",
}
MACRO = ("precision", "recall", "f1", "auroc", "average_precision")
MICRO = ("precision", "recall", "f1")
BACKGROUND = "background"


class Scored(NamedTuple):
    """One test video of T frames and K behaviors.

    ``labels`` : (T, K) int8, 1, 0 or -1; ``present`` : (T, K) bool, the postprocessed prediction;
    ``probabilities`` : (T, K) float, 0..1.
    """

    labels: NDArray[np.int8]
    present: NDArray[np.bool_]
    probabilities: NDArray[np.floating]


class _Track(NamedTuple):
    """What is predicted: K columns and, as the last, the background; the class of each group."""

    present: NDArray[np.bool_]
    rankings: list[Ranking]
    iou: tuple[float, ...]
    groups: Groups
    classes: list[NDArray[np.int64]]


def direction(metric: str) -> str:
    """Return ``higher`` or ``lower``: which values of the metric are better.

    Parameters
    ----------
    metric
        Name of a metric of a behavior or of the mean over behaviors: ``f1``, ``f1_macro``,
        ``bout_f1_25``.

    Raises
    ------
    KeyError
        There is no such metric.
    """
    return DIRECTIONS[re.sub(r"(_macro|_micro|(?<=^bout_f1)_[\d.]+)$", "", metric)]


def evaluate(
    videos: Sequence[Scored],
    *,
    behaviors: Sequence[str],
    settings: EvaluateSettings,
    groups: Groups = (),
) -> dict[str, Any]:
    """Return all scores of one model, with their chance levels.

    Parameters
    ----------
    videos
        Labels and predictions of the test videos; at least one.
    behaviors
        The K names, in the order of the columns.
    settings
        Overlaps, number and seed of the shifts.
    groups
        Columns of each exclusive group.

    Returns
    -------
    dict
        ``overall``: ``accuracy`` and ``*_micro`` from the counts summed over behaviors,
        ``*_macro`` and the bout-wise metrics as means over the behaviors that have a value;
        ``n_frames`` (pairs of frame and behavior that were scored), ``n_bouts``.
        ``behaviors``: per behavior each metric, ``n_frames``, ``n_positive``, ``n_bouts``,
        ``n_bouts_predicted``, ``mean_bout_frames``, ``mean_bout_frames_predicted``,
        ``confusion`` [[TN, FP], [FN, TP]] and ``curve`` (precision-recall).
        ``background``: the same for the derived background, which is part of no mean and, having
        no probability, has no AUROC, average precision and curve.
        ``groups``, if there are any: per group, named after its members, ``accuracy`` and
        ``f1_macro`` over its ``classes`` (background first), their ``confusion`` (labeled by
        predicted), ``n_frames`` in which all members are known, and ``n_bouts`` of the members.
        Each metric is ``{"value", "chance"}``; chance is the mean over the shifts in which the
        metric has a value. NaN is undefined.
    """
    labels = _with_background([v.labels for v in videos])
    present = join([np.column_stack([v.present, background(v.present)]) for v in videos], gap=0)
    scores = join([np.asarray(v.probabilities, dtype=np.float64) for v in videos], gap=0)
    track = _Track(
        present, [rank(column) for column in scores.T], tuple(settings.iou), groups,
        [classes(present, group) for group in groups],
    )  # fmt: skip
    value = _measure(labels, track)
    lengths = [len(v.labels) for v in videos]
    draws = [
        _measure(rolled, track)
        for rolled in shifted(labels, lengths, n=settings.shuffles, seed=settings.seed)
    ]
    paired = _beside_chance(value, draws)
    return _arrange(paired, labels, track, behaviors)


def _with_background(labels: Sequence[NDArray[np.int8]]) -> NDArray[np.int8]:
    columns = [np.column_stack([v, background_labels(v)]).astype(np.int8) for v in labels]
    return join(columns, gap=UNKNOWN)


def _measure(labels: NDArray[np.int8], track: _Track) -> dict[str, Numbers]:
    """Return every metric as (K + 1,) per column, and those of all behaviors as (1,)."""
    counts = count(labels, track.present)
    values: dict[str, Numbers] = dict(frame_scores(counts))
    ranked = [ranking_scores(labels[:, k], r) for k, r in enumerate(track.rankings)]
    for name in ("auroc", "average_precision"):
        values[name] = np.array([scores[name] for scores in ranked] + [np.nan])
    bouts = [
        bout_scores(labels[:, k], track.present[:, k], iou=track.iou)
        for k in range(labels.shape[1])
    ]
    for name in bouts[0]:
        values[name] = np.array([scores[name] for scores in bouts])
    return values | _overall(values, counts, track.iou) | dict(_of_groups(labels, track))


def _confusions(labels: NDArray[np.int8], track: _Track) -> list[NDArray[np.int64]]:
    """Return the confusion of each group's classes."""
    return [
        confusion(classes(labels, group), predicted, n_classes=len(group) + 1)
        for group, predicted in zip(track.groups, track.classes, strict=True)
    ]


def _of_groups(labels: NDArray[np.int8], track: _Track) -> Iterator[tuple[str, Numbers]]:
    """Yield the metrics of each group, under ``groups/<number>/<name>``."""
    for number, table in enumerate(_confusions(labels, track)):
        for name, value in group_scores(table).items():
            yield f"groups/{number}/{name}", np.array([value])


def _overall(
    values: Mapping[str, Numbers], counts: Counts, iou: Sequence[float]
) -> dict[str, Numbers]:
    """Return the metrics over all behaviors, under ``overall/<name>``."""
    summed = frame_scores(Counts(*(column[:-1].sum() for column in counts)))
    overall = {"accuracy": summed["accuracy"]}
    overall |= {f"{name}_micro": summed[name] for name in MICRO}
    overall |= {f"{name}_macro": mean_defined(values[name][:-1]) for name in MACRO}
    names = [iou_name(x) for x in iou]
    names += ["edit_score", "onset_error", "offset_error", "count_bias", "duration_bias"]
    overall |= {name: mean_defined(values[name][:-1]) for name in names}
    return {f"overall/{name}": np.atleast_1d(value) for name, value in overall.items()}


def mean_defined(values: Numbers, axis: int | None = None) -> Numbers:
    """Return the mean of the values that are not NaN; NaN where there is none."""
    defined = ~np.isnan(values)
    number = defined.sum(axis=axis)
    total = np.where(defined, values, 0.0).sum(axis=axis)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _beside_chance(
    value: Mapping[str, Numbers], draws: Sequence[Mapping[str, Numbers]]
) -> dict[str, list[dict[str, float]]]:
    """Return per metric a list over columns of ``{"value", "chance"}``."""
    paired = {}
    for name, column in value.items():
        chance = mean_defined(np.stack([draw[name] for draw in draws]), axis=0)
        paired[name] = [
            {"value": float(v), "chance": float(c)} for v, c in zip(column, chance, strict=True)
        ]
    return paired


def _arrange(
    paired: Mapping[str, list[dict[str, float]]],
    labels: NDArray[np.int8],
    track: _Track,
    behaviors: Sequence[str],
) -> dict[str, Any]:
    columns = []
    for k in range(len(behaviors) + 1):
        metrics = {n: pairs[k] for n, pairs in paired.items() if "/" not in n}
        columns.append(metrics | _facts(labels[:, k], track.present[:, k]))
    for k, ranking in enumerate(track.rankings):
        curve = precision_recall_curve(labels[:, k], ranking)
        columns[k]["curve"] = {name: column.tolist() for name, column in curve.items()}
    for name in ("auroc", "average_precision"):
        del columns[-1][name]
    own = dict(zip(behaviors, columns, strict=False))
    overall: dict[str, Any] = {
        n.removeprefix("overall/"): pairs[0]
        for n, pairs in paired.items()
        if n.startswith("overall/")
    }
    for name in ("n_frames", "n_bouts"):
        overall[name] = sum(column[name] for column in own.values())
    result = {"overall": overall, "behaviors": own, BACKGROUND: columns[-1]}
    if track.groups:
        result["groups"] = _arrange_groups(paired, labels, track, own)
    return result


def _arrange_groups(
    paired: Mapping[str, list[dict[str, float]]],
    labels: NDArray[np.int8],
    track: _Track,
    behaviors: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Return the scores and the facts of each group."""
    arranged = {}
    members = named(track.groups, list(behaviors))
    for number, (names, table) in enumerate(zip(members, _confusions(labels, track), strict=True)):
        start = f"groups/{number}/"
        scores = {n.removeprefix(start): p[0] for n, p in paired.items() if n.startswith(start)}
        arranged[" | ".join(names)] = scores | {
            "classes": [BACKGROUND, *names],
            "confusion": table.tolist(),
            "n_frames": int(table.sum()),
            "n_bouts": sum(behaviors[name]["n_bouts"] for name in names),
        }
    return arranged


def _facts(labels: NDArray[np.int8], present: NDArray[np.bool_]) -> dict[str, Any]:
    """Return the numbers that a reader needs beside the metrics of one column."""
    tp, fp, fn, tn = (int(n) for n in count(labels, present))
    bouts = scored_bouts(labels, present)
    return {
        "n_frames": tp + fp + fn + tn,
        "n_positive": tp + fn,
        "n_bouts": len(bouts.labeled),
        "n_bouts_predicted": len(bouts.predicted),
        "mean_bout_frames": mean_duration(bouts.labeled),
        "mean_bout_frames_predicted": mean_duration(bouts.predicted),
        "confusion": [[tn, fp], [fn, tp]],
    }
