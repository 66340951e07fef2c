"""Test whether presets, models and numbers of training videos differ in their scores.

Reads summary/metrics.csv; writes summary/tests.csv. The splits are the subjects of which repeated
measures are taken: every group was trained and tested on the same ones.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from deg_core.data.publish import publish_csv
from deg_core.ethogram import significance
from deg_core.ethogram.significance import Outcome
from deg_core.splits import ALL
from deg_core.stages.run_tables import read_scores

#: Name in `overall` and of a behavior.
METRICS = {"accuracy": "accuracy", "f1_macro": "f1", "bout_f1_50": "bout_f1_50"}
OVERALL = "overall"
COLUMNS = [
    "question", "behavior", "metric", "test", "first", "second", "n", "statistic", "df1", "df2",
    "p", "p_corrected", "stars",
]  # fmt: skip

Row = dict[str, Any]


def run(*, metrics: Path, behaviors: list[str], out: Path) -> None:
    """Compare the presets, per preset the two models, and per preset the training sizes.

    Parameters
    ----------
    metrics
        Scores of all runs.
    behaviors
        Names of the behaviors, the family whose p-values are corrected; the background, exclusive
        groups and the mean over all follow from these and are tested beside them.
    out
        Table to write.

    Raises
    ------
    StateError
        If the scores cannot be read.
    """
    rows: list[Row] = []
    for question, part, by in _questions(read_scores(metrics)):
        for tests in _answer(question, part, by):
            rows += _corrected(tests, behaviors)
    publish_csv(out, pd.DataFrame(rows, columns=COLUMNS))


def _questions(scores: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, str]]:
    """Yield each question, the scores that answer it, and the column that tells the groups."""
    full, sequence = scores["n_train"] == ALL, scores["model"] == "sequence"
    yield "presets", scores[full & sequence], "preset"
    for preset in scores["preset"].unique():
        own = scores["preset"] == preset
        yield f"models of {preset}", scores[full & own], "model"
        yield f"train_sizes of {preset}", scores[sequence & own], "n_train"


def _answer(question: str, scores: pd.DataFrame, by: str) -> Iterator[list[Row]]:
    """Yield for each metric the tests of all behaviors."""
    groups = sorted(scores[by].unique(), key=_in_order)
    for of_all, of_one in METRICS.items():
        rows: list[Row] = []
        for behavior in scores["behavior"].unique():
            metric = of_all if behavior == OVERALL else of_one
            chosen = scores[(scores["behavior"] == behavior) & (scores["metric"] == metric)]
            if len(groups) < 2 or chosen.empty:
                continue
            table = chosen.pivot(index="split", columns=by, values="value").reindex(columns=groups)
            head = {"question": question, "behavior": behavior, "metric": metric}
            rows += [head | row for row in _tests(table)]
        yield rows


def _tests(table: pd.DataFrame) -> Iterator[Row]:
    """Yield the tests of one table, subjects by groups, without subjects that lack a value."""
    values, names = table.dropna().to_numpy(), list(table.columns)
    n = {"n": len(values)}
    if len(names) == 2:
        test = significance.paired_t(values[:, 0], values[:, 1])
        yield n | _row("paired_t", test, *names)
        return
    yield n | _row("rm_anova", significance.rm_anova(values))
    for (i, j), test in significance.tukey(values).items():
        yield n | _row("tukey", test, names[i], names[j])


def _row(kind: str, test: Outcome, first: str = "", second: str = "") -> Row:
    return {"test": kind, "first": first, "second": second, **test._asdict()}


def _corrected(rows: list[Row], behaviors: Sequence[str]) -> list[Row]:
    """Correct paired t-tests for the number of behaviors, and give every row its stars."""
    family = [row for row in rows if row["test"] == "paired_t" and row["behavior"] in behaviors]
    corrected = significance.bonferroni([row["p"] for row in family])
    for row, p in zip(family, corrected, strict=True):
        row["p_corrected"] = p
    return [row | {"stars": significance.stars(row["p_corrected"])} for row in rows]


def _in_order(name: str) -> tuple[bool, float, str]:
    """Sort numbers of videos as such, and what is no number, as `all`, after them."""
    return (not name.isdigit(), int(name) if name.isdigit() else 0, name)
