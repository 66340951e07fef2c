"""How scores grow with the number of training videos and with the frames of each behavior.

Reads summary/learning.csv and summary/metrics.csv; writes one SVG.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import style
import tables
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

ACROSS = 4
CELL = (1.35, 1.05)  # inches
LINES = ("-", "--", ":", "-.", (0, (5, 1)))
MARKERS = "os^Dv"
OVERALL = {"f1_macro": "F1", "bout_f1_50": "bout F1"}


def figure_training_size(*, learning: Path, metrics: Path, out: Path, behaviors: list[str]) -> None:
    """Draw the scores of the test videos against what the runs were trained on.

    Parameters
    ----------
    learning
        Table with one row per run and behavior.
    metrics
        Table of the scores of all runs, for the means over behaviors and the chance level.
    out
        SVG file to write.
    behaviors
        Configured behaviors, in order: panels and colors.

    Raises
    ------
    StateError
        If the figure cannot be written.
    """
    rows = tables.read_summary(learning)
    scores = tables.read_summary(metrics, model="sequence")
    presets = [
        name for name, own in rows.groupby("preset", sort=False) if own["n_train"].nunique() > 1
    ]
    with style.drawing():
        if not presets:
            style.save(style.sentence("Every model was trained on all training videos."), out)
            return
        figure, panels = _panels(len(OVERALL) + len(behaviors))
        style.title(figure, "Size of the training set", "test videos")
        videos = rows.groupby(["preset", "split", "n_train"], as_index=False)[
            "n_train_videos"
        ].max()
        for axes, (metric, words) in zip(panels, OVERALL.items(), strict=False):
            own = scores[(scores["behavior"] == "overall") & (scores["metric"] == metric)]
            _draw_means(axes, own.merge(videos), presets, words)
        chance = scores[scores["metric"] == "f1"].groupby("behavior")["chance"].mean()
        for k, (axes, name) in enumerate(zip(panels[len(OVERALL) :], behaviors, strict=False)):
            own = rows[rows["behavior"] == name]
            _draw_behavior(axes, own, presets, style.color_of(k), chance.get(name, np.nan))
            axes.set_title(style.short(name, 22), weight="bold", pad=4)
        style.letters(panels[:2], left=14)
        _draw_key(figure, presets)
        style.save(figure, out)


def _panels(number: int) -> tuple[Figure, list[Axes]]:
    across = min(ACROSS, number)
    down = -(-number // across)
    figure, panels = style.grid(
        down, across, cell=CELL, gap=(0.42, 0.75), edge=(0.5, 0.2, 0.85, 0.65)
    )
    for axes in panels.flat:
        axes.set(ylim=(0, 1))
        axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.grid(axis="y", color=style.LANE)
        axes.set_axisbelow(True)
    for axes in panels.flat[number:]:
        axes.set_axis_off()
    return figure, list(panels.flat)


def _draw_means(axes: Axes, rows: pd.DataFrame, presets: list[str], words: str) -> None:
    """Draw the mean over behaviors: mean and standard error over splits, and each split."""
    for k, preset in enumerate(presets):
        own = rows[rows["preset"] == preset]
        groups = own.groupby("n_train_videos")["value"]
        mean, error = groups.mean(), groups.sem()
        look = {"color": style.INK, "linestyle": LINES[k % len(LINES)]}
        axes.errorbar(
            mean.index, mean, yerr=error, marker=MARKERS[k % len(MARKERS)], markersize=4,
            mfc="white" if k % 2 else style.INK, elinewidth=0.8, linewidth=1, **look,
        )  # fmt: skip
        axes.plot(own["n_train_videos"], own["value"], ".", color=style.SOFT, markersize=2.5,
                  alpha=0.7, mew=0)  # fmt: skip
    by_size = rows.groupby("n_train_videos")["chance"].mean()
    axes.plot(by_size.index, by_size, color=style.SOFT, linewidth=0.8, linestyle=(0, (2, 2)))
    axes.set_title(f"{words}, {tables.MEAN}", size=style.SMALL, pad=4)
    axes.set(xlabel="training videos", xscale="log")
    sizes = sorted(rows["n_train_videos"].dropna().unique())
    axes.set_xticks(_spaced(sizes), [f"{size:g}" for size in _spaced(sizes)])
    axes.minorticks_off()


def _spaced(sizes: list[float]) -> list[float]:
    """Leave out sizes whose numbers would touch on a logarithmic axis."""
    kept: list[float] = []
    for size in sizes[::-1]:
        if not kept or kept[-1] / size > (sizes[-1] / sizes[0]) ** 0.12:
            kept.append(size)
    return kept[::-1]


def _draw_behavior(
    axes: Axes, rows: pd.DataFrame, presets: list[str], color: str, chance: float
) -> None:
    axes.set_xlabel("positive frames")
    rows = rows[rows["n_positive"] > 0].dropna(subset="f1")
    if rows.empty:
        axes.set_xticks([])
        style.say(axes, "not in the labels of\ntraining and test")
        return
    axes.set_xscale("log")
    for k, preset in enumerate(presets):
        own = rows[rows["preset"] == preset]
        mean = own.groupby("n_train_videos")[["n_positive", "f1"]].mean()
        axes.plot(
            mean["n_positive"], mean["f1"], color=color, linewidth=1, markersize=4, mew=0.8,
            linestyle=LINES[k % len(LINES)], marker=MARKERS[k % len(MARKERS)],
            mfc="white" if k % 2 else color,
        )  # fmt: skip
        axes.plot(own["n_positive"], own["f1"], ".", color=color, markersize=2.5, alpha=0.7, mew=0)
    axes.axhline(chance, color=style.SOFT, linewidth=0.8, linestyle=(0, (2, 2)))
    style.log_ticks(axes, most=3)


def _draw_key(figure: Figure, presets: list[str]) -> None:
    handles = [
        Line2D(
            [], [], color=style.INK, linestyle=LINES[k % len(LINES)], label=style.short(name, 20),
            marker=MARKERS[k % len(MARKERS)], markersize=4, mfc="white" if k % 2 else style.INK,
        )
        for k, name in enumerate(presets)
    ]  # fmt: skip
    dashes = {"color": style.SOFT, "linewidth": 0.8, "linestyle": (0, (2, 2))}
    handles.append(Line2D([], [], label="chance", **dashes))
    figure.legend(handles=handles, loc="lower center", ncols=6, handlelength=2.8, columnspacing=1.4)


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_training_size(**tables.given(snakemake))
