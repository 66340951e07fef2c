"""Test F1 of all runs: per behavior and their mean, both models, chance, spread over splits.

Reads summary/metrics.csv; writes one SVG.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

ACROSS = 3
ROW = 0.3  # inches per behavior
MEAN = "mean of behaviors"
OFFSETS = {"sequence": -0.16, "feature_extractor": 0.16}


def figure_performance(*, metrics: Path, out: Path) -> None:
    """Draw what every preset and size of training set reaches on the test parts.

    Parameters
    ----------
    metrics
        Table of the scores of all runs.
    out
        SVG file to write.

    Raises
    ------
    StateError
        If the figure cannot be written.
    """
    table = style.read_summary(metrics)
    overall = (table["behavior"] == "overall") & (table["metric"] == "f1_macro")
    single = (table["metric"] == "f1") & ~table["behavior"].isin(["overall", "background"])
    table = table[overall | single].replace({"behavior": {"overall": MEAN}})
    names = [*table.loc[single, "behavior"].unique(), MEAN]
    groups = list(table.groupby(["preset", "n_train"], sort=False))
    across = max(min(ACROSS, len(groups)), 1)
    down = max(-(-len(groups) // across), 1)
    with style.drawing():
        height = (len(names) * ROW + 0.75) * down + 0.55
        figure = Figure(figsize=(2.7 * across + 2.2, height), layout="constrained")
        style.title(figure, "F1 on test videos")
        panels = figure.subplots(down, across, squeeze=False, sharey=True)
        for axes, (key, rows) in zip(panels.flat, groups, strict=False):
            _draw_group(axes, rows, names, *key)
        for axes in panels.flat[len(groups) :]:
            axes.set_axis_off()
        if not groups:
            style.say(panels[0, 0], "no run has a test part")
        _set_axes(panels.flat[: max(len(groups), 1)], names)
        figure.legend(handles=_key(), loc="outside lower center", ncols=4)
        style.save(figure, out)


def _draw_group(
    axes: Axes, rows: pd.DataFrame, names: list[str], preset: str, n_train: str
) -> None:
    n_splits = rows["split"].nunique()
    videos = "all training videos" if n_train == "all" else f"{n_train} training videos"
    splits = "1 split" if n_splits == 1 else f"{n_splits} splits"
    axes.set_title(f"{style.short(preset)}, {videos}\n({splits})")
    for name, own in rows.groupby("behavior", sort=False):
        if own["value"].isna().all():
            place, soft = (0.015, names.index(name)), {"size": style.TINY, "color": style.SOFT}
            axes.text(*place, "not in the test labels", va="center", **soft)
    for (name, model), own in rows.groupby(["behavior", "model"], sort=False):
        color = style.INK if name == MEAN else style.color_of(names.index(name))
        fill = color if model == "sequence" else "white"
        _draw_mark(axes, own, names.index(name) + OFFSETS[model], color, fill)


def _draw_mark(axes: Axes, rows: pd.DataFrame, y: float, color: str, fill: str) -> None:
    values, chance = rows["value"].dropna(), rows["chance"].mean()
    if values.empty:
        return
    axes.plot(chance, y, "|", color=style.INK, markersize=6, markeredgewidth=1.2)
    if len(values) > 1:
        axes.plot(values, np.full(len(values), y), ".", color=color, markersize=3, alpha=0.5)
        axes.errorbar(values.mean(), y, xerr=values.sem(), color=color, linewidth=1, zorder=2)
    axes.plot(
        values.mean(), y, "o", markersize=5, markerfacecolor=fill, markeredgecolor=color, zorder=3
    )


def _set_axes(panels: Iterable[Axes], names: list[str]) -> None:
    for axes in panels:
        axes.set(xlim=(0, 1), xticks=[0, 0.25, 0.5, 0.75, 1], xlabel="F1")
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_yticks(range(len(names)), [style.short(name, 28) for name in names])
        axes.grid(axis="x", color=style.LANE)
        axes.axhline(len(names) - 1.5, color=style.SOFT, linewidth=0.6)
        axes.tick_params(left=False)
        axes.set_axisbelow(True)


def _key() -> list[Line2D]:
    looks = {
        "sequence model": {"marker": "o", "markersize": 5},
        "feature extractor alone": {"marker": "o", "markersize": 5, "markerfacecolor": "white"},
        "one split": {"marker": ".", "markersize": 3},
        "chance": {"marker": "|", "markersize": 6, "color": style.INK},
    }
    grey = {"color": style.SOFT, "linestyle": "none"}
    return [Line2D([], [], label=label, **(grey | look)) for label, look in looks.items()]


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_performance(metrics=snakemake.input.metrics, out=snakemake.output[0])
