"""One preset's scores per behavior on the test videos, beside chance and what raters agree on.

Reads summary/metrics.csv and summary/raters.csv; writes one SVG.
"""

from pathlib import Path

import marks
import pandas as pd
import style
import tables
from matplotlib.axes import Axes

METRICS = {
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "auroc": "AUROC",
    "bout_f1_50": "bout F1",
}
WIDTH = 0.95  # inches


def figure_behaviors(
    *, metrics: Path, raters: Path, out: Path, preset: str, behaviors: list[str]
) -> None:
    """Draw what one preset reaches per behavior, with all training videos.

    Parameters
    ----------
    metrics
        Table of the scores of all runs.
    raters
        Table of the agreement between raters; it may be empty.
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
    table = tables.read_summary(metrics, preset=preset, n_train="all")
    people = tables.read_summary(raters)
    names = [*behaviors, tables.OVERALL]
    shown = [*behaviors, tables.MEAN]
    with style.drawing():
        figure, panels = marks.rows_of(
            shown, list(METRICS.values()), row=0.3, width=WIDTH, right=0.68, keys=2
        )
        about = f"{preset}, {marks.splits_of(table)}"
        style.title(figure, "Scores per behavior on test videos", about)
        for axes, metric in zip(panels, METRICS, strict=True):
            for y, name in enumerate(names):
                _draw_row(axes, y, name, metric, table, people)
            axes.axhline(len(behaviors) - 0.5, color=style.SOFT, linewidth=0.6)
            marks.of_one(axes)
        _draw_bouts(panels[-1], table, names)
        marks.draw_key(figure, marks.score_key(table, people), columns=3)
        style.save(figure, out)


def _draw_row(
    axes: Axes, y: int, name: str, metric: str, table: pd.DataFrame, people: pd.DataFrame
) -> None:
    own = tables.scores(table, metric, name)
    color = style.INK if name == tables.OVERALL else style.color_of(y)
    marks.draw_raters(axes, y, *tables.rater_range(people, metric, name))
    for model, offset in marks.OFFSETS.items():
        rows = own[own["model"] == model]
        marks.draw_score(axes, y + offset, rows, color=color, filled=model == "sequence")
    if own["value"].isna().all():
        words = "undefined" if name == tables.OVERALL else "not in the test labels"
        marks.say_undefined(axes, y, words)


def _draw_bouts(axes: Axes, table: pd.DataFrame, names: list[str]) -> None:
    """Write how many labeled bouts the scores rest on."""
    own = table[(table["metric"] == "bout_f1_50") & (table["model"] == "sequence")]
    words = {"transform": axes.get_yaxis_transform(), "size": style.SMALL, "va": "center"}
    axes.annotate("test bouts", (1.1, 1), xycoords="axes fraction", xytext=(0, 6), color=style.SOFT,
                  textcoords="offset points", size=style.SMALL, annotation_clip=False)  # fmt: skip
    for y, name in enumerate(names[:-1]):
        counts = own.loc[own["behavior"] == name, "n_bouts"].dropna()
        few = counts.empty or counts.sum() < 10
        text = f"{counts.sum():,.0f}" if len(counts) else "–"
        axes.text(1.1, y, text, color=style.INK, weight="bold" if few else "normal", **words)


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_behaviors(**tables.given(snakemake))
