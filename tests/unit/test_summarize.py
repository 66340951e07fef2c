"""The stage summarize: tidy tables of all runs."""

import json
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
from scored_runs import TABLES as EVALUATED
from scored_runs import TRAININGS, write_run, write_trainings

from deg_core.errors import StateError
from deg_core.stages import summarize
from deg_core.stages.model_facts import model_table
from deg_core.stages.run_tables import key_of


@pytest.fixture
def results(tmp_path):
    """Runs fast/0/all (with metrics) and fast/final/all (without)."""
    write_run(tmp_path)
    thresholds = tmp_path / "thresholds/fast"
    (thresholds / "final").mkdir()
    shutil.copy(thresholds / "0/all.json", thresholds / "final/all.json")
    write_trainings(tmp_path, "fast/0/all", "fast/final/all")
    return tmp_path


def summary(results, *runs, tested=None, trainings=TRAININGS):
    out = results / "summary"
    tested = [run for run in runs if "final" not in run] if tested is None else tested
    summarize.run(
        runs=list(runs), tested=tested, trainings=trainings, results=results,
        benchmarks=results / "b", out=out,
    )  # fmt: skip
    return {p.stem: pd.read_csv(p, dtype={"split": str}) for p in sorted(out.iterdir())}


TABLES = [
    "bouts", "calibration", "confusion", "curves", "edges", "examples", "history", "metrics",
    "models", "over_splits", "statistics", "transitions",
]  # fmt: skip


def test_tables(results):
    assert list(summary(results, "fast/0/all")) == TABLES


def test_same_results_same_bytes(results):
    summary(results, "fast/0/all")
    before = {path: path.read_bytes() for path in (results / "summary").iterdir()}
    summary(results, "fast/0/all")
    assert {path: path.read_bytes() for path in before} == before


def test_a_run_without_test_part_may_be_any(results):
    # As with splits.test 0; an older metrics file of it must not count.
    tables = summary(results, "fast/0/all", tested=[])
    assert tables["metrics"].empty
    assert not tables["history"].empty


def test_metrics(results):
    table = summary(results, "fast/0/all", "fast/final/all")["metrics"]
    assert list(table.columns) == [
        "preset", "split", "n_train", "model", "behavior", "metric", "value", "low", "high",
        "chance", "direction", "n_frames", "n_bouts",
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
    assert (row["low"], row["high"]) == (entry["f1"]["low"], entry["f1"]["high"])
    assert row["direction"] == "higher"
    assert (row["n_frames"], row["n_bouts"]) == (entry["n_frames"], entry["n_bouts"])
    # 20 metrics overall, 17 of each of two behaviors, 14 of the background; two models.
    assert len(table) == 2 * (20 + 2 * 17 + 14)


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


def test_trainings_that_a_preset_no_longer_has_are_left_out(results):
    """As of a preset that looked at the video once, and now at keypoints."""
    tables = summary(results, "fast/0/all", trainings='{"fast": ["sequence"]}')
    assert tables["history"]["stage"].tolist() == tables["models"]["stage"].tolist() == ["sequence"]
    tables = summary(results, "fast/0/all", trainings='{"fast": []}')
    assert tables["history"].empty
    assert tables["models"].empty


@pytest.mark.parametrize("text", ["[]", "{", '{"fast": 3}'])
def test_trainings_that_cannot_be_understood(results, text):
    with pytest.raises(StateError, match="--trainings: expected a JSON object"):
        summary(results, "fast/0/all", trainings=text)


def test_without_runs_the_tables_are_empty(results):
    tables = summary(results)
    assert {name: len(table) for name, table in tables.items()} == dict.fromkeys(TABLES, 0)


@pytest.mark.parametrize(
    "file",
    [
        "metrics/fast/0/all.json",
        "metrics/fast/0/all.edges.csv",
        "thresholds/fast/0/all.json",
        "models/flow/fast.history.csv",
        "models/sequence/fast/0/all.history.csv",
        "models/features/fast/0/all.run.json",
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


def test_table_with_other_columns(results):
    path = results / "metrics/fast/0/all.bouts.csv"
    path.write_text("source,video\n")
    with pytest.raises(StateError, match=r"all\.bouts\.csv: lacks behavior, start_s, duration_s"):
        summary(results, "fast/0/all")


# --- more tables


def copy_run(results, name, *, change=0.0):
    """Make another run of the first one's files, with F1 moved by some."""
    for folder, ends in (
        ("thresholds", [".json"]), ("models/features", [".history.csv", ".run.json"]),
        ("models/sequence", [".history.csv", ".run.json"]),
        ("metrics", [".json", *(f".{t}.csv" for t in EVALUATED)]),
    ):  # fmt: skip
        for end in ends:
            target = results / folder / f"{name}{end}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(results / folder / f"fast/0/all{end}", target)
    path = results / f"metrics/{name}.json"
    scores = json.loads(path.read_text())
    scores["sequence"]["behaviors"]["groom"]["f1"]["value"] += change
    path.write_text(json.dumps(scores))


def test_over_splits(results):
    for split, change in (("1", -0.1), ("2", -0.4)):
        copy_run(results, f"fast/{split}/all", change=change)
    copy_run(results, "fast/0/2")
    tables = summary(results, "fast/0/all", "fast/1/all", "fast/2/all", "fast/0/2")
    table = tables["over_splits"]
    assert list(table.columns) == [
        "preset", "n_train", "model", "behavior", "metric", "mean", "sem", "chance", "n_splits",
        "direction",
    ]  # fmt: skip
    keys = ["preset", "n_train", "model", "behavior", "metric"]
    assert not table.duplicated(keys).any()
    assert len(table) == len(tables["metrics"]) / 2  # three splits and one are two groups
    rows = table.set_index(keys)
    first = tables["metrics"].query("metric == 'f1' and behavior == 'groom'").iloc[0]
    row = rows.loc[("fast", "all", "sequence", "groom", "f1")]
    values = first["value"] - np.array([0, 0.1, 0.4])
    assert row["mean"] == pytest.approx(values.mean())
    assert row["sem"] == pytest.approx(values.std(ddof=1) / np.sqrt(3))
    assert (row["chance"], row["n_splits"], row["direction"]) == (first["chance"], 3, "higher")
    alone = rows.loc[("fast", "2", "sequence", "groom", "f1")]
    assert (alone["mean"], alone["n_splits"]) == (first["value"], 1)
    assert np.isnan(alone["sem"])


def test_over_splits_leaves_out_what_has_no_value():
    row = dict.fromkeys(summarize.METRICS, "x")
    values = [0.5, None, 0.7, None]
    table = pd.DataFrame(
        [{**row, "split": str(i), "value": v, "chance": 0.25} for i, v in enumerate(values)]
    )
    found = summarize.over_splits(table).iloc[0]
    assert found["mean"] == pytest.approx(0.6)
    assert found["sem"] == pytest.approx(0.1)
    assert found["n_splits"] == 2
    nothing = summarize.over_splits(table.assign(value=None)).iloc[0]
    assert np.isnan([nothing["mean"], nothing["sem"]]).all()
    assert nothing["n_splits"] == 0


def test_tables_of_each_run_are_put_together_as_they_are(results):
    copy_run(results, "fast/1/all")
    copy_run(results, "fast/0/2")
    tables = summary(results, "fast/0/all", "fast/1/all", "fast/0/2")
    for name in EVALUATED:
        own = pd.read_csv(results / f"metrics/fast/0/all.{name}.csv")
        both = tables[name]
        assert list(both.columns) == ["preset", "split", "n_train", *own.columns]
        first = both.query("split == '0' and n_train == 'all'")
        assert first[list(own.columns)].reset_index(drop=True).equals(own)
        # Examples are for full runs.
        assert len(both) == len(own) * (2 if name == "examples" else 3)


def test_calibration(results):
    table = summary(results, "fast/0/all")["calibration"]
    assert list(table.columns)[3:] == [
        "model", "behavior", "low", "high", "n_frames", "mean_probability", "share_positive"
    ]  # fmt: skip
    sizes = table.groupby(["model", "behavior"])["n_frames"].agg(["size", "sum"])
    assert (sizes["size"] == 10).all()
    assert (sizes["sum"] == 220).all()
    filled = table[table["n_frames"] > 0]
    assert (filled["low"] <= filled["mean_probability"] + 1e-9).all()
    assert (filled["mean_probability"] <= filled["high"] + 1e-9).all()
    assert table.loc[table["n_frames"] == 0, "share_positive"].isna().all()


def write_models(results, benchmarks):
    for stage, runs in {"flow": ["fast"], "features": RUNS, "sequence": RUNS}.items():
        for i, run in enumerate(runs):
            path = results / "models" / stage / f"{run}.pt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * 2_000_000)
            record = {"parameters": 500_000, "seconds": 60.0 + 10 * i, "device": "cpu"}
            path.with_suffix(".run.json").write_text(json.dumps(record))
    for run in RUNS[:2]:
        for video, seconds in (("m3", 4.0), ("m4", 1.0), ("m5", 9.0)):
            note = benchmarks / f"extract_features/{run}/{video}.tsv"
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(f"s\th:m:s\n{seconds}\t0:00:04\n")
            if video != "m5":  # whose features were deleted
                path = results / "features" / run / f"{video}.h5"
                path.parent.mkdir(parents=True, exist_ok=True)
                with h5py.File(path, "w") as file:
                    file.attrs["n_frames"] = 120


RUNS = ["fast/0/all", "fast/1/all", "fast/0/2"]


def models_of(results, runs, stages=("features", "sequence"), benchmarks="b"):
    keys = [key_of(run) for run in runs]
    trainings = {key["preset"]: stages for key in keys}
    return model_table(keys, trainings=trainings, results=results, benchmarks=results / benchmarks)


def test_models(tmp_path):
    write_models(tmp_path, tmp_path / "b")
    table = models_of(tmp_path, RUNS)
    assert table["stage"].tolist() == ["flow", "features", "sequence"]
    assert table["parameters"].tolist() == [500_000] * 3
    assert table["megabytes"].tolist() == [2.0] * 3
    assert table["seconds"].tolist() == [60.0, 65.0, 65.0]  # the sweep's run is left out
    rate = table["frames_per_second"]
    assert rate[1] == pytest.approx(4 * 120 / 10)
    assert rate.isna().tolist() == [True, False, True]
    assert table["device"].tolist() == ["cpu"] * 3


def test_models_without_notes_of_time(tmp_path):
    write_models(tmp_path, tmp_path / "b")
    note = tmp_path / "b/extract_features/fast/0/all/m3.tsv"
    note.write_text("damaged")
    table = models_of(tmp_path, RUNS[:1])
    assert table["frames_per_second"][1] == 120
    table = models_of(tmp_path, RUNS[:1], benchmarks="none")
    assert table["frames_per_second"].isna().all()


def test_models_of_runs_with_few_videos_only(tmp_path):
    write_models(tmp_path, tmp_path / "b")
    seconds = models_of(tmp_path, RUNS[2:]).set_index("stage")["seconds"].to_dict()
    assert seconds == {"flow": 60.0, "features": 80.0, "sequence": 80.0}


def test_models_of_presets_without_all_trainings(tmp_path):
    write_models(tmp_path, tmp_path / "b")
    assert models_of(tmp_path, RUNS, ["sequence"])["stage"].tolist() == ["sequence"]
    assert models_of(tmp_path, ["clusters/0/all"], []).empty


def test_a_model_file_that_was_deleted_has_no_size(tmp_path):
    write_models(tmp_path, tmp_path / "b")
    (tmp_path / "models/flow/fast.pt").unlink()
    assert models_of(tmp_path, RUNS)["megabytes"].isna().tolist() == [True, False, False]


def test_damaged_run_record(tmp_path):
    write_models(tmp_path, tmp_path / "b")
    (tmp_path / "models/flow/fast.run.json").write_text("{")
    with pytest.raises(StateError, match=r"flow/fast\.run\.json"):
        models_of(tmp_path, RUNS)
