"""Labels: what people wrote, and the per-frame tables that trainings read.

Reads and writes ``labels/<video>.csv``, a table of intervals or DeepEthogram's table of frames,
and ``results/labels/<video>.csv``. Standard library and numpy only: Snakemake imports this module
while it parses.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deg_core.data.intervals import (
    EVERY,
    Interval,
    check_intervals,
    parse_intervals,
    to_frames,
    to_text,
)
from deg_core.data.label_table import BACKGROUND, read_frames, read_table
from deg_core.data.publish import publish_text
from deg_core.errors import LabelError, StateError


@dataclass(frozen=True)
class _File:
    """A label file as it was understood: either intervals, or names and values per frame."""

    path: Path
    intervals: list[Interval] | None
    names: list[str]
    values: np.ndarray


def read_label_file(
    path: Path, *, behaviors: Sequence[str], n_frames: int, annotator: str | None = None
) -> np.ndarray:
    """Read a label file of either format.

    Parameters
    ----------
    path
        Table of intervals or table of frames, told apart by its header.
    behaviors
        Names in the order of the columns to return.
    n_frames
        Length of the video, in frames.
    annotator
        Whose intervals to use; may be None if the file holds those of one person only.

    Returns
    -------
    np.ndarray
        (T, K) int8: 1 present, 0 absent, -1 unknown.

    Raises
    ------
    LabelError
        If the file is not in one of the two formats, does not fit the video or the behaviors, or
        contradicts itself.
    """
    file = _read_for(path, behaviors)
    if file.intervals is None:
        return _columns(file, behaviors, n_frames)
    rows = _of_one_person(file, annotator)
    for row in rows:
        if row.stop > n_frames:
            raise LabelError(
                f"{path}, line {row.line}: ends at frame {row.stop}, but the video has {n_frames} "
                "frames; correct stop_frame (one past the last frame, counted from 0)."
            )
    return to_frames(rows, behaviors=behaviors, n_frames=n_frames)


def positive_frames(
    path: Path, *, behaviors: Sequence[str], annotator: str | None = None
) -> dict[str, int]:
    """Count the frames on which each behavior is present; needs no video.

    Parameters
    ----------
    path, behaviors, annotator
        As in `read_label_file`.

    Raises
    ------
    LabelError
        As in `read_label_file`, except that the length of the video is not known.
    """
    return positives_and_people(path, behaviors=behaviors, annotator=annotator)[0]


def positives_and_people(
    path: Path, *, behaviors: Sequence[str], annotator: str | None = None
) -> tuple[dict[str, int], list[str]]:
    """Return what `positive_frames` and `annotators` do, at the cost of reading the file once."""
    file = _read_for(path, behaviors)
    return _count(file, behaviors, annotator), _people(file)


def _count(file: _File, behaviors: Sequence[str], annotator: str | None) -> dict[str, int]:
    """Count the frames on which each behavior is present."""
    if file.intervals is None:
        labels = _columns(file, behaviors, None)
        return dict(zip(behaviors, (labels == 1).sum(axis=0).tolist(), strict=True))
    counts = dict.fromkeys(behaviors, 0)
    for row in _of_one_person(file, annotator):
        if row.kind == "bout" and row.behavior in counts:
            counts[row.behavior] += row.stop - row.start
    return counts


def annotators(path: Path) -> list[str]:
    """List who labelled, in alphabetical order; a table of frames does not say.

    Raises
    ------
    LabelError
        If the file is not in one of the two formats.
    """
    return _people(_read(path))


def unknown_names(path: Path, behaviors: Sequence[str]) -> list[str]:
    """List the behaviors in a label file that are not configured, such as retired ones.

    Raises
    ------
    LabelError
        If the file is not in one of the two formats.
    """
    return [name for name in _read(path).names if name not in behaviors]


def write_intervals(
    path: Path, array: np.ndarray, *, behaviors: Sequence[str], annotator: str
) -> None:
    """Write labels as a table of intervals.

    Parameters
    ----------
    path
        Where to write.
    array : (T, K) int, 1 present, 0 absent, -1 unknown
    behaviors
        Names of the K columns.
    annotator
        Who labelled.

    Raises
    ------
    ValueError
        If the array has another shape or other values.
    StateError
        If the file cannot be written.
    """
    labels = _checked(array, behaviors)
    publish_text(path, to_text(labels, behaviors=behaviors, annotator=annotator))


def read_frame_labels(path: Path) -> tuple[list[str], np.ndarray]:
    """Read a per-frame table that `write_frame_labels` wrote.

    Returns
    -------
    tuple[list[str], np.ndarray]
        Names of the behaviors, and labels (T, K) int8: 1 present, 0 absent, -1 unknown.

    Raises
    ------
    StateError
        If the file is missing, damaged or of another format.
    """
    remedy = "delete it and import the labels again"
    try:
        table = read_table(path)
        if table.header[0] != "frame":
            raise LabelError(f"{path}: header '{','.join(table.header)}'; expected 'frame,...'")
        return read_frames(table)
    except LabelError as error:
        raise StateError(f"{str(error).rstrip('.')}; {remedy}.") from error


def write_frame_labels(path: Path, names: Sequence[str], labels: np.ndarray) -> None:
    """Write one row per frame: its number, then one column per behavior.

    Parameters
    ----------
    path
        Where to write.
    names
        Names of the K behaviors.
    labels : (T, K) int, 1 present, 0 absent, -1 unknown

    Raises
    ------
    ValueError
        If the array has another shape or other values.
    StateError
        If the file cannot be written.
    """
    rows = _checked(labels, names).astype(str).tolist()
    header = io.StringIO()
    csv.writer(header, lineterminator="\n").writerow(("frame", *names))
    lines = [f"{number},{','.join(row)}\n" for number, row in enumerate(rows)]
    publish_text(path, header.getvalue() + "".join(lines))


def _read(path: Path) -> _File:
    """Read a label file of either format; ``names`` holds its behaviors, each once."""
    table = read_table(path)
    if not table.is_intervals:
        return _File(table.path, None, *read_frames(table))
    rows = parse_intervals(table)
    names = list(dict.fromkeys(row.behavior for row in rows if row.behavior != EVERY))
    return _File(table.path, rows, names, np.zeros(0, np.int8))


def _read_for(path: Path, behaviors: Sequence[str]) -> _File:
    """Read a label file and make sure that it speaks of the configured behaviors."""
    if BACKGROUND in behaviors:
        raise LabelError(
            f"config.yaml: behaviors: '{BACKGROUND}' is derived from the others; take it out."
        )
    file = _read(path)
    # Intervals may well say that everything was scored and nothing seen; columns cannot.
    says_all = file.intervals is not None and not file.names
    if not says_all and not set(file.names) & set(behaviors):
        raise LabelError(
            f"{path}: none of the behaviors {', '.join(behaviors)} (it has "
            f"{', '.join(file.names) or 'no names'}); correct the names here, or `behaviors` in "
            "config.yaml."
        )
    _check_spelling(file, behaviors)
    return file


def _check_spelling(file: _File, behaviors: Sequence[str]) -> None:
    """Refuse names that differ from a configured one by spelling only.

    Read as a retired behavior, 'Groom' would make every frame a negative of 'groom'.
    """
    meant = {_spelling(name): name for name in behaviors}
    for name in file.names:
        wanted = meant.get(_spelling(name), name)
        if name not in behaviors and wanted != name:
            raise LabelError(
                f"{file.path}: behavior '{name}' is '{wanted}' in config.yaml; spell both alike."
            )


def _spelling(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _people(file: _File) -> list[str]:
    return sorted({row.annotator for row in file.intervals or ()})


def _of_one_person(file: _File, annotator: str | None) -> list[Interval]:
    """Keep one person's rows and check that they make sense together."""
    people = _people(file)
    listed = ", ".join(map(repr, people))
    if annotator is None and len(people) > 1:
        raise LabelError(
            f"{file.path}: labels of several annotators ({listed}); choose one by `labels: "
            "annotator` in config.yaml."
        )
    if annotator is not None and people and annotator not in people:
        raise LabelError(
            f"{file.path}: no labels of annotator '{annotator}' (it has {listed}); correct "
            "`labels: annotator` in config.yaml, or empty `labels` of this video in videos.tsv."
        )
    rows = [row for row in file.intervals or () if annotator in (None, row.annotator)]
    check_intervals(file.path, rows)
    return rows


def _columns(file: _File, behaviors: Sequence[str], n_frames: int | None) -> np.ndarray:
    """Pick the configured behaviors out of a table of frames; those it lacks are unknown."""
    if n_frames is not None and len(file.values) != n_frames:
        raise LabelError(
            f"{file.path}: {len(file.values)} rows, but the video has {n_frames} frames; export "
            "its labels again, one row per frame."
        )
    labels = np.full((len(file.values), len(behaviors)), -1, np.int8)
    for column, name in enumerate(behaviors):
        if name in file.names:
            labels[:, column] = file.values[:, file.names.index(name)]
    return labels


def _checked(array: np.ndarray, names: Sequence[str]) -> np.ndarray:
    labels = np.asarray(array)
    if labels.ndim != 2 or labels.shape[1] != len(names):
        raise ValueError(f"expected labels (T, {len(names)}), got {labels.shape}")
    if not np.isin(labels, (-1, 0, 1)).all():
        raise ValueError("labels hold values other than -1, 0 and 1")
    return labels.astype(np.int8)
