"""The stages choose_postprocessing and summarize_postprocessing: what they write and refuse."""

import json

import numpy as np
import pandas as pd
import pytest
from scored_runs import (
    BEHAVIORS,
    RUN,
    VAL,
    choose,
    labels_of,
    measure_bouts,
    predictions_of,
    tune,
    write_inputs,
)

from deg_core.data.arrays import write_predictions
from deg_core.data.labels import write_frame_labels
from deg_core.errors import StateError
from deg_core.settings import (
    AutoSettings,
    BehaviorSmoothing,
    PostprocessSettings,
    ThresholdSettings,
)
from deg_core.stages import summarize_postprocessing

BOLD = PostprocessSettings(method="auto", auto=AutoSettings(min_bouts=1, margin=0.5))


@pytest.fixture
def results(tmp_path):
    write_inputs(tmp_path)
    tune(tmp_path)
    measure_bouts(tmp_path)
    return tmp_path


def chosen(results, **changes):
    return json.loads(choose(results, **changes).read_text())


def test_the_default_is_the_percentile_filter(results):
    found = chosen(results)
    thresholds = json.loads((results / f"thresholds/{RUN}.json").read_text())
    assert (found["behaviors"], found["videos"]) == (BEHAVIORS, VAL)
    for model in ("sequence", "feature_extractor"):
        for name, length in (("groom", 1), ("rear", 1)):
            one = found[model][name]
            assert one["method"] == "percentile"
            # 4 or 5 training bouts of 6 or 9 frames, and one of 1 beside them: hardly above 1.
            assert one["parameters"] == {
                "threshold": thresholds[model][name]["threshold"], "length": length
            }  # fmt: skip
            assert one["reason"] == "set in config.yaml"
            assert [row["chosen"] for row in one["candidates"]] == [True]
    assert found["sequence"]["groom"]["candidates"][0]["bout_f1_50"] == 1.0


def test_auto_says_what_it_tried_and_why(results):
    found = chosen(results, settings=BOLD)["feature_extractor"]["groom"]
    methods = [row["method"] for row in found["candidates"]]
    assert methods[0] == "percentile"
    assert {"min_bout", "none", "hysteresis", "median", "stitch"} <= set(methods)
    assert sum(row["chosen"] for row in found["candidates"]) == 1
    assert found["n_tried"] > len(methods)
    picked = next(row for row in found["candidates"] if row["chosen"])
    assert (picked["method"], picked["parameters"]) == (found["method"], found["parameters"])
    if picked is not found["candidates"][0]:
        assert picked["bout_f1_50"] > found["candidates"][0]["bout_f1_50"]


def test_few_bouts_are_named(results):
    found = chosen(results, settings=PostprocessSettings(method="auto"))["sequence"]["rear"]
    assert found["method"] == "percentile"
    assert found["reason"].startswith(f"{found['n_bouts']} labeled bouts in validation, fewer than")


def test_each_behavior_has_its_own_method(results):
    each = (BehaviorSmoothing(behavior="rear", method="none"),)
    found = chosen(results, settings=PostprocessSettings(per_behavior=each))["sequence"]
    assert [found[name]["method"] for name in BEHAVIORS] == ["percentile", "none"]


def test_joint_thresholds_may_move(results):
    settings = PostprocessSettings(method="auto", auto=AutoSettings(min_bouts=1, margin=0, shift=0))
    moved = chosen(results, settings=settings, tuning=ThresholdSettings(joint=True))
    alone = chosen(results, settings=settings)
    assert moved["feature_extractor"] != alone["feature_extractor"]
    assert chosen(results, tuning=ThresholdSettings(joint=True)) == chosen(results) | {
        model: {
            name: one | {"n_tried": 1, "reason": moved_reason(one)} for name, one in each.items()
        }
        for model, each in chosen(results).items()
        if model in ("sequence", "feature_extractor")
    }


def moved_reason(one):
    return f"{one['n_bouts']} labeled bouts in validation, fewer than 30; it stays as it was set"


def test_a_behavior_that_validation_lacks(results):
    table = np.minimum(labels_of(1), [[1, 0]]).astype(np.int8)
    write_frame_labels(results / "labels/m2.csv", BEHAVIORS, table)
    rear = chosen(results, settings=BOLD)["sequence"]["rear"]
    assert (rear["method"], rear["n_bouts"]) == ("percentile", 0)
    assert rear["candidates"][0]["frame_f1"] is None


def test_same_input_same_file(results):
    first = choose(results, settings=BOLD).read_bytes()
    assert choose(results, settings=BOLD).read_bytes() == first


def test_no_video(results):
    with pytest.raises(StateError, match="no validation video"):
        choose(results, videos=[])


@pytest.mark.parametrize("file", ["all.json", "all.lengths.json"])
def test_files_of_other_behaviors(results, file):
    path = results / "thresholds/fast/0" / file
    values = json.loads(path.read_text()) | {"behaviors": ["rear", "groom"]}
    path.write_text(json.dumps(values))
    with pytest.raises(StateError, match=r"has the behaviors "):
        choose(results)


@pytest.mark.parametrize("file", ["all.json", "all.lengths.json"])
@pytest.mark.parametrize("text", ["{}", '{"behaviors"'])
def test_damaged_files(results, file, text):
    (results / "thresholds/fast/0" / file).write_text(text)
    with pytest.raises(StateError, match=rf"{file}: .*delete it and run again"):
        choose(results)
    assert not (results / f"thresholds/{RUN}.postprocess.json").exists()


def test_thresholds_of_one_model_only(results):
    path = results / "thresholds/fast/0/all.json"
    values = json.loads(path.read_text())
    values.pop("feature_extractor")
    path.write_text(json.dumps(values))
    with pytest.raises(StateError, match=r"all\.json: has no thresholds of the feature extractor"):
        choose(results)


def test_validation_videos_that_do_not_fit_together(results):
    write_frame_labels(results / "labels/m3.csv", BEHAVIORS, labels_of(2, n_frames=80))
    with pytest.raises(StateError, match=r"m3\.csv: 80 frames, but"):
        choose(results, videos=["m2", "m3"])
    write_frame_labels(results / "labels/m3.csv", BEHAVIORS, labels_of(2))
    from dataclasses import replace

    other = replace(predictions_of(labels_of(2), 2), groups=(("groom", "rear"),))
    write_predictions(results / f"predictions/{RUN}/m3.h5", other)
    with pytest.raises(StateError, match=r"m3\.h5: has the exclusive groups"):
        choose(results, videos=["m2", "m3"])


# --- the table


def summarize(results, runs=(RUN,)):
    out = results / "summary/postprocessing.csv"
    summarize_postprocessing.run(runs=list(runs), thresholds=results / "thresholds", out=out)
    return pd.read_csv(out, dtype={"split": str})


def test_table_of_all_candidates(results):
    found = chosen(results, settings=BOLD)
    table = summarize(results)
    assert list(table.columns) == [
        "preset", "split", "n_train", "model", "behavior", "method", "parameters", "frame_f1",
        "bout_f1_50", "chosen", "n_bouts", "reason",
    ]  # fmt: skip
    assert set(table["preset"] + "/" + table["split"] + "/" + table["n_train"]) == {RUN}
    picked = table[table["chosen"] == "yes"]
    assert len(picked) == 4  # two models, two behaviors
    for row in picked.itertuples():
        one = found[row.model][row.behavior]
        assert (row.method, row.reason) == (one["method"], one["reason"])
        assert f"threshold={one['parameters']['threshold']:.6g}" in row.parameters
    assert table.loc[table["chosen"] == "no", "reason"].isna().all()


def test_a_run_without_feature_extractor(results):
    path = choose(results)
    values = json.loads(path.read_text())
    values.pop("feature_extractor")
    path.write_text(json.dumps(values))
    assert set(summarize(results)["model"]) == {"sequence"}


def test_runs_that_cannot_be_read(results):
    with pytest.raises(StateError, match="expected preset/split/n_train, got fast"):
        summarize(results, runs=["fast"])
    with pytest.raises(StateError, match=r"all\.postprocess\.json: does not exist"):
        summarize(results)
    choose(results).write_text('{"sequence": {"groom": {}}}')
    with pytest.raises(StateError, match=r"all\.postprocess\.json: .*delete it"):
        summarize(results)
