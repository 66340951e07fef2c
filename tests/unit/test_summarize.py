"""The stage summarize: tidy tables of all runs."""

import json
import shutil

import pandas as pd
import pytest
from scored_runs import write_run

from deg_core.errors import StateError
from deg_core.stages import summarize

HISTORY = "epoch,step,lr,train_loss,val_loss,val_f1_macro,seconds\n1,10,0.1,2.0,1.5,,3\n"


@pytest.fixture
def results(tmp_path):
    """Runs fast/0/all (with metrics) and fast/final/all (without)."""
    write_run(tmp_path)
    thresholds = tmp_path / "thresholds/fast"
    (thresholds / "final").mkdir()
    shutil.copy(thresholds / "0/all.json", thresholds / "final/all.json")
    for name in (
        "flow/fast", "features/fast/0/all", "features/fast/final/all", "sequence/fast/0/all",
        "sequence/fast/final/all",
    ):  # fmt: skip
        path = tmp_path / "models" / f"{name}.history.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HISTORY)
    return tmp_path


def summary(results, *runs):
    out = results / "summary"
    tested = [run for run in runs if "final" not in run]
    summarize.run(runs=list(runs), tested=tested, results=results, out=out)
    return {p.stem: pd.read_csv(p, dtype={"split": str}) for p in sorted(out.iterdir())}


def test_four_tables(results):
    assert list(summary(results, "fast/0/all")) == ["confusion", "curves", "history", "metrics"]


def test_a_run_without_test_part_may_be_any(results):
    # As with splits.test 0; an older metrics file of it must not count.
    out = results / "summary"
    summarize.run(runs=["fast/0/all"], tested=[], results=results, out=out)
    assert pd.read_csv(out / "metrics.csv").empty
    assert not pd.read_csv(out / "history.csv").empty


def test_metrics(results):
    table = summary(results, "fast/0/all", "fast/final/all")["metrics"]
    assert list(table.columns) == [
        "preset", "split", "n_train", "model", "behavior", "metric", "value", "chance",
        "direction", "n_frames", "n_bouts",
    ]  # fmt: skip
    assert table["split"].unique().tolist() == ["0"]  # final has no test part
    assert set(table["behavior"]) == {"overall", "groom", "rear", "background"}
    assert set(table["model"]) == {"sequence", "feature_extractor"}
    keys = ["preset", "split", "n_train", "model", "behavior", "metric"]
    assert not table.duplicated(keys).any()
    scores = json.loads((results / "metrics/fast/0/all.json").read_text())
    row = table.set_index(keys).loc[("fast", "0", "all", "sequence", "groom", "f1")]
    entry = scores["sequence"]["behaviors"]["groom"]
    assert row["value"] == entry["f1"]["value"]
    assert row["chance"] == entry["f1"]["chance"]
    assert row["direction"] == "higher"
    assert (row["n_frames"], row["n_bouts"]) == (entry["n_frames"], entry["n_bouts"])
    # 17 metrics overall, 14 of each of two behaviors, 12 of the background; two models.
    assert len(table) == 2 * (17 + 2 * 14 + 12)


def test_curves(results):
    table = summary(results, "fast/0/all", "fast/final/all")["curves"]
    assert list(table.columns) == [
        "preset", "split", "n_train", "model", "behavior", "part", "threshold", "precision",
        "recall", "f1",
    ]  # fmt: skip
    sizes = table.groupby(["split", "part", "model", "behavior"]).size()
    assert set(sizes.index.get_level_values("behavior")) == {"groom", "rear"}
    assert (sizes["0"]["validation"] == 200).all()
    assert (sizes["0"]["chosen"] == 1).all()
    assert (sizes["0"]["test"] <= 200).all()
    assert "test" not in sizes["final"]
    chosen = json.loads((results / "thresholds/fast/0/all.json").read_text())["sequence"]["rear"]
    row = table.query("split == '0' and part == 'chosen' and model == 'sequence'").iloc[1]
    assert (row["behavior"], row["threshold"], row["f1"]) == (
        "rear", chosen["threshold"], chosen["f1"]
    )  # fmt: skip


def test_confusion(results):
    table = summary(results, "fast/0/all")["confusion"]
    assert list(table.columns)[3:] == ["model", "behavior", "tn", "fp", "fn", "tp"]
    assert table["behavior"].tolist() == ["groom", "rear", "background"] * 2
    assert (table[["tn", "fp", "fn", "tp"]].sum(axis=1) == 220).all()
    entry = json.loads((results / "metrics/fast/0/all.json").read_text())["sequence"]
    (tn, fp), (fn, tp) = entry["behaviors"]["groom"]["confusion"]
    assert table.iloc[0][["tn", "fp", "fn", "tp"]].tolist() == [tn, fp, fn, tp]


def test_history_of_all_runs_and_of_flow_once(results):
    flow = results / "models/flow/fast.history.csv"
    flow.write_text("epoch,train_loss,val_ssim\n1,0.5,0.2\n2,0.4,0.1\n")
    table = summary(results, "fast/0/all", "fast/final/all")["history"]
    assert list(table.columns)[:5] == ["preset", "split", "n_train", "stage", "epoch"]
    assert {"val_ssim", "val_f1_macro", "lr"} <= set(table.columns)
    assert table["stage"].tolist() == ["flow"] * 2 + ["features", "sequence"] * 2
    assert table["split"].fillna("").tolist() == ["", "", "0", "0", "final", "final"]
    assert table["train_loss"].tolist() == [0.5, 0.4, 2.0, 2.0, 2.0, 2.0]


def test_without_runs_the_tables_are_empty(results):
    tables = summary(results)
    assert {name: len(table) for name, table in tables.items()} == {
        "confusion": 0, "curves": 0, "history": 0, "metrics": 0
    }  # fmt: skip


@pytest.mark.parametrize(
    "file",
    [
        "metrics/fast/0/all.json",
        "thresholds/fast/0/all.json",
        "models/flow/fast.history.csv",
        "models/sequence/fast/0/all.history.csv",
    ],
)
def test_missing_or_damaged_file_is_named(results, file):
    for damage in (lambda path: path.write_text(""), lambda path: path.unlink()):
        damage(results / file)
        with pytest.raises(StateError, match=file):
            summary(results, "fast/0/all")


def test_metrics_of_another_format(results):
    (results / "metrics/fast/0/all.json").write_text("{}")
    with pytest.raises(StateError, match="delete it and run again"):
        summary(results, "fast/0/all")


def test_run_of_another_form(results):
    with pytest.raises(StateError, match="expected preset/split/n_train, got fast/0"):
        summary(results, "fast/0")
