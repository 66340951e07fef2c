"""Validation scores against scikit-learn and by hand (deg_core.learn.scores)."""

import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from deg_core.learn.scores import best_f1, classification_scores


def slow_best_f1(p, truth):
    return max(f1_score(truth, p >= threshold) for threshold in np.unique(p))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("digits", [1, 6])  # with one digit many probabilities are equal
def test_best_f1_is_the_best_of_all_thresholds(seed, digits):
    rng = np.random.default_rng(seed)
    truth = rng.random(60) < 0.3
    p = np.clip(0.4 * truth + rng.random(60) * 0.7, 0, 1).round(digits)
    assert best_f1(p, truth.astype(np.int8)) == pytest.approx(slow_best_f1(p, truth), rel=1e-12)


def test_best_f1_by_hand():
    p = np.array([0.9, 0.8, 0.7, 0.2])
    # Thresholds: 1 hit of 1 called; 1 of 2; 2 of 3; 2 of 4. F1 = 2 * hits / (called + 2 present).
    assert best_f1(p, np.array([1, 0, 1, 0])) == pytest.approx(0.8)
    assert best_f1(p, np.array([1, 1, 0, 0])) == 1.0
    assert best_f1(np.array([0.5]), np.array([1])) == 1.0


def test_ties_share_a_threshold():
    # All alike: calling one means calling all, 2 * 1 / (4 + 1).
    assert best_f1(np.full(4, 0.3), np.array([0, 0, 1, 0])) == pytest.approx(0.4)


def test_many_frames_do_not_overflow():
    truth = np.ones(300, np.int8)  # 300 does not fit into int8
    assert best_f1(np.linspace(0, 1, 300), truth) == 1.0


def test_mean_over_behaviors():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (80, 3)).astype(np.int8)
    p = rng.random((80, 3)).astype(np.float32)
    found = classification_scores(p, labels)
    f1 = np.mean([slow_best_f1(p[:, k], labels[:, k]) for k in range(3)])
    precision = np.mean([average_precision_score(labels[:, k], p[:, k]) for k in range(3)])
    assert found["f1_macro"] == pytest.approx(f1, rel=1e-9)
    assert found["average_precision_macro"] == pytest.approx(precision, rel=1e-9)
    assert all(type(value) is float for value in found.values())  # they go into state and JSON


def test_unknown_frames_are_left_out():
    rng = np.random.default_rng(0)
    labels, p = rng.integers(0, 2, (40, 2)).astype(np.int8), rng.random((40, 2))
    known = labels.copy()
    known[::3, 0] = -1
    known[1::4, 1] = -1
    found = classification_scores(p, known)
    p[known < 0] = 0.999
    assert classification_scores(p, known) == found
    expected = [slow_best_f1(p[known[:, k] >= 0, k], known[known[:, k] >= 0, k]) for k in (0, 1)]
    assert found["f1_macro"] == pytest.approx(np.mean(expected), rel=1e-9)


def test_behaviors_without_positives_are_left_out():
    labels = np.array([[1, 0, -1], [0, 0, -1], [1, 0, -1]], np.int8)
    p = np.array([[0.9, 0.9, 0.9], [0.1, 0.1, 0.1], [0.8, 0.8, 0.8]])
    assert classification_scores(p, labels) == {"f1_macro": 1.0, "average_precision_macro": 1.0}


def test_nothing_positive_at_all():
    nothing = {"f1_macro": 0.0, "average_precision_macro": 0.0}
    p = np.full((3, 2), 0.5)
    for value in (0, -1):
        assert classification_scores(p, np.full((3, 2), value, np.int8)) == nothing


def test_positives_only():
    found = classification_scores(np.full((3, 1), 0.5), np.ones((3, 1), np.int8))
    assert found == {"f1_macro": 1.0, "average_precision_macro": 1.0}


def test_probabilities_that_are_not_numbers():
    """A training that went astray gets a score that is no number, instead of a traceback."""
    p = np.array([[0.5, np.nan], [0.5, 0.5]])
    found = classification_scores(p, np.ones((2, 2), np.int8))
    assert math.isnan(found["f1_macro"])
    assert math.isnan(found["average_precision_macro"])
