"""Runs without a feature extractor, as those of keypoints and clusters are, through all stages."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scored_runs
import tiny
import videos
from test_summarize import summary
from tracker_files import frame_of, walking, write_csv

from deg_core.data.arrays import read_predictions
from deg_core.data.labels import write_frame_labels
from deg_core.errors import StateError
from deg_core.project.scores import table
from deg_core.settings import ImportSettings, KeypointSettings
from deg_core.stages import import_keypoints, import_video, predict

NETWORK = {"network": "mlp", "mlp_window": 5, "window": 20, "dropout": 0.1, "epochs": 4}


# --- from keypoints to probabilities


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Imports, labels and keypoints of three videos; `bright` follows the tail."""
    results = tmp_path_factory.mktemp("keypoints") / "results"
    for seed, (video, n) in enumerate(tiny.VIDEOS.items()):
        raw = videos.write_video(
            results.parent / f"{video}.mkv", videos.noise(n, 100, 80), codec="ffv1"
        )
        store = results / f"import/{video}.h5"
        import_video.run(raw=raw, out=store, settings=ImportSettings(size=(32, 32)))
        labels = tiny.labels_of(video)
        write_frame_labels(results / f"labels/{video}.csv", tiny.BEHAVIORS, labels)
        points = walking(n, seed=seed)
        points[:, 6, :2] += 15 * (labels[:, :1] == 1)
        import_keypoints.run(
            keypoints=write_csv(results / f"{video}.csv", frame_of(points)), store=store,
            out=results / f"keypoints/{video}.h5", settings=KeypointSettings(),
        )  # fmt: skip
    return results


def test_keypoints_become_probabilities(results, tmp_path):
    model = tiny.train_sequence(
        results, tmp_path / "s.pt", features=results / "keypoints", settings=NETWORK
    )
    out = tmp_path / "p.h5"
    predict.run(features=results / "keypoints/m3.h5", model=model, out=out, threads=1)
    found = read_predictions(out)
    assert found.behaviors == tiny.BEHAVIORS
    assert found.probabilities.shape == (40, 2)
    assert found.feature_probabilities.shape == (40, 0)
    bright = tiny.labels_of("m3")[:, 0] == 1
    means = [found.probabilities[part, 0].mean() for part in (bright, ~bright)]
    assert means[0] > means[1]


def test_the_same_seed_gives_the_same_model(results, tmp_path):
    found = []
    for name in "ab":
        model = tiny.train_sequence(
            results, tmp_path / f"{name}/s.pt", features=results / "keypoints", settings=NETWORK
        )
        out = tmp_path / f"{name}.h5"
        predict.run(features=results / "keypoints/m3.h5", model=model, out=out, threads=1)
        found.append(read_predictions(out).probabilities)
    np.testing.assert_array_equal(*found)


def test_labels_of_another_length_are_told(results, tmp_path):
    labels = tmp_path / "labels"
    for video in tiny.VIDEOS:
        write_frame_labels(labels / f"{video}.csv", tiny.BEHAVIORS, tiny.labels_of(video)[:-1])
    with pytest.raises(StateError, match=r"m1\.h5: expected 59 frames"):
        tiny.train_sequence(
            results, tmp_path / "s.pt", features=results / "keypoints", labels=labels,
            settings=NETWORK,
        )  # fmt: skip


# --- from probabilities to scores


@pytest.fixture
def scored(tmp_path, monkeypatch):
    """A run whose predictions are of one model only."""
    with_both = scored_runs.predictions_of

    def with_one(labels, seed):
        nothing = np.empty((len(labels), 0), np.float32)
        return replace(with_both(labels, seed), feature_probabilities=nothing)

    monkeypatch.setattr(scored_runs, "predictions_of", with_one)
    scored_runs.write_run(tmp_path)
    return tmp_path


def test_thresholds_and_scores_are_those_of_one_model(scored):
    for file in ("thresholds/fast/0/all.json", "metrics/fast/0/all.json"):
        found = json.loads((scored / file).read_text())
        assert "sequence" in found
        assert "feature_extractor" not in found
    for name in scored_runs.TABLES:
        text = (scored / f"metrics/fast/0/all.{name}.csv").read_text()
        assert "feature_extractor" not in text


def test_the_table_of_scores_has_one_model(scored):
    head, *lines = table(json.loads((scored / "metrics/fast/0/all.json").read_text()))
    assert "without sequence model" not in head
    assert len(lines) == 3


@pytest.mark.parametrize("trained", [("sequence",), ()])
def test_the_summary_leaves_out_what_there_is_not(scored, trained):
    scored_runs.write_trainings(scored, "fast/0/all")
    tables = summary(scored, "fast/0/all", trainings=json.dumps({"fast": trained}))
    for name, found in tables.items():
        if "model" in found.columns and len(found):
            assert set(found["model"]) == {"sequence"}, name
    assert tables["history"]["stage"].tolist() == list(trained)
    assert isinstance(tables["metrics"], pd.DataFrame)
    assert len(tables["metrics"])
