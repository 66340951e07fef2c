"""Settings that do not go together are told before anything runs, and by whoever reads them."""

from dataclasses import replace

import pytest
import yaml

from deg_core.combinations import ONE_WIDTH, problems
from deg_core.config import check_config
from deg_core.errors import ConfigError
from deg_core.models import backbones, sequence
from deg_core.presets import PRESETS
from deg_core.registry import BACKBONES
from deg_core.settings import SequenceSettings

WRONG = {
    "sequence: {common: {network: transformer, attention_window: 30}}": (
        "sequence (preset lite): attention_window: expected an odd number, the frame itself in the "
        "middle, found 30; take 31."
    ),
    "sequence: {common: {network: transformer}, lite: {n_heads: 3}}": (
        "sequence (preset lite): hidden: expected a multiple of n_heads (3), found 128; take 129, "
        "or another n_heads."
    ),
    "presets: [keypoints, clusters]\nsequence: {keypoints: {mlp_window: 30}}": (
        "sequence (preset keypoints): mlp_window: expected an odd number, the frame itself in the "
        "middle, found 30; take 31."
    ),
    "presets: [lite, slow]\nfeatures: {common: {width: 0.5}}": (
        "features (preset slow): width: expected 1 for the backbone resnet3d_34, found 0.5; choose "
        "`backbone: small_cnn`, which can be narrowed."
    ),
    "features: {lite: {members: 2, fusion: concatenate}}": (
        "features (preset lite): members: expected 1 with `fusion: concatenate`, found 2; choose "
        "`fusion: average`."
    ),
    "presets: [fast]\nfeatures: {fast: {members: 2, weights: imagenet}}": (
        "features (preset fast): members: expected 1 with `weights: imagenet`, found 2; members "
        "that start alike stay alike."
    ),
    "presets: [mine]\npreset_base: {mine: fast}\nfeatures: {mine: {width: 2}}": (
        "features (preset mine): width: expected 1 for the backbone resnet18, found 2; choose "
        "`backbone: small_cnn`, which can be narrowed."
    ),
}


@pytest.mark.parametrize("text", WRONG)
def test_what_does_not_go_together(text):
    config = {"behaviors": ["a"], **yaml.safe_load(text)}
    assert list(problems(config)) == [WRONG[text]]
    with pytest.raises(ConfigError) as caught:
        check_config(config)
    assert str(caught.value) == f"config.yaml: {WRONG[text]}"


@pytest.mark.parametrize(
    "text",
    [
        "presets: [fast, medium, slow, lite, keypoints, clusters]",
        "presets: [keypoints]\nfeatures: {common: {backbone: resnet18, width: 2}}",  # has none
        "sequence: {common: {attention_window: 30, n_heads: 3}}",  # not of this network
        "sequence: {fast: {network: transformer, n_heads: 3}}",  # a preset not in use
        "sequence: {common: {network: transformer, hidden: 30, n_heads: 3}}",
        "features: {common: {width: 0.5}}",
    ],
)
def test_what_does(text):
    config = {"behaviors": ["a"], **yaml.safe_load(text)}
    assert list(problems(config)) == []
    check_config(config)


def test_every_preset_in_use_is_looked_at():
    config = {"presets": list(PRESETS), "features": {"common": {"width": 0.5}}}
    assert len(list(problems(config))) == 3


@pytest.mark.parametrize("name", BACKBONES)
def test_exactly_these_backbones_have_one_width(name):
    if name not in ONE_WIDTH:
        backbones.build(name, 3, 1, width=0.5)
        return
    with pytest.raises(ConfigError, match="expected 1 for the backbone"):
        backbones.build(name, 3, 1, width=0.5)


@pytest.mark.parametrize("changed", [{"attention_window": 30}, {"n_heads": 3}])
def test_networks_would_refuse_the_same(changed):
    settings = replace(SequenceSettings(), network="transformer", **changed)
    (problem,) = problems({"sequence": {"lite": {"network": "transformer", **changed}}})
    with pytest.raises(ConfigError) as caught:
        sequence.build(settings, n_features=4, n_behaviors=2)
    sentence = str(caught.value).removeprefix("sequence.")
    assert problem == f"sequence (preset lite): {sentence}"


def test_behaviors_of_their_own_postprocessing():
    def found(*names):
        own = [{"behavior": name, "method": "median"} for name in names]
        return list(
            problems({"behaviors": ["groom", "rear"], "postprocess": {"per_behavior": own}})
        )

    assert found("groom", "rear") == []
    (unknown,) = found("grom")
    assert unknown.startswith("postprocess.per_behavior: the behavior 'grom' is not in behaviors; ")
    assert "groom" in unknown
    (twice,) = found("rear", "rear")
    assert twice == "postprocess.per_behavior: 'rear' stands there twice; remove one."
    with pytest.raises(ConfigError, match=r"postprocess\.per_behavior: the behavior ''"):
        check_config(
            {"behaviors": ["groom"], "postprocess": {"per_behavior": [{"method": "none"}]}}
        )
