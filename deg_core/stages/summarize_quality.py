"""Gather the checks of all videos in one table.

Reads quality/RUN/{video}.json; writes summary/quality.csv.
"""

from pathlib import Path

import pandas as pd

from deg_core.data.publish import damage_of, publish_csv, read_json
from deg_core.stages.run_tables import RUN, key_of

COLUMNS = [*RUN, "video", "part", "check", "value", "low", "high", "flag", "reason"]


def run(*, runs: list[str], videos: list[str], folder: Path, out: Path) -> None:
    """Write the table of all checks.

    Parameters
    ----------
    runs
        Runs as preset/split/n_train.
    videos
        Ids of the videos, of which each run has checked all.
    folder
        Folder with ``run/video.json``.
    out
        Table to write.

    Raises
    ------
    StateError
        If a run is not of that form, or a file is missing or damaged.
    """
    rows = []
    for name in runs:
        key = key_of(name)
        for video in videos:
            path = folder / name / f"{video}.json"
            content = read_json(path)
            with damage_of(path):
                about = {"video": content["video"], "part": content["part"]}
                rows += [{**key, **about, **check} for check in content["checks"]]
    publish_csv(out, pd.DataFrame(rows, columns=COLUMNS))
