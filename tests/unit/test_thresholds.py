"""The threshold search and its curves."""

import numpy as np
import pytest

from deg_core.ethogram.thresholds import choose, count_above, grid, tune
from deg_core.settings import ThresholdSettings

DEFAULT = ThresholdSettings()
# Steps of 0.1 from 0.1 to 1, so that cases can be worked out by hand.
COARSE = ThresholdSettings(n_grid=10, lowest=0.1)


def test_grid_is_200_values_from_1e_4_to_1():
    values = grid(DEFAULT)
    assert len(values) == 200
    assert values[0] == 1e-4
    assert values[1] == pytest.approx(1e-4 + (1 - 1e-4) / 199)
    assert values[-1] == 1.0


def test_counts_are_strict_and_leave_unknown_frames_out():
    labels = np.array([1, 1, 0, 0, -1, -1])
    probabilities = np.array([0.5, 0.9, 0.5, 0.2, 0.9, 0.1])
    counts = count_above(labels, probabilities, thresholds=[0.0, 0.5, 0.9])
    assert counts.tp.tolist() == [2, 1, 0]  # 0.5 is not larger than 0.5
    assert counts.fp.tolist() == [2, 0, 0]
    assert counts.fn.tolist() == [0, 1, 2]
    assert counts.tn.tolist() == [0, 2, 2]


def test_counts_are_those_of_comparing_every_frame_with_every_threshold():
    rng = np.random.default_rng(0)
    labels = rng.integers(-1, 2, 500)
    probabilities = rng.integers(0, 11, 500) / np.float32(10)  # many ties, also with the grid
    thresholds = np.arange(11) / 10
    found = count_above(labels, probabilities, thresholds=thresholds)
    above = probabilities.astype(np.float64)[:, None] > thresholds
    for counted, truth, predicted in (
        (found.tp, 1, above),
        (found.fp, 0, above),
        (found.fn, 1, ~above),
        (found.tn, 0, ~above),
    ):
        assert np.array_equal(counted, (predicted & (labels == truth)[:, None]).sum(axis=0))


def test_first_of_equal_thresholds_is_chosen():
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([0.15, 0.35, 0.75, 0.85])
    choice = choose(labels, probabilities, settings=COARSE)
    # From 0.4 to 0.7 the split is perfect; 0.4 is the first.
    assert choice.threshold == pytest.approx(0.4)
    assert choice.f1 == 1.0
    assert choice.reason == "best F1"
    assert (choice.n_positive, choice.n_negative) == (2, 2)
    # At 0.1: TP 2, FP 2: precision 1/2, recall 1, F1 = 4 / (4 + 2); at 0.8: TP 1, FN 1: 2/3.
    assert choice.curve.precision[0] == 0.5
    assert choice.curve.f1[0] == pytest.approx(2 / 3)
    assert choice.curve.recall[7] == 0.5
    assert choice.curve.f1[7] == pytest.approx(2 / 3)
    # At 1.0 nothing is predicted.
    assert [choice.curve[i][-1] for i in (1, 2, 3)] == [0.0, 0.0, 0.0]


def test_unknown_frames_change_nothing():
    labels, probabilities = np.array([0, 0, 1, 1]), np.array([0.15, 0.35, 0.75, 0.85])
    more_labels = np.concatenate([labels, [-1] * 50])
    more = np.concatenate([probabilities, np.linspace(0, 1, 50)])
    with_unknown = choose(more_labels, more, settings=DEFAULT)
    without = choose(labels, probabilities, settings=DEFAULT)
    assert with_unknown[:-1] == without[:-1]
    assert np.array_equal(with_unknown.curve.f1, without.curve.f1)


def test_each_behavior_keeps_the_frames_in_which_it_was_scored():
    # The second behavior is unknown in frames that the first one needs.
    labels = np.array([[0, -1], [1, -1], [0, 0], [1, 1]], dtype=np.int8)
    probabilities = np.array([[0.3, 0.9], [0.9, 0.1], [0.3, 0.3], [0.9, 0.9]])
    tuned = tune(labels, probabilities, behaviors=["groom", "rear"], settings=DEFAULT)
    assert tuned["groom"]["n_positive"] == tuned["groom"]["n_negative"] == 2
    assert tuned["rear"]["n_positive"] == tuned["rear"]["n_negative"] == 1
    assert tuned["rear"]["f1"] == 1.0  # would be less if its unknown frames counted


def test_low_best_threshold_is_raised_to_the_floor():
    labels, probabilities = np.array([0, 1, 1, 0]), np.array([0.0, 0.007, 0.02, 0.0])
    choice = choose(labels, probabilities, settings=DEFAULT)
    assert choice.threshold == 0.01
    assert choice.reason == "best F1, raised to the floor"
    assert choice.curve.f1.max() == 1.0
    # At 0.01 one of two is found, none is wrong.
    assert (choice.precision, choice.recall, choice.f1) == (1.0, 0.5, pytest.approx(2 / 3))


def test_best_threshold_at_the_floor_stays():
    settings = ThresholdSettings(n_grid=2, lowest=0.01)
    choice = choose(np.array([0, 1]), np.array([0.0, 0.5]), settings=settings)
    assert (choice.threshold, choice.reason) == (0.01, "best F1")


@pytest.mark.parametrize(("n_wrong", "threshold"), [(38, 1e-4), (39, 0.5)])
def test_hopeless_behavior_gets_the_fallback(n_wrong, threshold):
    # One positive among frames with its probability: F1 = 2 / (2 + n): 2/40 = 0.05 is enough,
    # 2/41 is not.
    labels = np.array([1] + [0] * n_wrong)
    settings = ThresholdSettings(floor=0.0)
    choice = choose(labels, np.full(n_wrong + 1, 0.3), settings=settings)
    assert choice.threshold == threshold
    assert choice.reason == ("best F1" if n_wrong == 38 else "fallback: best F1 below 0.05")


def test_no_positive_frame():
    choice = choose(np.array([0, 0, -1]), np.array([0.2, 0.9, 0.9]), settings=DEFAULT)
    assert choice.threshold == 0.5
    assert choice.reason == "fallback: no positive frame in validation"
    assert (choice.n_positive, choice.n_negative) == (0, 2)
    assert np.isnan(choice.f1)
    assert len(choice.curve.threshold) == 200
    assert np.isnan(choice.curve.f1).all()


def test_no_negative_frame():
    choice = choose(np.array([1, 1, -1]), np.array([0.2, 0.9, 0.9]), settings=DEFAULT)
    assert choice.threshold == 0.5
    assert choice.reason == "fallback: no negative frame in validation"
    assert choice.f1 == pytest.approx(2 / 3)  # one of two lies above 0.5
    assert choice.curve.recall[0] == 1.0


@pytest.mark.parametrize("n", [0, 3])
def test_nothing_scored(n):
    choice = choose(np.full(n, -1), np.full(n, 0.7), settings=DEFAULT)
    assert choice.threshold == 0.5
    assert choice.reason == "fallback: no positive frame in validation"
    assert len(choice.curve.f1) == 200


def test_stored_threshold_predicts_what_the_curve_counted():
    # float32 probabilities that equal grid values: the comparison must be the same one later.
    rng = np.random.default_rng(1)
    probabilities = grid(DEFAULT)[rng.integers(0, 200, 300)].astype(np.float32)
    labels = (probabilities + rng.normal(0, 0.2, 300) > 0.5).astype(int)
    choice = choose(labels, probabilities, settings=DEFAULT)
    predicted = probabilities.astype(np.float64) > choice.threshold
    tp = (predicted & (labels == 1)).sum()
    assert choice.f1 == 2 * tp / (predicted.sum() + labels.sum())
    assert choice.f1 == choice.curve.f1.max()


def test_tune_is_ready_for_json():
    labels, probabilities = np.array([[0], [1]]), np.array([[0.05], [0.9]])
    groom = tune(labels, probabilities, behaviors=["groom"], settings=COARSE)["groom"]
    assert all(type(column) is list and len(column) == 10 for column in groom["curve"].values())
    assert groom.pop("curve").keys() == {"threshold", "precision", "recall", "f1"}
    assert groom == {
        "threshold": pytest.approx(0.1), "reason": "best F1", "precision": 1.0, "recall": 1.0,
        "f1": 1.0, "n_positive": 1, "n_negative": 1,
    }  # fmt: skip


def test_agrees_with_trying_every_threshold():
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 2, 12)
    probabilities = np.round(np.clip(labels * 0.4 + rng.random(12) * 0.6, 0, 1), 1)
    scores = []
    for threshold in grid(DEFAULT):
        predicted = probabilities > threshold
        both = (predicted & (labels == 1)).sum()
        scores.append(2 * both / (predicted.sum() + labels.sum()))
    choice = choose(labels, probabilities, settings=DEFAULT)
    assert choice.threshold == grid(DEFAULT)[int(np.argmax(scores))]
    assert choice.f1 == max(scores)


def test_agrees_with_the_reference_implementation():
    # 50 frames, probabilities of one decimal, four of them positive; its threshold is 0.50256,
    # its best F1 0.5.
    tenths = "34434332106551125136141449311132315451301145462450"
    labels = np.zeros(50, dtype=np.int8)
    labels[[10, 21, 25, 47]] = 1
    probabilities = np.array([int(c) for c in tenths], dtype=np.float32) / np.float32(10)
    choice = choose(labels, probabilities, settings=DEFAULT)
    assert choice.threshold == pytest.approx(0.502562311557789, abs=1e-12)
    assert choice.f1 == 0.5


# --- pulled to the middle


def far_out(n_lost):
    """Return 100 positive frames at 0.05, ``n_lost`` of them at 0.02, and negatives at 0.01."""
    probabilities = np.concatenate([np.full(100 - n_lost, 0.6), np.full(n_lost, 0.02)])
    labels = np.repeat([1, 0], [100, 900])
    return labels, np.append(probabilities, np.full(900, 0.01))


@pytest.mark.parametrize(("pull", "expected"), [(0.0, 0.02), (0.001, 0.02), (0.1, 0.5)])
def test_a_far_threshold_has_to_be_worth_it(pull, expected):
    """Two of a hundred frames are no reason to believe in 0.01, 4.6 units from 0.5."""
    labels, probabilities = far_out(2)
    choice = choose(labels, probabilities, settings=DEFAULT, pull=pull)
    assert choice.threshold == pytest.approx(expected, abs=0.01)
    assert ("of other videos" in choice.reason) == (pull > 0)
    assert choice.f1 == pytest.approx(1.0 if expected < 0.1 else 2 * 98 / 198)


def test_a_far_threshold_that_is_worth_it_is_taken():
    labels, probabilities = far_out(90)
    assert choose(labels, probabilities, settings=DEFAULT, pull=0.1).threshold < 0.02


def test_of_a_plateau_the_nearest_to_the_fallback():
    labels, probabilities = np.array([0, 0, 1, 1]), np.array([0.15, 0.35, 0.75, 0.85])
    choice = choose(labels, probabilities, settings=COARSE, pull=0.1)
    assert choice.threshold == pytest.approx(0.5)


def test_the_last_threshold_can_be_pulled_from():
    labels, probabilities = np.array([0, 1, 1]), np.array([0.0, 1.0, 1.0])
    assert np.isfinite(choose(labels, probabilities, settings=DEFAULT, pull=5.0).threshold)


# --- expected of other videos


def brink():
    """Return positives at 0.6 and above, negatives at 0.2 and below, and one of them at 0.58."""
    probabilities = np.concatenate([np.linspace(0.6, 0.9, 50), np.linspace(0.0, 0.2, 200), [0.58]])
    return np.repeat([1, 0], [50, 201]), probabilities


def test_a_threshold_at_the_brink_is_left():
    labels, probabilities = brink()
    best = choose(labels, probabilities, settings=DEFAULT)
    assert 0.58 <= best.threshold < 0.6
    assert best.f1 == 1.0
    safe = choose(labels, probabilities, settings=DEFAULT, shift=0.5)
    # A video whose frames all lie a little lower loses its bouts at 0.58, and at 0.4 none.
    assert 0.3 < safe.threshold < 0.5
    assert safe.f1 == 100 / 101  # what it gives here: 50 of 50 frames, and one too many
    assert safe.reason == "best F1 to be expected of other videos"


@pytest.mark.parametrize("shift", [0.25, 0.5, 1.0])
def test_the_expected_f1_is_the_mean_over_shifted_videos(shift):
    """Drawn videos: all log odds of each shifted by one normal number."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400)
    odds = rng.normal(labels * 2.0 - 1.0, 1.0)
    chosen = choose(labels, 1 / (1 + np.exp(-odds)), settings=DEFAULT, shift=shift).threshold
    moves = rng.normal(0, shift, 2000)

    def mean_f1(threshold):
        present = odds[:, None] + moves > np.log(threshold / (1 - threshold))
        tp = (present & (labels[:, None] == 1)).sum(0)
        return (2 * tp / (present.sum(0) + labels.sum())).mean()

    others = [mean_f1(t) for t in np.linspace(0.02, 0.98, 49)]
    assert mean_f1(chosen) > max(others) - 0.005


def test_far_out_thresholds_are_raised_to_the_floor_with_a_shift_too():
    labels, probabilities = np.repeat([1, 0], 50), np.repeat([0.008, 1e-6], 50)
    choice = choose(labels, probabilities, settings=DEFAULT, shift=0.5)
    assert choice.threshold == DEFAULT.floor
