"""Rows added to the video table, without touching what a person wrote there."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from deg_core.data.publish import publish_text


def append(table: Path, row: Mapping[str, str]) -> None:
    """Add a row; the table is replaced at once, or not at all.

    Parameters
    ----------
    table
        A table that `deg_core.table.read_videos` has read.
    row
        Column to value; a column that the table lacks is added at its end.

    Raises
    ------
    StateError
        If the table cannot be written.
    """
    # newline="": line ends stay as they are, also those of a spreadsheet on another system.
    with table.open(encoding="utf-8", newline="") as file:
        text = file.read()
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t"))
    header = next(cells for cells in rows if any(map(str.strip, cells)))
    columns = [name.strip("\ufeff ") for name in header]
    new = [name for name in row if name not in columns]
    if new:
        rows = [cells + (new if cells is header else [""] * len(new)) for cells in rows if cells]
        text = _write(rows)
    elif text and not text.endswith(("\n", "\r")):
        text += "\n"
    publish_text(table, text + _write([[row.get(name, "") for name in [*columns, *new]]]))


def _write(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter="\t", lineterminator="\n").writerows(rows)
    return out.getvalue()
