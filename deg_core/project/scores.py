"""The scores of a project's runs, as lines of text: the test's F1 beside its chance level.

Reads results/metrics/RUN.json.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deg_core.data.publish import read_json


def metrics_files(results: Path) -> dict[str, Path]:
    """Find the metrics of all runs: run name, as ``fast/0/all``, to file."""
    folder = results / "metrics"
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in sorted(folder.glob("*/*/*.json"))
    }


def brief(results: Path) -> list[str]:
    """Give one line per run: the macro F1 of the test.

    Raises
    ------
    StateError
        If a metrics file is damaged.
    """
    lines = []
    for run, path in metrics_files(results).items():
        score = read_json(path)["sequence"]["overall"]["f1_macro"]
        value, chance = number(score["value"]), number(score["chance"])
        lines.append(f"{run}: macro F1 {value} on the test videos (chance {chance})")
    return lines


def full(results: Path) -> list[str]:
    """Give one table per run: F1 per behavior and overall, with chance.

    Raises
    ------
    StateError
        If a metrics file is damaged.
    """
    lines: list[str] = []
    for run, path in metrics_files(results).items():
        metrics = read_json(path)
        videos, frames = metrics["n_videos"], metrics["n_frames"]
        lines += ["", f"{run}: F1 on {videos} test videos, {frames} scored frames"]
        lines += table(metrics)
    return lines[1:]


def table(metrics: Mapping[str, Any]) -> list[str]:
    """Lay out one run's F1: sequence model, its chance level, feature extractor alone."""
    names = [*metrics["behaviors"], "macro mean"]
    width = max(len("behavior"), *map(len, names))
    lines = [f"  {'behavior':<{width}}  {'F1':>6}  {'chance':>6}  without sequence model"]
    for name in names:
        ours, alone = (_f1(metrics[model], name) for model in ("sequence", "feature_extractor"))
        lines.append(
            f"  {name:<{width}}  {number(ours['value']):>6}  {number(ours['chance']):>6}"
            f"  {number(alone['value']):>6}"
        )
    return lines


def _f1(scores: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if name in scores["behaviors"]:
        return scores["behaviors"][name]["f1"]
    return scores["overall"]["f1_macro"]


def number(value: float | None) -> str:
    """Write a score with two digits; one that is not defined as a dash."""
    return "-" if value is None else f"{value:.2f}"
