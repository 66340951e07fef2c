"""One run's confusion on the test part: labeled against predicted frames of each behavior.

Reads summary/confusion.csv; writes one SVG.
"""

from pathlib import Path

import numpy as np
import style
import tables
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

ACROSS = 6


def figure_confusion(*, confusion: Path, out: Path, preset: str, split: str, n_train: str) -> None:
    """Draw one 2x2 table per behavior, and one for the background.

    Parameters
    ----------
    confusion
        Table of the counts of all runs.
    out
        SVG file to write.
    preset, split, n_train
        The run.

    Raises
    ------
    StateError
        If the figure cannot be written.
    """
    rows = tables.read_summary(
        confusion, preset=preset, split=split, n_train=n_train, model="sequence"
    )
    across = min(ACROSS, len(rows))
    down = -(-len(rows) // across)
    with style.drawing():
        side = max(0.6, (3.1 - 1.35 * across) / 2)  # one table is narrower than the headline
        edge = (side, side - 0.5, 0.45, 0.8)
        figure, panels = style.grid(down, across, cell=(1.1, 1.1), gap=(0.35, 0.65), edge=edge)
        style.title(figure, "Confusion on test videos", f"run {preset}/{split}/{n_train}")
        for k, (axes, row) in enumerate(zip(panels.flat, rows.itertuples(), strict=False)):
            color = style.SOFT if row.behavior == "background" else style.color_of(k)
            counts = np.array([[row.tn, row.fp], [row.fn, row.tp]])
            _draw_table(axes, counts, color, row.behavior)
        for axes in panels.flat[len(rows) :]:
            axes.set_axis_off()
        for axes in panels[:, 0]:
            axes.set_ylabel("human")
        for axes in panels[-1]:
            axes.set_xlabel("model")
        style.save(figure, out)


def _draw_table(axes: Axes, counts: NDArray[np.int64], color: str, name: str) -> None:
    total = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(total, 1)  # (2, 2) of what the human said
    shade = 1 - shares[..., None] * (1 - np.array(to_rgb(color)))  # white to the color
    axes.pcolormesh(shade)  # as an image, viewers would blur it
    axes.set(aspect="equal", xlim=(0, 2), ylim=(2, 0))
    for (i, j), count in np.ndenumerate(counts):
        dark = shade[i, j] @ (0.299, 0.587, 0.114) < 0.55
        share = f"{shares[i, j]:.0%}" if total[i, 0] else "–"
        ink = "white" if dark else style.INK
        place = {"ha": "center", "color": ink}
        axes.text(j + 0.5, i + 0.46, share, va="bottom", weight="bold", **place)
        axes.text(j + 0.5, i + 0.56, f"{count:,}", va="top", size=style.TINY, **place)
    axes.set_title(style.wrap(name, 18, lines=2), weight="bold")
    axes.set_xticks([0.5, 1.5], ["absent", "present"])
    axes.set_yticks([0.5, 1.5], ["absent", "present"], rotation=90, va="center")
    axes.tick_params(length=0)
    axes.spines[["top", "right"]].set_visible(True)


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_confusion(
            confusion=snakemake.input.confusion, out=snakemake.output[0], **snakemake.wildcards
        )
