"""The model among the raters: each rater in turn is the reference for the others and the model.

Reads summary/raters.csv; writes one SVG.
"""

from pathlib import Path

import marks
import numpy as np
import pandas as pd
import style
import tables
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

METRICS = {"f1": "F1", "kappa": "Cohen's kappa", "bout_f1_50": "bout F1"}
APART = "f1"  # of which frames where raters agree or disagree are shown apart
ROW = 0.24  # inches
MODEL = {"marker": "D", "markersize": 5, "zorder": 3}
PEOPLE = "os^vP<>*"


def figure_raters(*, raters: Path, out: Path, preset: str, behaviors: list[str]) -> None:
    """Draw how far a preset's model and the other raters agree with each rater.

    Parameters
    ----------
    raters
        Table of the agreement of all pairs; it may be empty.
    out
        SVG file to write.
    preset
        The preset.
    behaviors
        Configured behaviors, in order: rows and colors.

    Raises
    ------
    StateError
        If the figure cannot be written.
    """
    table = tables.read_summary(raters, preset=preset, n_train="all")
    people = _people(table)
    names = [*behaviors, tables.OVERALL]
    with style.drawing():
        if not people:
            style.save(style.sentence("No test video was labeled by two people."), out)
            return
        figure, panels = _panels(people, [*behaviors, tables.MEAN])
        about = f"{preset}, {marks.splits_of(table)}"
        style.title(figure, "The model among the raters", about)
        for row, metric in zip(panels, METRICS, strict=True):
            for axes, reference in zip(row, people, strict=False):
                _draw_reference(axes, table, metric, reference, people, names)
            if metric == APART:
                _draw_frames(row[-1], table, metric, names)
        _draw_key(figure, people)
        style.save(figure, out)


def _people(table: pd.DataFrame) -> list[str]:
    pairs = table[table["kind"] == "human-human"]
    return sorted(set(pairs["first"]) | set(pairs["second"]))


def _panels(people: list[str], names: list[str]) -> tuple[Figure, np.ndarray]:
    """Make one row of panels per metric: one per reference, and one of frames apart."""
    labels = [style.short(name, 28) for name in names]
    figure, panels = style.grid(
        len(METRICS), len(people) + 1, cell=(1.15, ROW * len(names)), gap=(0.22, 0.68),
        edge=(style.room(labels) + 0.15, 0.15, 0.75, 0.75),
    )  # fmt: skip
    for row, metric in zip(panels, METRICS.values(), strict=True):
        for j, axes in enumerate(row):
            last = j == len(people)
            if last:
                axes.set_title("F1 of the model where\nraters agree or not", pad=4)
            else:
                axes.set_title(f"{metric}\nwith {style.short(people[j], 14)}", pad=4)
            marks.set_rows(axes, labels, named=j == 0)
            axes.axhline(len(names) - 1.5, color=style.SOFT, linewidth=0.6)
            for place in range(len(names)):
                axes.axhline(place - 0.5, color=style.LANE, linewidth=0.6, zorder=0)
            marks.of_one(axes)
        row[-1].set_visible(metric == METRICS[APART])
    return figure, panels


def _draw_reference(
    axes: Axes, table: pd.DataFrame, metric: str, reference: str, people: list[str],
    names: list[str],
) -> None:  # fmt: skip
    """Draw the agreement of everybody with one person: people in grey, the model in color."""
    whole = table[table["frames"] == "all"]
    involved = (whole["first"] == reference) | (whole["second"] == reference)
    for y, name in enumerate(names):
        own = tables.scores(whole[involved], metric, name)
        color = style.INK if name == tables.OVERALL else style.color_of(y)
        human = own[own["kind"] == "human-human"]
        found = []
        for k, other in enumerate(people):
            both = human[(human["first"] == other) | (human["second"] == other)]
            if other != reference and both["value"].notna().any():
                value = both["value"].mean()
                found.append(value)
                axes.plot(value, y - 0.16, PEOPLE[k % len(PEOPLE)], mfc="white", mec=style.INK,
                          markersize=5, clip_on=False, zorder=3)  # fmt: skip
        if found:
            marks.draw_raters(axes, y, min(found), max(found))
        mean, error = _of_model(own)
        axes.plot([mean - error, mean + error], [y + 0.18] * 2, "-", color=color, linewidth=1)
        axes.plot(mean, y + 0.18, color=color, clip_on=False, **MODEL)
        if not found and np.isnan(mean):
            marks.say_undefined(axes, y, "undefined")


def _draw_frames(axes: Axes, table: pd.DataFrame, metric: str, names: list[str]) -> None:
    """Draw the model's mean agreement where the raters agree, and where they do not."""
    for y, name in enumerate(names):
        color = style.INK if name == tables.OVERALL else style.color_of(y)
        for frames, fill, place in (("agree", color, -0.16), ("disagree", "white", 0.18)):
            own = tables.scores(table[table["frames"] == frames], metric, name)
            mean, error = _of_model(own)
            axes.plot([mean - error, mean + error], [y + place] * 2, "-", color=color, linewidth=1)
            axes.plot(mean, y + place, mfc=fill, mec=color, **MODEL)


def _of_model(rows: pd.DataFrame) -> tuple[float, float]:
    """Return the model's agreement, a mean over people: mean and standard error over splits."""
    own = rows[rows["kind"] == "model-human"]
    return tables.spread(own.groupby("split")["value"].mean())


def _draw_key(figure: Figure, people: list[str]) -> None:
    grey = {"color": style.SOFT, "linestyle": "none", "markersize": 5}
    key = {
        style.short(name, 14): Line2D([], [], marker=PEOPLE[k % len(PEOPLE)], mfc="white",
                                      mec=style.INK, linestyle="none", markersize=5)
        for k, name in enumerate(people)
    }  # fmt: skip
    key["range of the others"] = marks.KEY["between raters"]
    key["model"] = Line2D([], [], marker="D", **grey)
    key["model where raters disagree"] = Line2D([], [], marker="D", mfc="white", **grey)
    marks.draw_key(figure, key)


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_raters(**tables.given(snakemake))
