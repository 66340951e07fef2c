"""Frame-wise scores: counts, F1, AUROC, average precision, precision-recall curves."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from deg_core.ethogram.frame_metrics import (
    Counts,
    count,
    divide,
    frame_scores,
    precision_recall_curve,
    rank,
    ranking_scores,
)


def test_counts_leave_unknown_frames_out_per_behavior():
    labels = np.array([[1, -1], [1, 0], [0, 0], [0, 1], [-1, 1]])
    present = np.array([[1, 1], [0, 1], [1, 0], [0, 1], [1, 0]], dtype=bool)
    counts = count(labels, present)
    assert counts.tp.tolist() == [1, 1]
    assert counts.fp.tolist() == [1, 1]
    assert counts.fn.tolist() == [1, 1]
    assert counts.tn.tolist() == [1, 1]


def test_scores_by_hand():
    scores = frame_scores(Counts(*np.array([6, 2, 4, 8])))
    assert scores["accuracy"] == 0.7  # (6 + 8) / 20
    assert scores["precision"] == 0.75  # 6 / 8
    assert scores["recall"] == 0.6  # 6 / 10
    assert scores["f1"] == pytest.approx(2 * 0.75 * 0.6 / 1.35)


def test_scores_agree_with_the_reference_implementation():
    # Confusion of four behaviors in 50 frames and the scores it gave, in float32.
    counts = Counts(
        tp=np.array([8, 2, 10, 12]), fp=np.array([16, 16, 16, 12]),
        fn=np.array([12, 11, 10, 16]), tn=np.array([14, 21, 14, 10]),
    )  # fmt: skip
    scores = frame_scores(counts)
    assert scores["precision"] == pytest.approx([0.33333333, 0.11111111, 0.38461538, 0.5])
    assert scores["recall"] == pytest.approx([0.4, 0.15384615, 0.5, 0.42857143])
    assert scores["f1"] == pytest.approx([0.36363636, 0.12903225, 0.43478262, 0.46153847])


def test_scores_without_positives_negatives_or_predictions():
    #             nothing scored, no positive frame, nothing predicted, no negative frame
    counts = Counts(*np.array([[0, 0, 0, 3], [0, 2, 0, 0], [0, 0, 5, 1], [0, 8, 5, 0]]))
    scores = frame_scores(counts)
    assert np.array_equal(scores["accuracy"], [np.nan, 0.8, 0.5, 0.75], equal_nan=True)
    assert np.array_equal(scores["precision"], [np.nan, np.nan, 0, 1], equal_nan=True)
    assert np.array_equal(scores["recall"], [np.nan, np.nan, 0, 0.75], equal_nan=True)
    assert np.array_equal(scores["f1"], [np.nan, np.nan, 0, 6 / 7], equal_nan=True)


def test_divide_has_no_value_for_zero():
    assert np.array_equal(divide([1, 0], [2, 0]), [0.5, np.nan], equal_nan=True)
    assert np.isnan(divide(1, 0))


def test_ranking_scores_by_hand():
    # By falling score: + - + -. Of the four pairs of + and - three are in order: 0.75.
    # Average precision: half the recall at precision 1/1, half at 2/3.
    labels, scores = np.array([0, 1, 0, 1]), np.array([0.1, 0.9, 0.8, 0.3])
    found = ranking_scores(labels, rank(scores))
    assert found == {"auroc": 0.75, "average_precision": pytest.approx(0.5 * 1 + 0.5 * 2 / 3)}


def test_ties_count_half():
    found = ranking_scores(np.array([0, 1, 1, 0, 0]), rank(np.full(5, 0.4)))
    assert found == {"auroc": 0.5, "average_precision": 0.4}  # two of five are positive


@given(st.lists(st.tuples(st.sampled_from([-1, 0, 1]), st.integers(0, 6)), max_size=40))
def test_ranking_scores_are_those_of_scikit_learn(frames):
    labels = np.array([f[0] for f in frames], dtype=np.int8)
    scores = np.array([f[1] for f in frames], dtype=np.float32)
    found = ranking_scores(labels, rank(scores))
    known = labels >= 0
    truth, score = labels[known], scores[known]
    if (truth == 1).any() and (truth == 0).any():
        assert found["auroc"] == pytest.approx(sklearn_metrics.roc_auc_score(truth, score))
    else:
        assert np.isnan(found["auroc"])
    if (truth == 1).any():
        expected = sklearn_metrics.average_precision_score(truth, score)
        assert found["average_precision"] == pytest.approx(expected)
    else:
        assert np.isnan(found["average_precision"])


def test_many_frames_are_ranked_as_by_scikit_learn():
    rng = np.random.default_rng(2)
    labels = (rng.random(20_000) < 0.05).astype(np.int8)
    scores = (labels * 0.3 + rng.random(20_000)).astype(np.float32)
    found = ranking_scores(labels, rank(scores))
    assert found["auroc"] == pytest.approx(sklearn_metrics.roc_auc_score(labels, scores), abs=1e-12)
    expected = sklearn_metrics.average_precision_score(labels, scores)
    assert found["average_precision"] == pytest.approx(expected, abs=1e-12)


def test_one_ranking_serves_many_label_tracks():
    ranking = rank(np.array([0.9, 0.5, 0.1]))
    assert ranking_scores(np.array([1, 0, 0]), ranking)["auroc"] == 1.0
    assert ranking_scores(np.array([0, 0, 1]), ranking)["auroc"] == 0.0
    assert ranking_scores(np.array([1, -1, 0]), ranking)["auroc"] == 1.0


def test_curve_has_the_points_of_scikit_learn():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 80)
    scores = np.round(labels * 0.2 + rng.random(80), 1)
    curve = precision_recall_curve(labels, rank(scores))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        precision, recall, threshold = sklearn_metrics.precision_recall_curve(labels, scores)
    expected = dict(zip(threshold, zip(precision, recall, strict=False), strict=False))
    assert len(curve["threshold"]) > 5
    for t, p, r, f in zip(*curve.values(), strict=True):
        assert (p, r) == pytest.approx(expected[t])
        assert f == pytest.approx(2 * p * r / (p + r))


def test_curve_leaves_out_points_without_gain():
    labels, scores = np.array([1, 0, 0, 1, 0, -1]), np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.65])
    curve = precision_recall_curve(labels, rank(scores))
    assert curve["threshold"].tolist() == [0.9, 0.6]
    assert curve["precision"].tolist() == [1.0, 0.5]  # 1/1, 2/4
    assert curve["recall"].tolist() == [0.5, 1.0]
    assert curve["f1"].tolist() == [pytest.approx(2 / 3), pytest.approx(2 / 3)]


def test_curve_is_bounded_and_keeps_both_ends():
    rng = np.random.default_rng(4)
    labels, scores = rng.integers(0, 2, 5000), rng.random(5000)
    curve = precision_recall_curve(labels, rank(scores), points=50)
    positives = scores[labels == 1]
    assert len(curve["threshold"]) == 50
    assert curve["threshold"][0] == positives.max()
    assert curve["threshold"][-1] == positives.min()
    assert curve["recall"][-1] == 1.0
    assert np.all(np.diff(curve["recall"]) > 0)


@pytest.mark.parametrize("labels", [[], [0, 0], [-1, 0]])
def test_curve_without_positive_frame_is_empty(labels):
    curve = precision_recall_curve(np.array(labels, np.int8), rank(np.linspace(0, 1, len(labels))))
    assert [len(column) for column in curve.values()] == [0, 0, 0, 0]
