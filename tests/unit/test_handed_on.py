"""Models that are used as they are, from project to project: each knows those it belongs to."""

import pytest
import tiny

from deg_core.data.arrays import read_features, read_predictions
from deg_core.errors import ModelError
from deg_core.models import files
from deg_core.stages import predict

STAGES = ("flow", "features", "sequence")


def model_of(results, stage):
    return results / "models" / stage / "tiny.pt"


def as_it_is(results, stage):
    return {"weights": str(model_of(results, stage)), "epochs": 0}


def links(folder, results):
    """Make a project of the same videos, which has no models yet."""
    folder.mkdir()
    for name in ("import", "labels", "stats"):
        (folder / name).symlink_to(results / name)
    return folder


def up_to_features(folder, source, *, flow=None, features=None):
    tiny.train_flow(folder, settings=as_it_is(source, "flow") if flow is None else flow)
    chosen = as_it_is(source, "features") if features is None else features
    tiny.train_features(folder, flow=model_of(folder, "flow"), settings=chosen)
    models = {"flow": model_of(folder, "flow"), "features": model_of(folder, "features")}
    for video in tiny.VIDEOS:
        tiny.extract(folder, video, **models)
    return folder


def handed_on(folder, source):
    """Make a project that takes all three models of another as they are."""
    up_to_features(links(folder, source), source)
    tiny.train_sequence(folder, settings=as_it_is(source, "sequence"))
    return folder


def predicted(results, out):
    predict.run(
        features=results / "features/m1.h5", model=model_of(results, "sequence"), out=out, threads=1
    )
    return read_predictions(out)


def test_models_are_handed_on_twice_and_give_the_same(tiny_project, tmp_path, capsys):
    second = handed_on(tmp_path / "second", tiny_project)
    third = handed_on(tmp_path / "third", second)
    assert "does not say behind which" not in capsys.readouterr().err
    first = predicted(tiny_project, tmp_path / "1.h5")
    found = predicted(third, tmp_path / "3.h5")
    assert (found.probabilities == first.probabilities).all()
    assert found.digest == first.digest == read_features(third / "features/m1.h5").digest
    for stage in STAGES:
        contents = [
            files.load(model_of(results, stage), stage=f"train_{stage}")
            for results in (tiny_project, second, third)
        ]
        assert len({content["sha256"] for content in contents}) == 3
        assert {files.origin(content) for content in contents} == {contents[0]["sha256"]}


def test_what_was_trained_anew_is_no_longer_what_it_came_from(tiny_project, tmp_path):
    source = as_it_is(tiny_project, "features") | {"epochs": 1}
    other = up_to_features(links(tmp_path / "other", tiny_project), tiny_project, features=source)
    content = files.load(model_of(other, "features"), stage="train_features")
    assert files.origin(content) == content["sha256"]
    with pytest.raises(ModelError, match=r"sequence/tiny\.pt: .* trained behind other features"):
        tiny.train_sequence(other, settings=as_it_is(tiny_project, "sequence"))
    tiny.train_sequence(other, settings=as_it_is(tiny_project, "sequence") | {"epochs": 1})


def test_features_are_refused_behind_another_flow_model(tiny_project, tmp_path):
    other = links(tmp_path / "other", tiny_project)
    with pytest.raises(ModelError, match="trained behind another flow model"):
        up_to_features(other, tiny_project, flow={"seed": 5})
