"""Read the labels that a training learns from, and check that they fit its videos."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deg_core.data.labels import read_frame_labels
from deg_core.errors import LabelError, StateError


def read_labels(
    folder: Path, videos: Sequence[str], part: str
) -> tuple[list[str], list[np.ndarray]]:
    """Read the imported labels of one part, whose behaviors must agree.

    Parameters
    ----------
    folder
        Imported labels, ``{video}.csv``.
    videos
        Ids of the part's videos.
    part
        What messages call it.

    Returns
    -------
    tuple
        Names of the K behaviors, and per video (T, K) int8: 1 present, 0 absent, -1 unknown.

    Raises
    ------
    LabelError
        If there is no video, no known frame, or the behaviors differ.
    StateError
        If a file is damaged.
    """
    tables = [read_frame_labels(folder / f"{video}.csv") for video in videos]
    names = tables[0][0] if tables else []
    for video, (found, _) in zip(videos, tables, strict=True):
        if list(found) != list(names):
            raise LabelError(
                f"{folder / video}.csv: expected the behaviors {list(names)}, found {list(found)}; "
                "run import_labels again."
            )
    if not any((table >= 0).any() for _, table in tables):
        raise LabelError(f"{folder}: no frame of the {part} part is labelled; label more videos.")
    return list(names), [table for _, table in tables]


def check_lengths(
    labels: Path, videos: Sequence[str], tables: Sequence[np.ndarray], n_frames: Sequence[int]
) -> None:
    """Check that each video has one row of labels per frame.

    Raises
    ------
    StateError
        If it has not: labels and video were not imported together.
    """
    for video, table, n in zip(videos, tables, n_frames, strict=True):
        if len(table) != n:
            raise StateError(
                f"{labels / video}.csv: {len(table)} frames, but the imported video has {n}; "
                "delete it and run again, so that the labels are checked against the video."
            )
