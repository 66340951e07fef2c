"""Which postprocessing was chosen for each behavior, and what the others gave on validation.

Reads summary/postprocessing.csv; writes one SVG.
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

METRICS = {"bout_f1_50": "bout F1", "frame_f1": "F1"}
ROW = 0.42  # inches
SPREAD = 0.36  # rows
WIDTH = 1.9  # inches
LOOKS = {
    "none": ("x", "no postprocessing"),
    "percentile": ("o", "percentile filter"),
    "min_bout": ("v", "minimum length"),
    "median": ("s", "median filter"),
    "stitch": ("D", "stitching, minimum length"),
    "hysteresis": ("^", "hysteresis"),
}


def figure_postprocessing(
    *, postprocessing: Path, out: Path, preset: str, behaviors: list[str]
) -> None:
    """Draw the scores of all methods on the validation videos, each with its best parameters.

    Parameters
    ----------
    postprocessing
        Table with one row per run, behavior and method.
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
    table = tables.read_summary(postprocessing, preset=preset, n_train="all", model="sequence")
    with style.drawing():
        if table["method"].nunique() < 2:
            style.save(
                style.sentence(
                    "Nothing to choose from: one method named, or too few bouts in validation."
                ),
                out,
            )
            return
        figure, panels = marks.rows_of(
            behaviors, list(METRICS.values()), row=ROW, width=WIDTH, gap=0.3, right=1.9, keys=2
        )
        about = f"{preset}, {marks.splits_of(table)}"
        style.title(figure, "Postprocessing on validation videos", about)
        for axes, metric in zip(panels, METRICS, strict=True):
            for y, name in enumerate(behaviors):
                _draw_row(axes, y, table[table["behavior"] == name], metric)
            marks.of_one(axes)
        _write_choices(panels[-1], table, behaviors)
        _draw_key(figure, list(table["method"].unique()))
        style.save(figure, out)


def _draw_row(axes: Axes, y: int, rows: pd.DataFrame, metric: str) -> None:
    if rows[metric].isna().all():
        marks.say_undefined(axes, y, "not in the validation labels")
        return
    color = style.color_of(y)
    means = rows.groupby("method", sort=False)[metric].mean()
    chosen = set(rows.loc[rows["chosen"] == "yes", "method"])
    places = np.linspace(y - SPREAD, y + SPREAD, len(means)) if len(means) > 1 else [y]
    axes.plot(means, places, "-", color=color, linewidth=0.6, alpha=0.6)
    for place, (method, mean) in zip(places, means.items(), strict=True):
        marker, _ = LOOKS.get(str(method), ("*", ""))
        face = color if method in chosen else "white"
        order = 4 if method in chosen else 3
        axes.plot(
            mean, place, marker, mfc=face, mec=color, markersize=4.5, zorder=order, clip_on=False
        )


def _write_choices(axes: Axes, table: pd.DataFrame, behaviors: list[str]) -> None:
    """Write what was chosen, and in how many splits."""
    n_splits = table["split"].nunique()
    for y, name in enumerate(behaviors):
        own = table[(table["behavior"] == name) & (table["chosen"] == "yes")]
        counts = own["method"].value_counts(sort=False).sort_values(ascending=False, kind="stable")
        words = [
            LOOKS.get(method, ("", method))[1] + (f" {n}/{n_splits}" if n_splits > 1 else "")
            for method, n in counts.items()
        ]
        axes.text(1.06, y, "\n".join(words[:2]), va="center", size=style.SMALL,
                  transform=axes.get_yaxis_transform())  # fmt: skip


def _draw_key(figure: Figure, methods: list[str]) -> None:
    grey = {"color": style.SOFT, "linestyle": "none", "markersize": 5}
    key = {
        words: Line2D([], [], marker=marker, mfc="white", **grey)
        for method, (marker, words) in LOOKS.items()
        if method in methods
    }
    key["filled: chosen"] = Line2D([], [], marker="o", **grey)
    marks.draw_key(figure, key, columns=4)


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_postprocessing(**tables.given(snakemake))
