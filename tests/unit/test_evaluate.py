"""The stage evaluate: both models on the test videos."""

import json

import numpy as np
import pandas as pd
import pytest
from scored_runs import BEHAVIORS, labels_of, score, write_run

from deg_core.data.labels import write_frame_labels
from deg_core.errors import StateError
from deg_core.settings import EvaluateSettings, PostprocessSettings


@pytest.fixture
def results(tmp_path):
    write_run(tmp_path)
    return tmp_path


def read(path):
    """Read JSON as strictly as other programs do: NaN is no JSON."""
    return json.loads(path.read_text(), parse_constant=pytest.fail)


def test_both_models_are_scored_beside_chance(results):
    found = read(results / "metrics/fast/0/all.json")
    assert found["behaviors"] == BEHAVIORS
    assert (found["n_videos"], found["n_frames"]) == (2, 220)
    assert found["run"]["videos"] == ["m3", "m4"]
    assert found["run"]["models"] == ["d" * 64]
    sequence, extractor = found["sequence"]["overall"], found["feature_extractor"]["overall"]
    # The fixture's sequence model is nearly perfect, its feature extractor is not.
    assert sequence["f1_macro"]["value"] > 0.9
    assert 0.2 < extractor["f1_macro"]["value"] < sequence["f1_macro"]["value"]
    assert sequence["auroc_macro"]["value"] == 1.0
    assert sequence["f1_macro"]["chance"] < 0.7
    assert set(found["sequence"]["behaviors"]) == set(BEHAVIORS)
    assert found["sequence"]["behaviors"]["groom"]["n_frames"] == 220
    assert np.sum(found["sequence"]["behaviors"]["groom"]["confusion"]) == 220
    assert np.sum(found["sequence"]["background"]["confusion"]) == 220


def test_directions_name_every_metric(results):
    found = read(results / "metrics/fast/0/all.json")
    named = set()
    for model in ("sequence", "feature_extractor"):
        blocks = [found[model]["overall"], found[model]["background"]]
        for block in [*blocks, *found[model]["behaviors"].values()]:
            named |= {n for n, e in block.items() if isinstance(e, dict) and "value" in e}
    assert named == set(found["directions"])
    assert found["directions"]["onset_error"] == "lower"
    assert found["directions"]["f1_macro"] == "higher"


def test_sequence_model_is_scored_by_its_ethogram(results):
    path = results / "ethograms/fast/0/all/m3.csv"
    table = pd.read_csv(path)
    table["groom"] = 0
    table.to_csv(path, index=False)
    before = read(results / "metrics/fast/0/all.json")["sequence"]["behaviors"]["groom"]
    after = read(score(results))["sequence"]["behaviors"]["groom"]
    assert after["recall"]["value"] < before["recall"]["value"]
    assert after["auroc"] == before["auroc"]  # that comes from the probabilities


def test_feature_extractor_is_postprocessed_alike(results):
    clean = read(score(results, postprocess=PostprocessSettings(one_frame_bouts=0)))
    raw = read(score(results, postprocess=PostprocessSettings(method="none")))
    groom = [found["feature_extractor"]["behaviors"]["groom"] for found in (clean, raw)]
    # Training bouts have 6 frames, so runs of up to 5 vanish: at most 220 / 12 bouts are left.
    assert groom[0]["n_bouts_predicted"] <= 18 < groom[1]["n_bouts_predicted"]
    assert raw["sequence"] == clean["sequence"]


def test_feature_extractor_has_its_own_thresholds(results):
    path = results / "thresholds/fast/0/all.json"
    chosen = read(path)
    chosen["feature_extractor"]["groom"]["threshold"] = 1.0
    path.write_text(json.dumps(chosen))
    found = read(score(results))
    assert found["feature_extractor"]["behaviors"]["groom"]["recall"]["value"] == 0.0
    assert found["sequence"]["behaviors"]["groom"]["recall"]["value"] > 0.9


def test_same_seed_same_file(results):
    first = (results / "metrics/fast/0/all.json").read_bytes()
    assert score(results).read_bytes() == first
    other = score(results, settings=EvaluateSettings(shuffles=10, seed=1))
    assert other.read_bytes() != first


def test_undefined_is_null(results):
    for video in ("m3", "m4"):
        labels = np.minimum(labels_of(0), [[1, 0]]).astype(np.int8)
        write_frame_labels(results / f"labels/{video}.csv", BEHAVIORS, labels)
    rear = read(score(results))["sequence"]["behaviors"]["rear"]
    assert rear["f1"] == {"value": None, "chance": None}
    assert rear["n_bouts"] == 0


def test_no_video(results):
    with pytest.raises(StateError, match="no test video"):
        score(results, videos=[])


def test_ethogram_of_another_length(results):
    path = results / "ethograms/fast/0/all/m4.csv"
    pd.read_csv(path).iloc[:-1].to_csv(path, index=False)
    with pytest.raises(StateError, match=r"m4\.csv: 119 frames .* predictions have 120 frames"):
        score(results)


@pytest.mark.parametrize("text", ["", "frame,groom\n0,1\n"])
def test_damaged_ethogram(results, text):
    (results / "ethograms/fast/0/all/m4.csv").write_text(text)
    with pytest.raises(StateError, match=r"m4\.csv: .*delete it and run again"):
        score(results)


def test_missing_ethogram(results):
    (results / "ethograms/fast/0/all/m4.csv").unlink()
    with pytest.raises(StateError, match=r"m4\.csv: cannot be read"):
        score(results)


def test_labels_of_another_length(results):
    write_frame_labels(results / "labels/m4.csv", BEHAVIORS, labels_of(3, n_frames=121))
    with pytest.raises(StateError, match=r"m4\.csv: 121 frames, but .*m4\.h5 has 120"):
        score(results)
