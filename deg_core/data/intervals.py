"""Label files as intervals: bouts of behaviors, and stretches that were scored.

Intervals are half-open, in frames counted from 0. Standard library and numpy only.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from deg_core.data.label_table import BACKGROUND, INTERVAL_COLUMNS, Table
from deg_core.errors import LabelError

EVERY = "*"
KINDS = ("scored", "bout")
_REQUIRED = INTERVAL_COLUMNS[:4]


@dataclass(frozen=True)
class Interval:
    """One row: frames ``start`` to ``stop``, the latter excluded, and its line in the file."""

    kind: str
    behavior: str
    start: int
    stop: int
    annotator: str
    line: int


def parse_intervals(table: Table) -> list[Interval]:
    """Read a table of intervals row by row.

    Parameters
    ----------
    table
        Its columns may come in any order; that of the annotator may be missing.

    Raises
    ------
    LabelError
        If a column is missing, unknown or double; a kind is unknown; a behavior is missing or is
        background; a frame is no whole number, negative, or not before the interval's end.
    """
    header = [name.lower() for name in table.header]
    if sorted(header) not in (sorted(_REQUIRED), sorted(INTERVAL_COLUMNS)):
        raise LabelError(
            f"{table.path}: header '{','.join(table.header)}'; expected "
            f"'{','.join(INTERVAL_COLUMNS)}'."
        )
    return [
        _interval(table.path, line, dict(zip(header, cells, strict=True)))
        for line, cells in table.rows()
    ]


def check_intervals(path: Path, rows: Sequence[Interval]) -> None:
    """Check that one person's rows make sense together.

    Raises
    ------
    LabelError
        If nothing was scored, bouts of one behavior overlap, or one was not scored throughout.
    """
    if not any(row.kind == "scored" for row in rows):
        raise LabelError(
            f"{path}: no row of kind 'scored', so nothing says which frames were looked at; add "
            "for instance 'scored,*,0,<number of frames>,<annotator>'."
        )
    for behavior in dict.fromkeys(row.behavior for row in rows if row.kind == "bout"):
        bouts = sorted(_of(rows, "bout", behavior), key=lambda row: row.start)
        for one, other in pairwise(bouts):
            if other.start < one.stop:
                raise LabelError(
                    f"{path}, lines {one.line} and {other.line}: bouts of '{behavior}' overlap "
                    f"({one.start}-{one.stop} and {other.start}-{other.stop}); join or shorten "
                    "them."
                )
        scored = _union(_of(rows, "scored", behavior, EVERY))
        for bout in bouts:
            if not any(start <= bout.start and bout.stop <= stop for start, stop in scored):
                raise LabelError(
                    f"{path}, line {bout.line}: bout of '{behavior}', frames {bout.start}-"
                    f"{bout.stop}, is not inside a scored interval; extend the scored interval or "
                    "correct the bout."
                )


def to_frames(rows: Sequence[Interval], *, behaviors: Sequence[str], n_frames: int) -> np.ndarray:
    """Draw one person's rows, checked before, as one value per frame and behavior.

    Returns
    -------
    np.ndarray
        (T, K) int8: 1 in a bout, 0 scored without a bout, -1 not scored.
    """
    labels = np.full((n_frames, len(behaviors)), -1, np.int8)
    for column, behavior in enumerate(behaviors):
        for row in _of(rows, "scored", behavior, EVERY):
            labels[row.start : row.stop, column] = 0
        for row in _of(rows, "bout", behavior):
            labels[row.start : row.stop, column] = 1
    return labels


def to_text(labels: np.ndarray, *, behaviors: Sequence[str], annotator: str) -> str:
    """Write labels as a table of intervals: what was scored, then bouts in order of time.

    Parameters
    ----------
    labels : (T, K) int8, 1 present, 0 absent, -1 unknown
    behaviors
        Names of the columns.
    annotator
        Who labelled.

    Raises
    ------
    ValueError
        If no frame is known: such a file would say nothing.
    """
    known = labels >= 0
    if not known.any():
        raise ValueError("no frame is labelled")
    alike = bool((known == known[:, :1]).all())
    columns = {EVERY: known[:, 0]} if alike else dict(zip(behaviors, known.T, strict=True))
    rows = [("scored", name, *span) for name, mask in columns.items() for span in runs(mask)]
    bouts = [
        ("bout", name, *span)
        for name, column in zip(behaviors, labels.T, strict=True)
        for span in runs(column == 1)
    ]
    rows += sorted(bouts, key=lambda row: row[2])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(INTERVAL_COLUMNS)
    writer.writerows((*row, annotator) for row in rows)
    return text.getvalue()


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Find the runs of True in ``mask`` (T,) bool, as half-open intervals."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in steps.reshape(-1, 2)]


def _interval(path: Path, line: int, row: dict[str, str]) -> Interval:
    kind, behavior = row["kind"].lower(), row["behavior"]
    if kind not in KINDS:
        raise LabelError(f"{path}, line {line}: kind '{row['kind']}'; expected 'scored' or 'bout'.")
    if not behavior or (behavior == EVERY and kind == "bout"):
        raise LabelError(
            f"{path}, line {line}: behavior '{behavior}'; expected the name of one behavior."
        )
    if behavior.lower() == BACKGROUND:
        raise LabelError(
            f"{path}, line {line}: '{BACKGROUND}' is no behavior but the absence of all others; "
            "delete the row."
        )
    start = _frame(path, line, "start_frame", row["start_frame"])
    stop = _frame(path, line, "stop_frame", row["stop_frame"])
    if not 0 <= start < stop:
        what = "starts before frame 0" if start < 0 else "does not stop after its start"
        raise LabelError(
            f"{path}, line {line}: interval {start}-{stop} {what}; expected 0 <= start_frame < "
            "stop_frame, the latter one past the last frame."
        )
    return Interval(kind, behavior, start, stop, row.get("annotator", ""), line)


def _frame(path: Path, line: int, column: str, cell: str) -> int:
    try:
        value = float(cell)
        if value == int(value):
            return int(value)
    except (ValueError, OverflowError):
        # Neither words nor NaN nor infinity name a frame; the sentence below says so.
        pass
    raise LabelError(f"{path}, line {line}: {column} '{cell}'; expected a whole number of frames.")


def _of(rows: Iterable[Interval], kind: str, *behaviors: str) -> list[Interval]:
    return [row for row in rows if row.kind == kind and row.behavior in behaviors]


def _union(rows: Sequence[Interval]) -> list[tuple[int, int]]:
    """Join intervals that overlap or touch."""
    joined: list[tuple[int, int]] = []
    for row in sorted(rows, key=lambda row: row.start):
        if joined and row.start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], row.stop))
        else:
            joined.append((row.start, row.stop))
    return joined
