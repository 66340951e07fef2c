"""Temporal layers against slow references, and every sequence network at its edges."""

import math

import pytest
import torch
from torch.nn import functional as F

from deg_core.models import sequence
from deg_core.models.sequence import NETWORKS, TGMLayer, TGMStack, build, receptive_field

SETTINGS = {
    "n_layers": 3, "c_out": 4, "n_filters": 5, "filter_length": 15, "hidden": 8, "dropout": 0.5,
    "input_dropout": 0.5,
}  # fmt: skip
D, K = 6, 3


def layer_of(c_in=1, c_out=4, *, length=15, n_filters=5):
    torch.manual_seed(0)
    layer = TGMLayer(c_in, c_out, n_filters=n_filters, length=length)
    with torch.no_grad():
        layer.center.normal_(std=1.0)
        layer.gamma.normal_(std=1.0)
    return layer


def network_of(name, *, n_behaviors=K, **changes):
    torch.manual_seed(0)
    options = {"n_features": D, "n_behaviors": n_behaviors, **SETTINGS, **changes}
    return build(name, **options).eval()


# --- filters


@pytest.mark.parametrize("length", [1, 2, 5, 15, 40])
def test_filters_sum_to_one(length):
    filters = layer_of(length=length).filters()
    assert filters.shape == (5, length)
    assert (filters >= 0).all()
    # 1e-6 is added to the sum, which is at least 0.6: the narrowest bump, centered on a frame.
    torch.testing.assert_close(filters.sum(1), torch.ones(5), atol=3e-6, rtol=0)


def test_center_and_width_by_hand():
    layer = layer_of(length=5, n_filters=2)
    with torch.no_grad():
        layer.center.copy_(torch.tensor([0.0, 100.0]))  # tanh: 0 and 1, so frames 2 and 4
        layer.gamma.copy_(torch.tensor([0.0, -100.0]))  # |tanh|: 0 and 1
    wide, narrow = math.exp(1.5), math.exp(-0.5)  # 4.48 and 0.61 frames
    for found, center, width in zip(layer.filters(), (2, 4), (wide, narrow), strict=True):
        bump = torch.tensor([math.exp(-0.5 * ((t - center) / width) ** 2) for t in range(5)])
        torch.testing.assert_close(found, bump / (bump.sum() + 1e-6))


def test_kernels_mix_filters_by_attention():
    layer = layer_of(2, 3)
    kernels = layer.kernels()
    assert kernels.shape == (3, 2, 15)
    # Row 2 * o + i of the attention belongs to output o and input i.
    mix = torch.softmax(layer.soft_attn[2 * 1 + 0], 0) @ layer.filters()
    share = torch.softmax(layer.cls_attn[1], 0)[0]
    torch.testing.assert_close(kernels[1, 0], share * mix)
    # Shares of the inputs sum to 1, and so do mixed filters.
    torch.testing.assert_close(kernels.sum((1, 2)), torch.ones(3), atol=3e-6, rtol=0)


@pytest.mark.parametrize("length", [1, 2, 15])
@pytest.mark.parametrize("c_in", [1, 4])
def test_one_dense_kernel_equals_separate_convolutions(c_in, length):
    """The paper's way: convolve each copy of each feature by itself, then weigh and add."""
    layer = layer_of(c_in, 4, length=length)
    x = torch.randn(2, c_in, D, 20)
    mixed = (torch.softmax(layer.soft_attn, 1) @ layer.filters()).view(4, c_in, length)
    before = (length - 1) // 2
    padded = F.pad(x, (before, length - 1 - before))  # the odd frame goes behind
    expected = torch.zeros(2, 4, D, 20)
    for o in range(4):
        share = torch.ones(1) if c_in == 1 else torch.softmax(layer.cls_attn[o], 0)
        for i in range(c_in):
            weight = mixed[o, i].expand(D, 1, length)
            expected[:, o] += share[i] * F.conv1d(padded[:, i], weight, groups=D)
    with torch.no_grad():
        difference = (layer(x) - expected).abs().max()
    assert difference <= 3e-7 * max(1.0, expected.abs().max().item())


@pytest.mark.parametrize("length", [1, 2, 5, 15])
@pytest.mark.parametrize("n_frames", [1, 2, 7, 40])
def test_padding_keeps_the_length(length, n_frames):
    assert layer_of(length=length)(torch.randn(1, 1, D, n_frames)).shape == (1, 4, D, n_frames)


def test_a_stack_keeps_the_largest_copy():
    stack = TGMStack(n_layers=2, c_out=4, n_filters=3, filter_length=5)
    x = torch.randn(2, D, 9)
    expected = stack.layers[1](stack.layers[0](x[:, None])).max(1).values
    assert torch.equal(stack(x), expected)
    assert [layer.c_in for layer in stack.layers] == [1, 4]


def test_features_do_not_mix_in_a_stack():
    stack = TGMStack(n_layers=3, c_out=4, n_filters=3, filter_length=5)
    x = torch.randn(1, D, 9)
    changed = x.clone()
    changed[:, 2] += 1
    moved = (stack(x) != stack(changed)).any(-1)[0]
    assert moved.tolist() == [False, False, True, False, False, False]


# --- networks


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("n_frames", [1, 2, 7, 60])
@pytest.mark.parametrize("n_behaviors", [1, 3])
def test_networks_give_logits_of_every_frame(name, n_frames, n_behaviors):
    network = network_of(name, n_behaviors=n_behaviors)
    assert network(torch.randn(2, D, n_frames)).shape == (2, n_behaviors, n_frames)


def test_tgm_late_averages_two_read_outs():
    late = network_of("tgm_late").network
    x = torch.randn(1, D, 30)
    torch.testing.assert_close(late(x), (late.now(x) + late.around(late.stack(x))) / 2)


def test_tgm_reads_features_beside_their_mixture():
    tgm = network_of("tgm").network
    x = torch.randn(1, D, 30)
    torch.testing.assert_close(tgm(x), tgm.classify(torch.cat([x, tgm.stack(x)], 1)))


def test_read_outs_see_one_frame_only():
    linear = network_of("linear")
    x = torch.randn(1, D, 30)
    torch.testing.assert_close(linear(x)[..., 7:8], linear(x[..., 7:8]))


@pytest.mark.parametrize("name", ["tgm", "tgm_late"])
def test_receptive_field_is_how_far_a_frame_reaches(name):
    settings = SETTINGS | {"filter_length": 6}
    network = network_of(name, filter_length=6)
    reach = receptive_field(**settings)
    assert reach == 9  # three layers of 6 - 1 = 5 frames, 2 before and 3 behind
    x = torch.randn(1, D, 60, requires_grad=True)
    network(x)[0, :, 30].sum().backward()
    seen = x.grad.abs().sum((0, 1)).nonzero()[:, 0]
    assert 30 - reach <= seen.min()
    assert seen.max() <= 30 + reach
    assert receptive_field(n_layers=3, filter_length=1) == 0


@pytest.mark.parametrize("name", NETWORKS)
def test_bias_is_where_the_logits_start(name):
    network = network_of(name)
    bias = torch.tensor([-3.0, 0.0, 2.0])
    network.set_bias(bias)
    for head in network.network.heads:
        torch.nn.init.zeros_(head.weight)
    torch.testing.assert_close(network(torch.randn(2, D, 5)), bias[:, None].expand(2, K, 5))


@pytest.mark.parametrize("name", NETWORKS)
def test_dropout_works_in_training_only(name):
    network = network_of(name)
    x = torch.randn(1, D, 30)
    assert torch.equal(network(x), network(x))
    network.train()
    assert not torch.equal(network(x), network(x))


def test_features_are_standardised():
    network = network_of("linear")
    mean, std = torch.arange(6.0), torch.tensor([1.0, 2.0, 4.0, 0.0, 0.0, 0.5])
    network.set_moments(mean, std)
    seen = []
    network.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x = mean[:, None] + torch.ones(6, 3)
    network(x[None])
    # One above the mean is 1 / std, but never more than 1 / 1.25, 1.25 being the average std.
    expected = torch.tensor([0.8, 0.5, 0.25, 0.8, 0.8, 0.8])[:, None].expand(6, 3)
    torch.testing.assert_close(seen[0][0], expected)


def test_features_that_never_change_stay_finite():
    network = network_of("linear")
    network.set_moments(torch.ones(D), torch.zeros(D))
    assert torch.isfinite(network(torch.ones(1, D, 3))).all()


def test_standardisation_travels_with_the_weights():
    first, second = network_of("tgm"), network_of("tgm")
    first.set_moments(torch.randn(D), torch.rand(D) + 0.1)
    second.load_state_dict(first.state_dict())
    x = torch.randn(1, D, 12)
    assert torch.equal(first(x), second(x))


def test_padding_is_zero_after_standardisation():
    network = network_of("tgm_late")
    network.set_moments(torch.randn(D), torch.rand(D) + 0.1)
    padded = network.mean.expand(D, 20)
    assert torch.equal((padded - network.mean) * network.scale, torch.zeros(D, 20))


def test_settings_of_other_networks_are_ignored():
    assert isinstance(network_of("linear", anything=1).network, sequence.Linear)
