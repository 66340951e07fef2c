"""What a training is scored by: counts, weights, groups, and the metric that chooses."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from deg_core.learn.losses import cross_entropy, focal_bce
from deg_core.settings import FeatureSettings, SequenceSettings
from deg_core.stages.criterion import Criterion, chosen_by, count, count_classes, start_bias

CPU = torch.device("cpu")
LABELS = [np.array([[0, -1, 1], [1, -1, 0]], np.int8), np.array([[1, 0, 0]], np.int8)]
LOGITS = torch.tensor([[0.3, -0.2, 0.5], [1.0, 0.0, -1.0], [-0.4, 0.8, 0.1]])


def truth():
    return torch.from_numpy(np.concatenate(LABELS))


def criterion(groups=(), **settings):
    chosen = replace(FeatureSettings(), **settings)
    return Criterion.of(LABELS, LABELS, chosen, groups, CPU)


def test_count():
    positives, negatives = count(LABELS)
    assert positives.tolist() == [2, 0, 1]
    assert negatives.tolist() == [1, 1, 2]


# Of the group's five frames two are background, one is known by the present member alone, and one
# not at all.
PARTLY = [np.array([[0, 0], [0, 0], [1, -1], [0, 1], [0, -1]], np.int8)]


def test_classes_are_counted_in_the_frames_that_tell_of_them():
    (found,) = count_classes(PARTLY, ((0, 1),))
    assert found.tolist() == [2, 1, 1]
    (found,) = count_classes(PARTLY, ((1,),))
    assert found.tolist() == [2, 1]
    assert count_classes(PARTLY, ()) == ()


def test_a_group_is_weighted_by_these_counts():
    settings = replace(FeatureSettings(), loss_weight_exp=1.0)
    (found,) = Criterion.of(PARTLY, PARTLY, settings, ((0, 1),), CPU).group_weights
    assert found.tolist() == pytest.approx([0.2, 0.4, 0.4])  # 1/2 : 1 : 1


def test_a_group_that_no_frame_tells_of_is_named(capsys):
    labels = [np.array([[-1, 1, 0], [0, 0, -1]], np.int8)]
    Criterion.of(labels, labels, FeatureSettings(), ((0, 2),), CPU)
    assert "exclusive group of the behaviors 1 and 3 of config.yaml" in capsys.readouterr().err
    Criterion.of(labels, labels, FeatureSettings(), ((0, 1),), CPU)
    assert capsys.readouterr().err == ""


def test_f1_chooses_unless_nothing_occurs(capsys):
    assert chosen_by([np.array([[0], [1]])]) == ("f1_macro", "higher")
    assert capsys.readouterr().err == ""
    assert chosen_by([np.array([[0], [-1]])]) == ("loss", "lower")
    assert "the best epoch is chosen by the loss" in capsys.readouterr().err


@pytest.mark.parametrize("cls", [FeatureSettings, SequenceSettings])
def test_settings_reach_the_loss(cls):
    settings = replace(cls(), loss_gamma=2.0, label_smoothing=0.1, loss_weight_exp=1.0)
    found = Criterion.of(LABELS, LABELS, settings, (), CPU).loss(LOGITS, truth())
    expected = focal_bce(
        LOGITS, truth(), pos_weight=torch.tensor([0.5, 0.0, 2.0]), gamma=2.0, smoothing=0.1
    )
    torch.testing.assert_close(found, expected)


def test_the_loss_may_be_a_sum_as_in_the_original():
    found = criterion(loss_weight_exp=0.0, normalise=False).loss(LOGITS, truth())
    torch.testing.assert_close(found, focal_bce(LOGITS, truth(), normalise=False))


def test_a_group_is_one_softmax():
    found = criterion(groups=((0, 2),), loss_weight_exp=0.0, label_smoothing=0.0)
    loss = found.loss(LOGITS, truth())
    background = torch.zeros(3, 1)
    members = torch.cat([background, LOGITS[:, [0, 2]]], dim=1)
    expected = cross_entropy(members, torch.tensor([2, 1, 1]))
    alone = focal_bce(LOGITS[:, [1]], truth()[:, [1]], smoothing=0.0)
    torch.testing.assert_close(loss, expected + alone)


def test_scores_are_those_of_the_probabilities():
    scores = criterion().scores(LOGITS, truth())
    assert set(scores) == {"loss", "f1_macro", "average_precision_macro"}
    # The first behavior's best threshold calls all three frames, the third's the first alone.
    assert scores["f1_macro"] == pytest.approx((0.8 + 1.0) / 2)
    assert scores["loss"] == pytest.approx(criterion().loss(LOGITS, truth()).item())


def test_outputs_start_at_each_behaviors_share():
    free = start_bias(LABELS, ())
    assert free.tolist() == pytest.approx([np.log(2), 0.0, np.log(0.5)])
    labels = [np.array([[1, 0], [0, 1], [0, 0], [0, 0]], np.int8)]
    bias = start_bias(labels, ((0, 1),))
    share = torch.softmax(torch.cat([torch.zeros(1), bias]), dim=0)
    assert share.tolist() == pytest.approx([0.5, 0.25, 0.25])


def test_shares_of_a_group_are_those_of_the_frames_that_tell_of_it():
    share = torch.softmax(torch.cat([torch.zeros(1), start_bias(PARTLY, ((0, 1),))]), dim=0)
    assert share.tolist() == pytest.approx([2 / 4, 1 / 4, 1 / 4])


def test_members_of_a_group_without_background_start_at_their_shares_too():
    labels = [np.array([[1, 0]] * 3 + [[0, 1]], np.int8)]
    bias = start_bias(labels, ((0, 1),))
    assert (bias[0] - bias[1]).item() == pytest.approx(np.log(3))
