"""How scores are drawn: rows of behaviors, marks with their spread, chance, raters, stars, keys."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import style
import tables
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

ROW = 0.25  # inches
KEY_ROW = 0.17  # inches
BRACKET = 0.13  # inches
MODELS = {"sequence": "sequence model", "feature_extractor": "feature extractor alone"}
OFFSETS = {"sequence": -0.16, "feature_extractor": 0.18}
QUANTILES = (5, 25, 50, 75, 95)
DODGE = 0.06  # rows between the dots of two splits with the same value

Pair = tuple[float, float, str]

GREY = {"color": style.SOFT, "linestyle": "none"}
MEAN_OF_SPLITS = "mean of splits ± SEM"
ONE_SPLIT = "one split, 95 % interval over its videos"
KEY = {
    "sequence model": Line2D([], [], marker="o", markersize=4, **GREY),
    "feature extractor alone": Line2D([], [], marker="o", markersize=4, mfc="white", **GREY),
    "one split": Line2D([], [], marker=".", markersize=4, alpha=0.6, **GREY),
    "chance": Line2D(
        [], [], marker="|", markersize=6, markeredgewidth=1.2, color=style.INK, linestyle="none"
    ),
    "between raters": Patch(facecolor=style.BAND, edgecolor="none"),
}


def rows_of(
    names: Sequence[str],
    titles: Sequence[str],
    *,
    row: float = ROW,
    width: float = 1.3,
    gap: float = 0.22,
    right: float = 0.15,
    top: float = 0.62,
    foot: float = 0.3,
    keys: int = 1,
) -> tuple[Figure, list[Axes]]:
    """Make a figure of panels side by side that share one row per name.

    Parameters
    ----------
    names
        One row each, the first on top; a long one is cut.
    titles
        One panel each.
    row, width, gap, right, top, foot
        Inches: height of a row, width of a panel, between panels, right of them, above them, and
        for the numbers below them.
    keys
        Rows of the key below.

    Returns
    -------
    tuple of Figure and list of Axes
        The panels from left to right.
    """
    labels = [style.short(name, 28) for name in names]
    left = style.room(labels) + 0.15
    figure, panels = style.grid(
        1, len(titles), cell=(width, row * len(names)), gap=(gap, 0.0),
        edge=(left, right, foot + KEY_ROW * keys, top),
    )  # fmt: skip
    for axes, words in zip(panels.flat, titles, strict=True):
        axes.set_title(words, pad=5)
        set_rows(axes, labels, named=axes is panels[0, 0])
        for place in range(len(names) + 1):
            axes.axhline(place - 0.5, color=style.LANE, linewidth=0.6, zorder=0)
    style.letters(panels.flat)
    return figure, list(panels.flat)


def set_rows(axes: Axes, labels: Sequence[str], *, named: bool) -> None:
    """Set the y axis of a panel with one row per label, the first on top."""
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks(range(len(labels)), labels if named else [""] * len(labels))
    axes.tick_params(left=False)
    axes.spines.left.set_visible(False)
    axes.grid(axis="x", color=style.LANE)
    axes.set_axisbelow(True)


def of_one(axes: Axes, label: str = "", *, flat: bool = True) -> None:
    """Set the axis of a score that lies between 0 and 1."""
    if flat:
        axes.set(xlim=(0, 1), xlabel=label)
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.set_xticks([0.25, 0.75], minor=True)
    else:
        axes.set(ylim=(0, 1), ylabel=label)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])


def draw_score(
    axes: Axes, y: float, rows: pd.DataFrame, *, color: str, filled: bool = True, size: float = 4
) -> None:
    """Mark one score in its row: mean and its standard error over splits, and each split.

    Of a single split, the interval is that of the bootstrap over its videos.

    Parameters
    ----------
    axes
        Panel with values along x.
    y
        Place of the row.
    rows
        Rows of metrics.csv, one per split; undefined ones are left out.
    color, filled, size
        Of the mark.
    """
    rows = rows.dropna(subset="value")
    if rows.empty:
        return
    mean, error = tables.spread(rows["value"])
    draw_chance(axes, y, rows["chance"].mean())
    low, high = mean - error, mean + error
    if len(rows) > 1:
        draw_splits(axes, y, rows["value"], color)
    else:
        low, high = rows.iloc[0][["low", "high"]] if "low" in rows else (np.nan, np.nan)
    axes.plot([low, high], [y, y], "-", color=color, linewidth=1, zorder=2)
    face = color if filled else "white"
    axes.plot(mean, y, "o", markersize=size, mfc=face, mec=color, zorder=3, clip_on=False)


def draw_splits(axes: Axes, y: float, values: pd.Series, color: str) -> None:
    """Draw one small dot per split, the first on top, so that equal ones stay apart."""
    places = y + DODGE * (np.arange(len(values)) - (len(values) - 1) / 2) / max(len(values) / 4, 1)
    axes.plot(
        values, places, ".", color=color, markersize=3.5, alpha=0.6, mew=0, zorder=2, clip_on=False
    )


def draw_chance(axes: Axes, y: float, value: float) -> None:
    """Draw the tick of what chance gives."""
    axes.plot(
        value, y, "|", color=style.INK, markersize=6, markeredgewidth=1.2, zorder=2, clip_on=False
    )


def draw_raters(axes: Axes, y: float, low: float, high: float) -> None:
    """Draw the band from the lowest to the highest agreement of two people, if there are any."""
    if not np.isfinite(low):
        return
    half = max(0.006 - (high - low) / 2, 0)  # two raters have a single value, which stays visible
    style.bars(axes, [[low - half, high + half]], bottom=y - 0.42, height=0.84,
               facecolor=style.BAND, edgecolor="none", zorder=1)  # fmt: skip


def draw_box(
    axes: Axes, y: float, values: ArrayLike, *, color: str, face: str = "white", height: float
) -> None:
    """Draw 5th to 95th percentile as a line, the quartiles as a box, and the median."""
    low, left, median, right, high = np.percentile(values, QUANTILES)
    bottom, top = y - height / 2, y + height / 2
    axes.plot([low, high], [y, y], "-", color=color, linewidth=0.9, zorder=1)
    style.bars(axes, [[left, right]], bottom=bottom, height=height, facecolor=face,
               edgecolor=color, linewidth=0.9, zorder=2)  # fmt: skip
    ink = "white" if face == color else color
    axes.plot([median, median], [bottom, top], color=ink, linewidth=1.6, zorder=3)


def say_undefined(axes: Axes, y: float, words: str) -> None:
    """Write into a row why it is empty."""
    axes.text(0.015, y, words, va="center", size=style.TINY, color=style.SOFT,
              transform=axes.get_yaxis_transform())  # fmt: skip


def packed(pairs: Iterable[Pair]) -> list[tuple[int, Pair]]:
    """Give each bracket a column, the shortest first, so that no two of a column overlap."""
    columns: list[list[tuple[float, float]]] = []
    found = []
    for first, second, stars in sorted(pairs, key=lambda pair: abs(pair[0] - pair[1])):
        low, high = sorted((first, second))
        free = [
            k for k, taken in enumerate(columns) if all(low >= b or high <= a for a, b in taken)
        ]
        place = free[0] if free else len(columns)
        if place == len(columns):
            columns.append([])
        columns[place].append((low, high))
        found.append((place, (low, high, stars)))
    return found


def room_for_stars(pairs: Iterable[Pair]) -> float:
    """Return the inches that the brackets of some pairs need beside their panel."""
    return BRACKET * max((place + 1 for place, _ in packed(pairs)), default=0)


def draw_stars(axes: Axes, pairs: Iterable[Pair]) -> None:
    """Join the rows of each pair by a bracket right of the panel, with its stars."""
    beside = axes.get_yaxis_transform()
    inch = 1 / (axes.get_position().width * axes.figure.get_size_inches()[0])
    for place, (low, high, stars) in packed(pairs):
        x = 1 + (0.06 + BRACKET * place) * inch
        tip, ends = x + 0.03 * inch, (low + 0.1, high - 0.1)
        axes.plot(
            [x, tip, tip, x], [ends[0], *ends, ends[1]], color=style.INK, linewidth=0.6,
            transform=beside, clip_on=False,
        )  # fmt: skip
        axes.text(tip, (low + high) / 2, stars, rotation=90, ha="left", va="center",
                  size=style.SMALL, transform=beside)  # fmt: skip


def stars_of(compared: pd.DataFrame, metric: str, names: Sequence[str]) -> list[Pair]:
    """Return rows and stars of the pairs of groups that differ in one metric.

    Parameters
    ----------
    compared
        Rows of tests.csv that answer one question about one behavior.
    metric
        Name of the metric in a behavior's rows.
    names
        The groups, in the order of the rows.
    """
    own = compared[compared["metric"].isin([metric, f"{metric}_macro"])]
    own = own[own["first"].isin(names) & own["second"].isin(names)]
    return [
        (names.index(row.first), names.index(row.second), row.stars)
        for row in own.itertuples()
        if row.stars.startswith("*")
    ]


def score_key(table: pd.DataFrame, people: pd.DataFrame | None = None) -> dict[str, Any]:
    """Return the key of what `draw_score` draws.

    Parameters
    ----------
    table
        Rows of metrics.csv: for one or more splits, with or without a feature extractor.
    people
        Rows of raters.csv, where these are drawn.
    """
    n_splits = table["split"].nunique()
    shown = {
        "sequence model": True,
        "feature extractor alone": table["model"].eq("feature_extractor").any(),
        "one split": n_splits > 1,
        "chance": True,
        "between raters": people is not None and people["kind"].eq("human-human").any(),
    }
    return {name: KEY[name] for name, drawn in shown.items() if drawn} | spread_key(n_splits)


def spread_key(n_splits: int) -> dict[str, Any]:
    """Return the key of a mean over splits, or of a single one, with its interval."""
    return {MEAN_OF_SPLITS if n_splits > 1 else ONE_SPLIT: line_with_mark()}


def line_with_mark() -> Line2D:
    """Return the key of a mean and its spread."""
    return Line2D([], [], color=style.SOFT, marker="o", markersize=4, linewidth=1)


def draw_key(figure: Figure, handles: Mapping[str, Line2D | Patch], *, columns: int = 6) -> None:
    """Draw the key at the lower edge, centered, in as many columns as fit, at most ``columns``."""
    fitting = [n for n in range(1, columns + 1) if _key_width(list(handles), n) < _width(figure)]
    figure.legend(
        handles=list(handles.values()), labels=list(handles), loc="lower center",
        ncols=max(fitting, default=1), handlelength=1.6, columnspacing=1.4, borderaxespad=0.2,
        labelspacing=0.3,
    )  # fmt: skip


def _key_width(words: Sequence[str], columns: int) -> float:
    """Return about how many inches a key takes; it is filled column by column."""
    rows = -(-len(words) // columns)
    parts = [words[i : i + rows] for i in range(0, len(words), rows)]
    return sum(style.room(part, style.SMALL) + 0.45 for part in parts)


def _width(figure: Figure) -> float:
    return float(figure.get_size_inches()[0])


def splits_of(table: pd.DataFrame) -> str:
    """Say over how many splits a table goes, fewest and most of its presets."""
    counts = table.groupby("preset")["split"].nunique()
    few, many = min(counts, default=0), max(counts, default=0)
    return "1 split" if many == 1 else f"{f'{few} to ' if few < many else ''}{many} splits"
