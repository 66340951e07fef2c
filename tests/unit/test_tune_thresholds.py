"""The stage tune_thresholds: what it writes, and what it refuses."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scored_runs import BEHAVIORS, labels_of, predictions_of, tune, write_inputs

from deg_core.data.arrays import write_predictions
from deg_core.data.labels import write_frame_labels
from deg_core.errors import StateError
from deg_core.settings import ThresholdSettings
from deg_core.stages import tune_thresholds


def test_thresholds_of_both_models(tmp_path):
    write_inputs(tmp_path)
    result = json.loads(tune(tmp_path).read_text())
    assert result["behaviors"] == BEHAVIORS
    assert result["videos"] == ["m2"]
    assert result["n_frames"] == 110  # 120 less 10 unknown
    groom = result["sequence"]["groom"]
    # Present frames have at least 0.6, absent ones at most 0.4.
    assert 0.3 < groom["threshold"] < 0.6
    assert groom["f1"] == 1.0
    assert groom["n_positive"] + groom["n_negative"] == 110
    assert len(groom["curve"]["threshold"]) == 200
    assert result["feature_extractor"]["groom"]["f1"] < 1.0


def test_several_videos_are_pooled(tmp_path):
    write_inputs(tmp_path)
    result = json.loads(tune(tmp_path, videos=["m2", "m3"]).read_text())
    assert result["n_frames"] == 220


@pytest.mark.parametrize(("videos", "share"), [(["m2"], 1), (["m2", "m3", "m4", "m1"], 0.5)])
def test_more_videos_are_believed_more(tmp_path, monkeypatch, videos, share):
    write_inputs(tmp_path)
    given = []
    monkeypatch.setattr(tune_thresholds, "tune", lambda *_, **kw: given.append(kw) or {})
    tune(tmp_path, videos=videos, settings=ThresholdSettings(pull=0.2, shift=0.6))
    assert [kw["pull"] for kw in given] == [pytest.approx(0.2 * share)] * 2
    assert [kw["shift"] for kw in given] == [pytest.approx(0.6 * share)] * 2


def test_absent_behavior_is_stated(tmp_path):
    labels, _ = write_inputs(tmp_path)
    table = labels_of(1)
    table[:, 1] = np.minimum(table[:, 1], 0)
    write_frame_labels(labels / "m2.csv", BEHAVIORS, table)
    result = json.loads(tune(tmp_path, settings=ThresholdSettings(fallback=0.4)).read_text())
    rear = result["sequence"]["rear"]
    assert rear["threshold"] == 0.4
    assert rear["reason"] == "fallback: no positive frame in validation"
    assert rear["f1"] is None


def test_no_video(tmp_path):
    with pytest.raises(StateError, match="no validation video"):
        tune(tmp_path, videos=[])


def test_other_number_of_frames(tmp_path):
    labels, _ = write_inputs(tmp_path)
    write_frame_labels(labels / "m2.csv", BEHAVIORS, labels_of(1, n_frames=119))
    with pytest.raises(StateError, match=r"m2\.csv: 119 frames, but .*m2\.h5 has 120; delete"):
        tune(tmp_path)


def test_other_behaviors(tmp_path):
    labels, _ = write_inputs(tmp_path)
    write_frame_labels(labels / "m2.csv", ["groom", "jump"], labels_of(1))
    with pytest.raises(StateError, match=r"m2\.csv: has the behaviors groom, jump, but .*rear"):
        tune(tmp_path)


def test_behaviors_differ_between_videos(tmp_path):
    labels, predictions = write_inputs(tmp_path)
    other = replace(predictions_of(labels_of(2), 2), behaviors=("rear", "groom"))
    write_frame_labels(labels / "m3.csv", ["rear", "groom"], labels_of(2))
    write_predictions(predictions / "m3.h5", other)
    with pytest.raises(StateError, match=r"m3\.h5: has the behaviors rear, groom"):
        tune(tmp_path, videos=["m2", "m3"])


def test_missing_predictions(tmp_path):
    _, predictions = write_inputs(tmp_path)
    (predictions / "m2.h5").unlink()
    with pytest.raises(StateError, match=r"m2\.h5"):
        tune(tmp_path)
