"""The flow's loss and its parts against numbers worked out by hand and slow references."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from deg_core.learn.losses import (
    charbonnier,
    flow_reconstruction,
    flow_terms,
    rebuild,
    smoothness,
    ssim,
    warp,
)
from deg_core.learn.losses.flow import inside

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


def test_places_outside_are_the_outermost_pixels():
    """What Apple's GPU computes in place of a repeated border is the same, gradients too."""
    torch.manual_seed(0)
    image, grid = torch.rand(2, 3, 5, 7), 1.5 * torch.randn(2, 5, 7, 2)
    found = []
    for place, mode in ((grid.clone(), "border"), (grid.clone(), "zeros")):
        place.requires_grad_(True)
        moved = inside(place, 5, 7) if mode == "zeros" else place
        sampled = F.grid_sample(image, moved, padding_mode=mode, align_corners=False)
        sampled.square().sum().backward()
        found.append((sampled.detach(), place.grad))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


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


# --- pairs, scales and constants


def test_pairs_have_terms_of_their_own_clip_by_clip():
    rng = torch.Generator().manual_seed(0)
    clip = torch.rand(2, 4, 3, 16, 16, generator=rng)
    flow = torch.randn(2, 6, 8, 8, generator=rng)
    terms = flow_terms(clip, [flow], sparsity_weight=1.0)
    for n in range(2):
        for pair in range(3):
            own = flow_terms(
                clip[n : n + 1, pair : pair + 2], [flow[n : n + 1, 2 * pair : 2 * pair + 2]],
                sparsity_weight=1.0,
            )  # fmt: skip
            for name, term in terms.items():
                torch.testing.assert_close(term[3 * n + pair], own[name][0])


def test_the_loss_is_the_mean_of_the_pairs():
    clip, flow = torch.rand(2, 3, 3, 16, 16), torch.randn(2, 4, 8, 8)
    terms = flow_terms(clip, [flow], sparsity_weight=0.5)
    found = flow_reconstruction(clip, [flow], sparsity_weight=0.5)
    assert {name: term.shape for name, term in terms.items()} == dict.fromkeys(terms, (4,))
    for name, term in terms.items():
        torch.testing.assert_close(found[name], term.mean())


def test_without_motion_a_frame_is_rebuilt_by_the_next_one():
    clip = torch.rand(1, 3, 3, 8, 8)
    target, rebuilt = rebuild(clip, torch.zeros(1, 4, 8, 8))
    torch.testing.assert_close(target, clip[0, :2])
    torch.testing.assert_close(rebuilt, clip[0, 1:], atol=1e-6, rtol=0)


def test_odd_sizes_and_a_single_scale_are_fine():
    clip, flow = torch.rand(1, 2, 3, 9, 13), torch.zeros(1, 2, 5, 7)
    found = flow_reconstruction(clip, [flow])
    assert torch.isfinite(found["loss"])
    # One scale has the weight of the finest: both directions, still everywhere.
    assert found["smoothness"].item() == pytest.approx(0.01 * 2 * (1e-14) ** 0.3, rel=1e-5)


@pytest.mark.parametrize(("n_scales", "total"), [(5, 0.31), (6, 0.63)])  # 0.01 + ... + 0.16, 0.32
def test_any_number_of_scales_is_weighted(n_scales, total):
    clip = torch.rand(1, 2, 3, 64, 64)
    flows = [torch.zeros(1, 2, n, n) for n in (32, 16, 8, 4, 2, 1)[:n_scales]]
    found = flow_reconstruction(clip, flows)["smoothness"].item()
    assert found == pytest.approx(total * 2 * (1e-14) ** 0.3, rel=1e-5)


def test_the_image_penalty_has_a_constant_of_its_own():
    clip = torch.full((1, 2, 3, 8, 8), 0.5)  # rebuilt exactly: only the constant is left
    flow = torch.zeros(1, 2, 8, 8)
    paper, original = (flow_terms(clip, [flow], image_eps=eps) for eps in (1e-7, 1e-4))
    assert paper["l1"].item() == pytest.approx(1e-14**0.4, rel=1e-4)
    assert original["l1"].item() == pytest.approx(1e-8**0.4, rel=1e-4)
    assert torch.equal(paper["smoothness"], original["smoothness"])


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_motion_is_scored_in_float32(kind):
    clip, flow = torch.rand(1, 2, 3, 16, 16), torch.randn(1, 2, 8, 8).to(kind)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = flow_reconstruction(clip, [flow])
    exact = flow_reconstruction(clip, [flow.float()])
    assert found["loss"].dtype == torch.float32
    assert torch.equal(found["loss"], exact["loss"])
