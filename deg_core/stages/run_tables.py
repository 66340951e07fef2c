"""Tables of all runs: the columns that name a run, and how such a table is read."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from deg_core.data.publish import damage_of
from deg_core.errors import StateError
from deg_core.splits import RUN as RUN

SCORES = [*RUN, "model", "behavior", "metric", "value"]


def key_of(name: str) -> dict[str, str]:
    """Take the name of a run, preset/split/n_train, apart.

    Raises
    ------
    StateError
        If it is no such name.
    """
    parts = name.split("/")
    if len(parts) != len(RUN):
        raise StateError(f"--runs: expected preset/split/n_train, got {name}; mend the name.")
    return dict(zip(RUN, parts, strict=True))


def name_of(key: Mapping[str, str]) -> str:
    """Put the name of a run together again."""
    return "/".join(key[column] for column in RUN)


def read_trainings(text: str) -> dict[str, list[str]]:
    """Read which trainings the runs of each preset have, ``features`` and ``sequence``.

    Raises
    ------
    StateError
        If it is no JSON object of lists.
    """
    try:
        return {str(preset): list(stages) for preset, stages in json.loads(text).items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise StateError(
            f"--trainings: expected a JSON object of presets and their trainings, got {text[:40]}."
        ) from error


def read_table(
    path: Path, columns: Sequence[str] | None = None, *, numbers: Sequence[str] = ()
) -> pd.DataFrame:
    """Read a table as text, since a behavior may be called "nan", and a split is no number.

    Parameters
    ----------
    path
        CSV file.
    columns
        What is wanted of it, in this order; None: all.
    numbers
        Those that are numbers, where they are there; an empty cell is NaN, and in any other column
        an empty text.

    Raises
    ------
    StateError
        If the file is missing or damaged, lacks a column, or a number is none.
    """
    with damage_of(path):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [name for name in columns or () if name not in table]
    if missing:
        raise StateError(f"{path}: lacks {', '.join(missing)}; delete it and run again.")
    table = table if columns is None else table[list(columns)]
    with damage_of(path):
        found = {
            name: [float(text or "nan") for text in table[name]]
            for name in numbers
            if name in table
        }
    return table.assign(**found)


def read_scores(path: Path) -> pd.DataFrame:
    """Read the `SCORES` of all runs, summary/metrics.csv.

    Raises
    ------
    StateError
        See `read_table`.
    """
    return read_table(path, SCORES, numbers=["value"])
