"""Clusters mapped to behaviors by overlap: what share of a cluster's frames each behavior has.

The mapping is a table, learned by counting on the training videos; probabilities follow from it,
and thresholds, bouts and scores are made of them as of any model's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Overlap:
    """How often clusters and classes, the background first, were seen together.

    Attributes
    ----------
    names
        Of the C clusters, sorted.
    positive, scored : (C, 1 + K) int64
        Frames of the cluster in which the class is present, and in which it is known.
    """

    names: tuple[str, ...]
    positive: Counts
    scored: Counts


def overlap(clusters: Sequence[NDArray[np.str_]], labels: Sequence[NDArray[np.int8]]) -> Overlap:
    """Count, in which frames of each cluster each behavior, or none, is present.

    Parameters
    ----------
    clusters
        Per video (T,): names of clusters, empty where a frame is in none.
    labels
        Per video (T, K): 1 present, 0 absent, -1 unknown, which is not counted. Background is
        where all behaviors are absent, and unknown where one may be present.
    """
    joined, table = np.concatenate(list(clusters)), np.concatenate(list(labels))
    background = np.where((table == 1).any(axis=1), 0, np.where((table < 0).any(axis=1), -1, 1))
    classes = np.column_stack([background, table])
    names, index = np.unique(joined, return_inverse=True)
    positive = np.zeros((len(names), classes.shape[1]), np.int64)
    scored = np.zeros_like(positive)
    np.add.at(positive, index, classes == 1)
    np.add.at(scored, index, classes >= 0)
    kept = [i for i, name in enumerate(names) if name]
    return Overlap(tuple(names[kept].tolist()), positive[kept], scored[kept])


def shares(
    found: Overlap,
    *,
    mapping: Literal["share", "majority"] = "share",
    prior_frames: float = 30.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Say how probable each behavior is in each cluster.

    Parameters
    ----------
    found
        The counts, of C clusters and K behaviors.
    mapping
        ``share``: (positive + m p) / (scored + m), with p the behavior's share of all frames and
        m ``prior_frames``. ``majority``: 1 for the class that has the largest share of the
        cluster, the background being one, and 0 for the others: each cluster has one name. Of
        equals the background, then the first behavior.
    prior_frames
        Frames of the average that are counted with those of each cluster.

    Returns
    -------
    probability : (C, K) float64
    prior : (K,) float64
        The behavior's share of all frames, for frames in no cluster, or in one never seen with a
        known label.
    """
    prior = found.positive.sum(axis=0) / np.maximum(found.scored.sum(axis=0), 1)
    added = prior_frames if mapping == "share" else 0.0
    mixed = found.positive + added * prior
    weights = found.scored + added
    probability = np.divide(mixed, weights, out=np.tile(prior, (len(mixed), 1)), where=weights > 0)
    if mapping == "majority":
        winner = np.eye(len(prior))[probability.argmax(axis=1)]
        probability = np.where(weights > 0, winner, prior)
    return probability[:, 1:], prior[1:]


def probabilities(
    clusters: NDArray[np.str_],
    *,
    names: Sequence[str],
    probability: NDArray[np.float64],
    prior: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Look up each frame's cluster: (T, K) float32 of (T,) names."""
    place = {name: i for i, name in enumerate(names)}
    table = np.vstack([probability.reshape(-1, len(prior)), prior])
    return table[[place.get(name, -1) for name in clusters.tolist()]].astype(np.float32)
