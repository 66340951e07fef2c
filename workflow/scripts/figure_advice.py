"""What more labels would bring: the score of each behavior now, and what is expected.

Reads summary/advice.csv; writes one SVG.
"""

from pathlib import Path

import marks
import numpy as np
import pandas as pd
import style
import tables
from matplotlib.axes import Axes
from matplotlib.lines import Line2D


def figure_advice(*, advice: Path, out: Path, behaviors: list[str]) -> None:
    """Draw, per preset, today's F1 and the one expected with more labeled videos.

    Parameters
    ----------
    advice
        Table with one row per preset and behavior.
    out
        SVG file to write.
    behaviors
        Configured behaviors, in order: rows and colors.

    Raises
    ------
    StateError
        If the figure cannot be written.
    """
    table = tables.read_summary(advice).dropna(subset="expected_f1")
    presets = list(table["preset"].unique())
    with style.drawing():
        if not presets:
            words = "No learning curve could be fitted; train with fewer videos, too (sweep)."
            style.save(style.sentence(words), out)
            return
        titles = [style.short(preset, 20) for preset in presets]
        figure, panels = marks.rows_of(
            behaviors, titles, width=1.6, gap=0.6, right=0.5, foot=0.42, keys=1
        )
        style.title(figure, "What more labels would bring", "F1")
        for axes, preset in zip(panels, presets, strict=True):
            own = table[table["preset"] == preset].set_index("behavior")
            for y, name in enumerate(behaviors):
                if name in own.index:
                    _draw_row(axes, y, own.loc[name])
                else:
                    marks.say_undefined(axes, y, "no learning curve")
            marks.of_one(axes, "F1 on test videos")
            axes.annotate("videos", (1.03, 1), xycoords="axes fraction", xytext=(0, 6), va="bottom",
                          textcoords="offset points", size=style.SMALL, color=style.SOFT,
                          annotation_clip=False)  # fmt: skip
        now = Line2D([], [], marker="o", markersize=4, mfc="white", **marks.GREY)
        later = {"expected, with its interval": marks.line_with_mark()}
        marks.draw_key(figure, {"now": now} | later)
        style.save(figure, out)


def _draw_row(axes: Axes, y: int, row: pd.Series) -> None:
    color = style.color_of(y)
    values = np.clip(row[["low", "high"]].astype(float), 0, 1)
    axes.plot(values, [y, y], "-", color=color, linewidth=1)
    axes.annotate(
        "", (row["expected_f1"], y), (row["now_f1"], y),
        arrowprops={"arrowstyle": "-", "color": color, "linewidth": 3, "alpha": 0.35,
                    "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    axes.plot(row["now_f1"], y, "o", markersize=4, mfc="white", mec=color, clip_on=False)
    axes.plot(row["expected_f1"], y, "o", markersize=4, color=color, clip_on=False)
    axes.text(1.03, y, f"+{row['more_videos']:.0f}", va="center", size=style.SMALL,
              transform=axes.get_yaxis_transform())  # fmt: skip


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_advice(**tables.given(snakemake))
