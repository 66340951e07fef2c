"""Scores as lines of text."""

import json

import pytest

from deg_core.errors import StateError
from deg_core.project import scores


def score(value, chance=0.1):
    return {"value": value, "chance": chance}


METRICS = {
    "behaviors": ["groom", "face wash"],
    "n_frames": 580,
    "n_videos": 2,
    "sequence": {
        "overall": {"f1_macro": score(0.654, 0.123), "bout_f1_50": score(0.4)},
        "behaviors": {
            "groom": {"f1": score(0.8) | {"low": 0.71, "high": 0.9}, "bout_f1_50": score(0.55)},
            "face wash": {"f1": score(None, None) | {"low": None, "high": None}},
        },
    },
    "feature_extractor": {
        "overall": {"f1_macro": score(0.5)},
        "behaviors": {"groom": {"f1": score(0.7)}, "face wash": {"f1": score(0.3)}},
    },
}


@pytest.fixture
def results(tmp_path):
    for run in ("fast/0/all", "fast/1/4"):
        path = tmp_path / "metrics" / f"{run}.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(METRICS))
    return tmp_path


def test_one_line_per_run(results):
    assert scores.brief(results) == [
        "fast/0/all: macro F1 0.65 on the test videos (chance 0.12)",
        "fast/1/4: macro F1 0.65 on the test videos (chance 0.12)",
    ]


def test_one_table_per_run(results):
    lines = scores.full(results)
    assert lines[:5] == [
        "fast/0/all: F1 on 2 test videos, 580 scored frames",
        "  behavior        F1    95 %     chance  bout F1  without sequence model",
        "  groom         0.80  0.71-0.90    0.10     0.55    0.70",
        "  face wash        -      -           -        -    0.30",
        "  macro mean    0.65      -        0.12     0.40    0.50",
    ]
    assert lines[5:7] == ["", "fast/1/4: F1 on 2 test videos, 580 scored frames"]


def test_a_run_without_a_feature_extractor():
    metrics = {name: value for name, value in METRICS.items() if name != "feature_extractor"}
    assert scores.table(metrics)[:2] == [
        "  behavior        F1    95 %     chance  bout F1",
        "  groom         0.80  0.71-0.90    0.10     0.55",
    ]


def test_without_results_there_are_no_lines(tmp_path):
    assert scores.brief(tmp_path) == scores.full(tmp_path) == []


def test_damaged_metrics_are_a_sentence(results):
    (results / "metrics" / "fast" / "0" / "all.json").write_text("{")
    with pytest.raises(StateError, match="run again"):
        scores.brief(results)
