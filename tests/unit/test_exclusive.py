"""Two behaviors that exclude each other, from the trainings to the summary."""

import json

import numpy as np
import pandas as pd
import pytest
import scored_runs
import tiny

from deg_core.data.arrays import Predictions, read_features, read_predictions, write_predictions
from deg_core.data.labels import write_frame_labels
from deg_core.errors import StateError
from deg_core.ethogram.groups import probabilities
from deg_core.models import files
from deg_core.stages import predict, summarize

RUN = scored_runs.RUN
GROUP = ("groom", "rear")

# --- from predictions on: what both models say is made up


def write_group(results, *, groups=(GROUP,), seed=0):
    """Write labels and predictions of 60 frames: groom, rear or neither, in bouts of six."""
    rng = np.random.default_rng(seed)
    for video in ("m1", "m2", "m3", "m4"):
        kinds = rng.permutation(np.repeat([0, 1, 2], 4)).repeat(6)[:60]
        labels = (kinds[:, None] == [1, 2]).astype(np.int8)
        labels[-3:] = -1
        write_frame_labels(results / f"labels/{video}.csv", list(GROUP), labels)
        logits = 4 * (labels == 1) - 2 + rng.normal(size=(2, *labels.shape))
        write_predictions(
            results / f"predictions/{RUN}/{video}.h5",
            Predictions(
                *(probabilities(x, ((0, 1),)) for x in logits),
                fps=25.0, behaviors=GROUP, digest="d", groups=tuple(groups),
            ),
        )  # fmt: skip


@pytest.fixture
def results(tmp_path):
    write_group(tmp_path)
    scored_runs.tune(tmp_path)
    # Low thresholds: often both behaviors are above theirs.
    path = tmp_path / f"thresholds/{RUN}.json"
    chosen = json.loads(path.read_text())
    for model in ("sequence", "feature_extractor"):
        for name in GROUP:
            chosen[model][name]["threshold"] = 0.02
    path.write_text(json.dumps(chosen))
    scored_runs.measure_bouts(tmp_path)
    scored_runs.choose(tmp_path)
    for video in scored_runs.TEST:
        scored_runs.clean(tmp_path, video)
    scored_runs.score(tmp_path)
    return tmp_path


def metrics_of(results):
    return json.loads((results / f"metrics/{RUN}.json").read_text(), parse_constant=pytest.fail)


def test_no_frame_of_an_ethogram_has_two_of_the_group(results):
    for video in scored_runs.TEST:
        both = read_predictions(results / f"predictions/{RUN}/{video}.h5").probabilities > 0.02
        assert (both.sum(axis=1) > 1).any()
        table = pd.read_csv(results / f"ethograms/{RUN}/{video}.csv")
        assert (table[["background", *GROUP]].sum(axis=1) == 1).all()


def test_without_the_group_such_frames_are_there(results):
    write_group(results, groups=())
    ethogram, _ = scored_runs.clean(results, "m3")
    assert (pd.read_csv(ethogram)[list(GROUP)].sum(axis=1) == 2).any()


def test_the_group_is_scored_by_its_classes(results):
    found = metrics_of(results)
    for model in ("sequence", "feature_extractor"):
        group = found[model]["groups"]["groom | rear"]
        assert group["classes"] == ["background", "groom", "rear"]
        table = np.array(group["confusion"])
        assert table.shape == (3, 3)
        assert group["n_frames"] == table.sum() == 2 * 57
        assert group["accuracy"]["value"] == pytest.approx(np.trace(table) / table.sum())
        assert 0 < group["accuracy"]["chance"] < group["accuracy"]["value"]
        assert 0 < group["f1_macro"]["chance"] < group["f1_macro"]["value"]
        # Its rows and columns are those of the behaviors' own tables.
        for k, name in enumerate(GROUP, start=1):
            (_, fp), (fn, tp) = found[model]["behaviors"][name]["confusion"]
            assert (table[k, k], table[k].sum(), table[:, k].sum()) == (tp, tp + fn, tp + fp)
    assert found["directions"]["f1_macro"] == found["directions"]["accuracy"] == "higher"


def test_without_groups_there_are_no_such_scores(results):
    write_group(results, groups=())
    scored_runs.score(results)
    assert "groups" not in metrics_of(results)["sequence"]


def test_one_unknown_member_leaves_the_frame_out_unless_another_is_present(results):
    path = results / "labels/m3.csv"
    table = pd.read_csv(path)
    table.loc[:19, "rear"] = -1
    table.to_csv(path, index=False)
    scored_runs.score(results)
    group = metrics_of(results)["sequence"]["groups"]["groom | rear"]
    n_groom = (table.loc[:19, "groom"] == 1).sum()
    assert 0 < n_groom < 20
    assert group["n_frames"] == 2 * 57 - 20 + n_groom


def test_predictions_of_models_with_other_groups_are_refused(results):
    path = results / f"predictions/{RUN}/m4.h5"
    values = vars(read_predictions(path)) | {"groups": ()}
    write_predictions(path, Predictions(**values))
    with pytest.raises(StateError, match=r"m4\.h5: has the exclusive groups \[\], but the files"):
        scored_runs.score(results)


def test_the_summary_has_the_groups_scores(results):
    scored_runs.write_trainings(results, RUN)
    summarize.run(
        runs=[RUN], tested=[RUN], trainings=scored_runs.TRAININGS, results=results,
        benchmarks=results / "none", out=results / "summary",
    )  # fmt: skip
    table = pd.read_csv(results / "summary/metrics.csv")
    rows = table[table["behavior"] == "groom | rear"]
    assert rows["model"].tolist() == ["sequence"] * 2 + ["feature_extractor"] * 2
    assert set(rows["metric"]) == {"accuracy", "f1_macro"}
    assert (rows["direction"] == "higher").all()
    assert (rows["n_frames"] == 2 * 57).all()
    assert (rows["n_bouts"] > 0).all()


# --- from the trainings on: everything is computed

PAIR = '[["move", "bright"]]'


@pytest.fixture(scope="module")
def trained(tiny_project, tmp_path_factory):
    """Results of a run whose two behaviors exclude each other, up to the metrics."""
    out = tmp_path_factory.mktemp("exclusive")
    for video in tiny.VIDEOS:
        labels = tiny.labels_of(video)
        labels[(labels == 1).all(axis=1), 1] = 0  # `bright` goes first
        write_frame_labels(out / f"labels/{video}.csv", list(tiny.BEHAVIORS), labels)
    common = {"labels": out / "labels", "groups": PAIR}
    model = tiny.train_features(tiny_project, out / "models/features/tiny.pt", **common)
    for video in tiny.VIDEOS:
        tiny.extract(tiny_project, video, out / f"features/{video}.h5", features=model)
    sequence = tiny.train_sequence(
        tiny_project, out / "models/sequence/tiny.pt", features=out / "features", **common
    )
    for video in tiny.VIDEOS:
        predict.run(
            features=out / f"features/{video}.h5", model=sequence,
            out=out / f"predictions/{RUN}/{video}.h5", threads=1,
        )  # fmt: skip
    scored_runs.tune(out, videos=["m3"])
    scored_runs.measure_bouts(out, videos=["m1", "m2"])
    scored_runs.choose(out, videos=["m3"])
    scored_runs.clean(out, "m3")
    scored_runs.score(out, videos=["m3"])
    return out


def test_models_name_their_groups(trained):
    for stage in ("features", "sequence"):
        content = files.load(trained / f"models/{stage}/tiny.pt", stage=f"train_{stage}")
        assert [set(group) for group in content["groups"]] == [{"bright", "move"}]


def test_features_and_predictions_name_them_too(trained):
    assert read_features(trained / "features/m1.h5").groups == (tiny.BEHAVIORS,)
    assert read_predictions(trained / f"predictions/{RUN}/m1.h5").groups == (tiny.BEHAVIORS,)


def test_probabilities_are_those_of_one_softmax(trained):
    features = read_features(trained / "features/m1.h5")
    found = read_predictions(trained / f"predictions/{RUN}/m1.h5")
    assert (found.probabilities.sum(axis=1) < 1).all()
    expected = probabilities(features.logits, ((0, 1),))
    np.testing.assert_array_equal(found.feature_probabilities, expected)


def test_the_ethogram_and_its_scores_know_the_group(trained):
    table = pd.read_csv(trained / f"ethograms/{RUN}/m3.csv")
    assert (table[["background", *tiny.BEHAVIORS]].sum(axis=1) == 1).all()
    group = metrics_of(trained)["sequence"]["groups"]["bright | move"]
    assert group["n_frames"] == tiny.VIDEOS["m3"]
