"""Stage predict: probabilities of every frame, tile by tile from the file."""

import h5py
import numpy as np
import pytest
import tiny
import torch

from deg_core.data import arrays
from deg_core.data.arrays import feature_writer, open_features, read_features, read_predictions
from deg_core.errors import ModelError, StateError
from deg_core.learn import tiling
from deg_core.models import files
from deg_core.stages import predict
from deg_core.stages.networks import load_sequence

CPU = torch.device("cpu")


def run(results, out, *, video="m1", **changes):
    arguments = {
        "features": results / f"features/{video}.h5", "model": results / "models/sequence/tiny.pt",
        "out": out, "threads": 1,
    }  # fmt: skip
    predict.run(**(arguments | changes))
    return out


def test_probabilities(tiny_project, tmp_path):
    found = read_predictions(run(tiny_project, tmp_path / "m1.h5"))
    features = read_features(tiny_project / "features/m1.h5")
    network, _ = load_sequence(tiny_project / "models/sequence/tiny.pt", CPU)
    with torch.no_grad():
        logits = network(torch.from_numpy(tiny.joined(features).T)[None])[0].T
    assert found.probabilities.shape == (60, 2)
    assert found.probabilities.dtype == np.float32
    np.testing.assert_allclose(found.probabilities, torch.sigmoid(logits), atol=1e-6)
    expected = torch.sigmoid(torch.from_numpy(features.logits))
    np.testing.assert_allclose(found.feature_probabilities, expected, atol=1e-6)
    assert found.behaviors == tiny.BEHAVIORS
    assert (found.fps, found.digest) == (features.fps, features.digest)


def test_tiles_come_from_the_file_one_by_one(tiny_project, tmp_path, monkeypatch):
    whole = read_predictions(run(tiny_project, tmp_path / "whole.h5"))
    asked, read = [], arrays.FeatureRows.__getitem__

    def note(rows, wanted):
        asked.append((wanted.start, wanted.stop))
        return read(rows, wanted)

    monkeypatch.setattr(arrays.FeatureRows, "__getitem__", note)
    monkeypatch.setitem(tiling.tiled.__wrapped__.__kwdefaults__, "tile", 16)
    tiled = read_predictions(run(tiny_project, tmp_path / "tiled.h5"))
    # Two layers of five frames reach four to each side.
    assert asked == [(0, 20), (12, 36), (28, 52), (44, 60)]
    np.testing.assert_allclose(tiled.probabilities, whole.probabilities, atol=1e-6)


def test_windows_are_scored_by_themselves_where_the_model_says_so(tiny_project, tmp_path):
    settings = {"inference_window": 16}
    model = tiny.train_sequence(tiny_project, tmp_path / "s.pt", settings=settings)
    found = read_predictions(run(tiny_project, tmp_path / "p.h5", model=model))
    network, content = load_sequence(model, CPU)
    assert content["settings"]["inference_window"] == 16
    rows = tiny.joined(read_features(tiny_project / "features/m1.h5"))
    expected = tiling.windowed(network, rows, CPU, window=16)
    assert np.abs(expected - tiling.tiled(network, rows, CPU)).max() > 1e-6
    np.testing.assert_allclose(
        found.probabilities, torch.sigmoid(torch.from_numpy(expected)), atol=1e-6
    )


@pytest.mark.parametrize("n_frames", [1, 2, 5])
def test_short_videos(tiny_project, tmp_path, n_frames):
    long = read_features(tiny_project / "features/m1.h5")
    about = {"n_frames": n_frames, "fps": 30.0, "n_features": 64, "digest": "d"}
    with feature_writer(tmp_path / "f.h5", behaviors=tiny.BEHAVIORS, **about) as writer:
        writer.write(0, *(x[:n_frames] for x in (long.spatial, long.flow, long.logits)))
    found = read_predictions(run(tiny_project, tmp_path / "p.h5", features=tmp_path / "f.h5"))
    assert found.probabilities.shape == (n_frames, 2)
    assert np.isfinite(found.probabilities).all()


# --- features, read part by part


def test_rows_of_features(tiny_project):
    path = tiny_project / "features/m1.h5"
    whole = read_features(path)
    with open_features(path) as rows:
        assert (len(rows), rows.n_features) == (60, 128)
        np.testing.assert_array_equal(rows[7:19], tiny.joined(whole)[7:19])
        assert rows[7:19].dtype == np.float32
        np.testing.assert_array_equal(rows.logits, whole.logits)
        assert (rows.fps, rows.behaviors, rows.digest) == (
            whole.fps, whole.behaviors, whole.digest
        )  # fmt: skip


def test_rows_in_half_precision_are_widened(tiny_project, tmp_path):
    out = tiny.extract(tiny_project, "m3", tmp_path / "m3.h5", settings={"dtype": "float16"})
    with open_features(out) as rows:
        assert rows[0:4].dtype == np.float32


def test_an_error_of_the_caller_is_not_the_files(tiny_project):
    def fail():
        with open_features(tiny_project / "features/m1.h5"):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()


# --- trouble


def test_features_of_another_length(tiny_project, tmp_path):
    about = {"n_frames": 3, "fps": 30.0, "n_features": 2, "digest": "d"}
    with feature_writer(tmp_path / "f.h5", behaviors=tiny.BEHAVIORS, **about) as writer:
        writer.write(0, *[np.zeros((3, 2), np.float32)] * 3)
    message = r"tiny\.pt: expected features of 128 numbers for .*, found 4 for .* in .*f\.h5"
    with pytest.raises(ModelError, match=message):
        run(tiny_project, tmp_path / "p.h5", features=tmp_path / "f.h5")
    assert not (tmp_path / "p.h5").exists()


def test_features_for_other_behaviors(tiny_project, tmp_path):
    about = {"n_frames": 3, "fps": 30.0, "n_features": 64, "digest": "d"}
    with feature_writer(tmp_path / "f.h5", behaviors=["move", "bright"], **about) as writer:
        writer.write(0, *(np.zeros((3, n), np.float32) for n in (64, 64, 2)))
    with pytest.raises(ModelError, match=r"found 128 for \['move', 'bright'\]"):
        run(tiny_project, tmp_path / "p.h5", features=tmp_path / "f.h5")


def test_another_stages_model(tiny_project, tmp_path):
    wrong = tiny_project / "models/flow/tiny.pt"
    with pytest.raises(ModelError, match="expected a model of train_sequence, found train_flow"):
        run(tiny_project, tmp_path / "p.h5", model=wrong)


def test_damaged_features(tiny_project, tmp_path):
    features = tmp_path / "f.h5"
    features.write_bytes((tiny_project / "features/m1.h5").read_bytes())
    with h5py.File(features, "r+") as file:
        del file["flow"]
    with pytest.raises(StateError, match=r"f\.h5: damaged"):
        run(tiny_project, tmp_path / "p.h5", features=features)
    features.write_bytes(features.read_bytes()[:1000])
    with pytest.raises(StateError, match=r"f\.h5: damaged"):
        run(tiny_project, tmp_path / "p.h5", features=features)
    with pytest.raises(StateError, match=r"none\.h5: does not exist"):
        run(tiny_project, tmp_path / "p.h5", features=tmp_path / "none.h5")


def test_a_model_that_went_astray(tiny_project, tmp_path):
    """Weights that are not finite give no file, but a sentence."""
    network, content = load_sequence(tiny_project / "models/sequence/tiny.pt", CPU)
    torch.nn.init.constant_(network.network.now.classify.weight, float("nan"))
    files.save(
        tmp_path / "bad.pt", stage="train_sequence", network=network,
        settings=content["settings"], behaviors=content["behaviors"], n_features=128, version=1,
    )  # fmt: skip
    with pytest.raises(StateError, match="not all within 0 and 1"):
        run(tiny_project, tmp_path / "p.h5", model=tmp_path / "bad.pt")
    assert not (tmp_path / "p.h5").exists()
