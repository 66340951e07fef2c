"""One preset's bouts beside the labeled ones: time spent, number and duration per behavior.

Reads summary/statistics.csv and summary/bouts.csv; writes one SVG.
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

ROW = 0.36  # inches: a lane each for human and model
WIDTH = 1.55  # inches
LANES = {"labels": -0.2, "sequence": 0.2}


def figure_bouts(
    *, statistics: Path, bouts: Path, out: Path, preset: str, behaviors: list[str]
) -> None:
    """Draw what a biologist would report from the labels, and from the model's ethograms.

    Parameters
    ----------
    statistics
        Table with one row per run, source, test video and behavior.
    bouts
        Table of all bouts of the test videos.
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
    table = _with_rate(tables.read_summary(statistics, preset=preset, n_train="all"))
    every = tables.read_summary(bouts, preset=preset, n_train="all")
    titles = ["share of time", "bouts per minute", "bout duration (s)"]
    with style.drawing():
        figure, panels = marks.rows_of(
            behaviors, titles, row=ROW, width=WIDTH, gap=0.35, keys=2, top=0.65
        )
        about = f"{preset}, {marks.splits_of(table)}"
        style.title(figure, "Bouts of model and human, test videos", about)
        for y, name in enumerate(behaviors):
            own = table[table["behavior"] == name]
            for axes, column in zip(panels, ("share", "rate"), strict=False):
                _draw_videos(axes, y, own, column, style.color_of(y))
            _draw_durations(panels[2], y, every[every["behavior"] == name], style.color_of(y))
        for axes in panels[:2]:
            axes.set_xlim(0, style.reach(axes, 1e-3) * 1.05)
            axes.locator_params(axis="x", nbins=4)
        panels[0].xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        panels[2].set_xscale("log")
        style.log_ticks(panels[2])
        marks.draw_key(figure, _key(), columns=3)
        style.save(figure, out)


def _with_rate(table: pd.DataFrame) -> pd.DataFrame:
    """Add bouts per minute of scored time: 0 without any bout, undefined where nobody scored."""
    scored = table["scored_s"].where(table["scored_s"] > 0)
    return table.assign(rate=60 * table["n_bouts"] / scored)


def _draw_videos(axes: Axes, y: int, rows: pd.DataFrame, column: str, color: str) -> None:
    """Join what was labeled and what was found in each video, and mark the means of both."""
    pairs = rows.pivot_table(index=["split", "video"], columns="source", values=column)
    pairs = pairs.reindex(columns=list(LANES)).dropna()
    lanes = [y + lane for lane in LANES.values()]
    if pairs.empty:
        marks.say_undefined(axes, y, "not scored in test videos")
        return
    # One line with gaps for all videos keeps the file small.
    values = np.column_stack([pairs, np.full(len(pairs), np.nan)]).ravel()
    places = np.tile([*lanes, np.nan], len(pairs))
    axes.plot(values, places, "-", color=color, linewidth=0.5, alpha=0.45, marker=".",
              markersize=2.5, mew=0)  # fmt: skip
    means = pairs.mean()
    axes.plot(means, lanes, "-", color=color, linewidth=1.4)
    for mean, lane, face in zip(means, lanes, ("white", color), strict=True):
        axes.plot(mean, lane, "o", mfc=face, mec=color, markersize=4.5, zorder=3, clip_on=False)


def _draw_durations(axes: Axes, y: int, rows: pd.DataFrame, color: str) -> None:
    """Draw how long the labeled bouts are, and those that were found."""
    for (source, lane), face in zip(LANES.items(), ("white", color), strict=True):
        durations = rows.loc[rows["source"] == source, "duration_s"].dropna()
        durations = durations[durations > 0]
        if durations.empty:
            axes.text(0.02, y + lane, "no bout", va="center", size=style.TINY, color=style.SOFT,
                      transform=axes.get_yaxis_transform())  # fmt: skip
            continue
        marks.draw_box(axes, y + lane, durations, color=color, face=face, height=0.24)


def _key() -> dict[str, Line2D | Patch]:
    grey = {"color": style.SOFT, "marker": "o", "markersize": 4.5}
    return {
        "human": Line2D([], [], mfc="white", linestyle="none", **grey),
        "model": Line2D([], [], linestyle="none", **grey),
        "mean of videos": Line2D([], [], color=style.SOFT, linewidth=1.4),
        "one video": Line2D([], [], color=style.SOFT, linewidth=0.5, marker=".", markersize=3),
        "quartiles and median": Patch(facecolor="white", edgecolor=style.SOFT),
        "5 % to 95 % of bouts": Line2D([], [], color=style.SOFT, linewidth=0.9),
    }


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_bouts(**tables.given(snakemake))
