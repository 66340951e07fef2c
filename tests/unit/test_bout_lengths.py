"""The stage bout_lengths: complete bouts of the training labels."""

import json

import pytest
from scored_runs import BEHAVIORS, labels_of, measure_bouts, write_inputs

from deg_core.data.labels import write_frame_labels
from deg_core.errors import StateError


def test_lengths_of_complete_bouts(tmp_path):
    labels, _ = write_inputs(tmp_path)
    table = labels_of(0)
    table[:110, 0] = 0
    table[3:5, 0] = 1
    table[10:20, 0] = 1
    table[105:110, 0] = 1  # ends where scoring ends: not complete
    write_frame_labels(labels / "m1.csv", BEHAVIORS, table)
    result = json.loads(measure_bouts(tmp_path, videos=["m1", "m2"]).read_text())
    assert result["behaviors"] == BEHAVIORS
    assert result["videos"] == ["m1", "m2"]
    assert result["lengths"]["groom"][:5] == [2, 6, 6, 6, 6]  # m2 has bouts of 6
    assert result["lengths"]["groom"][-1] == 10
    assert set(result["lengths"]["rear"]) == {9}


def test_no_video(tmp_path):
    with pytest.raises(StateError, match="no training video"):
        measure_bouts(tmp_path, videos=[])


def test_other_behaviors(tmp_path):
    labels, _ = write_inputs(tmp_path)
    write_frame_labels(labels / "m2.csv", ["rear", "groom"], labels_of(1))
    with pytest.raises(StateError, match=r"m2\.csv: has the behaviors rear, groom"):
        measure_bouts(tmp_path, videos=["m1", "m2"])
