"""Stage judge."""

import pandas as pd
import pytest

from deg_core.data.publish import publish_csv
from deg_core.errors import StateError
from deg_core.splits import Parts, pack
from deg_core.stages import judge

RUNS = ["lite/0/all", "fast/0/all"]
KEYS = [dict(zip(judge.RUN, name.split("/"), strict=True)) for name in RUNS]
PARTS = {"0": Parts(train=("m1", "m2"), val=(), test=("m3", "m4"))}
# text that pandas would take for a number or a missing value
BEHAVIORS = ["groom", "NA", "12"]


def metric_rows(key, behavior, **values):
    given = {"f1": 0.9, "bout_f1_50": 0.8, "precision": 0.9, "recall": 0.9} | values
    about = {**key, "behavior": behavior, "direction": "higher", "n_frames": 100, "n_bouts": 20}
    rows = []
    for model, worse in (("sequence", 0.0), ("feature_extractor", 0.5)):
        for metric, value in given.items():
            score = None if value is None else value - worse
            low = None if value is None else score - 0.1
            high = None if value is None else score + 0.05
            rows.append({**about, "model": model, "metric": metric, "value": score, "low": low,
                         "high": high, "chance": 0.1})  # fmt: skip
    return rows


@pytest.fixture
def summary(tmp_path):
    rows = []
    for key in KEYS:
        rows += metric_rows(key, "groom") + metric_rows(key, "12", bout_f1_50=0.05)
        rows += metric_rows(key, "NA", f1=None, bout_f1_50=None)
    publish_csv(tmp_path / "metrics.csv", pd.DataFrame(rows))
    tried = [
        {**key, "model": model, "behavior": name, "chosen": chosen, "frame_f1": f1}
        for key in KEYS
        for name in BEHAVIORS
        for model, chosen, f1 in (
            ("feature_extractor", "yes", 0.2), ("sequence", "no", 0.1), ("sequence", "yes", 0.93),
        )
    ]  # fmt: skip
    publish_csv(tmp_path / "postprocessing.csv", pd.DataFrame(tried))
    labeled = [
        {"video": f"m{n}", "group": f"0{n}", "labeled": "yes", "behavior": name, "n_frames": 500,
         "n_positive": 10**n, "n_bouts": 3}
        for n in range(1, 5)
        for name in BEHAVIORS
    ]  # fmt: skip
    publish_csv(tmp_path / "data.csv", pd.DataFrame(labeled))
    return tmp_path


def judged(summary, runs=RUNS, parts=PARTS):
    judge.run(
        runs=list(runs), summary=summary, behaviors=BEHAVIORS, parts=pack(parts),
        out=summary / "verdicts.csv",
    )  # fmt: skip
    return pd.read_csv(summary / "verdicts.csv", dtype={"behavior": str}, keep_default_na=False,
                       na_values={"f1": [""], "raters_f1": [""]})  # fmt: skip


def test_each_behavior_of_each_run_is_judged_in_order(summary):
    table = judged(summary)
    assert list(table.columns) == judge.COLUMNS
    assert table["behavior"].tolist() == BEHAVIORS * 2
    assert table["preset"].tolist() == ["lite"] * 3 + ["fast"] * 3
    assert table["verdict"].tolist() == ["usable", "not tested", "not learnable yet"] * 2
    row = table.iloc[0]
    assert (row["f1"], float(row["chance"])) == (0.9, 0.1)
    assert (int(row["n_bouts_test"]), int(row["n_videos_test"])) == (20, 2)
    assert int(row["n_groups_test"]) == 2
    assert float(row["low"]) == pytest.approx(0.8)
    assert float(row["bout_low"]) == pytest.approx(0.7)
    assert float(row["f1_validation"]) == 0.93
    assert int(row["n_positive_train"]) == 10 + 100  # m1 and m2
    assert pd.isna(row["raters_f1"])


def test_older_tables_without_intervals_will_do(summary):
    metrics = pd.read_csv(summary / "metrics.csv", keep_default_na=False).drop(
        columns=["low", "high"]
    )
    publish_csv(summary / "metrics.csv", metrics)
    table = judged(summary)
    assert table["verdict"][0] == "usable"
    assert table["low"][0] == ""


def changed(summary, table, change):
    """Change the rows of a table for which ``change`` returns something."""
    path = summary / f"{table}.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records")
    publish_csv(path, pd.DataFrame([row | change(row) for row in rows]))


def test_groups_and_not_videos_are_counted(summary):
    changed(summary, "data", lambda row: {"group": "1"} if row["video"] in ("m3", "m4") else {})
    row = judged(summary).iloc[0]
    assert (int(row["n_videos_test"]), int(row["n_groups_test"])) == (2, 1)
    assert row["verdict"] == "usable with review"
    assert "Test videos of one group cannot tell" in row["reason"]


def test_groups_are_texts(summary):
    names = {"m3": "1", "m4": "01"}
    changed(summary, "data", lambda row: {"group": names.get(row["video"], "x")})
    assert int(judged(summary)["n_groups_test"][0]) == 2


def test_videos_in_which_it_was_not_scored_do_not_count(summary):
    changed(
        summary, "data",
        lambda row: {"labeled": "no"} if (row["video"], row["behavior"]) == ("m4", "groom") else {},
    )  # fmt: skip
    table = judged(summary)
    assert table["n_videos_test"].astype(int).tolist() == [1, 2, 2] * 2
    assert "One test video cannot tell" in table["reason"][0]


def test_without_a_chosen_candidate_no_gap_is_claimed(summary):
    changed(summary, "metrics", lambda row: {"value": 0.76} if row["metric"] == "f1" else {})
    assert "0.93) than in the test (0.76)" not in judged(summary)["reason"][0]
    changed(summary, "metrics", lambda row: {"value": 0.7} if row["metric"] == "f1" else {})
    assert "(F1 0.93) than in the test (0.70)" in judged(summary)["reason"][0]
    changed(summary, "postprocessing", lambda row: {"chosen": "no"})
    table = judged(summary)
    assert "validation" not in table["reason"][0]
    assert table["f1_validation"][0] == ""


def test_a_score_that_is_not_in_the_table_was_not_computed(summary):
    metrics = pd.read_csv(summary / "metrics.csv", keep_default_na=False)
    publish_csv(summary / "metrics.csv", metrics[metrics["metric"] != "bout_f1_50"])
    table = judged(summary)
    assert set(table["verdict"]) == {"not tested"}
    assert "was not computed" in table["reason"][0]


def test_people_are_averaged_over_pairs_once(summary):
    rows = [
        {**key, "kind": kind, "first": first, "second": second, "frames": frames,
         "behavior": "groom", "metric": metric, "value": value}
        for key in KEYS
        for kind, first, second, frames, metric, value in (
            ("human-human", "anna", "ben", "all", "f1", 0.8),
            ("human-human", "anna", "cleo", "all", "f1", 0.6),
            ("human-human", "anna", "ben", "disagree", "f1", 0.0),
            ("model-human", "model", "ben", "all", "f1", 0.1),
            ("human-human", "anna", "ben", "all", "bout_f1_50", 0.7),
        )
    ]  # fmt: skip
    publish_csv(summary / "raters.csv", pd.DataFrame(rows))
    table = judged(summary)
    assert table["raters_f1"][0] == pytest.approx(0.7)
    assert float(table["raters_bout_f1_50"][0]) == 0.7
    assert pd.isna(table["raters_f1"][2])


def test_each_run_is_judged_by_the_people_who_saw_its_own_test_videos(summary):
    runs = ["lite/0/all", "lite/1/all"]
    keys = [dict(zip(judge.RUN, name.split("/"), strict=True)) for name in runs]
    rows = [row for key in keys for row in metric_rows(key, "groom", f1=0.74, bout_f1_50=0.74)]
    publish_csv(summary / "metrics.csv", pd.DataFrame(rows))
    # split 1 has other test videos, of which two people made the same; split 2 is not asked for
    agreement = {"0": 0.75, "1": 0.95, "2": 0.1}
    rows = [
        {"preset": "lite", "split": split, "n_train": "all", "kind": "human-human",
         "first": "anna", "second": "ben", "frames": "all", "behavior": "groom", "metric": metric,
         "value": value}
        for split, value in agreement.items()
        for metric in ("f1", "bout_f1_50")
    ]  # fmt: skip
    publish_csv(summary / "raters.csv", pd.DataFrame(rows))
    table = judged(summary, runs=runs, parts={"0": PARTS["0"], "1": PARTS["0"]})
    own = table[table["behavior"] == "groom"]
    assert own["raters_f1"].tolist() == [0.75, 0.95]
    assert own["raters_bout_f1_50"].astype(float).tolist() == [0.75, 0.95]
    assert own["verdict"].tolist() == ["usable", "usable with review"]


def test_a_table_of_raters_without_rows(summary):
    columns = [*judge.RUN, "kind", "first", "second", "frames", "behavior", "metric", "value"]
    publish_csv(summary / "raters.csv", pd.DataFrame(columns=columns))
    assert judged(summary)["verdict"][0] == "usable"


def test_a_forecast_of_the_learning_curve_is_added_to_the_advice(summary):
    rows = [
        {"preset": "lite", "behavior": "12", "expected_f1": 0.8, "advice": "3 more videos."},
        {"preset": "lite", "behavior": "groom", "expected_f1": 0.8, "advice": "not needed"},
        {"preset": "fast", "behavior": "12", "expected_f1": None, "advice": "unknown"},
    ]
    publish_csv(summary / "advice.csv", pd.DataFrame(rows))
    advice = judged(summary)["advice"].tolist()
    assert advice[2].endswith(". 3 more videos.")
    assert "not needed" not in advice[0]
    assert "unknown" not in advice[5]


def test_without_tested_runs_there_is_no_verdict(summary):
    assert judged(summary, runs=[]).empty


@pytest.mark.parametrize("name", ["metrics", "postprocessing", "data"])
def test_missing_tables_are_told(summary, name):
    (summary / f"{name}.csv").unlink()
    with pytest.raises(StateError, match=f"{name}.csv: does not exist"):
        judged(summary)
