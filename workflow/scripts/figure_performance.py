"""Scores over all behaviors on the test videos: every preset, beside chance, raters and stars.

Reads summary/metrics.csv, summary/raters.csv and summary/tests.csv; writes one SVG.
"""

from pathlib import Path

import marks
import pandas as pd
import style
import tables
from matplotlib.axes import Axes

METRICS = {
    "accuracy": "accuracy",
    "f1": "F1",
    "auroc": "AUROC",
    "average_precision": "average\nprecision",
    "bout_f1_50": "bout F1",
}
WIDTH = 0.95  # inches


def figure_performance(*, metrics: Path, raters: Path, tests: Path, out: Path) -> None:
    """Draw what every preset reaches with all training videos.

    Parameters
    ----------
    metrics
        Table of the scores of all runs.
    raters
        Table of the agreement between raters; it may be empty.
    tests
        Table of the statistical tests between presets; it may be empty.
    out
        SVG file to write.

    Raises
    ------
    StateError
        If the figure cannot be written.
    """
    table = tables.read_summary(metrics, n_train="all")
    people = tables.read_summary(raters)
    compared = tables.read_summary(tests, question="presets", behavior=tables.OVERALL)
    names = tables.systems(table)
    pairs = {metric: marks.stars_of(compared, metric, list(names)) for metric in METRICS}
    beside = max(map(marks.room_for_stars, pairs.values()))
    with style.drawing():
        figure, panels = marks.rows_of(
            list(names) or [""], list(METRICS.values()), row=0.3, width=WIDTH, keys=2,
            gap=0.22 + beside, right=0.15 + beside, top=0.72,
        )  # fmt: skip
        style.title(figure, "Scores on test videos", marks.splits_of(table))
        for axes, metric in zip(panels, METRICS, strict=True):
            for y, (preset, model) in enumerate(names.values()):
                _draw_row(axes, y, table[table["preset"] == preset], model, metric)
                marks.draw_raters(axes, y, *tables.rater_range(people, metric, tables.OVERALL))
            marks.draw_stars(axes, pairs[metric])
            marks.of_one(axes)
        if not names:
            style.say(panels[len(panels) // 2], "no run has a test part")
        marks.draw_key(figure, marks.score_key(table, people), columns=3)
        style.save(figure, out)


def _draw_row(axes: Axes, y: int, table: pd.DataFrame, system: str, metric: str) -> None:
    own = tables.scores(table, metric, tables.OVERALL)
    extractor = own[own["model"] == "feature_extractor"]
    alone = system != "sequence" or extractor.empty
    offsets = {system: 0.0} if alone else marks.OFFSETS
    for model, offset in offsets.items():
        rows = own[own["model"] == model]
        filled = model != "feature_extractor"
        marks.draw_score(axes, y + offset, rows, color=style.INK, filled=filled)
    if own["value"].isna().all():
        marks.say_undefined(axes, y, "undefined")


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_performance(
            metrics=snakemake.input.metrics,
            raters=snakemake.input.raters,
            tests=snakemake.input.tests,
            out=snakemake.output[0],
        )
