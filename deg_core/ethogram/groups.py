"""Exclusive groups in numbers: probabilities, what is present, classes and their scores.

Reads and writes no file. A group is a tuple of columns; its background, none of them, has the
logit 0. Labels are 1 present, 0 absent, -1 unknown.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deg_core.errors import LabelError
from deg_core.ethogram.frame_metrics import Counts, Numbers, divide, frame_scores
from deg_core.groups import Groups, Names, indices

Labels = TypeVar("Labels")  # a NumPy array, or a tensor of a training


class Clash(NamedTuple):
    """Frames in which two members of a group are present: the first, its members, how many."""

    frame: int
    columns: tuple[int, ...]
    n_frames: int


def sigmoid(logits: ArrayLike) -> NDArray[np.float32]:
    """Logistic function, float32, without overflow."""
    return (0.5 * (1 + np.tanh(0.5 * np.asarray(logits, dtype=np.float64)))).astype(np.float32)


def probabilities(logits: ArrayLike, groups: Groups = ()) -> NDArray[np.float32]:
    """Turn logits into probabilities.

    Parameters
    ----------
    logits : (T, K) float
    groups
        Columns of each exclusive group.

    Returns
    -------
    probabilities : (T, K) float32
        The logistic function of a behavior of its own. Inside a group exp(l_k) / (1 + sum of
        exp(l_j) over the group): its members and its background add up to 1, and a group of one
        equals a behavior of its own. NaN stays NaN, and spreads over its group.
    """
    values = np.asarray(logits)
    found = sigmoid(values)
    for group in groups:
        found[:, list(group)] = _softmax(values[:, list(group)].astype(np.float64))
    return found


def _softmax(logits: Numbers) -> Numbers:
    top = np.maximum(logits.max(axis=1, keepdims=True, initial=-np.inf), 0)  # 0: the background
    with np.errstate(invalid="ignore"):  # a logit of infinity, of a model that went astray
        powers = np.exp(logits - top)
    return powers / (np.exp(-top) + powers.sum(axis=1, keepdims=True))


def relative(probabilities: ArrayLike, thresholds: Sequence[float]) -> Numbers:
    """Divide probabilities (T, K) by their thresholds (K,): how clearly each is present."""
    limits = np.asarray(thresholds, dtype=np.float64)
    return np.asarray(probabilities, dtype=np.float64) / np.maximum(limits, np.finfo(float).tiny)


def strongest(present: NDArray[np.bool_], strength: Numbers, groups: Groups) -> NDArray[np.bool_]:
    """Leave the strongest member of each group in each frame, the first one of equals.

    Parameters
    ----------
    present : (T, K) bool
    strength : (T, K) float
        Compared among the members that are present.
    groups
        Columns of each exclusive group.

    Returns
    -------
    present : (T, K) bool
    """
    kept = present.copy()
    for group in map(list, groups):
        candidates = np.where(present[:, group], strength[:, group], -np.inf)
        winner = candidates.argmax(axis=1)
        kept[:, group] &= np.arange(len(group)) == winner[:, None]
    return kept


def classes(labels: Labels, group: Sequence[int]) -> Labels:
    """Say which class of a group is present in each frame.

    Parameters
    ----------
    labels : (T, K) or (N, K, T) int or bool
        Labels, or what was predicted: an array, or a tensor.
    group
        Columns of the members.

    Returns
    -------
    classes : (T,) or (N, T) int64
        Of the same kind: 0 background, 1 the first member, and so on. One member that is present
        tells of all; where none is, and any is unknown, -1. Of two members, which neither
        imported labels nor predictions have, the first counts.
    """
    found = -1 * (labels[:, list(group)] < 0).any(1)
    for number, member in reversed(list(enumerate(group, start=1))):
        present = labels[:, member] == 1
        found = number * present + found * ~present
    return found


def complete(labels: NDArray[np.int8], groups: Groups) -> NDArray[np.int8]:
    """Say of labels what follows from a group: where one member is present, no other one is.

    Parameters
    ----------
    labels : (T, K) int8
        1 present, 0 absent, -1 unknown.
    groups
        Columns of each exclusive group.

    Returns
    -------
    labels : (T, K) int8
        With 0 in the place of such -1.
    """
    known = labels.copy()
    for group in map(list, groups):
        members = labels[:, group]
        told = (members == 1).any(axis=1, keepdims=True) & (members < 0)
        known[:, group] = np.where(told, 0, members)
    return known


def confusion(
    labeled: NDArray[np.int64], predicted: NDArray[np.int64], *, n_classes: int
) -> NDArray[np.int64]:
    """Count frames by labeled class (rows) and predicted class (columns); unknown ones nowhere."""
    known = labeled >= 0
    pairs = labeled[known] * n_classes + predicted[known]
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


def group_scores(table: NDArray[np.int64]) -> dict[str, float]:
    """Return accuracy and macro F1 of the classes of a group.

    Parameters
    ----------
    table : (C, C) int
        See `confusion`.

    Returns
    -------
    dict
        ``accuracy``: share of the frames on the diagonal, NaN without a frame. ``f1_macro``: mean
        of F1 over the classes, background included, that are labeled anywhere; NaN without any.
    """
    hits, labeled, predicted = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    rest = table.sum() - labeled - predicted + hits
    f1 = frame_scores(Counts(hits, predicted - hits, labeled - hits, rest))["f1"]
    defined = f1[~np.isnan(f1)]
    return {
        "accuracy": float(divide(hits.sum(), table.sum())),
        "f1_macro": float(defined.mean()) if defined.size else np.nan,
    }


def find_clash(labels: ArrayLike, groups: Groups) -> Clash | None:
    """Find frames in which two members of a group are present; None if there is none.

    Parameters
    ----------
    labels : (T, K) int8
        1 present, 0 absent, -1 unknown.
    groups
        Columns of each exclusive group.
    """
    present = np.asarray(labels) == 1
    for group in groups:
        frames = np.flatnonzero(present[:, list(group)].sum(axis=1) > 1)
        if frames.size:
            columns = tuple(k for k in group if present[frames[0], k])
            return Clash(int(frames[0]), columns, frames.size)
    return None


def check_labels(path: Path, labels: ArrayLike, *, behaviors: Sequence[str], groups: Names) -> None:
    """Refuse labels that have two behaviors of an exclusive group in one frame.

    Parameters
    ----------
    path
        Where they come from, for the message.
    labels : (T, K) int8
        1 present, 0 absent, -1 unknown.
    behaviors
        Names of the K columns.
    groups
        Names of the members of each exclusive group.

    Raises
    ------
    ConfigError
        If a group is none.
    LabelError
        If two members are present in one frame.
    """
    clash = find_clash(labels, indices(groups, behaviors))
    if clash is None:
        return
    names = " and ".join(f"'{behaviors[k]}'" for k in clash.columns)
    more = f" and in {clash.n_frames - 1} more" if clash.n_frames > 1 else ""
    raise LabelError(
        f"{path}: {names} are present at once in frame {clash.frame}{more}, but "
        "`exclusive_groups` in config.yaml says that no frame has two of them; mend the labels, "
        "or take one of them out of the group."
    )
