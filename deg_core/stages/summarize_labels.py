"""Say what was labeled in the whole project, whatever the splits.

Reads the imported labels, and the frame rates of the imported videos; writes summary/data.csv.
"""

import json
from pathlib import Path

import pandas as pd

from deg_core.data.labels import read_frame_labels
from deg_core.data.publish import publish_csv
from deg_core.data.video import FrameStore
from deg_core.errors import StateError
from deg_core.ethogram.occupancy import occupancy

DATA = [
    "video", "group", "labeled", "behavior", "n_frames", "n_positive", "n_bouts", "seconds"
]  # fmt: skip


def run(*, groups: str, labels: Path, imports: Path, out: Path) -> None:
    """Write one row per labeled video and behavior.

    Parameters
    ----------
    groups
        The group of each labeled video, as a JSON object: ``{"m1": "cage 1", "m2": "cage 2"}``.
    labels
        Folder with their labels per frame.
    imports
        Folder with the imported videos.
    out
        Table to write. ``labeled`` is no where a video has labels, but none of that behavior.

    Raises
    ------
    StateError
        If that is no JSON object, or a file is missing or damaged.
    """
    rows = []
    for video, group in _read_groups(groups).items():
        names, table = read_frame_labels(labels / f"{video}.csv")
        with FrameStore(imports / f"{video}.h5") as store:
            fps = store.fps
        for name, column in zip(names, table.T, strict=True):
            found = occupancy(column == 1, column >= 0)
            rows.append(
                {
                    "video": video, "group": group, "labeled": "yes" if found.n_frames else "no",
                    "behavior": name, "n_frames": found.n_frames, "n_positive": found.n_present,
                    "n_bouts": found.n_bouts, "seconds": round(found.n_present / fps, 6),
                }
            )  # fmt: skip
    publish_csv(out, pd.DataFrame(rows, columns=DATA))


def _read_groups(text: str) -> dict[str, str]:
    try:
        return {video: str(group) for video, group in json.loads(text).items()}
    except (ValueError, AttributeError) as error:
        raise StateError(
            f'--groups: expected a JSON object, as {{"m1": "cage 1"}}, got {text[:80]}; mend it.'
        ) from error
