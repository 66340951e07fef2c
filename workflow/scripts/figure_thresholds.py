"""One run's tuned thresholds: how validation gave them, and what they cost on the test part.

Reads summary/curves.csv and summary/metrics.csv; writes one SVG.
"""

from pathlib import Path

import pandas as pd
import style
import tables
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

PAIRS_PER_ROW = 2  # from five behaviors on
DASHES = (0, (2, 2))
LINES = {"f1": "-", "precision": "--", "recall": ":"}


def figure_thresholds(
    *, curves: Path, metrics: Path, out: Path, preset: str, split: str, n_train: str
) -> None:
    """Draw, per behavior, scores against the threshold, and precision against recall.

    Parameters
    ----------
    curves
        Table of the curves of all runs.
    metrics
        Table of the scores of all runs.
    out
        SVG file to write.
    preset, split, n_train
        The run.

    Raises
    ------
    StateError
        If the figure cannot be written.
    """
    run = {"preset": preset, "split": split, "n_train": n_train, "model": "sequence"}
    points = tables.read_summary(curves, **run)
    scores = tables.read_summary(metrics, **run, metric="average_precision")
    names = [name for name in points["behavior"].unique() if name != "background"]
    across = PAIRS_PER_ROW if len(names) > 4 else 1
    down = -(-len(names) // across)
    with style.drawing():
        figure, panels = style.grid(
            down, 2 * across, cell=(1.75, 1.2), gap=(0.6, 0.65), edge=(0.5, 0.2, 0.75, 0.6)
        )
        style.title(figure, "Thresholds", f"run {preset}/{split}/{n_train}")
        panels = panels.reshape(-1, 2)
        for k, (pair, name) in enumerate(zip(panels, names, strict=False)):
            own = points[points["behavior"] == name]
            _draw_choice(pair[0], own, style.color_of(k), style.short(name))
            _draw_test(pair[1], own, scores[scores["behavior"] == name], style.color_of(k))
        for axes in panels[len(names) :].flat:
            axes.set_axis_off()
        _draw_key(figure)
        style.save(figure, out)


def _draw_choice(axes: Axes, rows: pd.DataFrame, color: str, name: str) -> None:
    curve = rows[rows["part"] == "validation"]
    _square(axes, "threshold", "score on validation")
    axes.set_title(name, loc="left", weight="bold")
    if curve["f1"].isna().all():
        style.say(axes, "not in the validation labels")
    for column, line in LINES.items():
        shade, width = (color, 1.8) if column == "f1" else (style.INK, 0.9)
        axes.plot(curve["threshold"], curve[column], line, color=shade, linewidth=width)
    for chosen in rows[rows["part"] == "chosen"].itertuples():
        axes.axvline(chosen.threshold, color=style.SOFT, linewidth=0.8, linestyle=DASHES)
        axes.plot(chosen.threshold, chosen.f1, "o", color=color, markeredgecolor="white")
        _annotate(axes, f"{chosen.threshold:.2f}", (chosen.threshold, 0.02))


def _draw_test(axes: Axes, rows: pd.DataFrame, scores: pd.DataFrame, color: str) -> None:
    curve = rows[rows["part"] == "test"]
    _square(axes, "recall", "precision on test")
    if scores.empty:
        style.say(axes, "no test part")
    elif curve.empty:
        style.say(axes, "not in the test labels")
    else:
        score = scores.iloc[0]
        value, chance = style.number(score["value"]), style.number(score["chance"])
        axes.set_title(f"AP {value}, chance {chance}", loc="left")
        axes.axhline(score["chance"], color=style.SOFT, linewidth=0.8, linestyle=DASHES)
    axes.plot(curve["recall"], curve["precision"], color=color, linewidth=1.8)
    for chosen in rows[rows["part"] == "chosen"].itertuples():
        reached = curve[curve["threshold"] > chosen.threshold]
        if len(reached):
            here = reached.loc[reached["recall"].idxmax()]
            axes.plot(here["recall"], here["precision"], "o", color=color, markeredgecolor="white")


def _draw_key(figure: Figure) -> None:
    looks = {
        "F1": {"linewidth": 1.8},
        "precision": {"linestyle": LINES["precision"]},
        "recall": {"linestyle": LINES["recall"]},
        "tuned": {
            "linestyle": DASHES, "color": style.SOFT, "marker": "o", "markeredgecolor": "white"
        },
    }  # fmt: skip
    ink = {"color": style.INK, "linewidth": 0.9}
    handles = [Line2D([], [], label=label, **(ink | look)) for label, look in looks.items()]
    figure.legend(handles=handles, loc="lower center", ncols=4, handlelength=2.6)


def _square(axes: Axes, xlabel: str, ylabel: str) -> None:
    axes.set(xlim=(0, 1.02), ylim=(0, 1.04), xlabel=xlabel, ylabel=ylabel)
    axes.set_xticks([0, 0.5, 1])
    axes.set_yticks([0, 0.5, 1])


def _annotate(axes: Axes, text: str, place: tuple[float, float]) -> None:
    right = place[0] < 0.8
    axes.annotate(
        text, place, xytext=(3 if right else -3, 1), textcoords="offset points",
        ha="left" if right else "right", size=style.TINY, color=style.SOFT,
    )  # fmt: skip


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_thresholds(
            curves=snakemake.input.curves,
            metrics=snakemake.input.metrics,
            out=snakemake.output[0],
            **snakemake.wildcards,
        )
