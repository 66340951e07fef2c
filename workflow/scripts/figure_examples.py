"""Ethograms of one preset near its average: what a person labeled above what the model found.

Reads summary/examples.csv; writes one SVG.
"""

from pathlib import Path

import pandas as pd
import style
import tables
from matplotlib.axes import Axes

MOST, MOST_ROWS = 4, 40  # windows; rows of them all
LANE = 0.105  # inches; two per behavior
WIDTH = 6.3  # inches
LANES = {"labels": 0.05, "sequence": 0.5}


def figure_examples(*, examples: Path, out: Path, preset: str, behaviors: list[str]) -> None:
    """Draw the windows whose F1 is nearest to the average of the preset.

    Parameters
    ----------
    examples
        Table of the bouts in the windows of all runs.
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
    table = tables.read_summary(examples, preset=preset, n_train="all")
    most = max(1, min(MOST, MOST_ROWS // len(behaviors)))
    windows, mean = _windows(table, most)
    with style.drawing():
        if not windows:
            style.save(style.sentence("No test video holds a labeled bout."), out)
            return
        height = 2.4 * LANE * len(behaviors)
        labels = [style.short(name, 24) for name in behaviors]
        left = style.room(labels, style.SMALL) + 0.6
        figure, panels = style.grid(
            len(windows), 1, cell=(WIDTH, height), gap=(0.0, 0.62), edge=(left, 0.2, 0.5, 0.75)
        )
        words = "Ethograms near the average, test videos"
        style.title(figure, words, f"{preset}, mean F1 {style.number(mean)}")
        for axes, window in zip(panels[:, 0], windows, strict=True):
            _draw_window(axes, window, behaviors, labels)
        panels[-1, 0].set_xlabel("time (s)")
        style.letters(panels.flat, left=4)
        style.save(figure, out)


def _windows(table: pd.DataFrame, most: int) -> tuple[list[pd.DataFrame], float]:
    """Return the bouts of the windows nearest to the mean F1 of all, and that mean.

    Each is of another video, as far as there are enough videos.
    """
    keys = ["split", "video", "window_start_s", "window_stop_s"]
    scores = table.groupby(keys)["f1"].mean()
    order = (scores - scores.mean()).abs().round(6).sort_values(kind="stable").index
    seen: dict[str, int] = {}
    ranked = []
    for key in order:
        ranked.append((seen.get(key[1], 0), key))
        seen[key[1]] = seen.get(key[1], 0) + 1
    chosen = [key for _, key in sorted(ranked, key=lambda pair: pair[0])[:most]]
    rows = table.set_index(keys, drop=False).sort_index()
    return [rows.loc[[key]] for key in chosen], float(scores.mean())


def _draw_window(axes: Axes, rows: pd.DataFrame, behaviors: list[str], labels: list[str]) -> None:
    first = rows.iloc[0]
    start, stop = first["window_start_s"], first["window_stop_s"]
    for y, name in enumerate(behaviors):
        for source, lane in LANES.items():
            style.bars(axes, [[start, stop]], bottom=y + lane, height=0.38, color=style.LANE,
                       linewidth=0)  # fmt: skip
            own = rows[(rows["behavior"] == name) & (rows["source"] == source)]
            spans = own[["start_s", "stop_s"]].clip(start, stop).to_numpy()
            color = style.color_of(y) if source == "sequence" else style.INK
            style.bars(axes, spans, bottom=y + lane, height=0.38, color=color)
    axes.set(xlim=(start, stop), ylim=(len(behaviors), -0.05))
    axes.set_yticks([y + 0.47 for y in range(len(behaviors))], labels)
    axes.tick_params(axis="y", length=0, pad=32)
    axes.spines.left.set_visible(False)
    f1 = style.number(rows["f1"].mean())
    title = f"{style.short(first['video'], 40)}, split {first['split']}: F1 {f1}"
    axes.set_title(title, loc="left", pad=5)
    words = {"transform": axes.get_yaxis_transform(), "size": style.TINY, "color": style.SOFT}
    for y in range(len(behaviors)):
        axes.text(-0.006, y + 0.24, "human", ha="right", va="center", **words)
        axes.text(-0.006, y + 0.69, "model", ha="right", va="center", **words)


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_examples(**tables.given(snakemake))
