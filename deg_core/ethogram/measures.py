"""Every metric of a label track at once, for one track and for many draws of its videos.

Reads and writes no file. Most metrics follow from what adds up over videos (`Sums`), so the same
formulas give the scores of the test videos, of their shifted labels, and of every resample.
The last of the C = K + 1 columns is the background, which has no probability.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deg_core.ethogram import bootstrap
from deg_core.ethogram.bout_metrics import (
    BoutSums,
    EdgeErrors,
    bout_rates,
    count_bouts,
    iou_name,
    median_size,
)
from deg_core.ethogram.calibration import calibration_error, gaps
from deg_core.ethogram.frame_metrics import (
    Counts,
    Numbers,
    Ranking,
    count,
    frame_scores,
    ranking_scores,
)
from deg_core.ethogram.groups import classes, confusion, group_scores
from deg_core.groups import Groups

MACRO = ("precision", "recall", "f1", "auroc", "average_precision", "calibration_error")
MICRO = ("precision", "recall", "f1")
_RANKED = ("auroc", "average_precision")
_OF_BOUTS = (
    "edit_score", "split_count", "merge_count", "onset_error", "offset_error", "count_bias",
    "duration_bias",
)  # fmt: skip


class Track(NamedTuple):
    """What is predicted of N frames of joined videos.

    ``present`` : (N, C) bool; ``probabilities`` : (N, K) float64; ``bins`` : (N, K) intp, see
    `calibration`; ``rankings`` : K; ``iou`` : overlaps of bouts; ``groups`` : columns of each
    exclusive group; ``classes`` : (N,) int64 of each group.
    """

    present: NDArray[np.bool_]
    probabilities: Numbers
    bins: NDArray[np.intp]
    rankings: Sequence[Ranking]
    iou: tuple[float, ...]
    groups: Groups
    classes: Sequence[NDArray[np.int64]]


class Sums(NamedTuple):
    """What adds up over videos; of several tracks at once, their number is the first axis.

    ``counts``, ``bouts`` : (..., C); ``gaps`` : (..., K, bins); ``confusions`` : per group, labeled
    class by predicted class.
    """

    counts: Counts
    bouts: BoutSums
    gaps: Numbers
    confusions: list[NDArray]


def measure(labels: NDArray[np.int8], track: Track) -> dict[str, Numbers]:
    """Return every metric of one label track.

    Parameters
    ----------
    labels : (N, C) int8
        1 present, 0 absent, -1 unknown.
    track
        What is predicted of the same frames.

    Returns
    -------
    dict
        (C,) float64 per metric of a behavior; (1,) per metric of all, as ``overall/f1_macro``, and
        of a group, as ``groups/0/accuracy``. NaN is undefined.
    """
    sums, edges = _add_up(labels, track)
    ranked = [ranking_scores(labels[:, k], ranking) for k, ranking in enumerate(track.rankings)]
    own = {name: _padded(np.array([scores[name] for scores in ranked])) for name in _RANKED}
    for name in EdgeErrors._fields:
        own[f"{name}_error"] = np.array([median_size(getattr(edge, name)) for edge in edges])
    return _assemble(sums, own, track.iou)


def resample(
    labels: NDArray[np.int8], track: Track, lengths: Sequence[int], weights: Numbers
) -> dict[str, Numbers]:
    """Return every metric of every draw of the videos.

    Parameters
    ----------
    labels, track
        As in `measure`.
    lengths
        Number of frames of each of V videos, which are joined with one frame after each.
    weights : (R, V) float
        How often each draw has each video.

    Returns
    -------
    dict
        As `measure`, with R as the first axis of every array.
    """
    video = np.repeat(np.arange(len(lengths)), np.add(lengths, 1))
    stops = np.cumsum(np.add(lengths, 1)) - 1
    pieces = [slice(stop - length, stop) for stop, length in zip(stops, lengths, strict=True)]
    parts, edges = zip(*(_add_up(labels[p], _cut(track, p)) for p in pieces), strict=True)
    ranked = [
        bootstrap.weighted_ranking(
            bootstrap.levels_of(labels[:, k], ranking, video, len(lengths)), weights
        )
        for k, ranking in enumerate(track.rankings)
    ]
    own = {name: _padded(np.stack([r[name] for r in ranked], axis=-1)) for name in _RANKED}
    for name in EdgeErrors._fields:
        medians = [
            bootstrap.weighted_medians([np.abs(getattr(edge, name)) for edge in column], weights)
            for column in zip(*edges, strict=True)
        ]
        own[f"{name}_error"] = np.stack(medians, axis=-1)
    return _assemble(_weigh(parts, weights), own, track.iou)


def _cut(track: Track, piece: slice) -> Track:
    return track._replace(
        present=track.present[piece],
        probabilities=track.probabilities[piece],
        bins=track.bins[piece],
        classes=[column[piece] for column in track.classes],
    )


def _add_up(labels: NDArray[np.int8], track: Track) -> tuple[Sums, list[EdgeErrors]]:
    """Return the sums over some frames, and the edges of matched bouts per column."""
    columns = range(labels.shape[1])
    counted = [count_bouts(labels[:, k], track.present[:, k], iou=track.iou) for k in columns]
    sums = Sums(
        counts=count(labels, track.present),
        bouts=BoutSums(*map(np.stack, zip(*(bouts for bouts, _ in counted), strict=True))),
        gaps=np.stack(
            [gaps(labels[:, k], track.probabilities[:, k], track.bins[:, k]) for k in columns[:-1]]
        ),
        confusions=[
            confusion(classes(labels, group), predicted, n_classes=len(group) + 1)
            for group, predicted in zip(track.groups, track.classes, strict=True)
        ],
    )
    return sums, [edges for _, edges in counted]


def _weigh(parts: Sequence[Sums], weights: Numbers) -> Sums:
    """Add up the videos as often as each draw has them."""

    def total(arrays: Sequence[NDArray]) -> Numbers:
        return np.tensordot(weights, np.stack(arrays), axes=1)

    return Sums(
        counts=Counts(*map(total, zip(*(p.counts for p in parts), strict=True))),
        bouts=BoutSums(*map(total, zip(*(p.bouts for p in parts), strict=True))),
        gaps=total([p.gaps for p in parts]),
        confusions=list(map(total, zip(*(p.confusions for p in parts), strict=True))),
    )


def _assemble(sums: Sums, own: Mapping[str, Numbers], iou: Sequence[float]) -> dict[str, Numbers]:
    """Return all metrics, given those that do not follow from sums."""
    counts = sums.counts
    values = frame_scores(counts) | bout_rates(sums.bouts, iou=iou) | dict(own)
    n_frames = sum(column[..., :-1] for column in counts)
    values["calibration_error"] = _padded(calibration_error(sums.gaps, n_frames))
    return values | dict(_overall(values, counts, iou)) | dict(_of_groups(sums.confusions))


def _padded(values: Numbers) -> Numbers:
    """Add the background, for which there is no value."""
    return np.concatenate([values, np.full((*values.shape[:-1], 1), np.nan)], axis=-1)


def _overall(
    values: Mapping[str, Numbers], counts: Counts, iou: Sequence[float]
) -> Iterator[tuple[str, Numbers]]:
    """Yield the metrics over all behaviors, under ``overall/<name>``."""
    summed = frame_scores(Counts(*(column[..., :-1].sum(axis=-1) for column in counts)))
    yield "overall/accuracy", summed["accuracy"][..., None]
    for name in MICRO:
        yield f"overall/{name}_micro", summed[name][..., None]
    for name in [*MACRO, *map(iou_name, iou), *_OF_BOUTS]:
        mean = mean_defined(values[name][..., :-1], axis=-1)
        yield f"overall/{name}{'_macro' * (name in MACRO)}", mean[..., None]


def _of_groups(confusions: Sequence[NDArray]) -> Iterator[tuple[str, Numbers]]:
    """Yield the metrics of each group, under ``groups/<number>/<name>``."""
    for number, tables in enumerate(confusions):
        scores = [group_scores(table) for table in tables.reshape(-1, *tables.shape[-2:])]
        for name in scores[0]:
            column = np.array([each[name] for each in scores])
            yield f"groups/{number}/{name}", column.reshape(*tables.shape[:-2], 1)


def mean_defined(values: Numbers, axis: int | None = None) -> Numbers:
    """Return the mean of the values that are not NaN; NaN where there is none."""
    defined = ~np.isnan(values)
    number = defined.sum(axis=axis)
    total = np.where(defined, values, 0.0).sum(axis=axis)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)
