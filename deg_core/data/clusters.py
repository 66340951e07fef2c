"""Files of clusters: for each frame of a video, the group that an unsupervised method put it in.

Reads csv tables of B-SOiD, keypoint-MoSeq or any program with one row per frame.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deg_core.errors import DegError

# In order of preference; compared without case, spaces, _ and -.
KNOWN = (
    "B-SOiD labels", "syllable", "syllables reindexed", "cluster", "clusters", "label", "labels"
)  # fmt: skip
NUMBERS = ("", "frame", "frames", "frame_index", "index", "time", "time_s")  # no clusters
HEADER_ROWS = 3  # B-SOiD's older tables have two
POSE_HEADS = ("bodyparts", "coords", "individuals")


def read_clusters(path: Path, *, column: str = "") -> NDArray[np.str_]:
    """Read the cluster of each frame.

    Parameters
    ----------
    path
        A table with one row per frame; of its first rows one names the columns.
    column
        The column that holds the clusters; empty: a known name, or the only column.

    Returns
    -------
    clusters : (T,) str
        Names of the clusters, empty where the table has none; whole numbers without a point.

    Raises
    ------
    DegError
        If the file cannot be read, or it cannot be told which column it is.
    """
    head = _first_rows(path)
    line, place = _find(head, column, path)
    try:
        table = pd.read_csv(
            path, header=None, skiprows=line + 1, dtype=str, skip_blank_lines=False, names=range(
                max(map(len, head))
            ), keep_default_na=False,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise DegError(f"{path}: cannot be read as a table ({error}); export it anew.") from error
    # B-SOiD writes its labels in front of the table of points, header rows included: the label of
    # the first frame stands beside the first of these, and as many at the end are copies.
    n_heads = sum(any(cell in POSE_HEADS for cell in row) for row in head[line + 1 :])
    names = table[place].to_numpy(dtype=object)
    names = names[: len(names) - n_heads]
    return np.array([_plain(name.strip()) for name in names], dtype=np.str_)


def _first_rows(path: Path) -> list[list[str]]:
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = [row for _, row in zip(range(HEADER_ROWS + 2), csv.reader(file), strict=False)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DegError(
            f"{path}: cannot be read ({error}); expected a csv table with one row per frame."
        ) from error
    if not rows:
        raise DegError(f"{path}: is empty; expected a csv table with one row per frame.")
    return [[cell.strip() for cell in row] for row in rows]


def _find(head: Sequence[Sequence[str]], column: str, path: Path) -> tuple[int, int]:
    """Find the header row, and in it the column, that holds the clusters."""
    for wanted in [column] if column else KNOWN:
        for line, row in enumerate(head[:HEADER_ROWS]):
            for place, name in enumerate(row):
                if _key(name) == _key(wanted) and name:
                    return line, place
    others = [place for place, name in enumerate(head[0]) if _key(name) not in map(_key, NUMBERS)]
    if len(others) == 1 and not column and not _is_number(head[0][others[0]]):
        return 0, others[0]
    raise DegError(
        f"{path}: expected {f'a column {column!r}' if column else 'a column of clusters'}, found "
        f"{', '.join(name or '(no name)' for name in head[0][:8])}; name it in `clusters.column` "
        f"(known by themselves: {', '.join(KNOWN[:4])})."
    )


def _key(name: str) -> str:
    return name.lower().translate({ord(sign): None for sign in " _-"})


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _plain(name: str) -> str:
    """Spell a cluster: 3.0 and 3 are one, and what is no number is none."""
    if name.lower() in ("nan", "none"):
        return ""
    if _is_number(name) and float(name).is_integer():
        return str(int(float(name)))
    return name
