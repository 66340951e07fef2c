"""Reading the tables under results/summary/, which all figures of a study are drawn from."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

# Names stay text, even where they look like numbers or like a missing value.
TEXT = (
    "preset", "split", "n_train", "model", "behavior", "metric", "part", "stage", "video", "group",
    "labeled", "source", "edge", "from", "to", "kind", "first", "second", "frames", "question",
    "test", "stars", "device", "method", "chosen", "advice", "reason", "direction",
)  # fmt: skip
RUN = ["preset", "split", "n_train"]
OVERALL = "overall"
BACKGROUND = "background"
MEAN = "mean of behaviors"
MACRO = ("f1", "precision", "recall", "auroc", "average_precision", "kappa")


def read_summary(path: Path, **where: str) -> pd.DataFrame:
    """Read one of the summary tables, or the rows of it that belong together.

    Parameters
    ----------
    path
        Table under summary/.
    where
        Columns and the value that is kept, such as ``preset="fast"``.

    Returns
    -------
    pandas.DataFrame
        Names are text even where they look like numbers or like a missing value.
    """
    missing = {name: [""] for name in pd.read_csv(path, nrows=0).columns if name not in TEXT}
    table = pd.read_csv(
        path, dtype=dict.fromkeys(TEXT, str), keep_default_na=False, na_values=missing
    )
    for column, value in where.items():
        table = table[table[column] == value]
    return table


def given(job: Any) -> dict[str, Any]:
    """Return what Snakemake gives the script of a figure: tables, wildcards, behaviors, file."""
    files = {name: file for name, file in job.input.items() if name != "style"}
    behaviors = names_in(job.params.behaviors)
    return {**files, **job.wildcards, "behaviors": behaviors, "out": job.output[0]}


def names_in(text: str) -> list[str]:
    """Return the configured behaviors, which rules pass on as one line of JSON."""
    return list(json.loads(text))


def scores(table: pd.DataFrame, metric: str, behavior: str) -> pd.DataFrame:
    """Return the rows of one metric; of ``overall``, those of the mean over behaviors."""
    own = table[table["behavior"] == behavior]
    if behavior == OVERALL and metric in MACRO:
        macro = own[own["metric"] == f"{metric}_macro"]
        own = macro if len(macro) else own[own["metric"] == metric]
        return own
    return own[own["metric"] == metric]


def systems(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Name what competes: each preset, by its sequence model, and each other kind of model.

    Returns
    -------
    dict
        Name to preset and model, as the columns have them. The feature extractor is no system of
        its own: it is what a sequence model has to beat.
    """
    found = table[["preset", "model"]].drop_duplicates().itertuples(index=False)
    pairs = [(preset, model) for preset, model in found if model != "feature_extractor"]
    alone = len({preset for preset, _ in pairs}) == len(pairs)
    return {
        preset if alone or model == "sequence" else f"{preset}, {model}": (preset, model)
        for preset, model in pairs
    }


def spread(values: pd.Series) -> tuple[float, float]:
    """Return mean and standard error of the mean over splits; no error of a single one."""
    known = values.dropna()
    mean = float(known.mean()) if len(known) else np.nan
    return mean, float(known.sem()) if len(known) > 1 else np.nan


def rater_range(raters: pd.DataFrame, metric: str, behavior: str) -> tuple[float, float]:
    """Return the lowest and highest agreement of two people; NaN where there are no two.

    Parameters
    ----------
    raters
        Rows of raters.csv, of any runs. People agree as well whatever the preset, so those of one
        preset count, with all training videos; of each pair the mean over its splits.
    metric, behavior
        See `scores`.
    """
    people = raters[(raters["kind"] == "human-human") & (raters["frames"] == "all")]
    people = people[people["n_train"] == "all"]
    people = people[people["preset"] == people["preset"].min()]
    pairs = scores(people, metric, behavior).groupby(["first", "second"])["value"].mean().dropna()
    return (float(pairs.min()), float(pairs.max())) if len(pairs) else (np.nan, np.nan)
