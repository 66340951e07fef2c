"""Losses against numbers worked out by hand and slow references."""

import math

import numpy as np
import pytest
import torch

from deg_core.learn.losses import (
    charbonnier,
    decayed,
    flow_reconstruction,
    focal_bce,
    l2,
    log_odds,
    positive_weights,
    smoothness,
    ssim,
    warp,
)
from deg_core.models.flow import TinyMotionNet
from deg_core.models.sequence import TGMLayer

# --- focal binary cross-entropy


def slow_focal(logits, labels, pos_weight, gamma, smoothing):
    """Sum over entries in plain Python, in double precision."""
    total, n_known = 0.0, 0
    for n in range(len(logits)):
        for k in range(len(logits[n])):
            y = labels[n][k]
            if y < 0:
                continue
            n_known += 1
            p = 1 / (1 + math.exp(-logits[n][k]))
            focal = (1 - p) ** gamma if y == 1 else p**gamma
            target = 1 - smoothing if y == 1 else smoothing
            total += focal * -(
                pos_weight[k] * target * math.log(p) + (1 - target) * math.log(1 - p)
            )
    return total / max(n_known, 1) * len(logits[0])


def test_cross_entropy_by_hand():
    # Without focus and smoothing: -log 0.5 for the present, -log(1 - 0.75) for the absent one,
    # averaged over two entries, times two behaviors.
    logits = torch.tensor([[0.0, math.log(3)]])
    loss = focal_bce(logits, torch.tensor([[1, 0]]), gamma=0.0, smoothing=0.0)
    assert loss.item() == pytest.approx(math.log(2) + math.log(4), rel=1e-6)


def test_focus_smoothing_and_weight_by_hand():
    # One frame, one behavior, p = 0.75, present: focus 0.25; targets 0.9 and 0.1; weight 2:
    # 0.25 * (2 * 0.9 * -log 0.75 + 0.1 * -log 0.25) = 0.25 * (0.517827 + 0.138629) = 0.164114
    loss = focal_bce(
        torch.tensor([[math.log(3)]]), torch.tensor([[1]]), pos_weight=torch.tensor([2.0]),
        gamma=1.0, smoothing=0.1,
    )  # fmt: skip
    assert loss.item() == pytest.approx(0.164114, rel=1e-5)
    # Absent: focus 0.75; the weight is on the smoothed positive part, too:
    # 0.75 * (2 * 0.1 * -log 0.75 + 0.9 * -log 0.25) = 0.75 * (0.0575364 + 1.2476650) = 0.978901
    loss = focal_bce(
        torch.tensor([[math.log(3)]]), torch.tensor([[0]]), pos_weight=torch.tensor([2.0]),
        gamma=1.0, smoothing=0.1,
    )  # fmt: skip
    assert loss.item() == pytest.approx(0.978901, rel=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.05])
def test_focal_against_a_slow_reference(gamma, smoothing):
    rng = np.random.default_rng(0)
    logits, labels = 3 * rng.normal(size=(7, 4)), rng.integers(-1, 2, (7, 4))
    weight = rng.uniform(0.5, 4, 4)
    found = focal_bce(
        torch.tensor(logits), torch.tensor(labels), pos_weight=torch.tensor(weight), gamma=gamma,
        smoothing=smoothing,
    )  # fmt: skip
    expected = slow_focal(logits.tolist(), labels.tolist(), weight, gamma, smoothing)
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_time_counts_as_more_frames():
    logits, labels = torch.randn(2, 3, 5), torch.randint(-1, 2, (2, 3, 5))
    weight = torch.tensor([1.0, 2.0, 3.0])
    flat = [x.transpose(1, 2).reshape(10, 3) for x in (logits, labels)]
    torch.testing.assert_close(
        focal_bce(logits, labels, pos_weight=weight), focal_bce(*flat, pos_weight=weight)
    )


def test_unknown_frames_take_part_in_nothing():
    logits = torch.randn(6, 3, requires_grad=True)
    labels = torch.randint(0, 2, (6, 3))
    labels[[0, 2, 5]] = -1
    labels[1, 2] = -1
    focal_bce(logits, labels).backward()
    assert torch.equal(logits.grad[labels < 0], torch.zeros(10))
    assert (logits.grad[labels >= 0] != 0).all()
    # The unknown frames' logits do not matter, and neither does how many there are.
    other = logits.detach().clone()
    other[labels < 0] = 50.0
    assert torch.equal(focal_bce(other, labels), focal_bce(logits, labels))
    known = (labels >= 0).all(1)
    torch.testing.assert_close(
        focal_bce(logits[known], labels[known]),
        focal_bce(logits[[1, 3, 4]], torch.where(known[:, None], labels, -1)[[1, 3, 4]]),
    )


def test_nothing_known_gives_no_loss_and_no_gradient():
    logits = torch.randn(4, 2, requires_grad=True)
    loss = focal_bce(logits, torch.full((4, 2), -1), pos_weight=torch.tensor([2.0, 0.0]))
    loss.backward()
    assert loss.item() == 0.0
    assert torch.equal(logits.grad, torch.zeros(4, 2))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_extreme_logits_stay_finite(gamma):
    logits = torch.tensor([[200.0, -200.0, 200.0, -200.0]], requires_grad=True)
    loss = focal_bce(logits, torch.tensor([[1, 0, 0, 1]]), gamma=gamma)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_a_behavior_without_positives_learns_to_be_absent():
    weight = positive_weights(torch.tensor([0]), torch.tensor([9]), 0.25)
    logits = torch.zeros(4, 1, requires_grad=True)
    focal_bce(logits, torch.zeros(4, 1), pos_weight=weight).backward()
    assert (logits.grad > 0).all()


# --- class weights


def test_positive_weights():
    positives, negatives = torch.tensor([10, 0, 7, 0, 50]), torch.tensor([160, 30, 0, 0, 50])
    # (160 / 10) ** 0.25 = 2; nothing positive: 0; nothing negative: 1; as many of both: 1.
    assert positive_weights(positives, negatives, 0.25).tolist() == [2.0, 0.0, 1.0, 1.0, 1.0]
    assert positive_weights(positives, negatives, 1.0).tolist() == [16.0, 0.0, 1.0, 1.0, 1.0]
    assert positive_weights(positives, negatives, 0.0).tolist() == [1.0, 0.0, 1.0, 1.0, 1.0]
    assert positive_weights(positives, negatives, 0.25).dtype == torch.float32


def test_log_odds():
    positives, negatives = torch.tensor([10, 0, 7, 0]), torch.tensor([160, 30, 0, 0])
    expected = torch.tensor([math.log(10 / 160), 0.0, 1.0, 0.0])
    torch.testing.assert_close(log_odds(positives, negatives), expected)


# --- weight decay


def test_decay_leaves_biases_norms_and_temporal_centers_alone():
    network = TinyMotionNet(2, width=0.1)
    assert {p.ndim for p in decayed(network)} == {4}
    layer = TGMLayer(2, 2, n_filters=3, length=5)
    expected = [layer.soft_attn, layer.cls_attn]
    assert [id(p) for p in decayed(layer)] == [id(p) for p in expected]
    layer.cls_attn.requires_grad_(False)
    assert len(decayed(layer)) == 1


def test_l2_is_half_the_sum_of_squares():
    weights = [torch.nn.Parameter(torch.tensor([[1.0, 2.0]])), torch.nn.Parameter(torch.ones(3, 1))]
    assert l2(weights).item() == 4.0  # (1 + 4 + 3) / 2


# --- warp


def ramp(h, w):
    """Return (1, 2, h, w): the x and the y of each pixel."""
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    return torch.stack([x, y]).float()[None]


def constant_flow(dx, dy, h, w):
    """Flow that shifts by whole pixels, given that dx shifts by dx * w / (w - 1)."""
    return torch.tensor([dx * (w - 1) / w, dy * (h - 1) / h]).view(1, 2, 1, 1).expand(1, 2, h, w)


def test_no_flow_changes_nothing():
    image = torch.rand(2, 3, 7, 9)
    torch.testing.assert_close(warp(image, torch.zeros(2, 2, 7, 9)), image, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("dx", "dy"), [(2, 0), (0, -3), (-1, 2), (0.5, 0.25)])
def test_shifts_by_hand(dx, dy):
    """out(x, y) = image(x + dx, y + dy): of a ramp, x + dx and y + dy, up to the border."""
    h, w = 8, 10
    found = warp(ramp(h, w), constant_flow(dx, dy, h, w))
    expected = ramp(h, w) + torch.tensor([dx, dy]).view(1, 2, 1, 1)
    expected[:, 0].clamp_(0, w - 1)  # beyond the border the border is repeated
    expected[:, 1].clamp_(0, h - 1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_one_pixel_is_moved_left_by_a_flow_to_the_right():
    image = torch.zeros(1, 1, 5, 5)
    image[0, 0, 2, 3] = 1.0
    found = warp(image, constant_flow(1, 0, 5, 5))
    assert found[0, 0, 2].tolist() == pytest.approx([0, 0, 1, 0, 0], abs=1e-6)


def test_a_flow_says_slightly_less_than_it_shifts():
    found = warp(ramp(4, 10), torch.ones(1, 2, 4, 10))
    assert found[0, 0, 0, 0].item() == pytest.approx(10 / 9, abs=1e-5)  # w / (w - 1)
    assert found[0, 1, 0, 0].item() == pytest.approx(4 / 3, abs=1e-5)


def test_maps_of_one_pixel_warp():
    image = torch.rand(1, 3, 1, 1)
    torch.testing.assert_close(warp(image, torch.full((1, 2, 1, 1), 5.0)), image)


# --- parts of the flow's loss


def test_charbonnier_by_hand():
    found = charbonnier(torch.tensor([0.0, 3.0, -3.0]), alpha=0.5, eps=4.0)
    assert found.tolist() == [4.0, 5.0, 5.0]  # sqrt(d * d + 16)
    zero = torch.zeros(2, requires_grad=True)
    charbonnier(zero, alpha=0.4).sum().backward()
    assert torch.equal(zero.grad, torch.zeros(2))  # finite at the kink


def test_ssim_of_a_picture_with_itself_is_one():
    image = torch.rand(2, 3, 20, 24)
    torch.testing.assert_close(ssim(image, image), torch.ones_like(image), atol=1e-5, rtol=0)


def test_ssim_against_a_slow_reference():
    """One pixel in the middle, where the window of 11 lies within the picture."""
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 15, 15))
    t = np.arange(-5, 6)
    window = np.exp(-(t[:, None] ** 2 + t**2) / (2 * 1.5**2))
    window /= window.sum()
    pa, pb = a[2:13, 3:14], b[2:13, 3:14]  # around row 7, column 8
    ma, mb = (window * pa).sum(), (window * pb).sum()
    va, vb = (window * (pa - ma) ** 2).sum(), (window * (pb - mb) ** 2).sum()
    cov = (window * (pa - ma) * (pb - mb)).sum()
    expected = (2 * ma * mb + 1e-4) * (2 * cov + 9e-4)
    expected /= (ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4)
    found = ssim(torch.tensor(a)[None, None], torch.tensor(b)[None, None])
    assert found[0, 0, 7, 8].item() == pytest.approx(expected, rel=1e-9)
    assert found.shape == (1, 1, 15, 15)


def test_smoothness_by_hand():
    flow = torch.zeros(1, 2, 2, 2)
    flow[0, 0, :, 1] = 3.0  # a step in x of the first channel: two of eight differences
    step, still = (9 + 1e-14) ** 0.3, (1e-14) ** 0.3
    expected = (2 * step + 6 * still) / 8 + still  # along x, and along y where nothing changes
    assert smoothness(flow).item() == pytest.approx(expected, rel=1e-5)


def texture(h, w):
    rng = np.random.default_rng(1)
    small = torch.tensor(rng.random((1, 3, h // 4, w // 4)), dtype=torch.float32)
    return torch.nn.functional.interpolate(small, (h, w), mode="bicubic").clamp(0, 1)


@pytest.fixture(scope="module")
def shifted():
    """A clip (1, 3, 3, 64, 64) that moves 4 pixels to the right per frame, and its true flow."""
    wide = texture(64, 96)
    clip = torch.stack([wide[0, :, :, 16 - 4 * t : 80 - 4 * t] for t in range(3)])[None]
    flows = []
    for scale in (2, 4, 8):
        n = 64 // scale
        one = constant_flow(4 / scale, 0, n, n)
        flows.append(torch.cat([one, one], dim=1))  # of both pairs
    return clip, flows


def test_the_true_flow_rebuilds_better_than_none(shifted):
    clip, flows = shifted
    true = flow_reconstruction(clip, flows)
    none = flow_reconstruction(clip, [torch.zeros_like(f) for f in flows])
    wrong = flow_reconstruction(clip, [-f for f in flows])
    assert true["loss"] < 0.5 * none["loss"]
    assert none["loss"] < wrong["loss"]
    for part in ("l1", "ssim"):
        assert true[part] < none[part] < wrong[part]


def test_parts_add_up_and_carry_their_weights(shifted):
    clip, flows = shifted
    plain = flow_reconstruction(clip, flows)
    assert set(plain) == {"loss", "l1", "ssim", "smoothness", "sparsity"}
    assert plain["sparsity"].item() == 0.0
    heavy = flow_reconstruction(clip, flows, smooth_weight=3.0, sparsity_weight=0.5)
    parts = sum(heavy[name] for name in heavy if name != "loss")
    torch.testing.assert_close(heavy["loss"], parts)
    torch.testing.assert_close(heavy["smoothness"], 3 * plain["smoothness"])
    # Half of the channels are 2, 1 and 0.5 pixels (nearly, see `warp`), the others 0.
    mean = 0.5 * sum(f[0, 0, 0, 0].item() for f in flows)
    assert heavy["sparsity"].item() == pytest.approx(0.5 * mean, rel=1e-5)


def test_coarse_scales_are_smoothed_more():
    clip = torch.rand(1, 2, 3, 32, 32)
    rough = torch.zeros(1, 2, 8, 8)
    rough[..., ::2] = 1.0
    zero = torch.zeros_like(rough)
    levels = []
    for place in range(3):
        flows = [zero] * 3
        flows[place] = rough
        levels.append(flow_reconstruction(clip, flows)["smoothness"].item())
    base = flow_reconstruction(clip, [zero] * 3)["smoothness"].item()
    fine, middle, coarse = (level - base for level in levels)
    assert middle == pytest.approx(2 * fine, rel=1e-3)
    assert coarse == pytest.approx(4 * fine, rel=1e-3)


def test_channels_belong_to_their_pair(shifted):
    """Channels 2i and 2i + 1 take frame i to frame i + 1."""
    clip, flows = shifted
    still = torch.cat([clip[:, :2], clip[:, 1:2]], dim=1)  # the second pair does not move
    first_only = [torch.cat([f[:, :2], torch.zeros_like(f[:, :2])], 1) for f in flows]
    second_only = [torch.cat([torch.zeros_like(f[:, :2]), f[:, :2]], 1) for f in flows]
    right = flow_reconstruction(still, first_only)["l1"]
    assert right < flow_reconstruction(still, flows)["l1"]
    assert right < flow_reconstruction(still, second_only)["l1"]
