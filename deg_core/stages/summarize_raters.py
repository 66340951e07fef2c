"""Gather the comparisons of raters of all runs in one table.

Reads raters/RUN.csv; writes summary/raters.csv.
"""

from pathlib import Path

import pandas as pd

from deg_core.data.publish import publish_csv
from deg_core.ethogram.agreement import COLUMNS
from deg_core.stages.run_tables import RUN, key_of, read_table


def run(*, runs: list[str], raters: Path, out: Path) -> None:
    """Write the comparisons of all runs as one table, the run in front.

    Parameters
    ----------
    runs
        Runs with a test part, as preset/split/n_train.
    raters
        Folder with their comparisons.
    out
        Table to write.

    Raises
    ------
    StateError
        If a run is not of that form, or a file is missing or damaged.
    """
    tables = [pd.DataFrame(columns=[*RUN, *COLUMNS])]
    for name in runs:
        # As text, so that numbers stay as they were written.
        table = read_table(raters / f"{name}.csv", COLUMNS)
        tables.append(table.assign(**key_of(name))[[*RUN, *COLUMNS]])
    publish_csv(out, pd.concat(tables, ignore_index=True))
