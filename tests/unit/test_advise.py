"""The stage advise: positive frames beside scores, and advice per preset and behavior."""

import numpy as np
import pandas as pd
import pytest

from deg_core.data.labels import write_frame_labels
from deg_core.data.publish import publish_json
from deg_core.errors import StateError
from deg_core.ethogram import learning_curve
from deg_core.settings import EvaluateSettings
from deg_core.stages import advise

BEHAVIORS = ["groom", "rear"]
VIDEOS = [f"m{number}" for number in range(8)]
F1 = {1: 0.3, 2: 0.45, 4: 0.56, 8: 0.63}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Labels of eight videos: groom on 100 frames of each, rear on 10 of the first only."""
    monkeypatch.setattr(learning_curve, "DRAWS", 20)
    for number, video in enumerate(VIDEOS):
        labels = np.zeros((300, 2), np.int8)
        labels[:100, 0] = 1
        labels[200:210, 1] = number == 0
        labels[290:] = -1
        write_frame_labels(tmp_path / "labels" / f"{video}.csv", BEHAVIORS, labels)
    return tmp_path


def run_of(size, split):
    return f"lite/{split}/{'all' if size == 8 else size}"


def scores_of(runs):
    """Give scores of both models; rear has none."""
    rows = []
    for size, split in runs:
        key = run_of(size, split).split("/")
        f1 = F1[size] + 0.01 * split
        rows += [
            [*key, "sequence", "groom", "f1", f1], [*key, "sequence", "groom", "bout_f1_50", 0.5],
            [*key, "sequence", "rear", "f1", ""], [*key, "sequence", "groom", "recall", 0.9],
            [*key, "feature_extractor", "groom", "f1", 0.1],
            [*key, "sequence", "overall", "f1_macro", f1],
        ]  # fmt: skip
    columns = ["preset", "split", "n_train", "model", "behavior", "metric", "value"]
    return pd.DataFrame(rows, columns=columns)


def advised(folder, runs, names=None, **changes):
    scores_of(runs).to_csv(folder / "metrics.csv", index=False)
    for size in F1:
        publish_json(folder / f"{size}.run.json", {"train_videos": VIDEOS[:size]})
    arguments = {
        "runs": [run_of(*run) for run in runs] if names is None else names,
        "records": [folder / f"{size}.run.json" for size, _ in runs],
        "metrics": folder / "metrics.csv", "labels": folder / "labels",
        "settings": EvaluateSettings(), "learning": folder / "learning.csv",
        "advice": folder / "advice.csv",
    }  # fmt: skip
    advise.run(**(arguments | changes))
    return pd.read_csv(folder / "learning.csv"), pd.read_csv(folder / "advice.csv")


SWEEP = [(size, split) for split in range(2) for size in F1]


def test_learning(folder):
    table, _ = advised(folder, [(2, 0), (8, 0)])
    assert list(table.columns) == [
        "preset", "split", "n_train", "behavior", "n_train_videos", "n_positive", "f1", "bout_f1_50"
    ]  # fmt: skip
    assert table.fillna(-1).to_numpy().tolist() == [
        ["lite", 0, "2", "groom", 2, 200, 0.45, 0.5],
        ["lite", 0, "2", "rear", 2, 10, -1, -1],
        ["lite", 0, "all", "groom", 8, 800, 0.63, 0.5],
        ["lite", 0, "all", "rear", 8, 10, -1, -1],
    ]


def test_advice_of_a_sweep(folder):
    _, table = advised(folder, SWEEP)
    assert list(table.columns) == [
        "preset", "behavior", "now_positive", "now_f1", "more_videos", "expected_f1", "low", "high",
        "advice",
    ]  # fmt: skip
    groom, rear = table.itertuples(index=False)
    assert groom[:5] == ("lite", "groom", 800, pytest.approx(0.635), 8)
    assert 0.64 < groom.low <= groom.expected_f1 <= groom.high < 0.75
    assert "8 videos more like these would bring about" in groom.advice
    assert rear.advice == (
        "rear is in no test video, so nothing is known of it: label more with it."
    )
    assert np.isnan([rear.now_f1, rear.more_videos, rear.expected_f1]).all()


def test_advice_without_a_sweep(folder):
    _, table = advised(folder, [(8, 0), (8, 1)])
    groom = table.iloc[0]
    assert (groom["now_positive"], groom["now_f1"]) == (800, pytest.approx(0.635))
    assert groom[["more_videos", "expected_f1", "low", "high"]].isna().all()
    assert "set `sweep: {train_sizes: auto}`" in groom["advice"]


def test_the_same_bytes_again(folder):
    advised(folder, SWEEP)
    before = (folder / "advice.csv").read_bytes()
    advised(folder, SWEEP)
    assert (folder / "advice.csv").read_bytes() == before
    advised(folder, SWEEP, settings=EvaluateSettings(seed=5))
    assert (folder / "advice.csv").read_bytes() != before


def test_whole_numbers_stay_whole(folder):
    advised(folder, SWEEP)
    assert "\nlite,groom,800,0.635,8,0.6" in (folder / "advice.csv").read_text()


def test_only_smaller_trainings(folder):
    learning, advice = advised(folder, [(1, 0), (2, 0)])
    assert len(learning) == 4
    assert advice.empty


def test_no_runs(folder):
    learning, advice = advised(folder, [])
    assert learning.empty
    assert advice.empty


@pytest.mark.parametrize(
    ("runs", "match"),
    [([], "--records: expected a file for each of 0 runs, found 1"),
     (["lite"], "expected preset/split/n_train, got lite")],
)  # fmt: skip
def test_runs_that_cannot_be_understood(folder, runs, match):
    with pytest.raises(StateError, match=match):
        advised(folder, [(8, 0)], names=runs)


@pytest.mark.parametrize("content", [{}, [], {"train_videos": None}])
def test_damaged_record(folder, content):
    publish_json(folder / "bad.run.json", content)
    with pytest.raises(StateError, match=r"bad\.run\.json"):
        advised(folder, [(8, 0)], records=[folder / "bad.run.json"])


def test_missing_labels(folder):
    (folder / "labels/m3.csv").unlink()
    with pytest.raises(StateError, match=r"m3\.csv"):
        advised(folder, [(8, 0)])
