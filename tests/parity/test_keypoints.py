"""Keypoint features beside the original program's."""

import numpy as np
import pytest
import reference

from deg_core.data import keypoints

META, ARRAYS = reference.load("keypoints")
CASES = [
    pytest.param(reference.case(ARRAYS, c["prefix"]), (c["H"], c["W"]), id=c["prefix"].strip("_"))
    for c in META["cases"]
]
NOSE_Y = META["columns"].index("nose_y_aligned")


def test_points_and_features_have_the_names_of_the_original():
    assert list(keypoints.POINTS) == META["bodyparts"]
    assert list(keypoints.FEATURES) == META["columns"]


@pytest.mark.parametrize(("case", "size"), CASES)
def test_keypoints_are_normalised_and_expanded_as_in_the_original(case, size):
    reference.close(keypoints.normalize(case["keypoints"], size=size), case["normalized"], 1e-6)
    features = keypoints.expand(case["keypoints"], size=size)
    others = np.arange(len(META["columns"])) != NOSE_Y
    reference.close(features[:, others], case["features"][:, others], rtol=1e-5)
    # The nose is on the x axis by construction: the original's values are rounding, divided by
    # the smallest standard deviation.
    assert not features[:, NOSE_Y].any()
    assert np.abs(case["features"][:, NOSE_Y]).max() < 0.5


def test_windows_of_features_are_those_of_the_original():
    case = reference.case(ARRAYS, "c01_")
    reference.close(keypoints.stack(case["features"], reach=2), case["stacked_2"], rtol=1e-7)


@pytest.mark.parametrize(("case", "size"), CASES)
def test_interpolation_by_coordinates_is_that_of_the_original(case, size):
    filled = keypoints.interpolate(case["with_confidence"], by="coordinates")
    reference.close(filled, case["interpolated_as_in_reference"], rtol=1e-6)
