"""Motion networks: sizes, shapes at odd sizes, differences by hand."""

import pytest
import torch

from deg_core.models import flow


def n_parameters(network):
    return sum(p.numel() for p in network.parameters())


def test_tiny_motion_net_is_the_papers():
    network = flow.TinyMotionNet(11)
    assert n_parameters(network) == 1_951_784  # the paper's Table 2 says 1.9M
    assert (network.kind, network.channels, network.n_frames) == ("flow", 20, 11)
    # Widths of the layers, read off the paper's description: 33 channels in, 20 out.
    shapes = {name: tuple(w.shape[:2]) for name, w in network.named_parameters() if w.ndim == 4}
    assert shapes["conv1.0.weight"] == (64, 33)
    assert shapes["xconv3.0.weight"] == (128, 256 + 128 + 20)
    assert shapes["xconv2.0.weight"] == (64, 128 + 64 + 20)
    assert [shapes[f"predict_flow{i}.weight"] for i in (4, 3, 2)] == [
        (20, 128), (20, 128), (20, 64)
    ]  # fmt: skip


def test_width_and_frames_change_the_layers():
    narrow = flow.TinyMotionNet(5, width=0.25)
    assert narrow.conv1[0].weight.shape[:2] == (16, 15)  # 64 / 4 out, 3 * 5 in
    assert narrow.predict_flow2.weight.shape[:2] == (8, 16)  # 2 * (5 - 1) out
    assert flow.TinyMotionNet(2, width=0.001).conv1[0].weight.shape[0] == 4  # never fewer


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
def test_shapes(size, expected, training):
    network = flow.TinyMotionNet(3, width=0.1).train(training)
    flows = network(torch.randn(2, 3, 3, *size))
    assert [tuple(f.shape) for f in flows] == [(2, 4, *s) for s in expected]


def test_gradients_reach_every_weight():
    network = flow.TinyMotionNet(3, width=0.1)
    sum(f.square().sum() for f in network(torch.randn(2, 3, 3, 24, 24))).backward()
    # Batch norm takes away what a bias before it adds: those gradients are 0 but for rounding.
    weights = [p for p in network.parameters() if p.ndim > 1]
    assert len(weights) == 13
    assert all(w.grad is not None and w.grad.abs().sum() > 0 for w in weights)


def test_frames_are_stacked_in_order():
    """Frame by frame, RGB within: channel 3t + c, which the published weights expect."""
    network = flow.TinyMotionNet(3, width=0.1)
    seen = []
    network.conv1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    clip = torch.randn(1, 3, 3, 16, 16)
    network(clip)
    for t in range(3):
        for c in range(3):
            assert torch.equal(seen[0][0, 3 * t + c], clip[0, t, c])


def test_concat_crops_the_lower_right():
    small, large = torch.zeros(1, 1, 2, 3), torch.arange(12.0).view(1, 1, 3, 4)
    joined = flow.concat_cropped(small, large)
    assert joined.shape == (1, 2, 2, 3)
    assert joined[0, 1].tolist() == [[0, 1, 2], [4, 5, 6]]


def test_difference_by_hand():
    clip = torch.zeros(1, 3, 3, 2, 4)
    clip[0, 1, :, :, :2] = torch.tensor([3.0, 6.0, 9.0]).view(3, 1, 1)  # mean 6 on the left
    clip[0, 2, 0, 0, 3] = 12.0  # mean 4 in one of four pixels on the right
    network = flow.Difference(3)
    (motion,) = network(clip)
    assert (network.kind, network.channels, n_parameters(network)) == ("difference", 2, 0)
    assert motion.tolist() == [[[[6, 0]], [[-6, 1]]]]


def test_difference_of_odd_sizes_averages_what_there_is():
    clip = torch.zeros(1, 2, 3, 3, 3)
    clip[0, 1] = 5.0
    (motion,) = flow.Difference(2)(clip)
    assert motion.shape == (1, 1, 2, 2)
    assert torch.equal(motion, torch.full((1, 1, 2, 2), 5.0))  # the last row is not halved


@pytest.mark.parametrize("name", flow.NETWORKS)
@pytest.mark.parametrize("n_frames", [2, 4, 11])
def test_build(name, n_frames):
    network = flow.build(name, n_frames=n_frames, width=0.1)
    finest = network(torch.randn(1, n_frames, 3, 16, 16))[0]
    assert finest.shape == (1, network.channels, 8, 8)
    assert network.channels == (2 if network.kind == "flow" else 1) * (n_frames - 1)
