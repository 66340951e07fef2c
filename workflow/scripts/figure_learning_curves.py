"""One run's learning curves: the losses and validation scores of its trainings.

Reads summary/history.csv; writes one SVG.
"""

from pathlib import Path

import pandas as pd
import style
import tables
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

TITLES = {
    "flow": "Flow generator",
    "features": "Feature extractor",
    "sequence": "Sequence model",
}
# What chooses the best epoch, and whether higher or lower is better; see the run records.
CHOSEN_BY = {
    "flow": ("val_loss", "lower"),
    "features": ("val_f1_macro", "higher"),
    "sequence": ("val_f1_macro", "higher"),
}
NAMES = {
    "val_f1_macro": "F1, best threshold",
    "val_average_precision_macro": "average precision",
    "val_l1": "L1",
    "val_ssim": "1 − SSIM",
    "val_smoothness": "smoothness",
    "val_sparsity": "sparsity",
}
LOOKS = (
    {"color": style.HUES[0], "linestyle": "-", "marker": "o"},
    {"color": style.HUES[1], "linestyle": "--", "marker": "s"},
    {"color": style.HUES[2], "linestyle": "-.", "marker": "^"},
    {"color": style.HUES[5], "linestyle": ":", "marker": "D"},
)
RING = {"markersize": 8, "markerfacecolor": "none", "markeredgecolor": style.INK}


def figure_learning_curves(
    *, history: Path, out: Path, preset: str, split: str, n_train: str
) -> None:
    """Draw how one run's trainings went.

    Parameters
    ----------
    history
        Table of all trainings, one row per epoch.
    out
        SVG file to write.
    preset, split, n_train
        The run.

    Raises
    ------
    StateError
        If the figure cannot be written.
    """
    table = tables.read_summary(history, preset=preset)
    shared = table["stage"] == "flow"  # by all runs of the preset
    table = table[shared | ((table["split"] == split) & (table["n_train"] == n_train))]
    with style.drawing():
        figure, panels = style.grid(
            2, 3, cell=(2.3, 1.5), gap=(0.65, 0.3), edge=(0.6, 0.15, 0.45, 0.65)
        )
        style.title(figure, "Learning curves", f"run {preset}/{split}/{n_train}")
        for column, stage in zip(panels.T, TITLES, strict=True):
            rows = table[table["stage"] == stage]
            _draw_stage(column, stage, rows.dropna(axis="columns", how="all"))
        style.save(figure, out)


def _draw_stage(panels: list[Axes], stage: str, rows: pd.DataFrame) -> None:
    top, bottom = panels
    top.set_title(TITLES[stage], weight="bold")
    losses = {"train_loss": "training", "val_loss": "validation"}
    scores = [c for c in rows.columns if c.startswith("val_") and c != "val_loss"]
    _draw_lines(top, rows, losses)
    _draw_lines(bottom, rows, {name: NAMES.get(name, name[4:]) for name in scores})
    top.set_ylabel("loss")
    bottom.set_ylabel("parts of the loss" if stage == "flow" else "score on validation")
    bottom.set_xlabel("epoch")
    bottom.sharex(top)
    top.tick_params(labelbottom=False)
    bottom.xaxis.set_major_locator(MaxNLocator(integer=True))
    if stage != "flow":
        bottom.set_ylim(0, 1.02)
    metric, direction = CHOSEN_BY[stage]
    if metric in rows:
        # Of a curriculum, only the last phase trains the network that is kept.
        last = rows["phase"] == rows["phase"].iloc[-1] if "phase" in rows else slice(None)
        rows = rows.loc[last]
        best = rows.loc[rows[metric].idxmin() if direction == "lower" else rows[metric].idxmax()]
        bottom.set_xlabel(f"epoch (best: {best['epoch']:.0f})")
        for axes in panels:
            axes.axvline(best["epoch"], color=style.SOFT, linewidth=0.8, linestyle=(0, (2, 2)))
        where = bottom if metric in scores else top
        where.plot(best["epoch"], best[metric], "o", **RING)


def _draw_lines(axes: Axes, rows: pd.DataFrame, names: dict[str, str]) -> None:
    drawn = [name for name in names if name in rows]
    for name, look in zip(drawn, LOOKS, strict=False):
        size = 3 if len(rows) < 30 else 0
        axes.plot(rows["epoch"], rows[name], label=names[name], markersize=size, **look)
    if drawn:
        axes.legend(loc="best", handlelength=2.6)
        axes.margins(y=0.12)
    else:
        style.say(axes, "nothing was trained here")


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_learning_curves(
            history=snakemake.input.history, out=snakemake.output[0], **snakemake.wildcards
        )
