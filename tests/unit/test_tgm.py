"""Temporal layers against slow references, and the two networks that are made of them."""

import math

import pytest
import torch
from torch.nn import functional as F

from deg_core.models.sequence.tgm import TGM, ReadOut, TGMLate, TGMLayer, TGMStack

D, K = 6, 3
LAYERS = {"n_layers": 3, "c_out": 4, "n_filters": 5, "filter_length": 15}


def layer_of(c_in=1, c_out=4, *, length=15, n_filters=5, **options):
    torch.manual_seed(0)
    layer = TGMLayer(c_in, c_out, n_filters=n_filters, length=length, **options)
    with torch.no_grad():
        layer.center.normal_(std=1.0)
        layer.gamma.normal_(std=1.0)
    return layer


def late_of(**changes):
    torch.manual_seed(0)
    return TGMLate(D, K, **LAYERS | {"hidden": 8} | changes).eval()


# --- filters


@pytest.mark.parametrize("filters", ["gaussian", "lorentzian"])
@pytest.mark.parametrize("n_filters", [1, 5])
@pytest.mark.parametrize("length", [1, 2, 5, 15, 40])
def test_filters_sum_to_one(length, n_filters, filters):
    found = layer_of(length=length, n_filters=n_filters, filters=filters).filters()
    assert found.shape == (n_filters, length)
    assert (found >= 0).all()
    # 1e-6 is added to the sum, which is at least 0.05: a wide Lorentzian of a single frame.
    torch.testing.assert_close(found.sum(1), torch.ones(n_filters), atol=2e-5, rtol=0)


@pytest.mark.parametrize(
    ("filters", "bump"),
    [
        ("gaussian", lambda d, w: math.exp(-0.5 * (d / w) ** 2)),
        ("lorentzian", lambda d, w: 1 / (math.pi * w * ((d / w) ** 2 + 1))),
    ],
)
def test_center_and_width_by_hand(filters, bump):
    layer = layer_of(length=5, n_filters=2, filters=filters)
    with torch.no_grad():
        layer.center.copy_(torch.tensor([0.0, 100.0]))  # tanh: 0 and 1, so frames 2 and 4
        layer.gamma.copy_(torch.tensor([0.0, -100.0]))  # |tanh|: 0 and 1
    wide, narrow = math.exp(1.5), math.exp(-0.5)  # 4.48 and 0.61 frames
    for found, center, width in zip(layer.filters(), (2, 4), (wide, narrow), strict=True):
        bumps = torch.tensor([bump(t - center, width) for t in range(5)])
        torch.testing.assert_close(found, bumps / (bumps.sum() + 1e-6))


def test_a_lorentzian_has_longer_tails_than_a_gaussian():
    gaussian, lorentzian = (
        layer_of(length=41, filters=kind).filters() for kind in ("gaussian", "lorentzian")
    )
    # The centers of both lie at frames 10 to 30 (the same random numbers, |tanh| < 0.5 or so).
    assert (lorentzian[:, 0] > gaussian[:, 0]).all()


# --- layers


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


def separately(layer, x):
    """Convolve each copy of each feature by itself, then weigh and add: the paper's way."""
    c_out, c_in, length = layer.c_out, layer.c_in, layer.length
    mixed = (torch.softmax(layer.soft_attn, 1) @ layer.filters()).view(c_out, c_in, length)
    before = (length - 1) // 2
    padded = F.pad(x, (before, length - 1 - before))  # the odd frame goes behind
    found = []
    for o in range(c_out):
        copies = [
            F.conv1d(padded[:, i], mixed[o, i].expand(D, 1, length), groups=D) for i in range(c_in)
        ]
        copies = torch.stack(copies, 1)  # (N, c_in, D, T)
        if c_in == 1:
            found.append(copies[:, 0])
        elif layer.cls_attn is not None:
            share = torch.softmax(layer.cls_attn[o], 0)
            found.append((share[:, None, None] * copies).sum(1))
        else:
            found.append(F.relu(layer.convs[o](copies))[:, 0])
    return torch.stack(found, 1)


@pytest.mark.parametrize("soft_attention", [True, False])
@pytest.mark.parametrize("length", [1, 2, 15])
@pytest.mark.parametrize("c_in", [1, 4])
def test_one_dense_kernel_equals_separate_convolutions(c_in, length, soft_attention):
    layer = layer_of(c_in, 4, length=length, soft_attention=soft_attention)
    x = torch.randn(2, c_in, D, 20)
    with torch.no_grad():
        found, expected = layer(x), separately(layer, x)
        exact = separately(layer.double(), x.double())
    for other in (expected, exact):
        assert (found - other).abs().max() <= 3e-7 * max(1.0, expected.abs().max().item())


@pytest.mark.parametrize("soft_attention", [True, False])
@pytest.mark.parametrize("length", [1, 2, 5, 15])
@pytest.mark.parametrize("c_in", [1, 4])
def test_gradients_equal_those_of_separate_convolutions(c_in, length, soft_attention):
    layer = layer_of(c_in, 4, length=length, soft_attention=soft_attention).double()
    x = torch.randn(2, c_in, D, 20, dtype=torch.float64, requires_grad=True)
    wanted = [x, *layer.parameters()]
    by_output = torch.randn(2, 4, D, 20, dtype=torch.float64)
    found, expected = (
        torch.autograd.grad((form(x) * by_output).sum(), wanted)
        for form in (layer, lambda x: separately(layer, x))
    )
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("length", [6, 15])
@pytest.mark.parametrize("n_frames", [1, 20])
def test_how_features_lie_in_memory_does_not_matter(length, n_frames):
    layer = layer_of(4, 3, length=length)
    x = torch.randn(2, 4, D, n_frames)
    by_time = x.permute(3, 0, 2, 1).contiguous().permute(1, 3, 2, 0)
    copies_last = x.to(memory_format=torch.channels_last)
    part = torch.randn(2, 7, D, n_frames + 2)
    part[:, 2:6, :, 1:-1] = x
    for other in (by_time, copies_last, part[:, 2:6, :, 1:-1]):
        assert torch.equal(other, x)
        assert torch.equal(layer(other), layer(x))


def test_layers_hand_on_copies_side_by_side(monkeypatch):
    """As a processor's convolutions take them without turning them around first."""
    layouts, convolve = [], F.conv2d

    def note(x, *args, **kwargs):
        y = convolve(x, *args, **kwargs)
        layouts.append((x.shape[1], x.stride(1), y.stride(1), x.data_ptr()))
        return y

    monkeypatch.setattr(F, "conv2d", note)
    stack = TGMStack(n_layers=3, c_out=4, n_filters=3, filter_length=5)
    seen = stack.layers[0](torch.randn(2, 1, D, 9))
    assert seen.shape == (2, 4, D, 9)
    place = seen.data_ptr()
    stack.layers[1](seen)
    assert layouts[0][:3] == (1, 1, 1)
    assert layouts[1] == (4, 1, 1, place)  # not copied


@pytest.mark.parametrize("length", [1, 2, 5, 15])
@pytest.mark.parametrize("n_frames", [1, 2, 7, 40])
def test_padding_keeps_the_length(length, n_frames):
    assert layer_of(length=length)(torch.randn(1, 1, D, n_frames)).shape == (1, 4, D, n_frames)


# --- stacks


@pytest.mark.parametrize("reduction", ["max", "mean", "conv1x1"])
def test_a_stack_makes_its_copies_one(reduction):
    stack = TGMStack(n_layers=2, c_out=4, n_filters=3, filter_length=5, reduction=reduction)
    x = torch.randn(2, D, 9)
    copies = stack.layers[1](stack.layers[0](x[:, None]))
    expected = {
        "max": lambda: copies.max(1).values,
        "mean": lambda: copies.mean(1),
        "conv1x1": lambda: (copies * stack.reduce.weight).sum(1) + stack.reduce.bias,
    }[reduction]()
    torch.testing.assert_close(stack(x), expected)
    assert [layer.c_in for layer in stack.layers] == [1, 4]


@pytest.mark.parametrize("options", [{}, {"soft_attention": False}, {"reduction": "conv1x1"}])
def test_features_do_not_mix_in_a_stack(options):
    torch.manual_seed(0)
    stack = TGMStack(n_layers=3, c_out=4, n_filters=3, filter_length=5, **options)
    x = torch.randn(1, D, 9)
    changed = x.clone()
    changed[:, 2] += 1
    moved = (stack(x) != stack(changed)).any(-1)[0]
    assert moved.tolist() == [False, False, True, False, False, False]


@pytest.mark.parametrize(
    ("n_layers", "length", "reach"), [(3, 15, 21), (3, 6, 9), (1, 2, 1), (3, 1, 0)]
)
def test_each_layer_adds_half_a_filter_to_the_reach(n_layers, length, reach):
    stack = TGMStack(n_layers=n_layers, c_out=2, n_filters=2, filter_length=length)
    assert stack.reach == reach  # of an even filter the longer half: 6 - 1 = 5 is 2 and 3


def test_one_filter_and_one_copy_are_enough():
    stack = TGMStack(n_layers=3, c_out=1, n_filters=1, filter_length=5)
    assert stack(torch.randn(2, 1, 4)).shape == (2, 1, 4)


# --- networks


def test_tgm_late_averages_two_read_outs():
    late = late_of()
    x = torch.randn(1, D, 30)
    torch.testing.assert_close(late(x), (late.now(x) + late.around(late.stack(x))) / 2)


def test_tgm_reads_features_beside_their_mixture():
    tgm = TGM(D, K, **LAYERS).eval()
    x = torch.randn(1, D, 30)
    torch.testing.assert_close(tgm(x), tgm.classify(torch.cat([x, tgm.stack(x)], 1)))


def test_read_outs_are_separate_unless_asked_for():
    late = late_of()
    assert late.now.hidden is not late.around.hidden
    assert late.now.classify.bias is not late.around.classify.bias


@pytest.mark.parametrize("final_bn", [False, True])
def test_shared_read_outs_have_one_hidden_layer_and_one_bias(final_bn):
    late = late_of(shared_read_out=True, final_bn=final_bn)
    assert late.now.hidden is late.around.hidden
    now, around = (r.classify[1] if final_bn else r.classify for r in (late.now, late.around))
    assert now.bias is around.bias
    assert now.weight is not around.weight
    n_own = sum(p.numel() for p in late_of(final_bn=final_bn).parameters())
    # The second hidden layer, D x 8 and 8 biases, and the second K biases are gone.
    assert sum(p.numel() for p in late.parameters()) == n_own - (D * 8 + 8) - K


def test_shared_tensors_stay_shared_once_loaded():
    first, second = late_of(shared_read_out=True), late_of(shared_read_out=True)
    torch.nn.init.constant_(first.around.classify.bias, 3.0)
    second.load_state_dict(first.state_dict())
    assert second.now.classify.bias is second.around.classify.bias
    x = torch.randn(1, D, 9)
    assert torch.equal(first(x), second(x))


def test_a_linear_read_out_has_no_hidden_layer():
    late = late_of(nonlinear=False)
    assert late.now.hidden is None
    assert late.now.classify.weight.shape == (K, D, 1)
    assert late(torch.randn(2, D, 5)).shape == (2, K, 5)


def test_batch_norm_takes_the_place_of_the_bias():
    read_out = ReadOut(D, K, hidden=8, dropout=0.5, final_bn=True)
    linear, norm = read_out.classify
    assert linear.bias is None
    assert norm.num_features == K


def test_logits_of_the_extractor_are_weighed_by_a_softmax():
    late = late_of(extractor_logits=True)
    with torch.no_grad():
        late.weights.copy_(torch.tensor([0.0, math.log(2), math.log(5)]))  # 1/8, 2/8, 5/8
    x, logits = torch.randn(1, D, 9), torch.randn(1, K, 9)
    expected = (late.now(x) + 2 * late.around(late.stack(x)) + 5 * logits) / 8
    torch.testing.assert_close(late(x, logits), expected)
