"""Gather which postprocessing was chosen in all runs, and what else was tried.

Reads thresholds/RUN.postprocess.json; writes summary/postprocessing.csv.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from deg_core.data.publish import damage_of, publish_csv, read_json
from deg_core.stages.run_tables import RUN, key_of
from deg_core.stages.scored import MODELS

COLUMNS = [
    *RUN, "model", "behavior", "method", "parameters", "frame_f1", "bout_f1_50", "chosen",
    "n_bouts", "reason",
]  # fmt: skip


def run(*, runs: list[str], thresholds: Path, out: Path) -> None:
    """Write one row per run, model, behavior and method, the best parameters of each.

    Parameters
    ----------
    runs
        Runs as preset/split/n_train.
    thresholds
        Folder with ``RUN.postprocess.json``.
    out
        Table to write.

    Raises
    ------
    StateError
        If a run is not of that form, or a file is missing or damaged.
    """
    rows: list[dict[str, Any]] = []
    for name in runs:
        key = key_of(name)
        path = thresholds / f"{name}.postprocess.json"
        values = read_json(path)
        with damage_of(path):
            rows += [key | row for row in _rows(values)]
    publish_csv(out, pd.DataFrame(rows, columns=COLUMNS))


def _rows(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for model in MODELS:
        for behavior, choice in values.get(model, {}).items():
            for one in choice["candidates"]:
                yield {
                    "model": model, "behavior": behavior, "method": one["method"],
                    "parameters": _text(one["parameters"]),
                    "frame_f1": one["frame_f1"], "bout_f1_50": one["bout_f1_50"],
                    "chosen": "yes" if one["chosen"] else "no",
                    "n_bouts": choice["n_bouts"],
                    "reason": choice["reason"] if one["chosen"] else "",
                }  # fmt: skip


def _text(parameters: Mapping[str, float]) -> str:
    """Write parameters in one cell: ``length=3 threshold=0.41``."""
    return " ".join(f"{name}={parameters[name]:.6g}" for name in sorted(parameters))
