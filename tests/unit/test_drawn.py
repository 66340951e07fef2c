"""The weights that come with the program: whom they fit, and that they know what was drawn."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from deg_core.errors import ConfigError
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


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 0.5}, {"inputs": ("frame",)}, {"members": 2}, {"backbone": "resnet18"},
    ],
)  # fmt: skip
def test_other_networks_start_from_random_numbers_and_say_so(changes, capsys):
    network, loaded = load(replace(LITE, **changes))
    fresh, _ = load(replace(LITE, weights="none", **changes))
    assert loaded.source is None
    assert loaded.matched == ()
    assert all(map(torch.equal, network.state_dict().values(), fresh.state_dict().values()))
    assert "which starts from random numbers" in capsys.readouterr().err


def test_another_clip_starts_from_random_numbers():
    settings = from_dict(FlowSettings, resolve({}, "flow", "lite") | {"clip": 5})
    assert load(LITE, motion=flow.build(settings))[1].matched == ()


def test_only_features_have_them():
    network = flow.build(FlowSettings(clip=5, width=0.1))
    with pytest.raises(ConfigError, match="flow: weights: expected none or a model file, found dr"):
        weights.load(network, FlowSettings(weights="drawn"), stage="train_flow")
