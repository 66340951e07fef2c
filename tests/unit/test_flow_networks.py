"""Motion networks: sizes, shapes at odd sizes, starts, differences by hand."""

import pytest
import torch
from torch import nn

from deg_core.models import flow
from deg_core.models.flow.blocks import concat_cropped
from deg_core.models.flow.difference import Difference
from deg_core.models.flow.motion_net import MotionNet
from deg_core.models.flow.tiny_motion_net import TinyMotionNet
from deg_core.models.flow.tiny_motion_net_3d import TinyMotionNet3D
from deg_core.registry import FLOW_NETWORKS
from deg_core.settings import FlowSettings

GENERATORS = [TinyMotionNet, MotionNet, TinyMotionNet3D]


def n_parameters(network):
    return sum(p.numel() for p in network.parameters())


# The paper's Table 2 gives 1.9M, 45.8M and 0.4M.
@pytest.mark.parametrize(
    ("network", "expected"),
    [(TinyMotionNet, 1_951_784), (MotionNet, 45_882_896), (TinyMotionNet3D, 437_738)],
)
def test_sizes_are_the_papers(network, expected):
    built = network(11)
    assert n_parameters(built) == expected
    assert (built.kind, built.per_pair, built.channels, built.n_frames) == ("flow", 2, 20, 11)


def test_layers_of_tiny_motion_net():
    network = TinyMotionNet(11)
    # Widths of the layers, read off the paper's description: 33 channels in, 20 out.
    shapes = {name: tuple(w.shape[:2]) for name, w in network.named_parameters() if w.ndim == 4}
    assert shapes["conv1.0.weight"] == (64, 33)
    assert shapes["xconv3.0.weight"] == (128, 256 + 128 + 20)
    assert shapes["xconv2.0.weight"] == (64, 128 + 64 + 20)
    assert [shapes[f"predict_flow{i}.weight"] for i in (4, 3, 2)] == [
        (20, 128), (20, 128), (20, 64)
    ]  # fmt: skip


def test_width_and_frames_change_the_layers():
    narrow = TinyMotionNet(5, width=0.25)
    assert narrow.conv1[0].weight.shape[:2] == (16, 15)  # 64 / 4 out, 3 * 5 in
    assert narrow.predict_flow2.weight.shape[:2] == (8, 16)  # 2 * (5 - 1) out
    assert TinyMotionNet(2, width=0.001).conv1[0].weight.shape[0] == 4  # never fewer
    assert MotionNet(2, width=0.125).conv6_1[0].weight.shape[:2] == (128, 128)  # 1024 / 8
    assert TinyMotionNet3D(5, width=0.5).conv3[0].weight.shape[:2] == (32, 16)  # 64 / 2, 32 / 2


def test_frames_do_not_change_the_3d_weights():
    shapes = [{k: v.shape for k, v in TinyMotionNet3D(t).state_dict().items()} for t in (2, 11)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((32, 32), [(16, 16), (8, 8), (4, 4)]),
        # Rounded up at each halving: 45 -> 23 -> 12 -> 6, 50 -> 25 -> 13 -> 7. A flow comes from
        # maps cropped to the smaller of the encoder's size and twice that of the flow below.
        ((45, 50), [(23, 25), (12, 13), (6, 7)]),
        ((33, 31), [(17, 16), (9, 8), (5, 4)]),
        ((16, 17), [(8, 9), (4, 5), (2, 3)]),
    ],
)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("network", GENERATORS)
def test_shapes(network, size, expected, training):
    flows = network(3, width=0.1).train(training)(torch.randn(2, 3, 3, *size))
    assert [tuple(f.shape) for f in flows] == [(2, 4, *s) for s in expected]


@pytest.mark.parametrize(
    ("network", "n_weights"),
    # TinyMotionNet: 4 encoding, 2 deconv, 2 xconv, 3 flows, 2 ups; the 3-D one has 3 more convs
    # over pairs of frames. MotionNet: 12 encoding, 4 deconv, 4 xconv, 5 flows, 4 ups.
    [(TinyMotionNet, 13), (TinyMotionNet3D, 16), (MotionNet, 29)],
)
def test_gradients_reach_every_weight(network, n_weights):
    built = network(3, width=0.1)
    sum(f.square().sum() for f in built(torch.randn(2, 3, 3, 24, 24))).backward()
    # Batch norm takes away what a bias before it adds: those gradients are 0 but for rounding.
    weights = [p for p in built.parameters() if p.ndim > 1]
    assert len(weights) == n_weights
    assert all(w.grad is not None and w.grad.abs().sum() > 0 for w in weights)


@pytest.mark.parametrize("network", [TinyMotionNet, MotionNet])
def test_frames_are_stacked_in_order(network):
    """Frame by frame, RGB within: channel 3t + c, which the published weights expect."""
    built = network(3, width=0.1).eval()
    seen = []
    built.conv1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    clip = torch.randn(1, 3, 3, 16, 16)
    built(clip)
    for t in range(3):
        for c in range(3):
            assert torch.equal(seen[0][0, 3 * t + c], clip[0, t, c])


def test_3d_flow_lies_pair_by_pair():
    network = TinyMotionNet3D(4, width=0.5).eval()
    found = []
    network.predict_flow2.register_forward_hook(lambda *args: found.append(args[-1]))
    flow_of_pairs = network(torch.randn(1, 4, 3, 16, 16))[0]
    (raw,) = found  # (1, 2, 3 pairs, 8, 8)
    for pair in range(3):
        for axis in range(2):
            assert torch.equal(flow_of_pairs[0, 2 * pair + axis], raw[0, axis, pair])


def test_3d_flow_moves_along_with_the_frames():
    """The network is a convolution over time: a clip that starts later gives flow that does."""
    torch.manual_seed(0)
    network = TinyMotionNet3D(34, width=0.5).eval()
    clip = torch.randn(1, 36, 3, 16, 16)
    with torch.no_grad():
        early, late = (network(clip[:, i : i + 34])[0].unflatten(1, (33, 2)) for i in (0, 2))
    # Kernels of 7, 5, 3, 3, 2 and thrice 3 reach 11 pairs to each side, where padding may begin.
    torch.testing.assert_close(early[:, 13:22], late[:, 11:20], rtol=0, atol=1e-5)
    assert (early[:, 2:5] - late[:, 0:3]).abs().max() > 1e-3  # here it does


def test_motion_net_starts_as_the_reference_says():
    """Xavier uniform: up to sqrt(6 / (in + out)) with kernel areas; biases uniform in 0..1."""
    network = MotionNet(11, width=0.25)
    for convolution in (network.conv3[0], network.deconv4[0], network.xconv5[0]):
        out, into, h, w = convolution.weight.shape  # xavier is the same with both exchanged
        bound = (6 / ((out + into) * h * w)) ** 0.5
        assert convolution.weight.abs().max().item() == pytest.approx(bound, rel=0.01)
        assert convolution.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)
    biases = torch.cat([m.bias for m in network.modules() if isinstance(m, nn.Conv2d)
                        and m.bias is not None])  # fmt: skip
    assert 0 <= biases.min() < 0.01
    assert 0.99 < biases.max() < 1
    assert biases.mean().item() == pytest.approx(0.5, abs=0.02)


def test_motion_net_decodes_from_what_was_joined():
    """Each deconvolution takes the joined maps of the level below, not what xconv made of them."""
    network = MotionNet(11)
    assert network.deconv5[0].in_channels == 1024
    assert network.deconv4[0].in_channels == 512 + 512 + 20
    assert network.deconv3[0].in_channels == 512 + 256 + 20
    assert network.deconv2[0].in_channels == 256 + 128 + 20


def test_concat_crops_the_lower_right():
    small, large = torch.zeros(1, 1, 2, 3), torch.arange(12.0).view(1, 1, 3, 4)
    joined = concat_cropped(small, large)
    assert joined.shape == (1, 2, 2, 3)
    assert joined[0, 1].tolist() == [[0, 1, 2], [4, 5, 6]]


def test_difference_by_hand():
    clip = torch.zeros(1, 3, 3, 2, 4)
    clip[0, 1, :, :, :2] = torch.tensor([3.0, 6.0, 9.0]).view(3, 1, 1)  # mean 6 on the left
    clip[0, 2, 0, 0, 3] = 12.0  # mean 4 in one of four pixels on the right
    network = Difference(3)
    (motion,) = network(clip)
    assert (network.kind, network.channels, n_parameters(network)) == ("difference", 2, 0)
    assert motion.tolist() == [[[[6, 0]], [[-6, 1]]]]


def test_difference_of_odd_sizes_averages_what_there_is():
    clip = torch.zeros(1, 2, 3, 3, 3)
    clip[0, 1] = 5.0
    (motion,) = Difference(2)(clip)
    assert motion.shape == (1, 1, 2, 2)
    assert torch.equal(motion, torch.full((1, 1, 2, 2), 5.0))  # the last row is not halved


@pytest.mark.parametrize("name", FLOW_NETWORKS)
@pytest.mark.parametrize("n_frames", [2, 4, 11])
def test_build(name, n_frames):
    network = flow.build(FlowSettings(network=name, clip=n_frames, width=0.1)).eval()
    finest = network(torch.randn(1, n_frames, 3, 16, 16))[0]
    assert finest.shape == (1, network.channels, 8, 8)
    assert network.n_frames == n_frames
    assert network.per_pair == (2 if network.kind == "flow" else 1)
    assert network.channels == network.per_pair * (n_frames - 1)
