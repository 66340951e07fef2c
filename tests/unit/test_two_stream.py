"""The feature extractor: the paper's sizes, its streams, inputs and fusions, and their edges."""

import pytest
import torch
from torch import nn

from deg_core.errors import ConfigError
from deg_core.models.two_stream import BACKBONES, SmallCNN, Stream, TwoStream

K = 3


def build(**changes):
    options = {"n_behaviors": K, "motion_channels": 4, "backbone": "small_cnn", "width": 0.25}
    return TwoStream(**(options | changes)).eval()


def n_parameters(network):
    return sum(p.numel() for p in network.parameters())


def clip_of(n=2, *, t=5, size=(32, 32)):
    return torch.randn(n, t, 3, *size, generator=torch.Generator().manual_seed(0))


def motion_of(n=2, *, size=(16, 16)):
    return torch.randn(n, 4, *size, generator=torch.Generator().manual_seed(1))


def test_resnet18_streams_are_the_papers():
    network = TwoStream(n_behaviors=5, motion_channels=20, backbone="resnet18")
    # The paper's Table 2 gives 22.4M for both, which with K = 5 is exactly this.
    assert n_parameters(network.spatial) == 11_179_077
    assert n_parameters(network.flow) == 11_232_389
    assert network.length == 512
    assert network.spatial.backbone.conv1.weight.shape == (64, 3, 7, 7)
    assert network.flow.backbone.conv1.weight.shape == (64, 20, 7, 7)


def test_resnet18_starts_as_the_paper_says():
    """Kaiming normal, fan out: the variance of a weight is 2 / (outputs * kernel area)."""
    stream = Stream("resnet18", 20, n_out=5, width=1.0, dropout=0.0)
    for conv in (stream.backbone.conv1, stream.backbone.layer4[1].conv2):
        out, _, h, w = conv.weight.shape
        assert conv.weight.std().item() == pytest.approx((2 / (out * h * w)) ** 0.5, rel=0.02)


def test_resnet18_cannot_be_narrowed():
    with pytest.raises(ConfigError, match=r"width: expected 1 for the backbone resnet18, got 0\.5"):
        build(backbone="resnet18", width=0.5)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("size", [(16, 16), (33, 47), (48, 32)])
def test_backbones_at_any_size(backbone, size):
    network, length = BACKBONES[backbone](7, width=1.0)
    assert network.eval()(torch.randn(2, 7, *size)).shape == (2, length)


def test_small_cnn_keeps_mean_and_maximum():
    network = SmallCNN(3, width=0.25).eval()
    assert network.features == 64  # 128 / 4 channels, twice
    network.body = nn.Identity()
    x = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]])
    assert network(x).tolist() == [[3.0, 6.0]]
    assert SmallCNN(3, width=0.01).features == 16  # never fewer than 8 channels


def test_logits_are_averaged():
    network = build(flow_weight=1.5)
    clip, motion = clip_of(), motion_of()
    out = network(clip, motion)
    spatial, spatial_logits = network.spatial(clip[:, 2])  # the center of five frames
    flow, flow_logits = network.flow(motion)
    torch.testing.assert_close(out.logits, (spatial_logits + 1.5 * flow_logits) / 2.5)
    assert torch.equal(out.spatial, spatial)
    assert torch.equal(out.flow, flow)


@pytest.mark.parametrize("t", [2, 4, 5, 11])
def test_the_picture_is_the_center_frame(t):
    network = build(streams=("spatial",))
    clip = clip_of(t=t)
    other = torch.zeros_like(clip)
    other[:, t // 2] = clip[:, t // 2]
    assert torch.equal(network(clip, None).logits, network(other, None).logits)


def test_concatenated_features_have_one_last_layer():
    network = build(fusion="concatenate")
    clip, motion = clip_of(), motion_of()
    out = network(clip, motion)
    both = torch.cat([out.spatial, out.flow], dim=1)
    torch.testing.assert_close(out.logits, network.fusion(both))
    heads = [name for name, _ in network.named_parameters() if "head" in name]
    assert heads == []  # nothing is stored that has no part in the answer


@pytest.mark.parametrize("fusion", ["average", "concatenate"])
def test_dropout_precedes_the_last_layer(fusion):
    network = build(fusion=fusion, dropout=0.9).train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    clip, motion = clip_of(), motion_of()
    torch.manual_seed(0)
    first, second = network(clip, motion), network(clip, motion)
    assert not torch.equal(first.logits, second.logits)
    assert torch.equal(first.spatial, second.spatial)  # what is stored is not dropped
    assert torch.equal(first.flow, second.flow)


@pytest.mark.parametrize("fusion", ["average", "concatenate"])
@pytest.mark.parametrize(("stream", "other"), [("spatial", "flow"), ("flow", "spatial")])
def test_a_single_stream(stream, other, fusion):
    """Alone, a stream's own logits are the answer, whatever the fusion; the other's part is 0."""
    network = build(streams=(stream,), fusion=fusion)
    clip, motion = clip_of(), motion_of()
    out = network(clip, motion if stream == "flow" else None)
    seen = motion if stream == "flow" else clip[:, 2]
    features, logits = getattr(network, stream)(seen)
    assert torch.equal(out.logits, logits)
    assert torch.equal(getattr(out, stream), features)
    assert torch.equal(getattr(out, other), torch.zeros(2, network.length))
    assert getattr(network, other) is None
    assert network.fusion is None


@pytest.mark.parametrize(
    ("inputs", "channels"),
    [(("frame",), 3), (("background_difference",), 3), (("frame", "background_difference"), 6)],
)
def test_inputs_of_the_picture(inputs, channels):
    network = build(streams=("spatial",), inputs=inputs)
    assert network.needs_background == ("background_difference" in inputs)
    clip, background = clip_of(), torch.randn(2, 3, 32, 32)
    seen = []
    network.spatial.backbone.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    network(clip, None, background)
    expected = {"frame": clip[:, 2], "background_difference": clip[:, 2] - background}
    assert seen[0].shape == (2, channels, 32, 32)
    assert torch.equal(seen[0], torch.cat([expected[name] for name in inputs], dim=1))


def test_a_background_that_is_needed_cannot_be_left_out():
    network = build(inputs=("background_difference",))
    with pytest.raises(TypeError):
        network(clip_of(), motion_of())


@pytest.mark.parametrize("fusion", ["average", "concatenate"])
@pytest.mark.parametrize("streams", [("spatial", "flow"), ("spatial",), ("flow",)])
def test_one_behavior(streams, fusion):
    network = build(n_behaviors=1, streams=streams, fusion=fusion)
    out = network(clip_of(), motion_of())
    assert out.logits.shape == (2, 1)


@pytest.mark.parametrize("fusion", ["average", "concatenate"])
@pytest.mark.parametrize("streams", [("spatial", "flow"), ("spatial",), ("flow",)])
def test_bias_is_where_the_logits_start(streams, fusion):
    network = build(streams=streams, fusion=fusion)
    bias = torch.tensor([-3.0, 0.0, 2.0])
    network.set_bias(bias)
    for layer in (network.fusion, *(s.head for s in (network.spatial, network.flow) if s)):
        if isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.weight)
    torch.testing.assert_close(network(clip_of(), motion_of()).logits, bias.expand(2, K))


def test_gradients_reach_every_weight():
    for fusion in ("average", "concatenate"):
        network = build(fusion=fusion).train()
        network(clip_of(), motion_of()).logits.square().sum().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
