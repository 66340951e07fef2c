"""The stage postprocess: ethogram and bout table of one video."""

import json

import numpy as np
import pandas as pd
import pytest
from scored_runs import choose, clean, measure_bouts, predictions_of, tune, write_inputs

from deg_core.data.arrays import write_predictions
from deg_core.errors import StateError
from deg_core.settings import BehaviorSmoothing, PostprocessSettings


@pytest.fixture
def results(tmp_path):
    """One video of 20 frames; thresholds 0.5, training bouts of 3 (groom) and 1 frame (rear)."""
    _, folder = write_inputs(tmp_path)
    tune(tmp_path)
    measure_bouts(tmp_path)
    thresholds = tmp_path / "thresholds/fast/0/all.json"
    chosen = json.loads(thresholds.read_text())
    for name in ("groom", "rear"):
        chosen["sequence"][name]["threshold"] = 0.5
    thresholds.write_text(json.dumps(chosen))
    lengths = tmp_path / "thresholds/fast/0/all.lengths.json"
    values = json.loads(lengths.read_text())
    lengths.write_text(json.dumps(values | {"lengths": {"groom": [3] * 200 + [9], "rear": [1]}}))
    present = np.zeros((20, 2), dtype=np.int8)
    present[3:5, 0] = 1  # two frames: shorter than 3; no gap beside them is
    present[8:11, 0] = 1  # three frames: not shorter
    present[15, 1] = 1
    write_predictions(folder / "m3.h5", predictions_of(present, 0))
    choose(tmp_path)
    return tmp_path


def test_ethogram_and_bouts(results):
    ethogram, bouts = (pd.read_csv(path) for path in clean(results, "m3"))
    assert list(ethogram.columns) == ["frame", "time_s", "background", "groom", "rear"]
    assert ethogram["frame"].tolist() == list(range(20))
    assert ethogram["time_s"][3] == 0.12  # at 25 frames per second
    assert np.flatnonzero(ethogram["groom"]).tolist() == [8, 9, 10]
    assert np.flatnonzero(ethogram["rear"]).tolist() == [15]
    assert np.flatnonzero(ethogram["background"] == 0).tolist() == [8, 9, 10, 15]
    assert list(bouts.columns) == [
        "behavior", "start_frame", "stop_frame", "start_s", "stop_s", "duration_s",
        "mean_probability",
    ]  # fmt: skip
    assert bouts[["behavior", "start_frame", "stop_frame"]].to_numpy().tolist() == [
        ["groom", 8, 11],
        ["rear", 15, 16],
    ]
    assert bouts["duration_s"].tolist() == [0.12, 0.04]
    assert bouts["mean_probability"].between(0.6, 1).all()


def test_settings_decide_what_is_too_short(results):
    inclusive = PostprocessSettings(inclusive=True)
    nothing = PostprocessSettings(method="none")
    kept = []
    for settings in (inclusive, nothing):
        choose(results, settings=settings)
        kept.append(pd.read_csv(clean(results, "m3")[1])[["behavior", "start_frame"]])
    # Inclusive: the bout of three frames goes as well, and so does rear's, of one.
    assert kept[0].empty
    assert kept[1].to_numpy().tolist() == [["groom", 3], ["groom", 8], ["rear", 15]]


FILE = "thresholds/fast/0/all.postprocess.json"


def test_another_behavior_may_be_treated_otherwise(results):
    each = [BehaviorSmoothing(behavior="groom", method="stitch", max_gap=3, min_bout=2)]
    choose(results, settings=PostprocessSettings(per_behavior=tuple(each)))
    bouts = pd.read_csv(clean(results, "m3")[1])
    # groom's gap of 3 frames is filled; rear still has the percentile filter.
    assert bouts[["behavior", "start_frame", "stop_frame"]].to_numpy().tolist() == [
        ["groom", 3, 11],
        ["rear", 15, 16],
    ]


def test_other_behaviors(results):
    path = results / FILE
    values = json.loads(path.read_text()) | {"behaviors": ["rear", "groom"]}
    path.write_text(json.dumps(values))
    with pytest.raises(StateError, match=r"all.postprocess.json: has the behaviors rear, groom"):
        clean(results, "m3")


def test_damaged_json(results):
    good = json.loads((results / FILE).read_text())
    groom = good["sequence"]["groom"]
    odd = [
        groom | {"method": "guess"},
        groom | {"parameters": {"threshold": None, "length": 2}},
        groom | {"parameters": {"threshold": 1.5, "length": 2}},
        groom | {"parameters": {"threshold": 0.5, "length": -1}},
        groom | {"parameters": {"threshold": 0.5, "size": 1}},
        {"method": "none"},
    ]
    texts = [json.dumps(good | {"sequence": good["sequence"] | {"groom": one}}) for one in odd]
    for text in ["{}", '{"behaviors"', *texts]:
        (results / FILE).write_text(text)
        with pytest.raises(StateError, match=r"all.postprocess.json: .*delete it and run again"):
            clean(results, "m3")
    assert not (results / "ethograms").exists()
