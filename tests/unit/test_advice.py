"""Advice: the sentence fits the numbers, and says what is not known."""

import numpy as np
import pytest

from deg_core.ethogram.advice import Now, advise
from deg_core.ethogram.learning_curve import usable

NOW = Now(positive=3100, f1=0.62, videos=6)
SIZES = np.array([500, 1000, 2000, 3100])


def points_of(*scores_of_splits):
    n = np.tile(SIZES, len(scores_of_splits))
    return usable(n, np.concatenate(scores_of_splits), np.repeat(range(len(scores_of_splits)), 4))


RISING = points_of([0.31, 0.45, 0.56, 0.62], [0.30, 0.46, 0.55, 0.62], [0.32, 0.45, 0.56, 0.63])
FLAT = points_of([0.60, 0.62, 0.63, 0.62], [0.61, 0.62, 0.62, 0.62])
SCATTERED = points_of([0.1, 0.5, 0.2, 0.9], [0.5, 0.1, 0.9, 0.4], [0.3, 0.0, 0.1, 0.1])
ALONE = points_of([0.31, 0.45, 0.56, 0.62])


@pytest.fixture(scope="module")
def advice():
    """What is said of each kind of curve."""
    curves = {"rising": RISING, "flat": FLAT, "scattered": SCATTERED, "alone": ALONE}
    return {name: advise("groom", NOW, points, seed=0) for name, points in curves.items()}


def test_more_labels_help(advice):
    found = advice["rising"]
    assert found.more_videos == 6
    assert 0.65 < found.low < found.expected_f1 < found.high < 0.8
    assert found.advice == (
        "groom has F1 0.62 with 3,100 positive training frames of 6 videos: 6 videos more like "
        f"these would bring about {found.expected_f1:.2f} ({found.low:.2f} to {found.high:.2f})."
    )


def test_more_labels_of_the_same_kind_do_not_help(advice):
    found = advice["flat"]
    assert found.expected_f1 == pytest.approx(0.62, abs=0.02)
    assert "the curve is flat" in found.advice
    assert "try another preset" in found.advice


def test_too_uncertain(advice):
    found = advice["scattered"]
    assert found.high - found.low > 0.3
    assert "too uncertain to plan by; raise `splits: count`" in found.advice


def test_one_split(advice):
    found = advice["alone"]
    assert found.expected_f1 > 0.62
    assert np.isnan([found.low, found.high]).all()
    assert "one split cannot tell how sure that is" in found.advice


def test_without_a_sweep():
    full = usable([3100, 2900], [0.6, 0.64], [0, 1])
    found = advise("groom", NOW, full, seed=0)
    assert np.isnan(found[:4]).all()
    assert found.advice == (
        "groom has F1 0.62 with 3,100 positive training frames of 6 videos: whether more labels "
        "would help is not known from 1 size of training set; set `sweep: {train_sizes: auto}` in "
        "config.yaml, so that at least 3 sizes show how the score grows."
    )


def test_too_few_videos_to_sweep():
    few = Now(positive=1, f1=0.2, videos=1)
    text = advise("groom", few, usable([1], [0.2], [0]), seed=0).advice
    assert text.startswith("groom has F1 0.20 with 1 positive training frame of 1 video: ")
    assert "label videos until 3 or more train, then sweep" in text


def test_a_sweep_of_too_few_sizes():
    text = advise("groom", NOW, usable([500, 3100], [0.3, 0.6], [0, 0]), seed=0).advice
    assert "not known from 2 sizes of training set" in text


def test_behavior_that_was_not_trained_on():
    found = advise("jump", Now(0, 0.0, 6), FLAT, seed=0)
    assert found.advice == "jump is on no training frame: label videos in which it happens."
    assert np.isnan(found[:4]).all()


def test_behavior_that_was_not_tested():
    found = advise("jump", Now(10, np.nan, 6), usable([], [], []), seed=0)
    assert found.advice.startswith("jump is in no test video, so nothing is known of it")


def test_advice_is_one_sentence(advice):
    for found in advice.values():
        assert found.advice.endswith(".")
        assert ". " not in found.advice
