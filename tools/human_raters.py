"""Compare people who labeled the same videos frame by frame, one of them as if a model.

Usage: tools/human_raters.py FOLDER OUT.csv [--model RATER] [--iou X ...]; FOLDER holds
<video>__<rater>_labels.csv, or .csv.gz: one row per frame, one 0/1/-1 column per behavior. OUT.csv
has the columns of results/summary/raters.csv, so that its figure can be drawn from real people.
Raters of --leave-out, by default a majority of the others, are not compared.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from deg_core.data.publish import publish_csv
from deg_core.ethogram.agreement import BACKGROUND, Rated, compare_raters

END = "_labels.csv"


def read_raters(
    folder: Path, *, leave_out: Sequence[str] = ("majority",)
) -> tuple[list[str], dict[str, dict[str, np.ndarray]]]:
    """Read all raters of all videos.

    Returns
    -------
    behaviors, labels
        The K names, and per video and rater (T, K) int8: 1 present, 0 absent, -1 unknown.
    """
    behaviors: list[str] = []
    labels: dict[str, dict[str, np.ndarray]] = {}
    for path in sorted(folder.glob(f"*__*{END}*")):
        video, rater = path.name.split(END)[0].split("__")
        if rater in leave_out:
            continue
        table = pd.read_csv(path)
        names = [name for name in table if name != BACKGROUND]
        behaviors = behaviors or names
        if names != behaviors:
            raise SystemExit(f"{path}: has {names}, the others have {behaviors}")
        labels.setdefault(video, {})[rater] = table[names].to_numpy(np.int8)
    return behaviors, labels


def compare(folder: Path, *, model: str | None, iou: Sequence[float]) -> pd.DataFrame:
    """Compare the raters of a folder; ``model`` names the one that stands for a model."""
    behaviors, labels = read_raters(folder)
    videos = []
    for raters in labels.values():
        people = {name: table for name, table in raters.items() if name != model}
        models = {"sequence": raters[model] == 1} if model is not None else {}
        videos.append(Rated(people, models))
    return compare_raters(videos, behaviors=behaviors, iou=iou)


def main() -> None:
    """Write the table that the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", help="rater who stands for the model")
    parser.add_argument("--iou", type=float, nargs="+", default=[0.1, 0.25, 0.5])
    chosen = parser.parse_args()
    table = compare(chosen.folder, model=chosen.model, iou=chosen.iou)
    for column, text in enumerate(("people", "0", "all")):
        table.insert(column, ("preset", "split", "n_train")[column], text)
    publish_csv(chosen.out, table)
    print(f"{chosen.out}: {len(table)} rows")


if __name__ == "__main__":
    main()
