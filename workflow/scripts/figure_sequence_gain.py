"""What the sequence model adds to the feature extractor alone: gain per behavior and preset.

Reads summary/metrics.csv and summary/tests.csv; writes one SVG.
"""

from pathlib import Path

import marks
import numpy as np
import pandas as pd
import style
import tables
from matplotlib.axes import Axes
from matplotlib.figure import Figure

METRICS = {"f1": "F1", "bout_f1_50": "bout F1"}
ROW = 0.2  # inches
WIDTH = 1.5  # inches
ACROSS = 3


def figure_sequence_gain(*, metrics: Path, tests: Path, out: Path, behaviors: list[str]) -> None:
    """Draw, split by split, the score of the sequence model minus that of its features alone.

    Parameters
    ----------
    metrics
        Table of the scores of all runs.
    tests
        Table of the statistical tests between the two models; it may be empty.
    out
        SVG file to write.
    behaviors
        Configured behaviors, in order: rows and colors.

    Raises
    ------
    StateError
        If the figure cannot be written.
    """
    table = tables.read_summary(metrics, n_train="all")
    compared = tables.read_summary(tests)
    names = [*behaviors, tables.OVERALL]
    gains = {
        (preset, metric): _gains(table[table["preset"] == preset], metric, names)
        for preset in table["preset"].unique()
        for metric in METRICS
    }
    gains = {key: gain for key, gain in gains.items() if gain.notna().any(axis=None)}
    reach = _reach(gains)
    with style.drawing():
        figure, panels = _panels(list(gains), [*behaviors, tables.MEAN])
        style.title(figure, "Gain by the sequence model, test videos", marks.splits_of(table))
        for axes, ((preset, metric), gain) in zip(panels, gains.items(), strict=False):
            own = compared[compared["question"] == f"models of {preset}"]
            _draw_gain(axes, gain, _stars(own, metric, names))
            axes.set_xlim(-reach, reach)
        if not gains:
            style.say(panels[0], "no run has both models")
        _draw_key(figure, table["split"].nunique())
        style.save(figure, out)


def _gains(table: pd.DataFrame, metric: str, names: list[str]) -> pd.DataFrame:
    """Return sequence minus feature extractor: one row per name, one column per split."""
    found = {}
    for name in names:
        own = tables.scores(table, metric, name).pivot_table(
            index="split", columns="model", values="value", sort=False
        )
        both = own.reindex(columns=["sequence", "feature_extractor"])
        found[name] = both["sequence"] - both["feature_extractor"]
    return pd.DataFrame(found).T.reindex(names)


def _reach(gains: dict[tuple[str, str], pd.DataFrame]) -> float:
    """Return the half width of all panels: equal, so that gains can be compared."""
    most = max((gain.abs().max(axis=None) for gain in gains.values()), default=0.1)
    return float(max(np.ceil(most * 11) / 10, 0.1))


def _panels(keys: list[tuple[str, str]], names: list[str]) -> tuple[Figure, list[Axes]]:
    """Make one row of panels per preset, and one panel per metric in it."""
    presets = list(dict.fromkeys(preset for preset, _ in keys)) or [""]
    labels = [style.short(name, 28) for name in names]
    edge = (style.room(labels) + 0.15, 0.4, 0.5, 0.65)
    across = min(ACROSS, len(presets))
    down = -(-len(presets) // across)
    figure, panels = style.grid(
        down, across * 2, cell=(WIDTH if across == 1 else 1.0, ROW * len(names)), gap=(0.32, 0.7),
        edge=edge,
    )  # fmt: skip
    panels = panels.ravel()
    for k, axes in enumerate(panels):
        if k >= max(len(keys), 1):
            axes.set_axis_off()
            continue
        preset, metric = keys[k] if keys else ("", "f1")
        words = (
            METRICS[metric]
            if len(presets) == 1
            else f"{style.short(preset, 14)}\n{METRICS[metric]}"
        )
        axes.set_title(words, pad=4)
        marks.set_rows(axes, labels, named=k % (2 * across) == 0)
        axes.axhline(len(names) - 1.5, color=style.SOFT, linewidth=0.6)
        axes.axvline(0, color=style.INK, linewidth=0.8)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:+.1f}" if value else "0")
        axes.locator_params(axis="x", nbins=3)
    style.letters(panels[: len(keys)])
    return figure, list(panels)


def _draw_gain(axes: Axes, gain: pd.DataFrame, stars: dict[str, str]) -> None:
    for y, (name, values) in enumerate(gain.iterrows()):
        color = style.INK if name == tables.OVERALL else style.color_of(y)
        known = values.dropna()
        if known.empty:
            marks.say_undefined(axes, y, "undefined")
            continue
        mean, error = tables.spread(known)
        if len(known) > 1:
            marks.draw_splits(axes, y, known, color)
        axes.plot(
            [0, mean], [y, y], "-", color=color, linewidth=3, alpha=0.35, solid_capstyle="butt"
        )
        axes.plot([mean - error, mean + error], [y, y], "-", color=color, linewidth=1)
        axes.plot(mean, y, "o", color=color, markersize=4)
        axes.text(1.02, y, stars.get(str(name), ""), va="center", size=style.SMALL,
                  transform=axes.get_yaxis_transform())  # fmt: skip


def _stars(compared: pd.DataFrame, metric: str, names: list[str]) -> dict[str, str]:
    own = compared[compared["metric"].isin([metric, f"{metric}_macro"])]
    found = {row.behavior: row.stars for row in own.itertuples() if row.stars.startswith("*")}
    return {name: found[name] for name in names if name in found}


def _draw_key(figure: Figure, n_splits: int) -> None:
    key = {"one split": marks.KEY["one split"]} if n_splits > 1 else {}
    mean = {marks.MEAN_OF_SPLITS if n_splits > 1 else "one split": marks.line_with_mark()}
    marks.draw_key(figure, key | mean)


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_sequence_gain(**tables.given(snakemake))
