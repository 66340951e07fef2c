"""Gather the results of all runs in tidy tables, which the figures are drawn from.

Reads metrics/RUN.json and the tables beside it, thresholds/RUN.json, the learning curves and run
records under models/, and Snakemake's notes of how long jobs took; writes summary/<table>.csv.
Empty cells are undefined.
In metrics.csv an exclusive group stands among the behaviors, named after its members (``a | b``).
In curves.csv ``part`` is ``validation`` (scores against the threshold), ``chosen`` (the tuned
threshold and its scores on validation; hysteresis, auto and joint may use others, which are in
postprocessing.csv) or ``test`` (precision against recall).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from deg_core.data.publish import damage_of, publish_csv, read_json
from deg_core.ethogram.bouts import BACKGROUND
from deg_core.stages import described
from deg_core.stages.model_facts import model_table
from deg_core.stages.run_tables import RUN, key_of, name_of, read_table, read_trainings
from deg_core.stages.scored import MODELS

METRICS = [
    *RUN, "model", "behavior", "metric", "value", "low", "high", "chance", "direction", "n_frames",
    "n_bouts",
]  # fmt: skip
OVER_SPLITS = [
    "preset", "n_train", "model", "behavior", "metric", "mean", "sem", "chance", "n_splits",
    "direction",
]  # fmt: skip
CURVES = [*RUN, "model", "behavior", "part", "threshold", "precision", "recall", "f1"]
CONFUSION = [*RUN, "model", "behavior", "tn", "fp", "fn", "tp"]
CALIBRATION = [
    *RUN, "model", "behavior", "low", "high", "n_frames", "mean_probability", "share_positive"
]  # fmt: skip
HISTORY = [*RUN, "stage", "epoch"]
# Tables that `evaluate` wrote per run: they are put under each other.
DESCRIBED = {
    "bouts": described.BOUTS,
    "edges": described.EDGES,
    "statistics": described.STATISTICS,
    "transitions": described.TRANSITIONS,
}

Row = dict[str, Any]


def run(
    *,
    runs: list[str],
    tested: list[str],
    trainings: str,
    results: Path,
    benchmarks: Path,
    out: Path,
) -> None:
    """Write the tables of all runs.

    Parameters
    ----------
    runs
        Runs as preset/split/n_train.
    tested
        Those among them that have a test part, and so metrics.
    trainings
        JSON object: preset to the trainings that its runs have, ``features`` and ``sequence``.
        Presets with features learn motion first.
    results
        Folder of the results.
    benchmarks
        Folder in which Snakemake notes how long jobs took; what it lacks stays empty.
    out
        Folder to write the tables into.

    Raises
    ------
    StateError
        If a run is not of that form, or a file is missing or damaged.
    """
    keys = [key_of(text) for text in runs]
    trained = read_trainings(trainings)
    scored = [key for key in keys if name_of(key) in tested]
    scores = pd.DataFrame(_of_runs(scored, results / "metrics", _metrics), columns=METRICS)
    curves = _of_runs(keys, results / "thresholds", _validation_curves)
    curves += _of_runs(scored, results / "metrics", _test_curves)
    confusion = _of_runs(scored, results / "metrics", _confusion)
    calibration = _of_runs(scored, results / "metrics", _calibration)
    publish_csv(out / "metrics.csv", scores)
    publish_csv(out / "over_splits.csv", over_splits(scores))
    publish_csv(out / "curves.csv", pd.DataFrame(curves, columns=CURVES))
    publish_csv(out / "confusion.csv", pd.DataFrame(confusion, columns=CONFUSION))
    publish_csv(out / "calibration.csv", pd.DataFrame(calibration, columns=CALIBRATION))
    for table, columns in DESCRIBED.items():
        publish_csv(out / f"{table}.csv", _joined(scored, results, table, columns))
    whole = [key for key in scored if key["n_train"] == "all"]
    publish_csv(out / "examples.csv", _joined(whole, results, "examples", described.EXAMPLES))
    publish_csv(out / "history.csv", _history(keys, trained, results / "models"))
    models = model_table(keys, trainings=trained, results=results, benchmarks=benchmarks)
    publish_csv(out / "models.csv", models)


def over_splits(scores: pd.DataFrame) -> pd.DataFrame:
    """Return mean and standard error of each score over the splits in which it has a value.

    Parameters
    ----------
    scores
        Table with the columns `METRICS`.

    Returns
    -------
    pandas.DataFrame
        Columns `OVER_SPLITS`, in the order of the scores. The standard error is the sample's
        standard deviation divided by the root of ``n_splits``; one split has none.
    """
    by = ["preset", "n_train", "model", "behavior", "metric"]
    numbers = scores.astype({"value": float, "chance": float})
    grouped = numbers.groupby(by, sort=False)
    found = grouped.agg(
        mean=("value", "mean"), sem=("value", "sem"), chance=("chance", "mean"),
        n_splits=("value", "count"), direction=("direction", "first"),
    )  # fmt: skip
    return found.reset_index()[OVER_SPLITS]


def _of_runs(
    keys: Sequence[Mapping[str, str]],
    folder: Path,
    read: Callable[[Mapping[str, Any]], Iterator[Row]],
) -> list[Row]:
    """Return the rows that ``read`` finds in the runs' files, with the run's columns in front."""
    rows: list[Row] = []
    for key in keys:
        path = folder / f"{name_of(key)}.json"
        values = read_json(path)
        with damage_of(path):
            rows += [{**key, **row} for row in read(values)]
    return rows


def _joined(
    keys: Sequence[Mapping[str, str]], results: Path, table: str, columns: Sequence[str]
) -> pd.DataFrame:
    """Put one table of all runs together, cell by cell as it was written."""
    parts = [pd.DataFrame(columns=[*RUN, *columns], dtype=str)]
    for key in keys:
        part = read_table(results / "metrics" / f"{name_of(key)}.{table}.csv", columns)
        parts.append(part.assign(**key)[[*RUN, *columns]])
    return pd.concat(parts, ignore_index=True)


def _models(values: Mapping[str, Any]) -> list[str]:
    """Name the models that a run's file speaks of: keypoints and clusters have one only."""
    return [model for model in MODELS if model == "sequence" or model in values]


def _blocks(scores: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield model, behavior and its scores, the background last."""
    for model in _models(scores):
        for name in scores["behaviors"]:
            yield model, name, scores[model]["behaviors"][name]
        yield model, BACKGROUND, scores[model][BACKGROUND]


def _metrics(scores: Mapping[str, Any]) -> Iterator[Row]:
    models = _models(scores)
    overall = [(model, "overall", scores[model]["overall"]) for model in models]
    groups = [(m, name, g) for m in models for name, g in scores[m].get("groups", {}).items()]
    for model, behavior, block in [*overall, *_blocks(scores), *groups]:
        for metric, direction in scores["directions"].items():
            if metric in block:
                yield {
                    "model": model, "behavior": behavior, "metric": metric, **block[metric],
                    "direction": direction,
                    "n_frames": block["n_frames"], "n_bouts": block["n_bouts"],
                }  # fmt: skip


def _confusion(scores: Mapping[str, Any]) -> Iterator[Row]:
    for model, behavior, block in _blocks(scores):
        (tn, fp), (fn, tp) = block["confusion"]
        yield {"model": model, "behavior": behavior, "tn": tn, "fp": fp, "fn": fn, "tp": tp}


def _calibration(scores: Mapping[str, Any]) -> Iterator[Row]:
    for model, name, block in _blocks(scores):
        bins = block.get("calibration", {})  # the background has no probability
        for values in zip(*bins.values(), strict=True):
            yield {"model": model, "behavior": name} | dict(zip(bins, values, strict=True))


def _validation_curves(thresholds: Mapping[str, Any]) -> Iterator[Row]:
    for model in _models(thresholds):
        for name in thresholds["behaviors"]:
            choice = thresholds[model][name]
            yield from _points(model, name, "validation", choice["curve"])
            chosen = {column: [choice[column]] for column in choice["curve"]}
            yield from _points(model, name, "chosen", chosen)


def _test_curves(scores: Mapping[str, Any]) -> Iterator[Row]:
    for model, name, block in _blocks(scores):
        yield from _points(model, name, "test", block.get("curve", {}))


def _points(
    model: str, behavior: str, part: str, curve: Mapping[str, list[float]]
) -> Iterator[Row]:
    where = {"model": model, "behavior": behavior, "part": part}
    for values in zip(*curve.values(), strict=True):
        yield where | dict(zip(curve, values, strict=True))


def _history(
    keys: Sequence[Mapping[str, str]], trainings: Mapping[str, Sequence[str]], models: Path
) -> pd.DataFrame:
    """Return the learning curves of all trainings, one row per epoch."""
    rows: list[Row] = []
    for preset in dict.fromkeys(key["preset"] for key in keys):
        if "features" in trainings[preset]:
            flow = models / "flow" / f"{preset}.history.csv"
            rows += _epochs({"preset": preset, "stage": "flow"}, flow)
    for key in keys:
        for stage in trainings[key["preset"]]:
            path = models / stage / f"{name_of(key)}.history.csv"
            rows += _epochs({**key, "stage": stage}, path)
    columns = dict.fromkeys([*HISTORY, *(column for row in rows for column in row)])
    return pd.DataFrame(rows, columns=list(columns))


def _epochs(key: Mapping[str, str], path: Path) -> list[Row]:
    return [{**key, **row} for row in read_table(path).to_dict("records")]
