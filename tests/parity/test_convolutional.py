"""Flow generators, classifiers and two-stream models against what the original program computed."""

import re

import pytest
import reference
import torch
from torch import nn

from deg_core.errors import ModelError
from deg_core.models import compat, flow, two_stream
from deg_core.models.compat import convolutional
from deg_core.models.two_stream import EndToEnd
from deg_core.settings import FlowSettings

# Fixtures in eval mode, by network; and those of batch statistics.
EVAL = {
    "tiny_motion_net": ["net_tiny_motion_net_64", "net_tiny_motion_net_odd"],
    "motion_net": ["net_motion_net_64"],
    "tiny_motion_net_3d": ["net_tiny_motion_net_3d_64"],
    "resnet18_spatial": ["net_resnet18_spatial_64"],
    "resnet18_flow": ["net_resnet18_flow_32"],
    "resnet18_spatial_final_bn": ["net_resnet18_spatial_final_bn"],
    "resnet50_spatial": ["net_resnet50_spatial_64"],
    "resnet50_flow": ["net_resnet50_flow_32"],
    "resnet50_spatial_final_bn": [],
    "resnet3d_34_spatial": ["net_resnet3d_34_spatial_64"],
    "resnet3d_34_flow": ["net_resnet3d_34_flow_32"],
    "hidden_two_stream_fast": ["net_hidden_two_stream_fast_64"],
    "hidden_two_stream_fast_concatenate": ["net_hidden_two_stream_fast_concatenate"],
    "hidden_two_stream_medium": ["net_hidden_two_stream_medium_64"],
    "hidden_two_stream_slow": ["net_hidden_two_stream_slow_64"],
    "hidden_two_stream_slow_concatenate": [],
}
TRAIN = ["net_resnet18_spatial_train_mode", "net_tiny_motion_net_train_mode"]
SMALL = ["tiny_motion_net_3d", "resnet18_spatial", "hidden_two_stream_fast"]

# REFERENCE, section 1, K = 5; final batch norm: 5 scales more; concatenation: one bias less.
PARAMETERS = {
    "tiny_motion_net": 1_951_784,
    "motion_net": 45_882_896,
    "tiny_motion_net_3d": 437_738,
    "resnet18_spatial": 11_179_077,
    "resnet18_flow": 11_232_389,
    "resnet18_spatial_final_bn": 11_179_077 + 5,
    "resnet50_spatial": 24_559_685,
    "resnet50_flow": 24_612_997,
    "resnet50_spatial_final_bn": 24_559_685 + 5,
    "resnet3d_34_spatial": 63_516_101,
    "resnet3d_34_flow": 63_494_149,
    "hidden_two_stream_fast": 24_363_250,
    "hidden_two_stream_fast_concatenate": 24_363_250 - 5,
    "hidden_two_stream_medium": 95_055_578,
    "hidden_two_stream_slow": 127_447_988,
    "hidden_two_stream_slow_concatenate": 127_447_988 - 5,
}


@pytest.fixture(scope="module", params=EVAL)
def filled(request):
    """Weights of a network and our module with them; the large ones take seconds to draw."""
    network = request.param
    weights = reference.filled(network) if EVAL[network] else zeros(network)
    return network, weights, compat.from_deepethogram(network, weights)


def zeros(network):
    """Weights where no values are compared."""
    return {
        key: torch.zeros(shape, dtype=getattr(torch, dtype))
        for key, shape, dtype in reference.STATE_DICTS[network]
    }


@pytest.fixture(scope="module")
def small():
    """Weights of some small networks; not to be changed."""
    return {name: reference.filled(name) for name in SMALL}


def without_dropout(module):
    for layer in module.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    return module


def reshaped(network, shapes):
    """Draw weights of a network of which some tensors have other shapes."""
    listing = reference.STATE_DICTS[network]
    return reference.filled([(key, shapes.get(key, shape), dtype) for key, shape, dtype in listing])


def of_frames(network, n_frames):
    """Shapes of the tensors of a stacked network that depend on the number of frames."""
    generator = "flow_generator." * network.startswith("hidden")
    flows, found = 2 * (n_frames - 1), {}
    for key, shape, _ in reference.STATE_DICTS[network]:
        part = key.removeprefix(generator)
        if part == "conv1.0.weight":
            found[key] = [64, 3 * n_frames, 7, 7]
        elif part.startswith(("predict", "upsampled")):
            found[key] = [flows if size == 20 else size for size in shape]
        elif part in ("xconv3.0.weight", "xconv2.0.weight"):
            found[key] = [shape[0], shape[1] - 20 + flows, 3, 3]
        elif part == "flow_classifier.0.conv1.weight":
            found[key] = [64, flows, 7, 7]
    return found


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- what the original computed


def test_every_network_is_compared():
    """All that state_dicts.json lists and section 2 to 4 describe; FlowNetS is not ours."""
    listed = {n for n in reference.STATE_DICTS if n in convolutional.TRANSLATIONS}
    assert listed == set(EVAL) == set(PARAMETERS)


def test_outputs_are_the_originals(filled):
    network, _, module = filled
    for name in EVAL[network]:
        meta, arrays = reference.load(name)
        assert (meta["network"], meta["mode"], meta["config"]) == (network, "eval", {})
        with torch.no_grad():
            found = compat.outputs(module, reference.network_input(meta))
        assert set(found) == set(arrays)
        for key, expected in arrays.items():
            reference.close(found[key], expected)


@pytest.mark.parametrize("name", TRAIN)
def test_outputs_of_batch_statistics_are_the_originals(name):
    meta, arrays = reference.load(name)
    module = compat.from_deepethogram(meta["network"], reference.weights_of(meta), dropout_p=0.0)
    found = compat.outputs(module.train(), reference.network_input(meta))
    assert set(found) == set(arrays)
    for key, expected in arrays.items():
        reference.close(found[key], expected, rtol=1e-3)


def test_parameters_are_as_many(filled):
    network, _, module = filled
    assert sum(p.numel() for p in module.parameters()) == PARAMETERS[network]
    assert sum(p.numel() for p in compat.named_parameters(module).values()) == PARAMETERS[network]


def test_a_state_dict_comes_back_as_it_was(filled):
    _, weights, module = filled
    back = compat.state_dict(module)
    assert list(back) == list(weights)
    for key, value in weights.items():
        assert back[key].dtype == value.dtype
        assert torch.equal(back[key], value)


def test_parameters_have_the_originals_names_in_its_order(filled):
    _, weights, module = filled
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    names = [key for key in weights if not key.endswith(buffers)]
    found = compat.named_parameters(module)
    assert list(found) == names
    assert {id(p) for p in found.values()} == {id(p) for p in module.parameters()}


def test_the_pipelines_settings_describe_the_network(filled):
    """A stage that reads these settings builds a network that takes the same tensors."""
    network, _, module = filled
    sections = compat.settings(module)
    with torch.device("meta"):  # shapes alone are compared
        made = built(sections)
    assert shapes_of(made) == shapes_of(module)
    if "flow" not in sections:
        settings = sections["features"]
        assert network.startswith(f"{settings.backbone}_{settings.streams[0]}")
        assert settings.final_bn == network.endswith("final_bn")
    if network.startswith("hidden"):
        assert (made.network.flow_weight, made.network.picture) == (1.5, "channel_slice")
        assert made.network.slice_start == module.network.slice_start


def built(sections):
    if "features" not in sections:
        return flow.build(sections["flow"])
    motion = flow.build(sections.get("flow", FlowSettings(network="tiny_motion_net")))
    extractor = two_stream.build(sections["features"], motion, 5)
    return (
        EndToEnd(motion, extractor)
        if "flow" in sections
        else extractor.get_submodule(sections["features"].streams[0])
    )


def shapes_of(module):
    return {key: value.shape for key, value in module.state_dict().items()}


# --- modes, gradients, number formats


@pytest.mark.parametrize("network", SMALL)
def test_modules_come_in_eval_mode_and_float32(network, small):
    double = {
        key: value.double() if value.is_floating_point() else value
        for key, value in small[network].items()
    }
    module = compat.from_deepethogram(network, double)
    assert not any(part.training for part in module.modules())
    assert {p.dtype for p in module.parameters()} == {torch.float32}
    assert all(torch.equal(v, small[network][k]) for k, v in compat.state_dict(module).items())


def test_half_precision_files_are_read():
    weights = reference.filled("tiny_motion_net_3d")
    half = {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}
    module = compat.from_deepethogram("tiny_motion_net_3d", half)
    weight = compat.state_dict(module)["conv1.0.weight"]
    assert torch.equal(weight, weights["conv1.0.weight"].half().float())


def test_the_given_tensors_stay_apart(small):
    given = {key: value.clone() for key, value in small["resnet18_spatial"].items()}
    module = compat.from_deepethogram("resnet18_spatial", given)
    with torch.no_grad():
        compat.named_parameters(module)["1.bias"].add_(1)
    assert torch.equal(given["1.bias"], small["resnet18_spatial"]["1.bias"])


def test_gradients_flow_in_train_mode_but_into_frozen_motion(small):
    network = "hidden_two_stream_fast"
    module = without_dropout(compat.from_deepethogram(network, small[network])).train()
    found = compat.outputs(module, draw(2, 33, 32, 32))
    found["out"].square().sum().backward()
    for key, parameter in compat.named_parameters(module).items():
        assert (parameter.grad is None) == key.startswith("flow_generator."), key
    assert module.network.training
    assert not module.motion.training


def test_fusion_weighs_the_motion_one_and_a_half_times(small):
    module = compat.from_deepethogram("hidden_two_stream_fast", small["hidden_two_stream_fast"])
    with torch.no_grad():
        found = compat.outputs(module, draw(2, 33, 32, 32))
    joined = (found["spatial_stream_out"] + 1.5 * found["flow_stream_out"]) / 2.5
    torch.testing.assert_close(found["out"], joined)
    assert found["spatial_input_channels"].tolist() == [16, 17, 18]


# --- options


@pytest.mark.parametrize("k", [1, 9])
def test_behaviors_are_read_off_the_shapes(k):
    weights = reshaped("resnet18_spatial", {"1.weight": [k, 512], "1.bias": [k]})
    module = compat.from_deepethogram("resnet18_spatial", weights)
    assert compat.outputs(module, draw(2, 3, 32, 32))["out"].shape == (2, k)
    assert compat.from_deepethogram("resnet18_spatial", weights, K=k) is not None


def test_one_behavior_of_a_two_stream_model():
    heads = [f"{stream}_classifier.1" for stream in ("spatial", "flow")]
    shapes = {f"{head}.weight": [1, 512] for head in heads} | {
        f"{head}.bias": [1] for head in heads
    }
    weights = reshaped("hidden_two_stream_fast", shapes)
    module = compat.from_deepethogram("hidden_two_stream_fast", weights)
    with torch.no_grad():
        found = compat.outputs(module, draw(1, 33, 16, 16))
    assert found["out"].shape == found["flow_stream_out"].shape == (1, 1)


def test_names_are_short_for_options(small):
    final_bn = reference.filled("resnet18_spatial_final_bn")
    module = compat.from_deepethogram("resnet18_spatial", final_bn, final_bn=True)
    assert isinstance(module.head[1], nn.BatchNorm1d)
    with pytest.raises(ModelError, match=r"missing '1\.bias'.* unknown '2\.weight'"):
        compat.from_deepethogram("resnet18_spatial", final_bn)
    joint = reference.filled("hidden_two_stream_fast_concatenate")
    module = compat.from_deepethogram("hidden_two_stream_fast", joint, fusion="concatenate")
    assert module.network.fusion.weight.shape == (5, 1024)


def test_frames_of_the_inputs():
    """Stacked networks know how many frames they take: 3 channels each, 2 of each motion."""
    classifier = compat.from_deepethogram(
        "resnet18_flow", reshaped("resnet18_flow", {"0.conv1.weight": [64, 8, 7, 7]}), n_flows=4
    )
    assert compat.outputs(classifier, draw(1, 8, 32, 32))["features"].shape == (1, 512)
    classifier = compat.from_deepethogram(
        "resnet18_spatial", reshaped("resnet18_spatial", {"0.conv1.weight": [64, 6, 7, 7]}), n_rgb=2
    )
    assert compat.outputs(classifier, draw(1, 6, 32, 32))["features"].shape == (1, 512)
    generator = compat.from_deepethogram(
        "tiny_motion_net", reshaped("tiny_motion_net", of_frames("tiny_motion_net", 5)), n_rgb=5
    )
    assert compat.outputs(generator, draw(1, 15, 32, 32))["out0"].shape == (1, 8, 16, 16)


def test_3d_networks_take_clips_of_any_length(small):
    module = compat.from_deepethogram("tiny_motion_net_3d", small["tiny_motion_net_3d"])
    found = compat.outputs(module, draw(1, 3, 4, 18, 21))
    assert [tuple(found[f"out{i}"].shape) for i in range(3)] == [
        (1, 2, 3, 9, 11), (1, 2, 3, 5, 6), (1, 2, 3, 3, 3)
    ]  # fmt: skip


def test_the_picture_stays_at_channel_16_of_clips_of_other_lengths():
    """The original computes its place from 11 images; a stage of ours would take another."""
    name, n_frames = "hidden_two_stream_fast", 7
    weights = reshaped(name, of_frames(name, n_frames))
    module = compat.from_deepethogram(name, weights, n_flows=n_frames - 1)
    x = draw(2, 3 * n_frames, 32, 32)
    with torch.no_grad():
        found = compat.outputs(module, x)
        features, _ = module.network.spatial(x[:, 16:19])
    assert torch.equal(found["spatial_features"], features)
    assert found["spatial_input_channels"].tolist() == [16, 17, 18]
    with pytest.raises(ModelError, match="n_flows: expected 10, got 6"):
        compat.settings(module)


def test_options_that_change_no_network_are_taken(small):
    """Whole sections of a configuration can be given, those of other networks included."""
    module = compat.from_deepethogram(
        "resnet18_spatial", small["resnet18_spatial"], K=5, D=1024, arch="resnet18",
        weights="pretrained", final_activation="sigmoid", curriculum=False, num_layers=3,
        sampler=None, dropout_p=None,
    )  # fmt: skip
    assert module.dropout.p == 0.25
    assert module.deepethogram.options == {
        "K": 5, "n_rgb": 1, "n_flows": 10, "dropout_p": 0.25, "final_bn": False
    }  # fmt: skip


# --- what is refused


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        (
            "resnet18_spatial",
            {"final_bm": True},
            "'final_bm' is not known; did you mean 'final_bn'",
        ),
        ("resnet18_spatial", {"qqqq": 1}, "'qqqq' is not known; known are D, K, arch, "),
        ("resnet18_spatial", {"final_bn": 1}, "option final_bn: expected bool, got 1"),
        ("resnet18_spatial", {"K": "5"}, "option K: expected int, got '5'"),
        ("resnet18_spatial", {"K": True}, "option K: expected int, got True"),
        ("resnet18_spatial", {"K": 0}, "option K: expected 1 or more, got 0"),
        ("resnet18_spatial", {"dropout_p": 2.0}, "resnet18_spatial: settings: dropout: 2.0"),
        ("resnet18_spatial", {"K": 7}, r"'1.weight': expected shape \[7, 512\], found \[5, 512\]"),
        ("tiny_motion_net_3d", {"n_rgb": 1}, "tiny_motion_net_3d: settings: clip: 1"),
        ("hidden_two_stream_fast", {"fusion": "sum"}, "fusion: expected one of average, concat"),
        ("hidden_two_stream_fast", {"fusion": "concatenate", "final_bn": True}, "option final_bn"),
        ("hidden_two_stream_fast", {"n_rgb": 11}, "option n_rgb: expected 1, got 11"),
        ("hidden_two_stream_fast", {"n_flows": 5}, "option n_flows: expected 6 or more, got 5"),
        ("hidden_two_stream_fast", {"n_flows": 9}, r"'flow_classifier.0.conv1.weight': expected"),
    ],
)
def test_options_are_refused_by_name(network, options, message, small):
    with pytest.raises(ModelError, match=message):
        compat.from_deepethogram(network, small[network], **options)


@pytest.mark.parametrize("network", SMALL)
@pytest.mark.parametrize("place", [0, 5, -1])
def test_a_missing_tensor_is_refused_by_name(network, place, small):
    weights = dict(small[network])
    key = list(weights)[place]
    del weights[key]
    with pytest.raises(ModelError, match=f"missing '{key}'"):
        compat.from_deepethogram(network, weights)


def test_a_missing_tensor_that_tells_an_option_is_refused_by_name(small):
    weights = dict(small["resnet18_spatial"])
    del weights["1.weight"]
    with pytest.raises(ModelError, match=r"missing '1\.weight', which tells K"):
        compat.from_deepethogram("resnet18_spatial", weights)
    with pytest.raises(ModelError, match=r"missing '1\.weight'"):
        compat.from_deepethogram("resnet18_spatial", weights, K=5)


@pytest.mark.parametrize("network", SMALL)
def test_an_unknown_tensor_is_refused_by_name(network, small):
    with pytest.raises(ModelError, match=r"unknown 'criterion\.pos_weight'"):
        compat.from_deepethogram(network, {**small[network], "criterion.pos_weight": draw(5)})


@pytest.mark.parametrize("network", SMALL)
@pytest.mark.parametrize("place", [0, 1, -2, -1])
def test_a_tensor_of_another_shape_is_refused_by_name(network, place, small):
    """One element more, one dimension more; every key, and what tells an option, can be it."""
    key = list(small[network])[place]
    value = small[network][key]
    for wrong in (value[None], torch.zeros(len(value) + 1, *value.shape[1:])):
        with pytest.raises(ModelError, match=re.escape(f"'{key}'")):
            compat.from_deepethogram(network, {**small[network], key: wrong})


def test_every_wrong_tensor_is_told_up_to_twenty(small):
    with pytest.raises(ModelError) as error:
        compat.from_deepethogram("tiny_motion_net_3d", {})
    # 78 tensors are missing.
    assert str(error.value).count("missing '") == 20
    assert "and 58 more" in str(error.value)


def test_a_state_dict_of_another_network_is_refused(small):
    with pytest.raises(ModelError, match=r"tiny_motion_net: .*missing 'conv1\.0\.bias'; .*unknown"):
        compat.from_deepethogram("tiny_motion_net", small["tiny_motion_net_3d"])


def test_flownet_s_is_refused():
    with pytest.raises(ModelError, match="FlowNetS is not part of this project"):
        compat.from_deepethogram("flownet_s", {})


def test_an_unknown_network_is_refused_with_the_names():
    with pytest.raises(ModelError, match=r"'resnet19': .*tiny_motion_net, .*resnet18_flow, .*tgmj"):
        compat.from_deepethogram("resnet19", {})


@pytest.mark.parametrize("shape", [(1, 30, 32, 32), (1, 3, 11, 32, 32), (33, 32, 32)])
def test_an_input_of_another_layout_is_refused(shape, small):
    module = compat.from_deepethogram("hidden_two_stream_fast", small["hidden_two_stream_fast"])
    with pytest.raises(ModelError, match=r"expected \(N, 33, H, W\)"):
        compat.outputs(module, draw(*shape))


def test_a_module_of_our_own_has_no_outputs_of_the_original():
    module = flow.build(FlowSettings(network="difference"))
    for function in (compat.state_dict, compat.named_parameters, compat.settings):
        with pytest.raises(ModelError, match="got a Difference"):
            function(module)
    with pytest.raises(ModelError, match="got a Difference"):
        compat.outputs(module, draw(1, 33, 16, 16))
