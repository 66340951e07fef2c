"""Expected calibration error and reliability curve."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from deg_core.ethogram.calibration import N_BINS, bins_of, calibration_error, gaps, reliability


def error_of(labels, probabilities):
    labels, values = np.array(labels, np.int8), np.array(probabilities, float)
    sums = gaps(labels, values, bins_of(values))
    return float(calibration_error(sums, (labels >= 0).sum()))


def test_bins_have_their_upper_border():
    values = [0, 0.05, 0.1, 0.1000001, 0.2, 0.55, 0.9, 0.95, 1]
    assert bins_of(values).tolist() == [0, 0, 0, 1, 1, 5, 8, 9, 9]


def test_error_by_hand():
    # Bin 0.2..0.3: mean 0.25, none of two positive. Bin 0.8..0.9: mean 0.85, three of four.
    labels = [0, 0, 1, 1, 1, 0]
    values = [0.22, 0.28, 0.84, 0.84, 0.86, 0.86]
    assert error_of(labels, values) == pytest.approx((2 * 0.25 + 4 * 0.1) / 6)


def test_errors_of_one_bin_may_cancel_but_not_those_of_two():
    assert error_of([1, 0], [0.55, 0.45]) == pytest.approx(0.45)
    assert error_of([1, 0], [0.55, 0.55]) == pytest.approx(0.05)


def test_a_calibrated_model_has_none():
    rng = np.random.default_rng(0)
    values = rng.random(200_000)
    labels = rng.random(200_000) < values
    assert error_of(labels, values) < 0.005
    assert error_of(labels, values**2) > 0.1  # the same ranking, and so the same AUROC
    assert error_of([1, 0, 0], [1.0, 0.0, 0.0]) == 0.0


def test_unknown_frames_count_nowhere():
    assert error_of([1, 0, -1, -1], [0.9, 0.2, 0.9, 0.1]) == pytest.approx((0.1 + 0.2) / 2)


def test_absent_behavior_has_an_error_and_nothing_scored_has_none():
    assert error_of([0, 0], [0.3, 0.3]) == pytest.approx(0.3)
    assert np.isnan(error_of([-1, -1], [0.3, 0.3]))
    assert np.isnan(error_of([], []))


def test_several_columns_at_once():
    sums = np.zeros((2, N_BINS))
    sums[0, [2, 5]] = [3.0, -1.0]
    assert calibration_error(sums, [8, 10]).tolist() == [0.5, 0.0]


def test_reliability_curve_is_that_of_scikit_learn():
    rng = np.random.default_rng(1)
    values = rng.random(5000) ** 2
    labels = np.where(rng.random(5000) < 0.1, -1, rng.random(5000) < values)
    values[(values > 0.6) & (values <= 0.7)] = 0.5  # an empty bin
    curve = reliability(labels, values, bins_of(values))
    known = labels >= 0
    share, mean = calibration_curve(labels[known], values[known], n_bins=N_BINS)
    kept = curve["n_frames"] > 0
    assert kept.sum() == 9
    assert curve["share_positive"][kept] == pytest.approx(share)
    assert curve["mean_probability"][kept] == pytest.approx(mean)
    assert np.isnan(curve["share_positive"][~kept]).all()
    assert curve["n_frames"].sum() == known.sum()
    assert curve["low"].tolist()[:3] == [0.0, 0.1, 0.2]
    assert curve["high"].tolist()[-2:] == [0.9, 1.0]
    # The error is the mean distance of the curve from the diagonal.
    distance = np.abs(curve["share_positive"] - curve["mean_probability"])[kept]
    expected = (distance * curve["n_frames"][kept]).sum() / known.sum()
    assert error_of(labels, values) == pytest.approx(expected)
