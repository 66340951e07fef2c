"""What was labeled: images, time, bouts and videos of each behavior.

Reads summary/data.csv; writes one SVG.
"""

from pathlib import Path

import marks
import numpy as np
import pandas as pd
import style
import tables
from matplotlib.axes import Axes

TITLES = ("images", "share of scored time", "bouts", "videos")
WIDTH = 1.3  # inches


def figure_data(*, data: Path, out: Path, behaviors: list[str]) -> None:
    """Draw how much of each behavior the labels of the whole project hold.

    Parameters
    ----------
    data
        Table with one row per video and behavior.
    out
        SVG file to write.
    behaviors
        Configured behaviors, in order: rows and colors.

    Raises
    ------
    StateError
        If the figure cannot be written.
    """
    table = tables.read_summary(data)
    table = table[table["labeled"] == "yes"]
    with style.drawing():
        figure, panels = marks.rows_of(
            behaviors, TITLES, width=WIDTH, gap=0.35, right=0.35, foot=0.42, keys=1
        )
        n_labeled = table["video"].nunique()
        videos = "1 video" if n_labeled == 1 else f"{n_labeled} videos"
        style.title(figure, "Labels", f"{videos}, {_hours(table)} scored")
        own = table.groupby("behavior")
        rows = [own.get_group(name) if name in own.groups else table[:0] for name in behaviors]
        _draw_counts(panels[0], [group["n_positive"].sum() for group in rows])
        _draw_shares(panels[1], rows)
        _draw_counts(panels[2], [group["n_bouts"].sum() for group in rows])
        _draw_videos(panels[3], rows, n_labeled)
        key = {"one video": marks.KEY["one split"]}
        marks.draw_key(figure, key)
        style.save(figure, out)


def _hours(table: pd.DataFrame) -> str:
    """Say how long was scored, from frames and the frame rate of the positive ones."""
    positive = table[table["n_positive"] > 0]
    if positive.empty:
        return f"{table.groupby('video')['n_frames'].max().sum():,.0f} frames"
    rate = positive["n_positive"].sum() / positive["seconds"].sum()
    seconds = table.groupby("video")["n_frames"].max().sum() / rate
    return f"{seconds / 3600:.1f} h" if seconds >= 7200 else f"{seconds / 60:.1f} min"


def _draw_counts(axes: Axes, counts: list[float]) -> None:
    """Draw points, not bars: a logarithmic axis has no zero for bars to stand on."""
    axes.set(xscale="log", xlim=(0.7, max([*counts, 10]) * 12))  # room for the numbers
    axes.xaxis.set_major_formatter(lambda value, _: style.thousands(value))
    axes.minorticks_off()
    for y, count in enumerate(counts):
        color, place = style.color_of(y), max(count, 0.7)
        axes.plot([0.7, place], [y, y], color=color, linewidth=2, alpha=0.5)
        axes.plot(place, y, "o", color=color, markersize=5)
        axes.text(place * 1.5, y, f"{count:,.0f}", va="center", size=style.SMALL)


def _draw_shares(axes: Axes, rows: list[pd.DataFrame]) -> None:
    most = 0.0
    for y, group in enumerate(rows):
        scored = group[group["n_frames"] > 0]
        if scored.empty:
            marks.say_undefined(axes, y, "not scored")
            continue
        shares = scored["n_positive"] / scored["n_frames"]
        pooled = scored["n_positive"].sum() / scored["n_frames"].sum()
        style.bars(axes, [[0, pooled]], bottom=y - 0.3, height=0.6,
                   facecolor=style.color_of(y), edgecolor="none")  # fmt: skip
        places = y + 0.5 * (np.arange(len(shares)) + 0.5) / len(shares) - 0.25
        axes.plot(shares, places, ".", color=style.INK, markersize=2.5, alpha=0.7, mew=0)
        most = max(most, shares.max())
    axes.set_xlim(0, max(most * 1.05, 0.01))
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    axes.locator_params(axis="x", nbins=4)


def _draw_videos(axes: Axes, rows: list[pd.DataFrame], n_labeled: int) -> None:
    axes.set_xlim(0, max(n_labeled, 1) * 1.25)
    axes.locator_params(axis="x", nbins=4, integer=True)
    for y, group in enumerate(rows):
        n = int((group["n_positive"] > 0).sum())
        style.bars(axes, [[0, n]], bottom=y - 0.3, height=0.6,
                   facecolor=style.color_of(y), edgecolor="none")  # fmt: skip
        axes.text(n + 0.03 * n_labeled, y, f"{n}", va="center", size=style.SMALL)


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_data(**tables.given(snakemake))
