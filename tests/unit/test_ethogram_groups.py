"""Exclusive groups in numbers, worked out by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch

from deg_core.errors import LabelError
from deg_core.ethogram.groups import (
    check_labels,
    classes,
    complete,
    confusion,
    find_clash,
    group_scores,
    probabilities,
    relative,
    sigmoid,
    strongest,
)


def test_sigmoid_by_hand_and_without_overflow():
    x = np.array([-1e4, -90.0, -1.0, 0.0, 2.0, 1e4], np.float32)
    expected = [0.0, 0.0, 1 / (1 + np.e), 0.5, 1 / (1 + np.exp(-2)), 1.0]
    found = sigmoid(x)
    assert found.dtype == np.float32
    assert found.tolist() == pytest.approx(expected, abs=1e-7)


# --- probabilities


def test_probabilities_of_a_group_share_with_its_background():
    # Odds 1 (background) : 3 : 4 in columns 0 and 2; column 1 is alone, odds 1 : 1.
    logits = np.log([[3.0, 1.0, 4.0]])
    found = probabilities(logits, ((0, 2),))
    assert found.dtype == np.float32
    assert found[0].tolist() == pytest.approx([3 / 8, 1 / 2, 4 / 8])


def test_without_groups_all_are_alone():
    logits = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    np.testing.assert_array_equal(probabilities(logits), sigmoid(logits))


def test_a_group_of_one_equals_the_sigmoid():
    logits = np.linspace(-30, 30, 41, dtype=np.float32)[:, None]
    found = probabilities(logits, ((0,),))
    np.testing.assert_allclose(found, sigmoid(logits), rtol=1e-6, atol=1e-12)


def test_a_group_of_all_behaviors_adds_up_to_one_with_its_background():
    logits = 3 * np.random.default_rng(0).normal(size=(9, 4))
    found = probabilities(logits, ((0, 1, 2, 3),)).astype(np.float64)
    background = 1 / (1 + np.exp(logits).sum(axis=1))
    np.testing.assert_allclose(found.sum(axis=1) + background, 1, rtol=1e-6)


def test_large_logits_stay_finite():
    found = probabilities(np.array([[1e4, -1e4], [1e4, 1e4], [-1e4, -1e4]]), ((0, 1),))
    assert found.tolist() == [[1.0, 0.0], [0.5, 0.5], [0.0, 0.0]]


def test_a_logit_that_is_no_number_is_not_hidden():
    assert np.isnan(probabilities(np.array([[np.nan, 0.0]]), ((0, 1),))).all()
    assert np.isnan(probabilities(np.array([[np.inf, 0.0]]), ((0, 1),))).any()


@pytest.mark.parametrize("groups", [(), ((0, 1),)])
def test_no_frames(groups):
    assert probabilities(np.zeros((0, 2), np.float32), groups).shape == (0, 2)


# --- what is present


def test_the_strongest_of_a_group_stays():
    present = np.array([[1, 1, 1], [1, 1, 0], [0, 1, 1], [0, 0, 0]], dtype=bool)
    strength = np.array([[2.0, 9.0, 3.0], [5.0, 1.0, 9.0], [9.0, 1.0, 2.0], [1.0, 1.0, 1.0]])
    # Columns 0 and 2 exclude each other; 1 is alone. In rows 1 and 2 the stronger is not present.
    expected = [[0, 1, 1], [1, 1, 0], [0, 1, 1], [0, 0, 0]]
    np.testing.assert_array_equal(strongest(present, strength, ((0, 2),)), expected)
    np.testing.assert_array_equal(strongest(present, strength, ()), present)


def test_of_equals_the_first_stays():
    found = strongest(np.ones((1, 3), dtype=bool), np.ones((1, 3)), ((0, 1, 2),))
    assert found.tolist() == [[True, False, False]]


def test_strength_is_relative_to_the_threshold():
    found = relative(np.array([[0.5, 0.5]], dtype=np.float32), [0.25, 0.5])
    assert found.tolist() == [[2.0, 1.0]]
    assert np.isfinite(relative(np.zeros((1, 1)), [0.0])).all()


# --- classes and their scores


def test_classes_of_a_group():
    labels = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, -1, 1], [-1, 0, 0]], dtype=np.int8)
    found = classes(labels, (0, 2))
    assert found.dtype == np.int64
    assert found.tolist() == [0, 1, 2, 2, -1]
    assert classes(labels == 1, (1,)).tolist() == [1, 0, 0, 0, 0]
    # In another order, and of two that are present the first in that order.
    assert classes(labels, (2, 0)).tolist() == [0, 2, 1, 1, -1]
    assert classes(np.ones((1, 3)), (2, 0)).tolist() == [1]


def test_a_present_member_tells_of_all():
    labels = np.array([[1, -1], [-1, 1], [0, -1], [-1, -1]], dtype=np.int8)
    assert classes(labels, (0, 1)).tolist() == [1, 2, -1, -1]


def test_classes_of_tensors_are_those_of_arrays():
    labels = np.random.default_rng(0).integers(-1, 2, (40, 3)).astype(np.int8)
    found = classes(torch.from_numpy(labels), (2, 0))
    assert found.dtype == torch.int64
    assert found.tolist() == classes(labels, (2, 0)).tolist()
    over_time = torch.from_numpy(labels).T[None]  # (1, K, T)
    assert classes(over_time, (2, 0)).tolist() == [found.tolist()]


def test_where_a_member_is_present_the_others_are_absent():
    labels = np.array([[1, -1, -1], [-1, -1, 1], [0, -1, -1], [-1, 1, 0]], dtype=np.int8)
    found = complete(labels, ((0, 2),))
    assert found.dtype == np.int8
    assert found.tolist() == [[1, -1, 0], [0, -1, 1], [0, -1, -1], [-1, 1, 0]]
    assert labels[0].tolist() == [1, -1, -1]
    np.testing.assert_array_equal(complete(labels, ()), labels)


def test_confusion_counts_known_frames_labeled_by_predicted():
    labeled, predicted = np.array([0, 0, 1, 2, 2, -1]), np.array([0, 1, 1, 2, 0, 2])
    table = confusion(labeled, predicted, n_classes=3)
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 1]]


def test_scores_of_a_group_by_hand():
    # Diagonal 6 of 10. F1: background 2*4/(5+6), first 2*2/(4+4), second 0/(1+0).
    table = np.array([[4, 1, 0], [2, 2, 0], [0, 1, 0]])
    found = group_scores(table)
    assert found["accuracy"] == pytest.approx(0.6)
    assert found["f1_macro"] == pytest.approx((8 / 11 + 4 / 8 + 0) / 3)


def test_a_class_that_is_never_labeled_is_in_no_mean():
    found = group_scores(np.array([[3, 0, 1], [0, 2, 0], [0, 0, 0]]))
    assert found["f1_macro"] == pytest.approx((6 / 7 + 1) / 2)


def test_no_known_frame_has_no_scores():
    found = group_scores(np.zeros((3, 3), dtype=np.int64))
    assert np.isnan(found["accuracy"])
    assert np.isnan(found["f1_macro"])


# --- labels that contradict the groups


def test_two_of_a_group_in_one_frame_are_found():
    labels = np.zeros((6, 3), dtype=np.int8)
    labels[[1, 4]] = [1, 1, 0]
    labels[[2, 3]] = [1, -1, 1]
    assert find_clash(labels, ((0, 1),)) == (1, (0, 1), 2)
    assert find_clash(labels, ((0, 2),)) == (2, (0, 2), 2)
    assert find_clash(labels, ((1, 2),)) is None
    assert find_clash(labels, ()) is None


def test_what_is_said_of_such_labels():
    labels = np.array([[0, 0], [1, 1], [1, 1]], dtype=np.int8)
    with pytest.raises(LabelError) as caught:
        check_labels(Path("m1.csv"), labels, behaviors=["groom", "rear"],
                     groups=[["rear", "groom"]])  # fmt: skip
    assert str(caught.value) == (
        "m1.csv: 'groom' and 'rear' are present at once in frame 1 and in 1 more, but "
        "`exclusive_groups` in config.yaml says that no frame has two of them; mend the labels, "
        "or take one of them out of the group."
    )


def test_labels_without_a_contradiction_pass():
    labels = np.array([[0, 1], [1, 0], [-1, 1]], dtype=np.int8)
    check_labels(Path("m1.csv"), labels, behaviors=["groom", "rear"], groups=[["rear", "groom"]])
