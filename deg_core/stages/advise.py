"""Relate scores to the labels that were trained on, and advise how much more to label.

Reads labels of the training parts, the records of the trainings, which say what each run learned
from, and summary/metrics.csv; writes summary/learning.csv, one row
per run and behavior, and summary/advice.csv, one row per preset and behavior.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deg_core.data.labels import read_frame_labels
from deg_core.data.publish import damage_of, publish_csv, read_json
from deg_core.errors import StateError
from deg_core.ethogram.advice import Now, advise
from deg_core.ethogram.learning_curve import usable
from deg_core.settings import EvaluateSettings
from deg_core.splits import ALL
from deg_core.stages.run_tables import RUN, key_of, read_scores

MODEL = "sequence"
SCORES = ["f1", "bout_f1_50"]
LEARNING = [*RUN, "behavior", "n_train_videos", "n_positive", *SCORES]
ADVICE = [
    "preset", "behavior", "now_positive", "now_f1", "more_videos", "expected_f1", "low", "high",
    "advice",
]  # fmt: skip


def run(
    *,
    runs: list[str],
    records: list[Path],
    metrics: Path,
    labels: Path,
    settings: EvaluateSettings,
    learning: Path,
    advice: Path,
) -> None:
    """Write what each run learned each behavior from, and advice per preset and behavior.

    Parameters
    ----------
    runs
        Runs with a test part, as preset/split/n_train.
    records
        Of each, in the same order, the record of its last training, or its mapping of clusters:
        a JSON file with the ids of its ``train_videos``.
    metrics
        Scores of all runs.
    labels
        Folder with the labels per frame.
    settings
        Seed of the forecasts' intervals.
    learning, advice
        Tables to write.

    Raises
    ------
    StateError
        If a run is not of that form, or a file is missing or damaged.
    """
    if len(runs) != len(records):
        raise StateError(
            f"--records: expected a file for each of {len(runs)} runs, found {len(records)}."
        )
    trained = {name: _trained_on(file) for name, file in zip(runs, records, strict=True)}
    table = _learning(trained, read_scores(metrics), labels)
    publish_csv(learning, table)
    publish_csv(advice, _advice(table, settings.seed))


def _trained_on(path: Path) -> list[str]:
    record = read_json(path)
    with damage_of(path):
        return [str(video) for video in record["train_videos"]]


def _learning(
    runs: Mapping[str, Sequence[str]], scores: pd.DataFrame, labels: Path
) -> pd.DataFrame:
    """Put the positive training frames of each run and behavior beside its scores."""
    positive = _positive({video for videos in runs.values() for video in videos}, labels)
    chosen = scores[(scores["model"] == MODEL) & scores["metric"].isin(SCORES)]
    values = chosen.set_index([*RUN, "behavior", "metric"])["value"].to_dict()
    rows: list[dict[str, Any]] = []
    for name, videos in runs.items():
        key = key_of(name)
        for behavior in dict.fromkeys(b for video in videos for b in positive[video]):
            found = {s: values.get((*key.values(), behavior, s), np.nan) for s in SCORES}
            n = sum(positive[video][behavior] for video in videos)
            facts = {"behavior": behavior, "n_train_videos": len(videos), "n_positive": n}
            rows.append({**key, **facts, **found})
    return pd.DataFrame(rows, columns=LEARNING)


def _positive(videos: set[str], labels: Path) -> dict[str, dict[str, int]]:
    """Count the positive frames of each behavior in each video."""
    counts = {}
    for video in sorted(videos):
        names, table = read_frame_labels(labels / f"{video}.csv")
        counts[video] = dict(zip(names, (table == 1).sum(axis=0).tolist(), strict=True))
    return counts


def _advice(learning: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Advise on each behavior of each preset that was trained on all videos."""
    rows = []
    for (preset, behavior), runs in learning.groupby(["preset", "behavior"], sort=False):
        full = runs[runs["n_train"] == ALL]
        if full.empty:
            continue
        mean = full[["n_positive", "f1", "n_train_videos"]].mean()
        now = Now(mean["n_positive"], mean["f1"], mean["n_train_videos"])
        points = usable(runs["n_positive"], runs["f1"], pd.factorize(runs["split"])[0])
        found = advise(str(behavior), now, points, seed=seed)
        rows.append([preset, behavior, round(now.positive), now.f1, *found])
    # A whole number, or none.
    return pd.DataFrame(rows, columns=ADVICE).astype({"more_videos": "Int64"})
