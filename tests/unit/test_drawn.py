"""The weights that come with the program: whom they fit, and that they know what was drawn."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from deg_core.data.publish import sha256
from deg_core.errors import ConfigError, StateError
from deg_core.models import drawn, flow, two_stream, weights
from deg_core.presets import resolve
from deg_core.settings import FeatureSettings, FlowSettings, from_dict

LITE = from_dict(FeatureSettings, resolve({}, "features", "lite"))
MOTION = flow.build(from_dict(FlowSettings, resolve({}, "flow", "lite")))


def load(settings, *, motion=MOTION):
    torch.manual_seed(0)
    network = two_stream.build(settings, motion, 2)
    return network, weights.load(network, settings, stage="train_features", behaviors=["a", "b"])


def test_lite_starts_from_them():
    network, loaded = load(LITE)
    assert loaded.source == "deg_core/models/drawn/lite.npz"
    assert set(loaded.missing) == {
        f"{stream}.head.{name}" for stream in ("spatial", "flow") for name in ("weight", "bias")
    }
    state = network.state_dict()
    with np.load(drawn.FILE) as file:
        assert set(loaded.matched) == set(file)
        for key in file:
            np.testing.assert_array_equal(state[key].numpy(), file[key])
    assert all(torch.isfinite(value).all() for value in state.values())


def test_one_stream_gets_its_own():
    network, loaded = load(replace(LITE, streams=("flow",)))
    assert loaded.matched
    assert all(key.startswith("flow.backbone.") for key in loaded.matched)
    assert network.spatial is None


@pytest.mark.parametrize("changes", [{"width": 0.5}, {"members": 2}, {"backbone": "resnet18"}])
def test_other_networks_start_from_random_numbers_and_say_so(changes, capsys):
    network, loaded = load(replace(LITE, **changes))
    fresh, _ = load(replace(LITE, weights="none", **changes))
    assert loaded.source is None
    assert loaded.matched == ()
    assert all(map(torch.equal, network.state_dict().values(), fresh.state_dict().values()))
    assert "this one starts from random numbers" in capsys.readouterr().err


def motion(**changes):
    return flow.build(from_dict(FlowSettings, resolve({}, "flow", "lite") | changes))


@pytest.mark.parametrize(
    ("changes", "moves", "stream"),
    [
        ({"inputs": ("frame",)}, MOTION, "flow"),
        ({"inputs": ("background_difference", "frame")}, MOTION, "flow"),
        ({"picture": "channel_slice"}, MOTION, "flow"),
        ({}, motion(clip=5), "spatial"),
        ({}, motion(network="tiny_motion_net", clip=6, width=0.1), "spatial"),  # ten channels, too
    ],
)
def test_a_stream_that_is_shown_something_else_starts_from_random_numbers(changes, moves, stream):
    _, loaded = load(replace(LITE, **changes), motion=moves)
    assert loaded.matched
    assert all(key.startswith(f"{stream}.backbone.") for key in loaded.matched)


def test_a_damaged_file_is_told(tmp_path, monkeypatch):
    file = tmp_path / "lite.npz"
    file.write_bytes(drawn.FILE.read_bytes()[:5000])
    for place in (file, tmp_path / "missing.npz"):
        monkeypatch.setattr(drawn, "FILE", place)
        with pytest.raises(StateError, match=place.name):
            load(LITE)


def test_they_are_the_ones_that_this_version_of_the_stage_was_measured_with():
    """Other weights are other numbers: raise `train_features` in deg_core/versions.py with them."""
    assert sha256(drawn.FILE).startswith("fb3076a12ae35a59")


def test_only_features_have_them():
    network = flow.build(FlowSettings(clip=5, width=0.1))
    with pytest.raises(ConfigError, match="flow: weights: expected none or a model file, found dr"):
        weights.load(network, FlowSettings(weights="drawn"), stage="train_flow")
