"""Golden cases of the stages that compare raters, runs, and sizes of training set."""

from pathlib import Path
from typing import Any

import golden_inputs as inputs
import pandas as pd

from deg_core.data.labels import write_frame_labels
from deg_core.data.publish import publish_csv, publish_json
from deg_core.ethogram.bouts import ethogram_table
from deg_core.settings import EvaluateSettings, LabelSettings
from deg_core.stages import advise, compare_raters, compare_runs, summarize_raters

Digest = dict[str, Any]
SIZES = ("1", "2", "all")


def numbers(path: Path) -> Digest:
    """Give the rows of a table: its texts, and its numbers as floats."""
    table = pd.read_csv(path)
    return {
        str(column): [None if pd.isna(x) else x for x in table[column].tolist()] for column in table
    }


def write_raters(folder: Path) -> Path:
    """Write a label file of two annotators, and an ethogram."""
    lines = ["kind,behavior,start_frame,stop_frame,annotator"]
    for person, late in (("anna", 0), ("bob", 3)):
        lines.append(f"scored,*,{2 * late},{120 - late},{person}")
        for start in range(10, 110, 25):
            lines.append(f"bout,bright,{start + late},{start + 9},{person}")
            lines.append(f"bout,move,{start + 5},{start + 12 + late},{person}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    present = inputs.noise("ethogram", 30, 2).repeat(4, axis=0) > 0.6
    ethogram = ethogram_table(present, behaviors=inputs.BEHAVIORS, fps=inputs.FPS)
    publish_csv(folder / "e/g1.csv", ethogram)
    return folder / "labels.csv"


def case_compare_raters(folder: Path) -> Digest:
    compare_raters.run(
        videos=["g1"], label_files=[write_raters(folder)], ethograms=folder / "e",
        labels=LabelSettings(behaviors=inputs.BEHAVIORS), settings=EvaluateSettings(),
        out=folder / "r.csv",
    )  # fmt: skip
    table = pd.read_csv(folder / "r.csv")
    keys = ["first", "second", "frames", "behavior", "metric"]
    values = {" ".join(key): value for *key, value in table[[*keys, "value"]].to_numpy()}
    return {"rows": len(table), "values": values}


def case_summarize_raters(folder: Path) -> Digest:
    case_compare_raters(folder)
    (folder / "lite/0").mkdir(parents=True)
    (folder / "r.csv").rename(folder / "lite/0/all.csv")
    summarize_raters.run(runs=["lite/0/all"], raters=folder, out=folder / "s.csv")
    table = pd.read_csv(folder / "s.csv")
    return {"columns": list(table), "rows": len(table), "first": table["first"].tolist()[:3]}


def write_scores(path: Path) -> Path:
    """Write scores of two presets, three splits and three sizes."""
    rows = [
        [preset, split, n_train, model, behavior, metric, value]
        for preset in ("fast", "lite")
        for split in "012"
        for n_train in SIZES
        for model in ("feature_extractor", "sequence")
        for behavior, metric in (("overall", "f1_macro"), ("bright", "f1"), ("move", "f1"))
        for value in inputs.noise(f"{preset}{split}{n_train}{model}{behavior}", 1)
    ]
    columns = ["preset", "split", "n_train", "model", "behavior", "metric", "value"]
    publish_csv(path, pd.DataFrame(rows, columns=columns))
    return path


def case_compare_runs(folder: Path) -> Digest:
    scores = write_scores(folder / "m.csv")
    compare_runs.run(metrics=scores, behaviors=list(inputs.BEHAVIORS), out=folder / "t.csv")
    return numbers(folder / "t.csv")


def case_advise(folder: Path) -> Digest:
    # Of rising scores, whose curve is well defined: another processor fits it alike.
    table = pd.read_csv(write_scores(folder / "m.csv"), dtype={"split": str})
    rising = table["n_train"].map({"1": 0.3, "2": 0.5, "all": 0.6}) + 0.02 * table["value"]
    publish_csv(folder / "m.csv", table.assign(value=rising))
    for video in inputs.FRAMES:
        labels = inputs.labels_of(video, 100)
        write_frame_labels(folder / "labels" / f"{video}.csv", inputs.BEHAVIORS, labels)
    videos = {"1": ["g1"], "2": ["g1", "g2"], "all": ["g1", "g2", "g3"]}
    for n, trained in videos.items():
        publish_json(folder / f"{n}.run.json", {"train_videos": trained})
    advise.run(
        runs=[f"lite/{split}/{n}" for split in "01" for n in SIZES],
        records=[folder / f"{n}.run.json" for n in SIZES] * 2,
        metrics=folder / "m.csv", labels=folder / "labels", settings=EvaluateSettings(),
        learning=folder / "l.csv", advice=folder / "a.csv",
    )  # fmt: skip
    found = pd.read_csv(folder / "a.csv").drop(columns="advice")  # which rounds the numbers
    return {"learning": numbers(folder / "l.csv"), "advice": found.to_dict("list")}
