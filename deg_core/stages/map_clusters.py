"""Learn which behaviors the clusters of an unsupervised method are, by overlap with labels.

Reads files of clusters and the imported labels of the training videos; writes
models/clusters/RUN.json.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deg_core.data.clusters import read_clusters
from deg_core.data.publish import publish_json
from deg_core.errors import ConfigError, DegError
from deg_core.ethogram.clusters import Overlap, overlap, shares
from deg_core.groups import from_text
from deg_core.settings import ClusterSettings, to_dict
from deg_core.stages.labelled import read_labels


def run(
    *,
    videos: list[str],
    clusters: list[Path],
    labels: Path,
    groups: str = "[]",
    settings: ClusterSettings,
    out: Path,
) -> None:
    """Count in which frames of each cluster each behavior is present.

    Parameters
    ----------
    videos
        Ids of the training videos.
    clusters
        Their files of clusters, in the same order.
    labels
        Folder of the imported labels.
    groups
        Lists of exclusive behaviors, as JSON.
    settings
        How counts become probabilities.
    out
        JSON file to write.

    Raises
    ------
    DegError
        If a file of clusters cannot be read, or is of another video.
    LabelError
        If there are no labels, or the videos' behaviors differ.
    StateError
        If labels are damaged, or the file cannot be written.
    """
    if len(videos) != len(clusters):
        raise ConfigError(
            f"--clusters: expected a file for each of {len(videos)} videos, found {len(clusters)}."
        )
    behaviors, tables = read_labels(labels, videos, "training")
    found = [read_fitting(file, len(table), column=settings.column)
             for file, table in zip(clusters, tables, strict=True)]  # fmt: skip
    counted = overlap(found, tables)
    if not counted.names:
        raise DegError(
            f"{clusters[0]}: none of the frames of the training videos is in a cluster; "
            "name the right column in `clusters.column`."
        )
    probability, prior = shares(
        counted, mapping=settings.mapping, prior_frames=settings.prior_frames
    )
    publish_json(
        out,
        {
            "behaviors": behaviors,
            "groups": [list(group) for group in from_text(groups)],
            "train_videos": list(videos),
            "settings": to_dict(settings),
            "prior": prior.tolist(),
            "clusters": _described(counted, probability, behaviors),
        },
    )


def read_fitting(path: Path, n_frames: int, *, column: str) -> NDArray[np.str_]:
    """Read the cluster of each frame of a video.

    Parameters
    ----------
    path
        File of clusters.
    n_frames
        Frames of the video, T.
    column
        As for `read_clusters`.

    Returns
    -------
    clusters : (T,) str

    Raises
    ------
    DegError
        If the file cannot be read, or has another number of frames.
    """
    names = read_clusters(path, column=column)
    check_length(names, n_frames, path)
    return names


def check_length(names: NDArray[np.str_], n_frames: int, path: Path) -> None:
    """Check that clusters (T,) are those of a video of so many frames.

    Raises
    ------
    DegError
        If they are not.
    """
    if len(names) != n_frames:
        raise DegError(
            f"{path}: expected a row for each of {n_frames} frames of the imported video, found "
            f"{len(names)}; cluster this very video, and write a row per frame (B-SOiD's tables of "
            "10 rows per second will not do)."
        )


def _described(
    counted: Overlap, probability: NDArray[np.float64], behaviors: Sequence[str]
) -> dict[str, Mapping[str, Any]]:
    """Say of each cluster its frames and its probabilities, for readers and for the prediction."""
    return {
        name: {
            "n_frames": dict(zip(behaviors, counted.scored[c, 1:].tolist(), strict=True)),
            "n_positive": dict(zip(behaviors, counted.positive[c, 1:].tolist(), strict=True)),
            "probability": dict(zip(behaviors, probability[c].tolist(), strict=True)),
        }
        for c, name in enumerate(counted.names)
    }
