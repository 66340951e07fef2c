"""Compare the annotators of a run's test videos with each other, and the model with each of them.

Reads label files as people wrote them, and ethograms; writes raters/RUN.csv, which is empty but
for its header where no test video has labels of two annotators.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deg_core.data.ethograms import read_ethogram
from deg_core.data.labels import annotators, read_label_file
from deg_core.data.publish import publish_csv
from deg_core.errors import StateError
from deg_core.ethogram import agreement
from deg_core.ethogram.groups import check_labels, complete
from deg_core.groups import from_text, indices
from deg_core.settings import EvaluateSettings, LabelSettings

MODEL = "sequence"  # what the ethograms were made with
UNNAMED = "unnamed"  # rows of a label file that do not say whose they are


def run(
    *,
    videos: list[str],
    label_files: list[Path],
    ethograms: Path,
    labels: LabelSettings,
    settings: EvaluateSettings,
    out: Path,
    groups: str = "[]",
) -> None:
    """Compare all annotators, and the model's ethogram with each, on the test videos.

    Parameters
    ----------
    videos
        Ids of the test videos.
    label_files
        The label file of each, as people wrote it.
    ethograms
        Folder with the run's ethograms.
    labels
        Names of the behaviors.
    settings
        Overlaps of bouts.
    out
        Table to write: `deg_core.ethogram.agreement.COLUMNS`.
    groups
        Exclusive groups, as a JSON list of lists of names.

    Raises
    ------
    LabelError
        If somebody's labels cannot be read, contradict themselves or the groups, or do not fit the
        video.
    StateError
        If there is not one label file for each video, or an ethogram is damaged.
    """
    if len(videos) != len(label_files):
        raise StateError(
            f"--label-files: {len(label_files)} files for {len(videos)} videos; name one for each."
        )
    rated = []
    for video, path in zip(videos, label_files, strict=True):
        people = annotators(path)
        if len(people) > 1:
            present = read_ethogram(ethograms / f"{video}.csv", labels.behaviors)
            tables = {
                name or UNNAMED: _labels_of(name, path, len(present), labels.behaviors, groups)
                for name in people
            }
            rated.append(agreement.Rated(tables, {MODEL: present}))
    table = agreement.compare_raters(rated, behaviors=labels.behaviors, iou=settings.overlaps)
    publish_csv(out, table)


def _labels_of(
    name: str, path: Path, n_frames: int, behaviors: Sequence[str], groups: str
) -> np.ndarray:
    """Return what one annotator labeled, with what follows from the groups: (T, K) int8."""
    table = read_label_file(path, behaviors=behaviors, n_frames=n_frames, annotator=name)
    names = from_text(groups)
    check_labels(path, table, behaviors=behaviors, groups=names)
    return complete(table, indices(names, behaviors))
