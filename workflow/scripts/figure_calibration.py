"""One preset's reliability: how often a behavior is present where it is given a probability.

Reads summary/calibration.csv and summary/metrics.csv; writes one SVG.
"""

from pathlib import Path

import marks
import numpy as np
import pandas as pd
import style
import tables
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

ACROSS = 5
CELL, GAP = (1.05, 1.05), 0.4  # inches
HIST = 0.3  # of the height, for the shares of frames, logarithmic down to 10^-DECADES
DECADES = 4
FEWEST = 10  # frames; the share of fewer says nothing
LOOKS = {
    "feature_extractor": {"linestyle": "--", "linewidth": 0.9, "marker": "o", "mfc": "white"},
    "sequence": {"linestyle": "-", "linewidth": 1.4, "marker": "o"},
}


def figure_calibration(
    *, calibration: Path, metrics: Path, out: Path, preset: str, behaviors: list[str]
) -> None:
    """Draw the share of positive frames against the probability, per behavior.

    Parameters
    ----------
    calibration
        Table of the bins of probability of all runs.
    metrics
        Table of the scores of all runs, for the calibration error.
    out
        SVG file to write.
    preset
        The preset.
    behaviors
        Configured behaviors, in order: panels and colors.

    Raises
    ------
    StateError
        If the figure cannot be written.
    """
    table = tables.read_summary(calibration, preset=preset, n_train="all")
    errors = tables.read_summary(
        metrics, preset=preset, n_train="all", metric="calibration_error", model="sequence"
    )
    across = min(ACROSS, len(behaviors))
    down = -(-len(behaviors) // across)
    side = max(0.5, (4.7 - across * (CELL[0] + GAP) + GAP) / 2)
    with style.drawing():
        figure, panels = style.grid(
            down, across, cell=CELL, gap=(GAP, 0.65), edge=(side, side - 0.3, 0.75, 0.75)
        )
        style.title(figure, "Calibration, test videos", f"{preset}, {marks.splits_of(table)}")
        for k, axes in enumerate(panels.flat):
            if k >= len(behaviors):
                axes.set_axis_off()
                continue
            own = table[table["behavior"] == behaviors[k]]
            error, _ = tables.spread(errors.loc[errors["behavior"] == behaviors[k], "value"])
            _draw_panel(axes, own, style.color_of(k))
            words = style.short(behaviors[k], 18)
            axes.set_title(f"{words}\nerror {style.number(error)}", pad=6, size=style.SMALL)
        for axes in panels[:, 0]:
            axes.set_ylabel("share present")
        for axes in panels[-1]:
            axes.set_xlabel("probability")
        looks = {marks.MODELS[model]: look for model, look in LOOKS.items()}
        key = {
            words: Line2D([], [], color=style.SOFT, markersize=3, **look)
            for words, look in looks.items()
        }
        key["share of frames (log)"] = marks.KEY["between raters"]
        marks.draw_key(figure, key)
        style.save(figure, out)


def _draw_panel(axes: Axes, rows: pd.DataFrame, color: str) -> None:
    axes.plot([0, 1], [0, 1], color=style.SOFT, linewidth=0.6)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    for model, look in LOOKS.items():
        bins = _pooled(rows[rows["model"] == model])
        if model == "sequence" and len(bins):
            _draw_frames(axes, bins)
        bins = bins[bins["n"] >= FEWEST]
        axes.plot(bins["probability"], bins["share"], color=color, markersize=3, **look)
    if rows["n_frames"].sum() == 0:
        style.say(axes, "not in the test labels")


def _pooled(rows: pd.DataFrame) -> pd.DataFrame:
    """Pool the bins of all splits by their frames; bins without a frame are left out."""
    rows = rows[rows["n_frames"] > 0]
    n = rows["n_frames"]
    sums = pd.DataFrame(
        {
            "low": rows["low"], "high": rows["high"], "n": n,
            "probability": rows["mean_probability"] * n, "share": rows["share_positive"] * n,
        }
    ).groupby(["low", "high"], as_index=False).sum()  # fmt: skip
    return sums.assign(probability=sums["probability"] / sums["n"], share=sums["share"] / sums["n"])


def _draw_frames(axes: Axes, bins: pd.DataFrame) -> None:
    share = bins["n"] / bins["n"].sum()
    height = HIST * (1 + np.log10(share) / DECADES).clip(lower=0.02)
    for row, top in zip(bins.itertuples(), height, strict=True):
        style.bars(axes, [[row.low, row.high]], bottom=0, height=top, facecolor=style.BAND,
                   edgecolor="white", zorder=0)  # fmt: skip


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_calibration(**tables.given(snakemake))
