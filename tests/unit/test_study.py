"""What the stages before them really write is what the study's stages read."""

import numpy as np
import pandas as pd
import pytest
from scored_runs import BEHAVIORS, TEST, TRAIN, TRAININGS, labels_of, write_run, write_trainings

from deg_core.data.labels import write_intervals
from deg_core.settings import EvaluateSettings, LabelSettings
from deg_core.stages import advise, compare_raters, compare_runs, summarize

RUN = "fast/0/all"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The run fast/0/all up to the summary, and labels of two people for its test videos."""
    folder = tmp_path_factory.mktemp("study")
    write_run(folder)
    write_trainings(folder, RUN)
    summarize.run(
        runs=[RUN], tested=[RUN], trainings=TRAININGS, results=folder, benchmarks=folder / "b",
        out=folder / "summary",
    )  # fmt: skip
    for number, video in enumerate(TEST, start=len(TRAIN) + 1):
        table, parts = labels_of(number), []
        for person, later in (("anna", 0), ("bob", 1)):
            write_intervals(
                folder / "part.csv", np.roll(table, later, axis=0), behaviors=BEHAVIORS,
                annotator=person,
            )  # fmt: skip
            parts.append((folder / "part.csv").read_text().splitlines())
        text = "\n".join([*parts[0], *parts[1][1:]]) + "\n"
        (folder / f"{video}.csv").write_text(text)
    return folder


def test_raters_of_a_run(results):
    compare_raters.run(
        videos=TEST, label_files=[results / f"{video}.csv" for video in TEST],
        ethograms=results / "ethograms" / RUN, labels=LabelSettings(behaviors=tuple(BEHAVIORS)),
        settings=EvaluateSettings(), out=results / "raters.csv",
    )  # fmt: skip
    table = pd.read_csv(results / "raters.csv")
    found = table[(table["frames"] == "all") & (table["behavior"] == "groom")]
    shift = found[found["metric"] == "onset_shift"].set_index(["first", "second"])["value"]
    assert shift["anna", "bob"] == 1.0
    # anna's labels are those that the run was scored by, but for the last frame that bob scored.
    f1 = found[(found["metric"] == "f1") & (found["first"] == "anna")].set_index("second")["value"]
    scores = pd.read_csv(results / "summary/metrics.csv")
    scores = scores[(scores["model"] == "sequence") & (scores["behavior"] == "groom")]
    assert f1["sequence"] == pytest.approx(float(scores.set_index("metric")["value"]["f1"]))
    assert f1["bob"] < 1


def test_advice_and_tests_of_a_run(results):
    advise.run(
        runs=[RUN], records=[results / f"models/sequence/{RUN}.run.json"],
        metrics=results / "summary/metrics.csv",
        labels=results / "labels", settings=EvaluateSettings(), learning=results / "learning.csv",
        advice=results / "advice.csv",
    )  # fmt: skip
    learning = pd.read_csv(results / "learning.csv").set_index("behavior")
    assert learning["n_positive"].to_dict() == dict(
        zip(BEHAVIORS, (labels_of(0) == 1).sum(axis=0), strict=True)
    )
    assert learning[["f1", "bout_f1_50"]].notna().all(axis=None)
    assert len(pd.read_csv(results / "advice.csv")) == 2
    compare_runs.run(
        metrics=results / "summary/metrics.csv", behaviors=BEHAVIORS, out=results / "tests.csv"
    )
    tests = pd.read_csv(results / "tests.csv")
    assert set(tests["question"]) == {"models of fast"}
    assert set(tests["behavior"]) == {"overall", *BEHAVIORS, "background"}
    assert set(tests["metric"]) == {"accuracy", "f1_macro", "f1", "bout_f1_50"}
    assert tests["p"].isna().all()
