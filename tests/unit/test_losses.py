"""Losses against numbers worked out by hand and slow references."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from deg_core.ethogram.groups import classes
from deg_core.learn.losses import (
    classification_loss,
    cross_entropy,
    decayed,
    focal_bce,
    l2,
    l2_sp,
    log_odds,
    positive_weights,
    pulled,
    softmax_weights,
    truncated_smoothing,
)

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
    # x ** 0 = 1, for x = 0 as well: exponent 0 weights nothing.
    assert positive_weights(positives, negatives, 0.0).tolist() == [1.0] * 5
    assert positive_weights(positives, negatives, 0.25).dtype == torch.float32


def test_log_odds():
    positives, negatives = torch.tensor([10, 0, 7, 0]), torch.tensor([160, 30, 0, 0])
    expected = torch.tensor([math.log(10 / 160), 0.0, 1.0, 0.0])
    torch.testing.assert_close(log_odds(positives, negatives), expected)


def test_softmax_weights():
    # 1/10 and 1/40 of their sum 1/8: 0.8 and 0.2; a class without frames: 0.
    counts = torch.tensor([10, 0, 40])
    assert softmax_weights(counts, 1.0).tolist() == pytest.approx([0.8, 0.0, 0.2])
    assert softmax_weights(counts, 0.5).tolist() == pytest.approx([0.8**0.5, 0.0, 0.2**0.5])
    assert softmax_weights(counts, 0.0).tolist() == [1.0, 1.0, 1.0]
    assert softmax_weights(torch.tensor([0, 0]), 1.0).tolist() == [0.0, 0.0]


# --- the original's sums in place of means


def test_not_normalised_is_the_sum_over_behaviors_and_frames():
    # -log 0.5 in each of the 2 * 3 * 4 known entries, 2 windows.
    logits, labels = torch.zeros(2, 3, 4), torch.ones(2, 3, 4)
    found = focal_bce(logits, labels, gamma=0.0, smoothing=0.0, normalise=False)
    assert found.item() == pytest.approx(12 * math.log(2))
    labels[0, 0, 0] = -1
    found = focal_bce(logits, labels, gamma=0.0, smoothing=0.0, normalise=False)
    assert found.item() == pytest.approx(11.5 * math.log(2))


def test_half_precision_logits_are_scored_in_float32():
    logits, labels = torch.randn(8, 3).bfloat16(), torch.randint(-1, 2, (8, 3))
    assert torch.equal(focal_bce(logits, labels), focal_bce(logits.float(), labels))


# --- exclusive classes


def test_cross_entropy_of_a_softmax_by_hand():
    # Odds 1 : 3 : 4, so -log(3/8) and -log(1/8); the third entry is unknown.
    logits = torch.tensor([[1.0, 3.0, 4.0]] * 3).log()
    indices, found = torch.tensor([1, 0, -1]), math.log(8 / 3) + math.log(8)
    assert cross_entropy(logits, indices).item() == pytest.approx(found / 2)
    assert cross_entropy(logits, indices, normalise=False).item() == pytest.approx(found / 3)
    weight = torch.tensor([0.5, 2.0, 1.0])
    weighted = 2 * math.log(8 / 3) + 0.5 * math.log(8)
    assert cross_entropy(logits, indices, weight=weight).item() == pytest.approx(weighted / 2.5)
    found = cross_entropy(logits, indices, weight=weight, normalise=False)
    assert found.item() == pytest.approx(weighted / 3)


def test_frames_of_a_window_are_summed_in_the_original_way_and_averaged_in_ours():
    logits, indices = torch.zeros(2, 4, 5), torch.zeros(2, 5).long()
    assert cross_entropy(logits, indices, normalise=False).item() == pytest.approx(5 * math.log(4))
    assert cross_entropy(logits, indices).item() == pytest.approx(math.log(4))


@pytest.mark.parametrize("weight", [None, torch.zeros(3)])
def test_no_known_class_gives_no_loss_and_no_gradient(weight):
    logits = torch.randn(4, 3, requires_grad=True)
    indices = torch.full((4,), -1 if weight is None else 1)
    loss = cross_entropy(logits, indices, weight=weight)
    loss.backward()
    assert loss.item() == 0.0
    assert torch.equal(logits.grad, torch.zeros(4, 3))


def test_one_present_member_tells_of_its_group():
    # Odds 1 : 3 : 4: the first member is present, the second unknown; then nothing is known.
    logits = torch.tensor([[3.0, 4.0]] * 3).log()
    labels = torch.tensor([[1, -1], [0, -1], [-1, -1]])
    loss = classification_loss(logits, labels, groups=((0, 1),))
    assert loss.item() == pytest.approx(math.log(8 / 3))


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("groups", [(), ((0, 1),)])
def test_outputs_without_a_label_may_be_no_numbers(value, groups):
    logits = torch.tensor([[0.5, -0.5, 0.2], [value, value, value], [1.0, value, 0.0]])
    logits.requires_grad_()
    labels = torch.tensor([[1, 0, 0], [-1, -1, -1], [-1, -1, 1]])
    loss = classification_loss(logits, labels, groups=groups)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()
    assert (logits.grad[0] != 0).all()
    assert not logits.grad[1].any()


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("groups", [(), ((0, 1),)])
def test_smoothing_looks_at_no_unknown_frame(value, groups):
    logits = torch.randn(1, 2, 6, generator=torch.Generator().manual_seed(0))
    known = torch.tensor([[True, True, True, False, True, True]])
    expected = truncated_smoothing(logits, known, groups=groups)
    logits[..., 3] = value
    logits.requires_grad_()
    loss = truncated_smoothing(logits, known, groups=groups)
    loss.backward()
    assert torch.equal(loss, expected)
    assert torch.isfinite(logits.grad).all()


def test_without_groups_the_loss_is_the_focal_one():
    logits, labels = torch.randn(6, 3), torch.randint(-1, 2, (6, 3))
    weight = torch.tensor([1.0, 2.0, 3.0])
    found = classification_loss(logits, labels, pos_weight=weight, gamma=2.0, smoothing=0.1)
    expected = focal_bce(logits, labels, pos_weight=weight, gamma=2.0, smoothing=0.1)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("shape", [(7, 4), (2, 4, 9)])
def test_a_group_and_the_others_add_up(shape, normalise):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(shape, generator=generator)
    labels = torch.randint(-1, 2, shape, generator=generator)
    labels[:, 1] = torch.where(labels[:, 3] == 1, 0, labels[:, 1])
    weight = torch.tensor([1.0, 2.0, 3.0, 4.0])
    of_group = torch.tensor([0.2, 0.5, 0.3])
    found = classification_loss(
        logits, labels, groups=((3, 1),), pos_weight=weight, group_weights=(of_group,),
        normalise=normalise,
    )  # fmt: skip
    alone = focal_bce(
        logits[:, [0, 2]], labels[:, [0, 2]], pos_weight=weight[[0, 2]], normalise=normalise
    )
    background = torch.zeros_like(logits[:, :1])
    together = cross_entropy(
        torch.cat([background, logits[:, [3, 1]]], 1), classes(labels, (3, 1)),
        weight=of_group, normalise=normalise,
    )  # fmt: skip
    torch.testing.assert_close(found, alone + together)


def test_a_group_of_one_is_a_behavior_without_focus_and_smoothing():
    logits, labels = torch.randn(9, 1), torch.randint(-1, 2, (9, 1))
    torch.testing.assert_close(
        classification_loss(logits, labels, groups=((0,),)),
        focal_bce(logits, labels, gamma=0.0, smoothing=0.0),
    )


def test_a_group_of_all_behaviors_leaves_nothing_to_the_focal_loss():
    logits = torch.randn(5, 3, requires_grad=True)
    labels = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [-1, 0, 0]])
    loss = classification_loss(
        logits, labels, groups=((0, 1, 2),), pos_weight=torch.tensor([1.0, 2.0, 3.0])
    )
    loss.backward()
    rows = torch.cat([torch.zeros(4, 1), logits[:4]], 1)
    torch.testing.assert_close(loss, nn.functional.cross_entropy(rows, torch.tensor([1, 2, 3, 0])))
    assert torch.equal(logits.grad[4], torch.zeros(3))


def test_two_members_in_one_frame_have_a_finite_loss():
    logits = torch.randn(2, 2, 3, requires_grad=True)
    loss = classification_loss(logits, torch.ones(2, 2, 3), groups=((0, 1),))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


# --- smooth outputs


def slow_smoothing(probabilities, known, tau):
    """Average over frames, and over present and absent, of truncated squared jumps."""
    jumps = []
    for outcome in (np.log(probabilities), np.log(1 - probabilities)):
        jump = np.minimum(np.abs(np.diff(outcome, axis=-1)), tau) ** 2
        jumps.append(jump[known[..., 1:] & known[..., :-1]])
    return np.concatenate(jumps).mean()


def test_smoothing_against_a_slow_reference():
    rng = np.random.default_rng(0)
    logits, known = 4 * rng.normal(size=(3, 2, 11)), rng.random((3, 2, 11)) < 0.8
    expected = slow_smoothing(1 / (1 + np.exp(-logits)), known, 4.0)
    found = truncated_smoothing(torch.tensor(logits), torch.tensor(known))
    assert found.item() == pytest.approx(expected, rel=1e-9)
    frames = torch.tensor(known[:, 0])  # padding is of all behaviors
    expected = slow_smoothing(1 / (1 + np.exp(-logits)), np.repeat(known[:, :1], 2, axis=1), 4.0)
    assert truncated_smoothing(torch.tensor(logits), frames).item() == pytest.approx(expected)


def test_a_jump_beyond_tau_counts_as_tau_and_pulls_no_more():
    logits = torch.tensor([[[-50.0, 50.0]]], requires_grad=True)
    loss = truncated_smoothing(logits, torch.ones(1, 2, dtype=bool), tau=3.0)
    loss.backward()
    assert loss.item() == 9.0
    assert torch.equal(logits.grad, torch.zeros(1, 1, 2))


def test_the_earlier_frame_is_left_alone():
    logits = torch.tensor([[[0.0, 1.0]]], requires_grad=True)
    truncated_smoothing(logits, torch.ones(1, 2, dtype=bool)).backward()
    assert logits.grad[0, 0, 0] == 0
    assert logits.grad[0, 0, 1] > 0


@pytest.mark.parametrize("known", [[True, False, True, False], [False] * 4])
def test_no_two_known_neighbors_give_no_loss(known):
    logits = torch.randn(1, 2, 4, requires_grad=True)
    loss = truncated_smoothing(logits, torch.tensor([known]))
    loss.backward()
    assert loss.item() == 0.0
    assert torch.equal(logits.grad, torch.zeros(1, 2, 4))


def test_one_frame_has_no_neighbors():
    assert truncated_smoothing(torch.randn(2, 3, 1), torch.ones(2, 1, dtype=bool)).item() == 0.0


def test_jumps_of_a_group_are_those_of_its_softmax():
    # Odds 1 : 1 : 2, then 1 : 3 : 4; halves and the rest: log(1/4 -> 1/8, 1/4 -> 3/8, 1/2 -> 1/2).
    logits = torch.tensor([[[1.0, 3.0], [2.0, 4.0]]]).log()
    found = truncated_smoothing(logits, torch.ones(1, 2, dtype=bool), groups=((0, 1),))
    expected = (math.log(2) ** 2 + math.log(1.5) ** 2) / 3
    assert found.item() == pytest.approx(expected, rel=1e-5)


# --- weight decay


class Parts(nn.Module):
    """One of each kind of parameter; the names tell biases and norms."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3)
        self.center, self.soft_attn = nn.Parameter(torch.ones(4)), nn.Parameter(torch.ones(2, 4))
        self.position_bias = nn.Parameter(torch.ones(2, 5))


def test_decay_leaves_biases_norms_and_temporal_centers_alone():
    network = Parts()
    assert list(decayed(network)) == ["soft_attn", "conv.weight"]
    assert decayed(network)["conv.weight"] is network.conv.weight
    network.conv.weight.requires_grad_(False)
    assert list(decayed(network)) == ["soft_attn"]


def test_l2_is_half_the_sum_of_squares():
    weights = [nn.Parameter(torch.tensor([[1.0, 2.0]])), nn.Parameter(torch.ones(3, 1))]
    assert l2(weights).item() == 4.0  # (1 + 4 + 3) / 2
    assert l2([]).item() == 0.0


def test_loaded_weights_pull_what_has_their_name_and_shape():
    own = {name: nn.Parameter(torch.full((1, 2), 3.0)) for name in "abc"}
    loaded = {"a": torch.ones(1, 2), "b": torch.ones(2, 1), "d": torch.ones(1, 2)}
    assert pulled(own, loaded) == ["a"]
    loss = l2_sp(own, loaded, alpha=2.0, beta=10.0)
    assert loss.item() == 8.0 + 180.0  # 2 / 2 * 2 * (3 - 1)^2 and 10 / 2 * 4 * 3^2
    loss.backward()
    assert own["a"].grad.tolist() == [[4.0, 4.0]]  # alpha * (3 - 1)
    assert own["b"].grad.tolist() == [[30.0, 30.0]]


@pytest.mark.parametrize(("names", "expected"), [("", 36.0), ("ab", 0.0)])
def test_all_or_nothing_may_be_loaded(names, expected):
    own = {name: nn.Parameter(torch.full((1, 2), 3.0)) for name in "ab"}
    loaded = {name: torch.full((1, 2), 3.0) for name in names}
    assert l2_sp(own, loaded, alpha=1.0, beta=2.0).item() == expected
