"""One preset's bouts, matched with the labeled ones: F1 by overlap, edges, splits and merges.

Reads summary/metrics.csv, summary/edges.csv and summary/statistics.csv; writes one SVG.
"""

from pathlib import Path

import marks
import numpy as np
import pandas as pd
import style
import tables
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

ROW = 0.34  # inches
WIDTH = 1.3  # inches
OVERLAPS = {"bout_f1_10": "<", "bout_f1_25": "s", "bout_f1_50": "o"}
TITLES = ("bout F1", "onset error (s)", "offset error (s)", "of 100 bouts")


def figure_edges(
    *, metrics: Path, edges: Path, statistics: Path, out: Path, preset: str, behaviors: list[str]
) -> None:
    """Draw how well the bouts themselves are found, and where they begin and end.

    Parameters
    ----------
    metrics
        Table of the scores of all runs.
    edges
        Table of the errors at the edges of all matched bouts.
    statistics
        Table with one row per run, source, test video and behavior: how many bouts were predicted.
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
    run = {"preset": preset, "n_train": "all", "model": "sequence"}
    scores = tables.read_summary(metrics, **run)
    errors = tables.read_summary(edges, **run)
    counts = tables.read_summary(statistics, preset=preset, n_train="all")
    with style.drawing():
        figure, panels = marks.rows_of(
            behaviors, TITLES, row=ROW, width=WIDTH, gap=0.3, keys=2, top=0.65, foot=0.4
        )
        about = f"{preset}, {marks.splits_of(scores)}"
        style.title(figure, "Bouts found, split and merged, test videos", about)
        for y, name in enumerate(behaviors):
            own = scores[scores["behavior"] == name]
            _draw_overlaps(panels[0], y, own, style.color_of(y))
            for axes, edge in zip(panels[1:3], ("onset", "offset"), strict=True):
                of_edge = (errors["behavior"] == name) & (errors["edge"] == edge)
                _draw_errors(axes, y, errors.loc[of_edge, "error_s"], style.color_of(y))
            _draw_pieces(panels[3], y, own, _predicted(counts, name), style.color_of(y))
        marks.of_one(panels[0])
        _set_errors(panels[1:3], errors)
        panels[3].axvline(0, color=style.INK, linewidth=0.8)
        panels[3].set_xlim(0, style.reach(panels[3], 5.0) * 1.1)
        panels[3].locator_params(axis="x", nbins=4)
        marks.draw_key(figure, _key(), columns=4)
        style.save(figure, out)


def _draw_overlaps(axes: Axes, y: int, rows: pd.DataFrame, color: str) -> None:
    means = []
    for metric, marker in OVERLAPS.items():
        own = rows[rows["metric"] == metric]
        mean, _ = tables.spread(own["value"])
        means.append(mean)
        face = color if metric == "bout_f1_50" else "white"
        axes.plot(mean, y, marker, mfc=face, mec=color, markersize=4.5, zorder=3, clip_on=False)
        if metric == "bout_f1_50":
            marks.draw_chance(axes, y, own["chance"].mean())
    axes.plot(means, [y] * len(means), "-", color=color, linewidth=0.8, zorder=2)
    if np.isnan(means).all():
        marks.say_undefined(axes, y, "not in the test labels")


def _draw_errors(axes: Axes, y: int, errors: pd.Series, color: str) -> None:
    if errors.empty:
        marks.say_undefined(axes, y, "no match")
        return
    marks.draw_box(axes, y, errors, color=color, height=0.36)


def _set_errors(panels: list[Axes], errors: pd.DataFrame) -> None:
    """Give both edges one symmetric axis, on which the middle 98 % have room."""
    values = errors["error_s"].abs()
    reach = float(np.quantile(values, 0.95)) * 1.4 if len(values) else 1.0
    for axes in panels:
        axes.axvline(0, color=style.INK, linewidth=0.8)
        axes.set_xlim(-max(reach, 0.05), max(reach, 0.05))
        axes.locator_params(axis="x", nbins=4)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:+g}" if value else "0")
        axes.set_xlabel("early ←   → late", size=style.TINY, labelpad=1)


def _predicted(statistics: pd.DataFrame, behavior: str) -> pd.Series:
    """Count the bouts that the sequence model found in the test videos of each split."""
    own = statistics[statistics["source"] == "sequence"]
    return own[own["behavior"] == behavior].groupby("split")["n_bouts"].sum()


def _draw_pieces(
    axes: Axes, y: int, rows: pd.DataFrame, predicted: pd.Series, color: str
) -> None:  # fmt: skip
    """Draw splits above, per 100 labeled bouts, and merges below, per 100 predicted ones."""
    for metric, place, face in (("split_count", -0.17, color), ("merge_count", 0.17, "white")):
        own = rows[rows["metric"] == metric].dropna(subset="value")  # splits with labeled bouts
        counts = own["n_bouts"] if metric == "split_count" else own["split"].map(predicted)
        pieces, bouts = own["value"].sum(), counts.sum()
        if pieces > 0 and bouts > 0:
            style.bars(axes, [[0, 100 * pieces / bouts]], bottom=y + place - 0.14, height=0.28,
                       facecolor=face, edgecolor=color, linewidth=0.9)  # fmt: skip


def _key() -> dict[str, Line2D | Patch]:
    words = ("overlap 10 %", "25 %", "50 %")
    grey = {"color": style.SOFT, "linestyle": "none", "markersize": 4.5}
    found = {
        word: Line2D([], [], marker=marker, mfc=style.SOFT if marker == "o" else "white", **grey)
        for word, marker in zip(words, OVERLAPS.values(), strict=True)
    }
    found["chance, 50 %"] = marks.KEY["chance"]
    found["quartiles and median"] = Patch(facecolor="white", edgecolor=style.SOFT)
    found["5 % to 95 %"] = Line2D([], [], color=style.SOFT, linewidth=0.9)
    found["split, of 100 labeled"] = Patch(facecolor=style.SOFT, edgecolor=style.SOFT)
    found["merging, of 100 predicted"] = Patch(facecolor="white", edgecolor=style.SOFT)
    return found


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_edges(**tables.given(snakemake))
