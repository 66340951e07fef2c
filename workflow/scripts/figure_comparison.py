"""Presets, and baselines such as keypoints or clusters, side by side for each behavior.

Reads summary/metrics.csv and summary/tests.csv; writes one SVG.
"""

from pathlib import Path

import marks
import numpy as np
import pandas as pd
import style
import tables
from matplotlib.axes import Axes

ACROSS = 4
ROW = 0.17  # inches per preset
WIDTH = 1.15  # inches


def figure_comparison(*, metrics: Path, tests: Path, out: Path, behaviors: list[str]) -> None:
    """Draw the F1 of every preset per behavior; lines join what one split gave.

    Parameters
    ----------
    metrics
        Table of the scores of all runs.
    tests
        Table of the statistical tests between presets; it may be empty.
    out
        SVG file to write.
    behaviors
        Configured behaviors, in order: panels and colors.

    Raises
    ------
    StateError
        If the figure cannot be written.
    """
    table = tables.read_summary(metrics, n_train="all")
    compared = tables.read_summary(tests, question="presets")
    names = tables.systems(table)
    labels = [style.short(name, 22) for name in names]
    shown = [tables.OVERALL, *behaviors]
    stars = {
        name: marks.stars_of(compared[compared["behavior"] == name], "f1", list(names))
        for name in shown
    }
    beside = max(map(marks.room_for_stars, stars.values()))
    across = min(ACROSS, len(shown))
    down = -(-len(shown) // across)
    with style.drawing():
        figure, panels = style.grid(
            down, across, cell=(WIDTH, ROW * max(len(names), 1) + 0.1), gap=(0.2 + beside, 0.6),
            edge=(style.room(labels) + 0.15, 0.15 + beside, 0.68, 0.62),
        )  # fmt: skip
        style.title(figure, "F1 on test videos", marks.splits_of(table))
        for k, axes in enumerate(panels.flat):
            if k >= len(shown):
                axes.set_axis_off()
                continue
            color = style.INK if k == 0 else style.color_of(k - 1)
            _draw_panel(axes, table, shown[k], names, color)
            marks.draw_stars(axes, stars[shown[k]])
            axes.set_yticks(range(len(names)), labels if k % across == 0 else [""] * len(names))
        drawn = table[table["model"] != "feature_extractor"]
        marks.draw_key(figure, marks.score_key(drawn))
        style.save(figure, out)


def _draw_panel(
    axes: Axes, table: pd.DataFrame, name: str, names: dict[str, tuple[str, str]], color: str
) -> None:
    own = tables.scores(table, "f1", name)
    title = tables.MEAN if name == tables.OVERALL else name
    axes.set_title(style.short(title, 20), weight="bold", pad=4)
    found = [own[(own["preset"] == p) & (own["model"] == m)] for p, m in names.values()]
    splits = pd.DataFrame({i: rows.set_index("split")["value"] for i, rows in enumerate(found)})
    for values in splits.to_numpy():
        axes.plot(values, np.arange(len(values)), "-", color=color, linewidth=0.6, alpha=0.4)
    for y, rows in enumerate(found):
        marks.draw_score(axes, y, rows, color=color)
    if own["value"].isna().all():
        style.say(axes, "not in the test labels")
    marks.of_one(axes)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(left=False)
    axes.spines.left.set_visible(False)
    axes.grid(axis="x", color=style.LANE)
    axes.set_axisbelow(True)


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_comparison(**tables.given(snakemake))
