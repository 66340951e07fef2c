import numpy as np
import pytest

from deg_core.data import keypoints
from deg_core.data.keypoints import FEATURES

# A mouse that looks to the right in a square of 100 pixels: nose, paws, tailbase, tailtip.
MOUSE = [[80, 50], [70, 40], [70, 60], [50, 40], [50, 60], [40, 50], [20, 50]]


def column(name, points=MOUSE, **options):
    options = {"size": (100, 100), "standardize": False} | options
    return keypoints.expand([points], **options)[0, FEATURES.index(name)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nose_x", 0.6),  # 2 (80 / 100 - 1/2)
        ("nose_y", 0.0),
        ("centroid_x", 0.2),  # mean of the paws: 60
        ("nose_x_aligned", 0.8),  # 40 pixels before the tailbase
        ("nose_y_aligned", 0.0),
        ("forepaw_l_y_aligned", -0.2),
        ("tail_angle", np.pi),
        ("forepaw_l_centroid_angle", np.arctan2(-10, 10)),
        ("hindpaw_r_centroid_angle", np.arctan2(10, -10)),
        ("nose_tailbase_dist", 0.8),
        ("tailbase_tailtip_dist", 0.4),
        ("forepaw_hindpaw_dist", 0.4),
        ("forepaw_nose_dist", np.hypot(0.2, 0.2)),
        ("forepaw_forepaw_dist", 0.4),
        # nose triangle 20 x 10 / 2, paws 20 x 20, tailbase triangle alike; (1 / 50) ** 2 each
        ("body_area", 0.24),
    ],
)
def test_features_of_a_simple_mouse_are_as_computed_by_hand(name, expected):
    assert column(name) == pytest.approx(expected)


@pytest.mark.parametrize("turn", [0.3, 2.0, -3.0])
@pytest.mark.parametrize("name", [n for n in FEATURES if "aligned" in n or "dist" in n])
def test_turning_and_moving_the_mouse_changes_no_aligned_feature(name, turn):
    cos, sin = np.cos(turn), np.sin(turn)
    moved = np.array(MOUSE) @ np.array([[cos, sin], [-sin, cos]]) + [7, -5]
    assert column(name, moved) == pytest.approx(column(name), abs=1e-9)


def test_dividing_each_side_by_itself_is_an_option():
    options = {"size": (50, 100)}
    assert column("tailtip_y", **options) == pytest.approx(0.0)  # 2 (50 / 100 - 1/2)
    assert column("tailtip_y", **options, by="each") == pytest.approx(1.0)  # 2 (50 / 50 - 1/2)


@pytest.mark.parametrize("frames", [0, 1, 3])
def test_features_that_do_not_change_are_zero(frames):
    features = keypoints.expand(np.tile(np.array(MOUSE), (frames, 1, 1)), size=(100, 100))
    np.testing.assert_allclose(features, np.zeros((frames, 44)), atol=1e-9)


def test_standardised_features_have_mean_zero_and_deviation_one():
    points = np.random.default_rng(0).random((50, 7, 2)) * 100
    features = keypoints.expand(points, size=(100, 120))
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-12)
    constant = {"nose_y_aligned", "tailbase_x_aligned", "tailbase_y_aligned"}
    expected = [0 if name in constant else 1 for name in FEATURES]
    np.testing.assert_allclose(features.std(axis=0), expected)


@pytest.mark.parametrize("shape", [(3, 8, 2), (3, 7, 3), (7, 2)])
def test_other_than_seven_points_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected points \(T, 7, 2\)"):
        keypoints.expand(np.zeros(shape), size=(10, 10))


def test_unlikely_points_are_interpolated_in_time():
    track = np.zeros((5, 1, 3), np.float32)
    track[:, 0] = [[0, 9, 0.1], [50, 50, 0.2], [2, 5, 0.9], [60, 60, 0.89], [4, 1, 0.0]]
    filled = keypoints.interpolate(track)
    assert filled[:, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert filled[:, 0, 1].tolist() == [9, 7, 5, 3, 1]
    np.testing.assert_array_equal(filled[..., 2], track[..., 2])


def test_missing_points_are_filled_from_the_frames_that_have_them():
    nan = np.nan
    track = np.array([[[nan, nan, nan]], [[1, 4, 1]], [[nan, nan, nan]], [[3, 8, 1]]])
    filled = keypoints.interpolate(track)
    assert filled[:, 0, :2].tolist() == [[1, 4], [1, 4], [2, 6], [3, 8]]
    assert np.isnan(keypoints.interpolate(np.full((2, 1, 3), nan))).all()


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_short_tracks_stay_as_they_are(frames):
    track = np.random.default_rng(0).random((frames, 7, 3)).astype(np.float32)
    np.testing.assert_array_equal(keypoints.interpolate(track), track)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [[1, 4, 1, 4, 2, 5], [1, 4, 2, 5, 3, 6], [2, 5, 3, 6, 3, 6]]),
        ({"padding": "zero"}, [[0, 0, 1, 4, 2, 5], [1, 4, 2, 5, 3, 6], [2, 5, 3, 6, 0, 0]]),
        (
            {"padding": "zero", "feature_major": True},
            [[0, 1, 2, 0, 4, 5], [1, 2, 3, 4, 5, 6], [2, 3, 0, 5, 6, 0]],
        ),
    ],
)
def test_windows_hold_the_frames_around_each_frame(options, expected):
    stacked = keypoints.stack([[1, 4], [2, 5], [3, 6]], reach=1, **options)
    assert stacked.dtype == np.float32
    assert stacked.tolist() == expected


@pytest.mark.parametrize("frames", [0, 1])
def test_windows_may_be_longer_than_the_video(frames):
    stacked = keypoints.stack(np.ones((frames, 44)), reach=15)
    np.testing.assert_array_equal(stacked, np.ones((frames, 1364)))
