"""Ethograms: which behaviors a model finds in each frame. Reads ``results/ethograms/**.csv``."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deg_core.data.label_table import BACKGROUND
from deg_core.errors import StateError


def read_ethogram(path: Path, behaviors: Sequence[str]) -> NDArray[np.bool_]:
    """Read an ethogram.

    Parameters
    ----------
    path
        Table of frames.
    behaviors
        The K behaviors that it must have, in this order.

    Returns
    -------
    present : (T, K) bool

    Raises
    ------
    StateError
        If the file cannot be read, or has other columns.
    """
    expected = ["frame", "time_s", BACKGROUND, *behaviors]
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise StateError(f"{path}: cannot be read ({error}); delete it and run again.") from error
    if list(table.columns) != expected:
        raise StateError(
            f"{path}: cannot be read as an ethogram, which has the columns {', '.join(expected)}; "
            f"it has {', '.join(map(str, table.columns))}; delete it and run again."
        )
    return table[list(behaviors)].to_numpy() == 1
