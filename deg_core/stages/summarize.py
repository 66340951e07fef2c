"""Gather the results of all runs in tidy tables, which the figures are drawn from.

Reads metrics/RUN.json, thresholds/RUN.json and the learning curves under models/; writes
summary/metrics.csv, curves.csv, confusion.csv and history.csv. Empty cells are undefined.
In metrics.csv an exclusive group stands among the behaviors, named after its members (``a | b``).
In curves.csv ``part`` is ``validation`` (scores against the threshold), ``chosen`` (the threshold
in use and its scores on validation) or ``test`` (precision against recall).
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from deg_core.data.publish import damage_of, publish_csv, read_json
from deg_core.errors import StateError
from deg_core.ethogram.metrics import BACKGROUND
from deg_core.stages.scored import MODELS

RUN = ["preset", "split", "n_train"]
METRICS = [
    *RUN, "model", "behavior", "metric", "value", "chance", "direction", "n_frames", "n_bouts"
]  # fmt: skip
CURVES = [*RUN, "model", "behavior", "part", "threshold", "precision", "recall", "f1"]
CONFUSION = [*RUN, "model", "behavior", "tn", "fp", "fn", "tp"]
HISTORY = [*RUN, "stage", "epoch"]

Row = dict[str, Any]


def run(*, runs: list[str], tested: list[str], results: Path, out: Path) -> None:
    """Write the tables metrics.csv, curves.csv, confusion.csv and history.csv of all runs.

    Parameters
    ----------
    runs
        Runs as preset/split/n_train.
    tested
        Those among them that have a test part, and so metrics.
    results
        Folder of the results.
    out
        Folder to write the tables into.

    Raises
    ------
    StateError
        If a run is not of that form, or a file is missing or damaged.
    """
    keys = [_key(text) for text in runs]
    metrics: list[Row] = []
    curves: list[Row] = []
    confusion: list[Row] = []
    for key in keys:
        run_file = "/".join(key.values()) + ".json"
        curves += _rows(key, results / "thresholds" / run_file, _validation_curves)
        if "/".join(key.values()) in tested:
            scores = results / "metrics" / run_file
            metrics += _rows(key, scores, _metrics)
            curves += _rows(key, scores, _test_curves)
            confusion += _rows(key, scores, _confusion)
    publish_csv(out / "metrics.csv", pd.DataFrame(metrics, columns=METRICS))
    publish_csv(out / "curves.csv", pd.DataFrame(curves, columns=CURVES))
    publish_csv(out / "confusion.csv", pd.DataFrame(confusion, columns=CONFUSION))
    publish_csv(out / "history.csv", _history(keys, results / "models"))


def _key(text: str) -> dict[str, str]:
    parts = text.split("/")
    if len(parts) != len(RUN):
        raise StateError(f"--runs: expected preset/split/n_train, got {text}; mend the name.")
    return dict(zip(RUN, parts, strict=True))


def _rows(
    key: Mapping[str, str], path: Path, read: Callable[[Mapping[str, Any]], Iterator[Row]]
) -> list[Row]:
    """Return the rows that ``read`` finds in a JSON file, with the run's columns in front."""
    values = read_json(path)
    with damage_of(path):
        return [{**key, **row} for row in read(values)]


def _blocks(scores: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield model, behavior and its scores, the background last."""
    for model in MODELS:
        for name in scores["behaviors"]:
            yield model, name, scores[model]["behaviors"][name]
        yield model, BACKGROUND, scores[model][BACKGROUND]


def _metrics(scores: Mapping[str, Any]) -> Iterator[Row]:
    overall = [(model, "overall", scores[model]["overall"]) for model in MODELS]
    groups = [(m, name, g) for m in MODELS for name, g in scores[m].get("groups", {}).items()]
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


def _validation_curves(thresholds: Mapping[str, Any]) -> Iterator[Row]:
    for model in MODELS:
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


def _history(keys: list[dict[str, str]], models: Path) -> pd.DataFrame:
    """Return the learning curves of all trainings, one row per epoch."""
    rows: list[Row] = []
    for preset in dict.fromkeys(key["preset"] for key in keys):
        flow = models / "flow" / f"{preset}.history.csv"
        rows += _epochs({"preset": preset, "stage": "flow"}, flow)
    for key in keys:
        for stage in ("features", "sequence"):
            folder = models / stage / key["preset"] / key["split"]
            rows += _epochs(key | {"stage": stage}, folder / f"{key['n_train']}.history.csv")
    columns = dict.fromkeys([*HISTORY, *(column for row in rows for column in row)])
    return pd.DataFrame(rows, columns=list(columns))


def _epochs(key: Mapping[str, str], path: Path) -> list[Row]:
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise StateError(f"{path}: cannot be read ({error}); delete it and run again.") from error
    return [{**key, **row} for row in table.to_dict("records")]
