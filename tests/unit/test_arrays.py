from dataclasses import replace

import h5py
import numpy as np
import pytest

from deg_core.data.arrays import (
    Predictions,
    feature_writer,
    open_features,
    read_features,
    read_predictions,
    write_predictions,
)
from deg_core.errors import StateError

NAMES = ("groom", "grüßen")
ABOUT = {"fps": 29.97, "behaviors": NAMES, "digest": "d" * 64}


def arrays_of(n_frames, n_features=6):
    rng = np.random.default_rng(0)
    sizes = (n_features, n_features, len(NAMES))
    return [rng.normal(size=(n_frames, size)).astype(np.float32) for size in sizes]


def write(path, n_frames, batch, **options):
    parts = arrays_of(n_frames)
    about = {**ABOUT, "n_frames": n_frames, "n_features": 6, **options}
    with feature_writer(path, **about) as writer:
        for start in range(0, n_frames, batch):
            writer.write(start, *(part[start : start + batch] for part in parts))
    return parts


@pytest.mark.parametrize(("n_frames", "batch"), [(1, 1), (10, 4), (3000, 1024)])
def test_features_come_back(tmp_path, n_frames, batch):
    spatial, flow, logits = write(tmp_path / "m.h5", n_frames, batch)
    found = read_features(tmp_path / "m.h5")
    np.testing.assert_array_equal(found.spatial, spatial)
    np.testing.assert_array_equal(found.flow, flow)
    np.testing.assert_array_equal(found.logits, logits)
    assert (found.fps, found.behaviors, found.digest) == (29.97, NAMES, "d" * 64)
    with h5py.File(tmp_path / "m.h5") as file:
        assert file["spatial"].chunks == (min(1024, n_frames), 6)
        assert file.attrs["n_frames"] == n_frames


def test_groups_come_back(tmp_path, predictions):
    write(tmp_path / "m.h5", 3, 3, groups=[["grüßen", "groom"]])
    assert read_features(tmp_path / "m.h5").groups == (NAMES,)
    with open_features(tmp_path / "m.h5") as rows:
        assert rows.groups == (NAMES,)
    write_predictions(tmp_path / "p.h5", replace(predictions, groups=(NAMES,)))
    assert read_predictions(tmp_path / "p.h5").groups == (NAMES,)


def test_files_from_before_there_were_groups_have_none(tmp_path, predictions):
    path = tmp_path / "p.h5"
    write_predictions(path, predictions)
    with h5py.File(path, "r+") as file:
        del file.attrs["groups"]
    assert read_predictions(path).groups == ()


@pytest.mark.parametrize("text", ["groom", '[["groom"]]', '[["groom", "rear"]]'])
def test_groups_that_are_none_mean_damage(tmp_path, predictions, text):
    path = tmp_path / "p.h5"
    write_predictions(path, predictions)
    with h5py.File(path, "r+") as file:
        file.attrs["groups"] = text
    with pytest.raises(StateError, match=r"p\.h5: damaged .*delete it and run again"):
        read_predictions(path)


def test_features_in_half_precision(tmp_path):
    spatial, _, logits = write(tmp_path / "m.h5", 10, 5, dtype="float16")
    found = read_features(tmp_path / "m.h5")
    assert found.spatial.dtype == np.float32
    # Half precision keeps 11 bits.
    np.testing.assert_allclose(found.spatial, spatial, rtol=2**-11)
    np.testing.assert_array_equal(found.logits, logits)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_features_that_are_not_finite_mean_a_bad_model(tmp_path, bad, which):
    parts = arrays_of(4)
    parts[which][2, 1] = bad
    name = ("spatial", "flow", "logits")[which]
    with (
        pytest.raises(StateError, match=f"{name} of frames 0-4: not finite"),
        feature_writer(tmp_path / "m.h5", n_frames=4, n_features=6, **ABOUT) as writer,
    ):
        writer.write(0, *parts)
    assert list(tmp_path.iterdir()) == []


def test_features_too_large_for_half_precision(tmp_path):
    parts = arrays_of(4)
    parts[0][0, 0] = 1e5  # the largest number of half precision is 65504
    with (
        pytest.raises(StateError, match="not finite as float16"),
        feature_writer(
            tmp_path / "m.h5", n_frames=4, n_features=6, dtype="float16", **ABOUT
        ) as writer,
    ):
        writer.write(0, *parts)


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        ([(0, 2), (3, 4)], "rows 3-4; expected from 2, up to 4"),
        ([(0, 2), (1, 4)], "rows 1-4; expected from 2, up to 4"),
        ([(0, 5)], "rows 0-5; expected from 0, up to 4"),
        ([(0, 3)], "3 of 4 frames were written"),
        ([], "0 of 4 frames were written"),
    ],
)
def test_frames_left_out_or_written_twice(tmp_path, calls, words):
    def write_all():
        parts = arrays_of(5)
        about = {**ABOUT, "n_frames": 4, "n_features": 6}
        with feature_writer(tmp_path / "m.h5", **about) as writer:
            for start, stop in calls:
                writer.write(start, *(part[start:stop] for part in parts))

    with pytest.raises(ValueError, match=words):
        write_all()
    assert list(tmp_path.iterdir()) == []


def test_parts_of_different_shapes(tmp_path):
    spatial, flow, logits = arrays_of(4)
    for parts in ((spatial[:3], flow, logits), (spatial, flow[:, :5], logits)):
        with (
            pytest.raises(ValueError, match="expected 4 of"),
            feature_writer(tmp_path / "m.h5", n_frames=4, n_features=6, **ABOUT) as writer,
        ):
            writer.write(0, *parts)


@pytest.fixture
def predictions():
    rng = np.random.default_rng(1)
    first, second = rng.random((2, 7, 2)).astype(np.float32)
    return Predictions(probabilities=first, feature_probabilities=second, **ABOUT)


def test_predictions_come_back(tmp_path, predictions):
    write_predictions(tmp_path / "m.h5", predictions)
    found = read_predictions(tmp_path / "m.h5")
    np.testing.assert_array_equal(found.probabilities, predictions.probabilities)
    np.testing.assert_array_equal(found.feature_probabilities, predictions.feature_probabilities)
    assert found.probabilities.dtype == np.float32
    assert (found.fps, found.behaviors, found.digest) == (29.97, NAMES, "d" * 64)


@pytest.mark.parametrize("bad", [np.nan, -0.01, 1.01])
def test_probabilities_out_of_range_mean_a_bad_model(tmp_path, predictions, bad):
    predictions.probabilities[3, 1] = bad
    with pytest.raises(StateError, match="probabilities are not all within 0 and 1"):
        write_predictions(tmp_path / "m.h5", predictions)
    assert list(tmp_path.iterdir()) == []


def test_predictions_that_do_not_fit(tmp_path, predictions):
    with pytest.raises(ValueError, match="3 names"):
        write_predictions(tmp_path / "m.h5", replace(predictions, behaviors=("a", "b", "c")))
    short = replace(predictions, feature_probabilities=predictions.feature_probabilities[:5])
    with pytest.raises(ValueError, match="feature_probabilities: shape"):
        write_predictions(tmp_path / "m.h5", short)


def test_a_run_may_have_no_feature_extractor(tmp_path, predictions):
    nothing = np.empty((7, 0), np.float32)
    write_predictions(tmp_path / "m.h5", replace(predictions, feature_probabilities=nothing))
    found = read_predictions(tmp_path / "m.h5")
    np.testing.assert_array_equal(found.probabilities, predictions.probabilities)
    assert found.feature_probabilities.shape == (7, 0)
    with pytest.raises(ValueError, match="probabilities: shape"):
        write_predictions(tmp_path / "n.h5", replace(predictions, probabilities=nothing))


def drop_array(file):
    del file["feature_probabilities"]


def drop_attribute(file):
    del file.attrs["digest"]


def drop_name(file):
    file.attrs["behaviors"] = '["groom"]'


def break_names(file):
    file.attrs["behaviors"] = "groom"


def more_frames(file):
    file.attrs["n_frames"] = 8


def scalar(file):
    del file["probabilities"]
    file["probabilities"] = 1.0


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (drop_array, "damaged or not written by this program .*feature_probabilities"),
        (drop_attribute, "damaged or not written by this program .*digest"),
        (drop_name, "for 7 frames and 1 behaviors; delete it"),
        (break_names, "its behaviors are no list"),
        (more_frames, "for 8 frames and 2 behaviors; delete it"),
        (scalar, "probabilities is"),
    ],
)
def test_damaged_predictions(tmp_path, predictions, damage, words):
    write_predictions(tmp_path / "m.h5", predictions)
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        damage(file)
    with pytest.raises(StateError, match=words):
        read_predictions(tmp_path / "m.h5")


def test_one_kind_of_file_is_not_the_other(tmp_path, predictions):
    write_predictions(tmp_path / "m.h5", predictions)
    with pytest.raises(StateError, match="damaged or not written by this program"):
        read_features(tmp_path / "m.h5")
    with pytest.raises(StateError, match="does not exist"):
        read_predictions(tmp_path / "m9.h5")


@pytest.mark.parametrize("seed", range(8))
def test_changed_bytes_are_noticed_or_harmless(tmp_path, predictions, seed):
    path = tmp_path / "m.h5"
    write_predictions(path, predictions)
    whole = path.read_bytes()
    rng = np.random.default_rng(seed)
    for place in rng.integers(0, len(whole), 10):
        changed = bytearray(whole)
        changed[place] ^= 1 << rng.integers(8)
        path.write_bytes(changed)
        try:
            found = read_predictions(path)
        except StateError:
            continue
        # Some bytes of the format mean nothing.
        np.testing.assert_array_equal(found.probabilities, predictions.probabilities)
        assert found.behaviors == predictions.behaviors
