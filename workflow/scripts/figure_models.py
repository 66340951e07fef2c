"""What each preset costs: parameters, file size, training time, speed, and F1 against speed.

Reads summary/models.csv and summary/metrics.csv; writes one SVG.
"""

from collections.abc import Callable
from pathlib import Path

import marks
import numpy as np
import pandas as pd
import style
import tables
from matplotlib.axes import Axes
from matplotlib.patches import Patch

# Light to dark, and so told apart in grey.
STAGES = {
    "flow": ("flow generator", "#dddddd"),
    "features": ("feature extractor", "#8fb4cf"),
    "sequence": ("sequence model", "#004a75"),
}
TITLES = ("parameters", "size of files (MB)", "training", "frames per second", "F1")
WIDTH = 1.1  # inches


def figure_models(*, models: Path, metrics: Path, out: Path) -> None:
    """Draw size, training time and speed of every preset.

    Parameters
    ----------
    models
        Table with one row per preset and network.
    metrics
        Table of the scores of all runs.
    out
        SVG file to write.

    Raises
    ------
    StateError
        If the figure cannot be written.
    """
    table = tables.read_summary(models)
    scores = tables.read_summary(metrics, n_train="all", model="sequence", behavior="overall")
    presets = list(table["preset"].unique())
    with style.drawing():
        if not presets:
            style.save(style.sentence("No model is trained yet."), out)
            return
        figure, panels = marks.rows_of(
            presets, TITLES, row=0.3, width=WIDTH, gap=0.35, right=0.45, foot=0.42
        )
        devices = ", ".join(name for name in table["device"].unique() if name)
        style.title(figure, "Size and speed", devices)
        for y, preset in enumerate(presets):
            own = table[table["preset"] == preset].set_index("stage")
            _draw_sum(panels[0], y, own["parameters"], style.thousands)
            _draw_sum(panels[1], y, own["megabytes"], lambda value: f"{value:,.0f}")
            _draw_sum(panels[2], y, own["seconds"], _duration)
            _draw_speed(panels[3], y, _speed(own))
        for axes in panels[:3]:
            axes.set_xlim(0, style.reach(axes, 1e-3) * 1.35)
            axes.set_xticks([0])
        _set_speed(panels[3])
        _draw_scores(panels[4], scores, presets)
        key = {
            words: Patch(facecolor=color)
            for stage, (words, color) in STAGES.items()
            if table.loc[table["stage"] == stage, "parameters"].sum() > 0
        }
        marks.draw_key(figure, key | marks.spread_key(scores["split"].nunique()))
        style.save(figure, out)


def _draw_sum(axes: Axes, y: int, values: pd.Series, write: Callable) -> None:
    """Draw one bar of its parts; a preset without a part has none of it."""
    left = 0.0
    for stage, (_, color) in STAGES.items():
        value = values.get(stage, np.nan)
        if np.isfinite(value):
            style.bars(axes, [[left, left + value]], bottom=y - 0.28, height=0.56, facecolor=color,
                       edgecolor="white")  # fmt: skip
            left += value
    if values.notna().any():
        axes.annotate(write(left), (left, y), xytext=(2, 0), textcoords="offset points",
                      va="center", size=style.SMALL)  # fmt: skip
    else:
        marks.say_undefined(axes, y, "unknown")


def _duration(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _speed(own: pd.DataFrame) -> float:
    """Return the frames per second of the stages in a row, as far as they are known."""
    speeds = own["frames_per_second"].dropna()
    speeds = speeds[speeds > 0]
    return float(1 / (1 / speeds).sum()) if len(speeds) else np.nan


def _draw_speed(axes: Axes, y: int, speed: float) -> None:
    if np.isnan(speed):
        marks.say_undefined(axes, y, "unknown")
        return
    axes.plot(speed, y, "o", color=style.INK, markersize=4)
    axes.annotate(f"{speed:,.0f}", (speed, y), xytext=(5, 0), textcoords="offset points",
                  va="center", size=style.SMALL, annotation_clip=False)  # fmt: skip


def _set_speed(axes: Axes) -> None:
    axes.set_xscale("log")
    left, right = axes.dataLim.x0, axes.dataLim.x1
    known = np.isfinite([left, right]).all() and left > 0
    axes.set_xlim((left / 2, right * 4) if known else (1, 100))
    style.log_ticks(axes, most=3)


def _draw_scores(axes: Axes, scores: pd.DataFrame, presets: list[str]) -> None:
    for y, preset in enumerate(presets):
        own = scores[(scores["preset"] == preset) & (scores["metric"] == "f1_macro")]
        marks.draw_score(axes, y, own, color=style.INK)
    marks.of_one(axes)


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_models(
            models=snakemake.input.models,
            metrics=snakemake.input.metrics,
            out=snakemake.output[0],
        )
