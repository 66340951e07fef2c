"""The scores of a project's runs, as lines of text: F1 on the test, its interval and chance level.

Reads results/metrics/RUN.json.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deg_core.data.publish import damage_of, read_json


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
        metrics = read_json(path)
        with damage_of(path):
            score = metrics["sequence"]["overall"]["f1_macro"]
            value, chance = number(score["value"]), number(score["chance"])
        lines.append(f"{run}: macro F1 {value} on the test videos (chance {chance})")
    return lines


def full(results: Path) -> list[str]:
    """Give one table per run: F1 per behavior and overall, with interval, chance and bout F1.

    Raises
    ------
    StateError
        If a metrics file is damaged.
    """
    lines: list[str] = []
    for run, path in metrics_files(results).items():
        metrics = read_json(path)
        with damage_of(path):
            videos, frames = metrics["n_videos"], metrics["n_frames"]
            lines += ["", f"{run}: F1 on {videos} test videos, {frames} scored frames"]
            lines += table(metrics)
    return lines[1:]


def table(metrics: Mapping[str, Any]) -> list[str]:
    """Lay out one run's F1 with its interval and chance level, its bout F1, and F1 without."""
    names = [*metrics["behaviors"], "macro mean"]
    width = max(len("behavior"), *map(len, names))
    # Keypoints and clusters have no feature extractor.
    alone = metrics.get("feature_extractor")
    head = f"  {'behavior':<{width}}  {'F1':>6}  {'95 %':^9}  {'chance':>6}  {'bout F1':>7}"
    lines = [head + "  without sequence model" * (alone is not None)]
    for name in names:
        f1, bouts = _scores(metrics["sequence"], name)
        line = (
            f"  {name:<{width}}  {number(f1['value']):>6}  {_interval(f1):^9}"
            f"  {number(f1['chance']):>6}  {number(bouts.get('value')):>7}"
        )
        if alone is not None:
            line += f"  {number(_scores(alone, name)[0]['value']):>6}"
        lines.append(line)
    return lines


def _scores(model: Mapping[str, Any], name: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return F1 of frames, and F1 of bouts that overlap by half: nothing if that was not asked."""
    if name in model["behaviors"]:
        block = model["behaviors"][name]
        return block["f1"], block.get("bout_f1_50", {})
    return model["overall"]["f1_macro"], model["overall"].get("bout_f1_50", {})


def _interval(score: Mapping[str, Any]) -> str:
    """Write a 95 % interval; one video has none."""
    low, high = score.get("low"), score.get("high")
    return "-" if low is None else f"{number(low)}-{number(high)}"


def number(value: float | None) -> str:
    """Write a score with two digits; one that is not defined as a dash."""
    return "-" if value is None else f"{value:.2f}"
