"""Label files as tables: header, cells, and DeepEthogram's one row per frame.

Reads csv as people's programs write it: with commas, semicolons or tabs, quotes, spaces, a byte
order mark, and lines ended in either way. Standard library and numpy only.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deg_core.errors import LabelError

BACKGROUND = "background"
# A header with one of these is meant to be that of a table of intervals.
INTERVAL_COLUMNS = ("kind", "behavior", "start_frame", "stop_frame", "annotator")
# How programs call the number of the row, if at all.
INDEX_NAMES = ("", "index", "frame", "unnamed: 0")
_PEEK = 4096  # bytes
_SPREADSHEET = b"PK\x03\x04"
_FORMATS = (
    f"expected the header '{','.join(INTERVAL_COLUMNS)}', or one column per behavior with one row "
    "per frame"
)


@dataclass(frozen=True)
class Table:
    """A label file, not yet understood.

    Attributes
    ----------
    path
        Where it came from.
    header
        Names of the columns, without spaces and quotes around them.
    body
        Text below the header, lines ended by a line feed.
    delimiter
        What separates the cells.
    """

    path: Path
    header: tuple[str, ...]
    body: str
    delimiter: str

    @property
    def is_intervals(self) -> bool:
        """Whether the header is, or tries to be, that of a table of intervals."""
        return any(name.lower() in INTERVAL_COLUMNS for name in self.header)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Give the cells of each row that is not empty, with its number of line in the file.

        Raises
        ------
        LabelError
            If quotes are not in pairs, or a row has more or fewer cells than the header.
        """
        # Quotes that do not close swallow the ends of lines, by which they are found out.
        lines = [f"{line}\n" for line in self.body.split("\n")]
        reader = csv.reader(lines, delimiter=self.delimiter, skipinitialspace=True)
        for cells in _readable(reader, self.path):
            if not any(cell.strip() for cell in cells):
                continue
            place = f"{self.path}, line {reader.line_num + 1}"
            if any("\n" in cell for cell in cells):
                raise LabelError(f"{place}: a stray quote on this line or before it; remove it.")
            if len(cells) != len(self.header):
                raise LabelError(
                    f"{place}: {len(cells)} cells, but the header has {len(self.header)}; look for "
                    "stray quotes or separators."
                )
            yield reader.line_num + 1, [_clean(cell) for cell in cells]


def read_table(path: Path) -> Table:
    """Read a label file's text and header.

    Raises
    ------
    LabelError
        If it is missing, unreadable, empty, no text, or has no header.
    """
    path = Path(path)
    text = _read_text(path).replace("\r\n", "\n").replace("\r", "\n").lstrip("\n")
    first, _, body = text.partition("\n")
    if not first.strip():
        raise LabelError(f"{path}: the file is empty; {_FORMATS}.")
    delimiter = max(",;\t", key=first.count)
    (names,) = _readable(csv.reader([first], delimiter=delimiter), path)
    header = tuple(map(_clean, names))
    if all(_is_number(name) for name in header):
        raise LabelError(f"{path}: the first line is '{first[:40]}'; {_FORMATS}.")
    return Table(path=path, header=header, body=body.rstrip("\n"), delimiter=delimiter)


def read_frames(table: Table) -> tuple[list[str], np.ndarray]:
    """Read a table with one row per frame.

    Parameters
    ----------
    table
        With or without a first column that numbers the rows, and with or without background.

    Returns
    -------
    tuple[list[str], np.ndarray]
        Names of the behaviors, without background, and labels (T, K) int8: 1 present, 0 absent,
        -1 unknown.

    Raises
    ------
    LabelError
        If a name is missing or occurs twice, a value is none of 0, 1 and -1, or rows are missing.
    """
    indexed = table.header[0].lower() in INDEX_NAMES
    names = table.header[1:] if indexed else table.header
    _check_columns(table, names)
    values, lines = _numbers(table)
    if indexed:
        _check_index(table, values[:, 0], lines)
        values = values[:, 1:]
    _check_values(table, names, values, lines)
    kept = [number for number, name in enumerate(names) if name.lower() != BACKGROUND]
    return [names[number] for number in kept], values[:, kept].astype(np.int8)


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_PEEK)  # a video that was named by mistake may be many gigabytes
            if b"\0" not in content and not content.startswith(_SPREADSHEET):
                content += file.read()
    except FileNotFoundError as error:
        raise LabelError(
            f"{path}: does not exist; correct `labels` in videos.tsv, or leave it empty."
        ) from error
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror}); mend this.") from error
    if content.startswith(_SPREADSHEET):
        raise LabelError(f"{path}: a spreadsheet, not text; save it as CSV (UTF-8).")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelError(f"{path}: not UTF-8 text; save it as CSV (UTF-8).") from error
    if "\0" in text:
        raise LabelError(f"{path}: holds binary data; expected CSV (UTF-8).")
    return text


def _readable(rows: Iterator[list[str]], path: Path) -> Iterator[list[str]]:
    try:
        yield from rows
    except csv.Error as error:
        raise LabelError(
            f"{path}: cannot be read as a table ({error}); look for stray quotes, or export it "
            "again as CSV (UTF-8)."
        ) from error


def _check_columns(table: Table, names: tuple[str, ...]) -> None:
    if "" in names:
        column = table.header.index("", len(table.header) - len(names)) + 1
        raise LabelError(
            f"{table.path}: column {column} has no name; name its behavior or delete the column."
        )
    for name in names:
        if names.count(name) > 1:
            raise LabelError(f"{table.path}: column '{name}' occurs twice; delete or rename one.")


def _numbers(table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Read all cells as numbers: (T, columns) float64, and (T,) the line of each row."""
    lines = table.body.split("\n") if table.body else []
    plain = _plain_numbers(lines, table)
    if plain is not None:
        return plain, np.arange(len(lines)) + 2
    rows = list(table.rows())
    values = np.empty((len(rows), len(table.header)))
    for number, (line, cells) in enumerate(rows):
        values[number] = [_number(table, line, *pair) for pair in enumerate(cells)]
    return values, np.array([line for line, _ in rows], dtype=int)


def _plain_numbers(lines: list[str], table: Table) -> np.ndarray | None:
    """Read rows that are nothing but numbers; None if they are not that simple.

    Two million cells take about a second by `csv` and `float`, and a tenth of it as JSON.
    """
    n_columns = len(table.header)
    if not lines or any(line.count(table.delimiter) != n_columns - 1 for line in lines):
        return None
    try:
        cells = ",".join(lines).replace(table.delimiter, ",")
        if "true" in cells or "false" in cells:  # to numpy 1 and 0
            return None
        flat = np.array(json.loads(f"[{cells}]"))
    except ValueError:
        return None
    if flat.dtype.kind not in "if" or flat.shape != (len(lines) * n_columns,):
        return None
    if not np.isfinite(flat).all():
        return None
    return flat.astype(np.float64).reshape(len(lines), n_columns)


def _number(table: Table, line: int, column: int, cell: str) -> float:
    # Where semicolons separate the cells, a comma is the decimal point.
    value = cell.replace(",", ".")
    if not _is_number(value):
        name = table.header[column]
        raise LabelError(
            f"{table.path}, line {line}, column '{name}': '{cell}'; expected 1 (present), "
            "0 (absent) or -1 (not looked at)."
        )
    return float(value)


def _check_index(table: Table, index: np.ndarray, lines: np.ndarray) -> None:
    """Rows must be numbered one after the other, from 0 or from 1."""
    if len(index) == 0:
        return
    wrong = np.flatnonzero(index - index[0] != np.arange(len(index)))
    if index[0] not in (0, 1) or len(wrong):
        row = int(wrong[0]) if len(wrong) else 0
        raise LabelError(
            f"{table.path}, line {lines[row]}: row is numbered {index[row]:g}; expected rows "
            f"numbered 0, 1, 2, ... without gaps in column '{table.header[0]}'."
        )


def _check_values(
    table: Table, names: tuple[str, ...], values: np.ndarray, lines: np.ndarray
) -> None:
    wrong = np.argwhere((values != 0) & (np.abs(values) != 1))
    if len(wrong):
        row, column = wrong[0]
        raise LabelError(
            f"{table.path}, line {lines[row]}, column '{names[column]}': "
            f"{values[row, column]:g}; expected 1 (present), 0 (absent) or -1 (not looked at)."
        )


def _clean(cell: str) -> str:
    """Strip spaces, and quotes that stand around a name."""
    text = cell.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip()
    return text


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
