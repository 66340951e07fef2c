"""How unlike the training another video is."""

import math

import numpy as np
import pytest

from deg_core.ethogram import quality
from deg_core.ethogram.quality import LOOK, OK, bounds, flag, sampled
from deg_core.settings import QualitySettings

ORDINARY = {
    "brightness": 100.0, "contrast": 30.0, "sharpness": 5.0, "size": 4 / 3, "frame_rate": 30.0,
    "feature_distance": 0.8, "uncertain": 0.1,
}  # fmt: skip
KNOWN = [ORDINARY, ORDINARY | {"brightness": 120.0, "feature_distance": 0.9}]


def flags(**changes):
    rows = flag(ORDINARY | changes, KNOWN, settings=QualitySettings())
    return {row["check"]: row["reason"] for row in rows if row["flag"] == LOOK}


# --- measuring


@pytest.mark.parametrize(
    ("n", "count", "expected"),
    [(1, 5, [0]), (3, 5, [0, 1, 2]), (101, 3, [0, 50, 100]), (10, 1, [0])],
)
def test_frames_are_spread_over_the_video(n, count, expected):
    assert sampled(n, count).tolist() == expected


def test_pictures_of_known_values():
    frames = np.zeros((2, 4, 4, 3), np.uint8)
    frames[0] = 80
    frames[1, :, ::2] = 100  # columns 100, 0, 100, 0
    values = quality.picture_values(frames)
    # mean, standard deviation, and half of the mean steps along rows (0) and columns (100)
    np.testing.assert_allclose(values, [[80, 0, 0], [50, 50, 50]], atol=1e-3)


def test_blur_takes_sharpness_and_leaves_brightness():
    sharp = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    blurred = (sharp.astype(float) + np.roll(sharp, 1, 1) + np.roll(sharp, 1, 2)) / 3
    one, other = (quality.picture_values(f)[0] for f in (sharp, blurred.astype(np.uint8)))
    assert other[2] < 0.7 * one[2]
    assert other[0] == pytest.approx(one[0], abs=1)


def test_a_dead_feature_gets_a_tenth_of_the_usual_scale():
    features = np.array([[0, 1, 5], [2, 3, 5]], np.float32)
    np.testing.assert_allclose(quality.scale_of(features), [1, 1, 0.1])
    np.testing.assert_allclose(quality.scale_of(np.zeros((3, 2), np.float32)), [1, 1])


def test_distance_of_a_typical_frame():
    reference = np.zeros((10, 4), np.float32)
    features = np.full((3, 4), 6, np.float32)
    features[2] = 1000  # one odd frame does not count
    scale = np.full(4, 2, np.float32)
    # each of four features is 3 scales away: root of 4 * 9, per root of 4
    found = quality.typical_distance(features, reference, scale=scale, neighbors=5)
    assert found == pytest.approx(3)


def test_distance_is_to_the_nearest_frames():
    reference = np.array([[0], [10], [20], [30]], np.float32)
    found = quality.typical_distance(
        np.array([[0]], np.float32), reference, scale=np.ones(1, np.float32), neighbors=2
    )
    assert found == pytest.approx(5)
    fewer = quality.typical_distance(
        np.array([[0]], np.float32), reference[:1], scale=np.ones(1, np.float32), neighbors=5
    )
    assert fewer == 0


def test_without_other_videos_there_is_no_distance():
    none = np.zeros((0, 3), np.float32)
    some = np.ones((2, 3), np.float32)
    for pair in ((some, none), (none, some)):
        found = quality.typical_distance(*pair, scale=np.ones(3, np.float32), neighbors=5)
        assert math.isnan(found)


def test_doubt_is_the_share_of_frames_near_any_threshold():
    # log odds of 0.5 and 0.7 differ by 0.85, of 0.5 and 0.75 by 1.10; of 0.01 and 0.02 by 0.70
    probabilities = np.array([[0.7, 0.9], [0.75, 0.9], [0.1, 0.02], [1.0, 0.0]], np.float32)
    share = quality.uncertain_share(probabilities, [0.5, 0.01], near=1.0)
    assert share == 0.5
    assert quality.uncertain_share(np.zeros((0, 2), np.float32), [0.5, 0.5], near=1.0) == 0


# --- what is ordinary


def test_a_difference_is_widened_by_half_the_range_or_the_floor():
    assert bounds("brightness", [100, 180], margin=0.5) == (60, 220)
    assert bounds("brightness", [100, 102], margin=0.5) == (85, 117)
    assert bounds("brightness", [100], margin=0.5) == (85, 115)


def test_a_ratio_is_widened_by_a_factor():
    # a factor of 4 between them: widened by its root
    assert bounds("sharpness", [2, 32], margin=0.5) == pytest.approx((0.5, 128))
    assert bounds("sharpness", [4, 4], margin=0.5) == pytest.approx((2, 8))
    assert bounds("contrast", [0.0, 0.0], margin=0.5)[0] >= 0


def test_nothing_is_unusual_where_nothing_is_known():
    assert bounds("uncertain", [], margin=0.5) == (-math.inf, math.inf)
    assert bounds("size", [math.nan], margin=0.5) == (-math.inf, math.inf)
    rows = flag(ORDINARY, [], settings=QualitySettings())
    assert {row["flag"] for row in rows} == {OK}


def test_an_ordinary_video_has_no_flag():
    assert flags() == {}
    assert flags(brightness=130.0, feature_distance=0.95, uncertain=0.25) == {}


@pytest.mark.parametrize(
    ("check", "value", "word"),
    [
        ("brightness", 20.0, "darker"), ("brightness", 200.0, "brighter"),
        ("contrast", 10.0, "less contrast"), ("contrast", 60.0, "more contrast"),
        ("sharpness", 1.0, "blurred"), ("sharpness", 20.0, "noisier"),
        ("size", 1.0, "stretched"), ("size", 16 / 9, "squeezed"),
        ("frame_rate", 15.0, "fewer frames"), ("frame_rate", 60.0, "more frames"),
        ("feature_distance", 2.0, "unlike them"), ("uncertain", 0.6, "more doubt"),
    ],
)  # fmt: skip
def test_what_is_unusual_is_said_in_words(check, value, word):
    found = flags(**{check: value})
    assert list(found) == [check]
    assert word in found[check]
    assert "expected" in found[check]


def test_being_near_or_sure_is_never_a_fault():
    assert flags(feature_distance=0.0, uncertain=0.0) == {}
    rows = {r["check"]: r for r in flag(ORDINARY, KNOWN, settings=QualitySettings())}
    assert rows["uncertain"]["low"] == -math.inf
    assert rows["brightness"]["low"] == 85


def test_what_could_not_be_measured_has_no_flag():
    assert flags(feature_distance=math.nan) == {}


def test_numbers_are_written_as_people_read_them():
    assert flags(uncertain=0.6)["uncertain"].endswith(": 60.0 %, expected up to 30.0 %")
    assert flags(brightness=20.0)["brightness"].endswith(": 20, expected 85 to 135")
