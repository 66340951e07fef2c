"""The feature extractor: the paper's sizes, its streams, inputs and fusions, and their edges."""

import pytest
import torch
from torch import nn

from deg_core.errors import ConfigError
from deg_core.models import flow, two_stream
from deg_core.models.two_stream import EndToEnd, TwoStream
from deg_core.settings import FeatureSettings, FlowSettings

K = 3


def build(**changes):
    options = {
        "n_behaviors": K, "n_frames": 3, "per_pair": 2, "backbone": "small_cnn", "width": 0.25,
    }  # fmt: skip
    return TwoStream(**(options | changes)).eval()


def n_parameters(network):
    return sum(p.numel() for p in network.parameters())


def clip_of(n=2, *, t=5, size=(32, 32)):
    return torch.randn(n, t, 3, *size, generator=torch.Generator().manual_seed(0))


def motion_of(n=2, *, size=(16, 16)):
    return torch.randn(n, 4, *size, generator=torch.Generator().manual_seed(1))


# The paper's Table 2 gives 22.4M, 49.2M and 127M for both streams.
@pytest.mark.parametrize(
    ("backbone", "spatial", "motion"),
    [
        ("resnet18", 11_179_077, 11_232_389),
        ("resnet50", 24_559_685, 24_612_997),
        ("resnet3d_34", 63_516_101, 63_494_149),
    ],
)
def test_streams_are_the_papers(backbone, spatial, motion):
    network = TwoStream(n_behaviors=5, n_frames=11, per_pair=2, backbone=backbone)
    assert n_parameters(network.spatial) == spatial
    assert n_parameters(network.flow) == motion
    assert network.length == 512


def test_a_resnet_cannot_be_narrowed():
    with pytest.raises(ConfigError, match=r"width: expected 1 for the backbone resnet18, got 0\.5"):
        build(backbone="resnet18", width=0.5)


def test_logits_are_averaged():
    network = build(flow_weight=1.5)
    clip, motion = clip_of(), motion_of()
    out = network(clip, motion)
    spatial, spatial_logits = network.spatial(clip[:, 2])  # the center of five frames
    flow, flow_logits = network.flow(motion)
    torch.testing.assert_close(out.logits, (spatial_logits + 1.5 * flow_logits) / 2.5)
    assert torch.equal(out.spatial, spatial)
    assert torch.equal(out.flow, flow)
    assert torch.equal(out.spatial_logits, spatial_logits)
    assert torch.equal(out.flow_logits, flow_logits)


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
    assert (out.spatial_logits, out.flow_logits) == (None, None)
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
    assert torch.equal(getattr(out, f"{stream}_logits"), logits)
    assert torch.equal(getattr(out, other), torch.zeros(2, network.length))
    assert getattr(out, f"{other}_logits") is None
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


@pytest.mark.parametrize("final_bn", [False, True])
@pytest.mark.parametrize("fusion", ["average", "concatenate"])
@pytest.mark.parametrize("streams", [("spatial", "flow"), ("spatial",), ("flow",)])
def test_bias_is_where_the_logits_start(streams, fusion, final_bn):
    network = build(streams=streams, fusion=fusion, final_bn=final_bn)
    bias = torch.tensor([-3.0, 0.0, 2.0])
    network.set_bias(bias)
    for head in network.heads:
        for layer in head.modules():
            if isinstance(layer, nn.Linear):
                nn.init.zeros_(layer.weight)
    torch.testing.assert_close(network(clip_of(), motion_of()).logits, bias.expand(2, K))


@pytest.mark.parametrize("final_bn", [False, True])
@pytest.mark.parametrize("fusion", ["average", "concatenate"])
@pytest.mark.parametrize("streams", [("spatial", "flow"), ("spatial",), ("flow",)])
def test_heads_are_all_that_depends_on_the_behaviors(streams, fusion, final_bn):
    options = {"streams": streams, "fusion": fusion, "final_bn": final_bn}
    one, other = (build(n_behaviors=k, **options) for k in (3, 4))
    shapes = [{k: v.shape for k, v in n.state_dict().items()} for n in (one, other)]
    # A batch norm's counter belongs to the head, although its shape does not depend on K.
    differ = {k for k in shapes[0] if shapes[0][k] != shapes[1][k]}
    heads = {k for k in shapes[0] if k.startswith(one.head_prefixes())}
    assert differ == {k for k in heads if not k.endswith("num_batches_tracked")}
    held = {id(p) for head in one.heads for p in head.parameters()}
    assert held == {id(p) for k, p in one.named_parameters() if k in heads}


def test_final_batch_norm_takes_the_place_of_the_bias():
    network = build(final_bn=True).train()
    out = network(clip_of(8), motion_of(8))
    names = {k for k, _ in network.named_parameters() if k.startswith("spatial.head.")}
    assert names == {"spatial.head.0.weight", "spatial.head.1.weight", "spatial.head.1.bias"}
    for logits in (out.spatial_logits, out.flow_logits):
        torch.testing.assert_close(logits.mean(0), torch.zeros(K), rtol=0, atol=1e-5)
        assert (logits.std(0, correction=0) - 1).abs().max() < 1e-2


@pytest.mark.parametrize(("n_frames", "start"), [(11, 16), (5, 7), (4, 6)])
def test_a_channel_slice_begins_at_one_and_a_half_times_the_clip(n_frames, start):
    """Channels 16 to 18 of 11 frames: green and blue of frame 5, red of frame 6."""
    network = build(n_frames=n_frames, picture="channel_slice", streams=("spatial",))
    clip = clip_of(t=n_frames)
    seen = network.seen(clip, None)
    assert torch.equal(seen, clip.reshape(2, 3 * n_frames, 32, 32)[:, start : start + 3])
    if n_frames == 11:
        assert torch.equal(seen[:, 0], clip[:, 5, 1])
        assert torch.equal(seen[:, 2], clip[:, 6, 0])


def test_background_is_taken_from_a_channel_slice_channel_by_channel():
    network = build(
        n_frames=5, picture="channel_slice", inputs=("background_difference",), streams=("spatial",)
    )
    clip, background = clip_of(), torch.randn(2, 3, 32, 32)
    expected = clip.flatten(1, 2)[:, 7:10] - background[:, [1, 2, 0]]  # green, blue, red
    torch.testing.assert_close(network.seen(clip, background), expected)


# --- networks that take volumes


@pytest.fixture(scope="module")
def volumes():
    return build(
        backbone="resnet3d_34", width=1.0, n_frames=5, inputs=("frame", "background_difference")
    )


def test_a_volume_is_the_whole_clip(volumes):
    clip, background = clip_of(), torch.randn(2, 3, 32, 32)
    seen = volumes.seen(clip, background)
    assert seen.shape == (2, 6, 5, 32, 32)
    for t in range(5):
        assert torch.equal(seen[:, :3, t], clip[:, t])
        assert torch.equal(seen[:, 3:, t], clip[:, t] - background)


def test_motion_becomes_a_volume_of_pairs(volumes):
    motion = torch.randn(2, 8, 16, 16)
    seen = []
    handle = volumes.flow.backbone.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        out = volumes(clip_of(), motion, torch.zeros(2, 3, 32, 32))
    handle.remove()
    assert seen[0].shape == (2, 2, 4, 16, 16)
    for pair in range(4):
        assert torch.equal(seen[0][:, :, pair], motion[:, 2 * pair : 2 * pair + 2])
    assert out.logits.shape == (2, K)
    assert out.spatial.shape == out.flow.shape == (2, 512)


# --- behind the motion network


def end_to_end(**changes):
    motion = flow.build(FlowSettings(network="tiny_motion_net", clip=3, width=0.1))
    settings = FeatureSettings(backbone="small_cnn", width=0.25, **changes)
    return EndToEnd(motion, two_stream.build(settings, motion, K))


def test_build_takes_every_setting():
    network = end_to_end(
        fusion="concatenate", flow_weight=1.5, dropout=0.1, final_bn=True, picture="channel_slice",
        inputs=("frame", "background_difference"),
    ).network  # fmt: skip
    assert network.fusion[0].weight.shape == (K, 128)
    assert isinstance(network.fusion[1], nn.BatchNorm1d)
    assert (network.flow_weight, network.picture) == (1.5, "channel_slice")
    assert network.spatial.dropout.p == network.flow.dropout.p == 0.1
    assert network.spatial.backbone.body[0][0].in_channels == 6
    assert network.flow.backbone.body[0][0].in_channels == 4
    assert end_to_end(streams=("flow",)).network.spatial is None
    assert len(end_to_end(members=3).network.flow.backbone.members) == 3


def test_a_frozen_motion_network_stays_frozen():
    network = end_to_end().train()
    before = {k: v.clone() for k, v in network.motion.state_dict().items()}
    out, motion = network(clip_of(t=3))
    out.logits.sum().backward()
    assert network.network.training
    assert not any(module.training for module in network.motion.modules())
    assert not motion.requires_grad
    assert all(not p.requires_grad and p.grad is None for p in network.motion.parameters())
    after = network.motion.state_dict()
    assert all(torch.equal(after[k], v) for k, v in before.items())  # running statistics, too
    assert all(p.grad is not None for p in network.network.parameters())


def test_end_to_end_is_both_networks_in_turn():
    network = end_to_end(inputs=("background_difference",)).eval()
    clip, background = clip_of(t=3), torch.randn(2, 3, 32, 32)
    out, motion = network(clip, background)
    assert torch.equal(motion, network.motion(clip)[0])
    assert torch.equal(out.logits, network.network(clip, motion, background).logits)


def test_without_a_motion_stream_no_motion_is_computed():
    network = end_to_end(streams=("spatial",)).eval()
    network.motion.register_forward_pre_hook(lambda *_: pytest.fail("computed"))
    out, motion = network(clip_of(t=3))
    assert motion is None
    assert out.logits.shape == (2, K)


def test_gradients_reach_every_weight():
    for fusion in ("average", "concatenate"):
        network = build(fusion=fusion).train()
        network(clip_of(), motion_of()).logits.square().sum().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
