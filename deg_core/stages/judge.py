"""Turn the scores of all runs into a verdict per behavior.

Reads summary/metrics.csv, postprocessing.csv and data.csv, and raters.csv and advice.csv where they
are; writes summary/verdicts.csv.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from math import nan
from pathlib import Path
from typing import Any

import pandas as pd

from deg_core.data.publish import damage_of, publish_csv
from deg_core.ethogram import verdict
from deg_core.ethogram.verdict import Evidence, Score
from deg_core.splits import unpack
from deg_core.stages.run_tables import RUN, key_of, read_table

COLUMNS = [
    *RUN, "behavior", "verdict", "f1", "low", "high", "chance", "bout_f1_50", "raters_f1",
    "n_positive_train", "reason", "advice", "bout_low", "bout_high", "bout_chance",
    "raters_bout_f1_50", "f1_validation", "n_bouts_test", "n_videos_test", "n_groups_test",
]  # fmt: skip
MODEL = "sequence"
F1, BOUT_F1 = "f1", "bout_f1_50"
NUMBERS = [
    "value", "low", "high", "chance", "n_bouts", "frame_f1", "n_positive", "expected_f1"
]  # fmt: skip


def run(*, runs: list[str], summary: Path, behaviors: list[str], parts: str, out: Path) -> None:
    """Judge every behavior of every run that was tested.

    Parameters
    ----------
    runs
        Runs as preset/split/n_train that were tested.
    summary
        Folder of the tables.
    behaviors
        Names of the behaviors, in their order.
    parts
        Which video is in ``train`` and ``test`` of each split, as `splits.pack` writes it.
    out
        Table to write.

    Raises
    ------
    StateError
        If a table is missing or damaged.
    """
    metrics, tried, data = (
        read_table(summary / f"{name}.csv", numbers=NUMBERS)
        for name in ("metrics", "postprocessing", "data")
    )
    raters, advice = (read_if_there(summary / f"{name}.csv") for name in ("raters", "advice"))
    rows = []
    divided = unpack(parts)
    for name in runs:
        key = key_of(name)
        videos = divided[key["split"]]
        with damage_of(summary / "metrics.csv"):
            own = of_run(metrics, key)
            chosen = of_run(tried, key)
            rated = None if raters is None else of_run(raters, key)
            for behavior in behaviors:
                evidence = evidence_of(
                    own[own["model"] == MODEL], chosen[chosen["model"] == MODEL], data, rated,
                    behavior=behavior, videos=videos,
                )  # fmt: skip
                judged = verdict.judge(evidence)
                if judged.verdict != verdict.USABLE:
                    more = advised(advice, key["preset"], behavior)
                    judged = replace(judged, advice=f"{judged.advice} {more}".rstrip())
                rows.append(key | {"behavior": behavior} | row_of(evidence) | asdict(judged))
    publish_csv(out, pd.DataFrame(rows, columns=COLUMNS))


def read_if_there(path: Path) -> pd.DataFrame | None:
    """Read a table that not every project has."""
    return read_table(path, numbers=NUMBERS) if path.exists() else None


def of_run(table: pd.DataFrame, key: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows of one run."""
    return table[(table[RUN] == pd.Series(key)).all(axis=1)]


def evidence_of(
    metrics: pd.DataFrame,
    tried: pd.DataFrame,
    data: pd.DataFrame,
    raters: pd.DataFrame | None,
    *,
    behavior: str,
    videos: Mapping[str, Sequence[str]],
) -> Evidence:
    """Gather what is known of one behavior of one run.

    Parameters
    ----------
    metrics
        Scores of the run's sequence model.
    tried
        Its candidates for postprocessing, and their scores on validation.
    data
        Labeled frames of the project.
    raters
        Agreement of people on the run's test videos; None if only one labeled.
    behavior
        Which.
    videos
        Those of the run's parts ``train`` and ``test``.
    """
    own = metrics[metrics["behavior"] == behavior].set_index("metric")
    labeled = data[(data["behavior"] == behavior) & (data["labeled"] == "yes")]
    trained, tested = (labeled[labeled["video"].isin(videos[p])] for p in ("train", "test"))
    n_bouts = own["n_bouts"].get(F1, 0) if "n_bouts" in own else 0
    return Evidence(
        frames=score_of(own, F1, people(raters, behavior, F1)),
        bouts=score_of(own, BOUT_F1, people(raters, behavior, BOUT_F1)),
        precision=number(own, "precision", "value"),
        recall=number(own, "recall", "value"),
        validation=validation_of(tried, behavior),
        n_bouts=0 if pd.isna(n_bouts) else int(n_bouts),
        n_videos=tested["video"].nunique(),
        n_groups=tested["group"].nunique(),
        n_positive=float(trained["n_positive"].sum()),
        computed={F1, BOUT_F1} <= set(own.index),
    )


def validation_of(tried: pd.DataFrame, behavior: str) -> float:
    """Return F1 on validation of the postprocessing in use; NaN where it is not known."""
    chosen = tried[(tried["behavior"] == behavior) & (tried["chosen"] == "yes")]
    return float(chosen["frame_f1"].iloc[0]) if len(chosen) else nan


def score_of(scores: pd.DataFrame, metric: str, raters: float) -> Score:
    """Read one score with its interval and its chance level."""
    names = ("value", "low", "high", "chance")
    return Score(**{name: number(scores, metric, name) for name in names}, raters=raters)


def number(scores: pd.DataFrame, metric: str, column: str) -> float:
    """Read one cell; NaN where there is none."""
    if metric not in scores.index or column not in scores:
        return nan
    return float(scores.loc[metric, column])


def people(raters: pd.DataFrame | None, behavior: str, metric: str) -> float:
    """Average one run's agreement of pairs of people over all frames; NaN where there are none."""
    if raters is None:
        return nan
    pairs = raters[
        (raters["kind"] == "human-human")
        & (raters["frames"] == "all")
        & (raters["behavior"] == behavior)
        & (raters["metric"] == metric)
    ]
    return float(pairs["value"].astype(float).mean())


def advised(advice: pd.DataFrame | None, preset: str, behavior: str) -> str:
    """Find what the learning curve promises of more labels; nothing where it has no forecast."""
    if advice is None:
        return ""
    own = advice[(advice["preset"] == preset) & (advice["behavior"] == behavior)]
    own = own[own["expected_f1"].notna()]
    return "" if own.empty else str(own["advice"].iloc[0])


def row_of(evidence: Evidence) -> dict[str, Any]:
    """Lay the evidence out in the columns of the table."""
    frames, bouts = evidence.frames, evidence.bouts
    return {
        "f1": frames.value, "low": frames.low, "high": frames.high, "chance": frames.chance,
        "bout_f1_50": bouts.value, "raters_f1": frames.raters,
        "n_positive_train": int(evidence.n_positive),
        "bout_low": bouts.low, "bout_high": bouts.high, "bout_chance": bouts.chance,
        "raters_bout_f1_50": bouts.raters, "f1_validation": evidence.validation,
        "n_bouts_test": evidence.n_bouts, "n_videos_test": evidence.n_videos,
        "n_groups_test": evidence.n_groups,
    }  # fmt: skip
