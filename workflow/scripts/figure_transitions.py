"""What follows what: transitions between behaviors in the labels, in the model's ethograms.

Reads summary/transitions.csv; writes one SVG.
"""

from pathlib import Path

import marks
import numpy as np
import pandas as pd
import style
import tables
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from numpy.typing import NDArray

CELL, SMALL_CELL, SMALLEST = 0.24, 0.125, 1.0  # inches, of a state and of a matrix
MOST_NUMBERS = 12  # states; more are drawn smaller, without numbers
TITLES = ("human", "model", "model − human")
SHARES = LinearSegmentedColormap.from_list("shares", ["#ffffff", style.HUES[0], "#001d33"])
CHANGES = LinearSegmentedColormap.from_list("changes", ["#004488", "#ffffff", "#c45900"])


def figure_transitions(*, transitions: Path, out: Path, preset: str, behaviors: list[str]) -> None:
    """Draw the shares of what follows each behavior, and how the model's differ.

    Parameters
    ----------
    transitions
        Table of the counts of all runs.
    out
        SVG file to write.
    preset
        The preset.
    behaviors
        Configured behaviors, in order: rows and columns.

    Raises
    ------
    StateError
        If the figure cannot be written.
    """
    table = tables.read_summary(transitions, preset=preset, n_train="all")
    # A gap of some frames is a transition to the background; what follows a behavior is not.
    states = behaviors if len(behaviors) > 1 else [*behaviors, tables.BACKGROUND]
    column = "count_without_background" if len(behaviors) > 1 else "count"
    counts = {
        source: _counts(table[table["source"] == source], states, column)
        for source in ("labels", "sequence")
    }
    with style.drawing():
        if not counts["labels"].sum():
            style.save(style.sentence("The test labels hold no transition."), out)
            return
        person, model = (_shares(count) for count in counts.values())
        labels = [style.short(name, 20) for name in states]
        many = len(states) > MOST_NUMBERS
        side = max((SMALL_CELL if many else CELL) * len(states), SMALLEST)
        names = style.room(labels, style.SMALL) + 0.1
        figure, panels = style.grid(
            1,
            3,
            cell=(side, side),
            gap=(0.6 if many else 0.4, 0.0),
            edge=(names + 0.3, 0.6 if many else 0.3, names + 0.3, 0.75),
        )
        about = f"{preset}, {marks.splits_of(table)}"
        style.title(figure, "Transitions, test videos", about)
        size = style.TINY if many else style.SMALL
        pictures = (person, model, model - person)
        for axes, title, shares in zip(panels.flat, TITLES, pictures, strict=True):
            _draw_matrix(axes, shares, signed=shares is pictures[2], scale=many)
            axes.set_title(title, pad=5)
            places, first = np.arange(len(states)) + 0.5, axes is panels[0, 0]
            axes.set_xticks(places, labels, rotation=90, size=size)
            axes.set_yticks(places, labels if first else [""] * len(labels), size=size)
            axes.set_xlabel("to", labelpad=2)
        panels[0, 0].set_ylabel("from")
        style.letters(panels.flat)
        style.save(figure, out)


def _counts(rows: pd.DataFrame, states: list[str], column: str) -> NDArray[np.float64]:
    """Sum the counts of all splits: (S, S), from rows to columns."""
    table = rows.pivot_table(index="from", columns="to", values=column, aggfunc="sum")
    return table.reindex(index=states, columns=states).fillna(0).to_numpy(float)


def _shares(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide by the sum of each row; NaN where nothing follows."""
    total = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)


def _draw_scale(axes: Axes, colors: LinearSegmentedColormap, limits: tuple[float, float]) -> None:
    """Draw what the colors mean beside a matrix, which has no numbers."""
    scale = axes.inset_axes((1.02, 0.0, 0.03, 0.4))
    steps = np.linspace(*limits, 41)
    scale.pcolormesh([0, 1], steps, ((steps[:-1] + steps[1:]) / 2)[:, None], cmap=colors)
    scale.set_xticks([])
    scale.yaxis.tick_right()
    scale.set_yticks(limits, [f"{100 * value:.0f} %" for value in limits], size=style.TINY)


def _draw_matrix(axes: Axes, shares: NDArray[np.float64], *, signed: bool, scale: bool) -> None:
    """Draw shares from 0 to 1, or differences, whose colors reach to the largest."""
    high = max(np.nanmax(np.abs(shares), initial=0), 0.1) if signed else 1.0
    low, colors = (-high, CHANGES) if signed else (0.0, SHARES)
    axes.pcolormesh(
        np.ma.masked_invalid(shares), cmap=colors, vmin=low, vmax=high, edgecolors="white",
        linewidth=0.5,
    )  # fmt: skip
    axes.set(aspect="equal", xlim=(0, len(shares)), ylim=(len(shares), 0))
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set(visible=True, color=style.SOFT)
    for (i, j), share in np.ndenumerate(shares):
        if np.isnan(share):
            axes.plot(j + 0.5, i + 0.5, "_", color=style.HATCH, markersize=4)
        elif len(shares) <= MOST_NUMBERS and abs(share) >= 0.005:
            shade = colors((share - low) / (high - low))[:3]
            dark = np.dot(to_rgb(shade), (0.299, 0.587, 0.114)) < 0.55
            # In per cent, and with the sign of a difference, which grey does not show.
            words = f"{100 * share:+.0f}" if signed else f"{100 * share:.0f}"
            axes.text(j + 0.5, i + 0.5, words, ha="center", va="center", size=style.TINY,
                      color="white" if dark else style.INK)  # fmt: skip
    if scale:
        _draw_scale(axes, colors, (low, high))


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_transitions(**tables.given(snakemake))
