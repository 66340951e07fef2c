"""The stage evaluate: both models on the test videos."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scored_runs import BEHAVIORS, TABLES, choose, labels_of, score, tune, write_run

from deg_core.data.arrays import read_predictions, write_predictions
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


@pytest.mark.parametrize("iou", [(0.9,), ()])
def test_an_overlap_of_one_half_is_always_scored(results, iou):
    usual = read(results / "metrics/fast/0/all.json")["sequence"]
    settings = EvaluateSettings(shuffles=10, iou=iou)
    found = read(score(results, settings=settings))["sequence"]
    for behavior in BEHAVIORS:
        own = found["behaviors"][behavior]
        assert own["bout_f1_50"] == usual["behaviors"][behavior]["bout_f1_50"]
        assert ("bout_f1_90" in own) == bool(iou)
        assert "bout_f1_10" not in own


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
    choose(results, settings=PostprocessSettings(one_frame_bouts=0))
    clean = read(score(results))
    choose(results, settings=PostprocessSettings(method="none"))
    raw = read(score(results))
    groom = [found["feature_extractor"]["behaviors"]["groom"] for found in (clean, raw)]
    # Training bouts have 6 frames, so runs of up to 5 vanish: at most 220 / 12 bouts are left.
    assert groom[0]["n_bouts_predicted"] <= 18 < groom[1]["n_bouts_predicted"]
    assert raw["sequence"] == clean["sequence"]


def test_feature_extractor_has_its_own_thresholds(results):
    path = results / "thresholds/fast/0/all.json"
    chosen = read(path)
    chosen["feature_extractor"]["groom"]["threshold"] = 1.0
    path.write_text(json.dumps(chosen))
    choose(results)
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
    assert rear["f1"] == {"value": None, "low": None, "high": None, "chance": None}
    assert rear["n_bouts"] == 0


def test_no_video(results):
    with pytest.raises(StateError, match="no test video"):
        score(results, videos=[])


def test_ethogram_of_another_length(results):
    path = results / "ethograms/fast/0/all/m4.csv"
    pd.read_csv(path).iloc[:-1].to_csv(path, index=False)
    with pytest.raises(StateError, match=r"m4\.csv: 119 frames, but the predictions have 120"):
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


# --- the tables beside the scores


def tables(results):
    """Read the tables of the run."""
    folder = results / "metrics/fast/0"
    return {name: pd.read_csv(folder / f"all.{name}.csv") for name in TABLES}


def test_intervals_lie_around_the_scores(results):
    f1 = read(results / "metrics/fast/0/all.json")["feature_extractor"]["overall"]["f1_macro"]
    assert f1["low"] <= f1["value"] <= f1["high"]
    assert f1["low"] < f1["high"]
    one = read(score(results, videos=["m3"]))["feature_extractor"]["overall"]["f1_macro"]
    assert (one["low"], one["high"]) == (None, None)


def test_bouts_and_statistics_agree_with_the_scores(results):
    found, scores = tables(results), read(results / "metrics/fast/0/all.json")
    assert set(found["bouts"]["source"]) == {"labels", "sequence", "feature_extractor"}
    for source in ("sequence", "feature_extractor"):
        for name in BEHAVIORS:
            block = scores[source]["behaviors"][name]
            key = f"source == {source!r} and behavior == {name!r}"
            bouts, sums = found["bouts"].query(key), found["statistics"].query(key)
            assert len(bouts) == sums["n_bouts"].sum() == block["n_bouts_predicted"]
            mean = block["mean_bout_frames_predicted"]
            assert 25 * bouts["duration_s"].mean() == pytest.approx(mean)
            assert sums["n_frames"].sum() == block["n_frames"]
            (_, fp), (_, tp) = block["confusion"]
            assert 25 * sums["seconds"].sum() == pytest.approx(tp + fp)
    labels = found["statistics"].query("source == 'labels'")
    assert labels["behavior"].tolist() == [*BEHAVIORS, "background"] * 2
    positive = scores["sequence"]["behaviors"]["rear"]["n_positive"]
    assert 25 * labels.query("behavior == 'rear'")["seconds"].sum() == pytest.approx(positive)


def test_medians_of_the_edges_are_the_scores(results):
    edges, scores = tables(results)["edges"], read(results / "metrics/fast/0/all.json")
    for (model, behavior, edge), table in edges.groupby(["model", "behavior", "edge"]):
        expected = scores[model]["behaviors"][behavior][f"{edge}_error"]["value"]
        assert table["error_frames"].abs().median() == expected
        assert table["error_s"].tolist() == pytest.approx((table["error_frames"] / 25).tolist())
    assert set(edges["edge"]) == {"onset", "offset"}
    assert edges.query("model == 'feature_extractor'")["error_frames"].min() < 0


def test_transitions_of_the_labels(results):
    table = tables(results)["transitions"].query("source == 'labels'")
    counts = table.pivot(index="from", columns="to", values="count")
    # Every state is left as often as it is entered, but for the first and last of a stretch.
    assert (abs(counts.sum(axis=0) - counts.sum(axis=1)) <= 2).all()
    shares = table.groupby("from")["probability"].sum()
    assert shares.to_numpy() == pytest.approx(np.ones(3))
    without = table.dropna(subset="count_without_background")
    assert set(without["from"]) == set(without["to"]) == set(BEHAVIORS)
    assert without.groupby("from")["probability_without_background"].sum().tolist() == [1, 1]


def test_an_example_of_each_video(results):
    table = tables(results)["examples"]
    assert set(table["video"]) == {"m3", "m4"}
    assert set(table["source"]) == {"labels", "sequence"}
    assert (
        (table["window_start_s"] <= table["start_s"]) & (table["start_s"] < table["stop_s"])
    ).all()
    # These videos are shorter than a minute, and so are one window.
    assert table["window_stop_s"].unique().tolist() == [120 / 25]


def test_a_run_without_a_feature_extractor(results):
    for path in (results / "predictions/fast/0/all").glob("*.h5"):
        alone = read_predictions(path)
        nothing = np.zeros((len(alone.probabilities), 0), np.float32)
        path.unlink()
        write_predictions(path, replace(alone, feature_probabilities=nothing))
    tune(results)
    choose(results)
    found = read(score(results))
    assert "feature_extractor" not in found
    assert set(tables(results)["bouts"]["source"]) == {"labels", "sequence"}
    assert set(tables(results)["edges"]["model"]) == {"sequence"}
