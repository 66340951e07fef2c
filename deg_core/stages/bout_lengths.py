"""Collect the bout lengths of the training labels, which say what is too short to be a bout.

Reads labels of the training part; writes thresholds/RUN.lengths.json.
"""

from pathlib import Path

import numpy as np

from deg_core.data.labels import read_frame_labels
from deg_core.data.publish import publish_json
from deg_core.errors import StateError
from deg_core.ethogram import bouts
from deg_core.stages.scored import check_behaviors


def run(*, videos: list[str], labels: Path, out: Path) -> None:
    """Collect the lengths of all complete labeled bouts, per behavior.

    Parameters
    ----------
    videos
        Ids of the training videos.
    labels
        Folder with their labels per frame.
    out
        JSON file to write.

    Raises
    ------
    StateError
        If there is no video, a file is damaged, or the files name different behaviors.
    """
    if not videos:
        raise StateError(f"{out}: no training video, so no bout lengths; label more videos.")
    read = [read_frame_labels(labels / f"{video}.csv") for video in videos]
    behaviors = list(read[0][0])
    for video, (names, _) in zip(videos, read, strict=True):
        check_behaviors(labels / f"{video}.csv", names, behaviors)
    lengths = {
        name: np.sort(np.concatenate([bouts.bout_lengths(table[:, k]) for _, table in read]))
        for k, name in enumerate(behaviors)
    }
    publish_json(out, {"behaviors": behaviors, "videos": list(videos), "lengths": lengths})
