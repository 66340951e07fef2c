"""All scores of one model on the test videos, each with its interval and beside its chance level.

Reads and writes no file; `evaluate` (stages) publishes what comes from here. Labels are 1 present,
0 absent, -1 unknown; unknown frames count nowhere. What is computed is in `measures`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deg_core.ethogram import bootstrap
from deg_core.ethogram.bout_metrics import mean_duration, scored_bouts
from deg_core.ethogram.bouts import BACKGROUND, UNKNOWN, background, background_labels
from deg_core.ethogram.calibration import bins_of, reliability
from deg_core.ethogram.chance import join, shifted
from deg_core.ethogram.frame_metrics import Numbers, count, precision_recall_curve, rank
from deg_core.ethogram.groups import classes, confusion
from deg_core.ethogram.measures import Track, mean_defined, measure, resample
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
    "calibration_error": "lower",
    "bout_f1": "higher",
    "edit_score": "higher",
    "split_count": "lower",
    "merge_count": "lower",
    "onset_error": "lower",
    "offset_error": "lower",
    "count_bias": "lower",
    "duration_bias": "lower",
}
# What needs a probability, which the background has none of.
OF_PROBABILITIES = ("auroc", "average_precision", "calibration_error")


class Scored(NamedTuple):
    """One test video of T frames and K behaviors.

    ``labels`` : (T, K) int8, 1, 0 or -1; ``present`` : (T, K) bool, the postprocessed prediction;
    ``probabilities`` : (T, K) float, 0..1.
    """

    labels: NDArray[np.int8]
    present: NDArray[np.bool_]
    probabilities: NDArray[np.floating]


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
    """Return all scores of one model, with their intervals and chance levels.

    Parameters
    ----------
    videos
        Labels and predictions of the test videos; at least one.
    behaviors
        The K names, in the order of the columns.
    settings
        Overlaps, numbers of shifts and of resamples, and their seed.
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
        ``confusion`` [[TN, FP], [FN, TP]], ``curve`` (precision-recall) and ``calibration`` (the
        reliability curve).
        ``background``: the same for the derived background, which is part of no mean and, having
        no probability, has no `OF_PROBABILITIES` and no curve.
        ``groups``, if there are any: per group, named after its members, ``accuracy`` and
        ``f1_macro`` over its ``classes`` (background first), their ``confusion`` (labeled by
        predicted), ``n_frames`` in which all members are known, and ``n_bouts`` of the members.
        Each metric is ``{"value", "low", "high", "chance"}``: the 95 % interval over resamples of
        the videos, which one video does not have, and the mean over the shifts in which the
        metric has a value. NaN is undefined.
    """
    labels = _with_background([v.labels for v in videos])
    track = _track(videos, settings, groups)
    lengths = [len(v.labels) for v in videos]
    value = measure(labels, track)
    draws = [
        measure(rolled, track)
        for rolled in shifted(labels, lengths, n=settings.shuffles, seed=settings.seed)
    ]
    intervals = _intervals(labels, track, lengths, settings)
    return _arrange(_beside(value, intervals, draws), labels, track, behaviors)


def _track(videos: Sequence[Scored], settings: EvaluateSettings, groups: Groups) -> Track:
    """Prepare once what every label track is compared with."""
    present = join([np.column_stack([v.present, background(v.present)]) for v in videos], gap=0)
    scores = join([np.asarray(v.probabilities, dtype=np.float64) for v in videos], gap=0)
    return Track(
        present, scores, np.asfortranarray(bins_of(scores)), [rank(column) for column in scores.T],
        settings.overlaps, groups, [classes(present, group) for group in groups],
    )  # fmt: skip


def _with_background(labels: Sequence[NDArray[np.int8]]) -> NDArray[np.int8]:
    columns = [np.column_stack([v, background_labels(v)]).astype(np.int8) for v in labels]
    return join(columns, gap=UNKNOWN)


def _intervals(
    labels: NDArray[np.int8], track: Track, lengths: Sequence[int], settings: EvaluateSettings
) -> dict[str, tuple[Numbers, Numbers]]:
    """Return low and high of each metric per column; nothing where there is nothing to draw."""
    if settings.bootstrap == 0 or len(lengths) < 2:
        return {}
    draws = bootstrap.draw(len(lengths), n=settings.bootstrap, seed=settings.seed)
    values = resample(labels, track, lengths, draws.weights)
    return {name: bootstrap.interval(column, draws) for name, column in values.items()}


def _beside(
    value: Mapping[str, Numbers],
    intervals: Mapping[str, tuple[Numbers, Numbers]],
    draws: Sequence[Mapping[str, Numbers]],
) -> dict[str, list[dict[str, float]]]:
    """Return per metric a list over columns of ``{"value", "low", "high", "chance"}``."""
    names = ("value", "low", "high", "chance")
    paired = {}
    for metric, column in value.items():
        chance = mean_defined(np.stack([draw[metric] for draw in draws]), axis=0)
        nothing = np.full_like(chance, np.nan)
        low, high = intervals.get(metric, (nothing, nothing))
        rows = zip(column.tolist(), low.tolist(), high.tolist(), chance.tolist(), strict=True)
        paired[metric] = [dict(zip(names, row, strict=True)) for row in rows]
    return paired


def _arrange(
    paired: Mapping[str, list[dict[str, float]]],
    labels: NDArray[np.int8],
    track: Track,
    behaviors: Sequence[str],
) -> dict[str, Any]:
    columns = []
    for k in range(len(behaviors) + 1):
        metrics = {n: pairs[k] for n, pairs in paired.items() if "/" not in n}
        columns.append(metrics | _facts(labels[:, k], track.present[:, k]))
    for k, ranking in enumerate(track.rankings):
        curve = precision_recall_curve(labels[:, k], ranking)
        columns[k]["curve"] = {name: column.tolist() for name, column in curve.items()}
        bins = reliability(labels[:, k], track.probabilities[:, k], track.bins[:, k])
        columns[k]["calibration"] = {name: column.tolist() for name, column in bins.items()}
    for name in OF_PROBABILITIES:
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
    track: Track,
    behaviors: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Return the scores and the facts of each group."""
    arranged = {}
    members = named(track.groups, list(behaviors))
    for number, (names, group) in enumerate(zip(members, track.groups, strict=True)):
        start = f"groups/{number}/"
        table = confusion(classes(labels, group), track.classes[number], n_classes=len(group) + 1)
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
