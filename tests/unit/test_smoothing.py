"""The methods of postprocessing: what each makes of hand-written traces."""

import math

import numpy as np
import pytest

from deg_core.ethogram.bouts import binarize, intervals
from deg_core.ethogram.smoothing import (
    METHODS,
    Treatment,
    apply,
    fixed,
    grow,
    median,
    moved,
    stitch,
    treatment,
)
from deg_core.settings import PostprocessSettings


def trace(text):
    """Read a trace from text: ``#`` present, anything else absent."""
    return np.array([letter == "#" for letter in text])


def text(frames):
    return "".join("#" if frame else "." for frame in frames)


# --- single steps


@pytest.mark.parametrize(
    ("seeds", "allowed", "expected"),
    [
        ("..#.......", ".####..##.", ".####....."),  # the second run has no seed
        ("..#..#....", ".######...", ".######..."),
        ("..........", "##########", ".........."),
        ("#........#", "##......##", "##......##"),  # up to both ends
        ("..#.......", "..........", "..#......."),  # not allowed, but never lost
    ],
)
def test_grow(seeds, allowed, expected):
    assert text(grow(trace(seeds), trace(allowed))) == expected


@pytest.mark.parametrize(
    ("before", "reach", "expected"),
    [
        ("..##.##...", 1, "..#####..."),  # a gap of one frame, two of three vote for it
        ("...#......", 1, ".........."),
        ("..##......", 1, "..##......"),  # two frames stand against a window of three
        ("..##......", 2, ".........."),
        ("#.........", 3, "#........."),  # the first frame has no neighbor before it
        (".##.......", 3, ".#........"),  # of frames 0 to 2 two vote for frame 1
        ("##########", 4, "##########"),
        ("#", 2, "#"),
        ("", 2, ""),
    ],
)
def test_median(before, reach, expected):
    assert text(median(trace(before), reach=reach)) == expected


def slow_median(frames, reach):
    """Sort the window of each frame, which is narrower near the ends."""
    found = []
    for t in range(len(frames)):
        near = min(reach, t, len(frames) - 1 - t)
        found.append(sorted(frames[t - near : t + near + 1])[near])
    return np.array(found, dtype=bool)


@pytest.mark.parametrize("seed", range(5))
def test_median_is_that_of_sorted_windows(seed):
    rng = np.random.default_rng(seed)
    frames = rng.random(100) < 0.5
    for reach in (1, 2, 7, 60):
        assert np.array_equal(median(frames, reach=reach), slow_median(frames, reach))


def test_median_of_probabilities_is_median_of_frames():
    rng = np.random.default_rng(1)
    values = rng.random(50)
    windows = np.lib.stride_tricks.sliding_window_view(values, 5)
    smooth = np.median(windows, axis=1) > 0.5
    assert np.array_equal(median(values > 0.5, reach=2)[2:-2], smooth)


@pytest.mark.parametrize(
    ("before", "gap", "bout", "expected"),
    [
        ("..##.##..#", 1, 0, "..#####..#"),
        ("..##.##..#", 2, 0, "..########"),
        ("..##.##..#", 1, 1, "..#####..."),
        # Gaps first: a row of short bouts becomes a long one, which stays.
        ("#.#.#.....", 1, 2, "#####....."),
        ("..#.....#.", 0, 1, ".........."),
        ("...##.....", 9, 0, "...##....."),  # the ends are no gaps
        ("..........", 3, 3, ".........."),
        ("", 3, 3, ""),
    ],
)
def test_stitch(before, gap, bout, expected):
    assert text(stitch(trace(before), max_gap=gap, max_bout=bout)) == expected


def test_moved():
    assert moved(0.5, 1.0) == pytest.approx(1 / (1 + math.exp(-1)))
    assert moved(moved(0.3, 2.0), -2.0) == pytest.approx(0.3)
    assert moved(0.3, 0.0) == 0.3
    assert [moved(end, by) for end in (0.0, 1.0) for by in (-3, 3)] == [0.0, 0.0, 1.0, 1.0]
    assert 0 <= moved(1e-12, -700) <= moved(1 - 1e-12, 700) <= 1


# --- settings


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"method": "percentile", "length": 4}),
        ({"method": "auto"}, {"method": "percentile", "length": 4}),
        ({"method": "min_bout", "min_bout": 3}, {"method": "min_bout", "length": 2}),
        ({"method": "none", "min_bout": 3}, {"method": "none"}),
        ({"method": "median", "median_reach": 3}, {"method": "median", "reach": 3, "length": 4}),
        (
            {"method": "stitch", "max_gap": 7, "min_bout": 3},
            {"method": "stitch", "max_gap": 7, "max_bout": 2},
        ),
        (
            {"method": "stitch", "min_bout": 3, "inclusive": True},
            {"method": "stitch", "max_gap": 2, "max_bout": 3},
        ),
    ],
)
def test_settings_say_the_treatment(settings, expected):
    # 200 bouts of 5 frames: their 1st percentile is 5, so up to 4 frames vanish.
    one = fixed(PostprocessSettings(**settings), threshold=0.25, lengths=[5] * 200)
    assert one == Treatment(threshold=0.25, low=0.25, **expected)


def test_hysteresis_is_around_the_tuned_threshold():
    settings = PostprocessSettings(method="hysteresis", hysteresis=2.0)
    one = fixed(settings, threshold=0.5, lengths=[])
    # One unit of log odds to either side of 0.
    assert one.threshold == pytest.approx(0.7310586)
    assert one.low == pytest.approx(0.2689414)
    assert one.length == 0  # no training bout: nothing is too short


@pytest.mark.parametrize("method", METHODS)
def test_parameters_are_enough_to_build_a_treatment(method):
    settings = PostprocessSettings(method=method, max_gap=7, min_bout=3)
    one = fixed(settings, threshold=0.25, lengths=[5] * 200)
    assert treatment(method, **one.parameters()) == one


@pytest.mark.parametrize(
    ("method", "parameters", "message"),
    [
        ("guess", {"threshold": 0.5}, "no method"),
        ("none", {"threshold": 1.5}, "out of range"),
        ("none", {"threshold": 0.5, "low": 0.6}, "out of range"),
        ("median", {"threshold": 0.5, "reach": -1}, "out of range"),
    ],
)
def test_treatments_that_make_no_sense(method, parameters, message):
    with pytest.raises(ValueError, match=message):
        treatment(method, **parameters)


# --- all steps


def column(*values):
    return np.array(values, dtype=np.float64)[:, None]


def test_order_of_the_steps():
    # Above 0.6 in frames 3 and 6; above 0.3 in 2 to 4 and 6; the gap of frame 5 is filled.
    values = column(0.1, 0.1, 0.4, 0.7, 0.4, 0.2, 0.8, 0.1, 0.1, 0.5, 0.1, 0.1)
    one = Treatment("hysteresis", 0.6, 0.3, length=1)
    assert text(apply(values, [one])[:, 0]) == "..#####....."
    assert text(apply(values, [Treatment("none", 0.6, 0.6)])[:, 0]) == "...#..#....."


@pytest.mark.parametrize("groups", [(), ((0, 2),), ((0, 1, 2),)])
def test_the_methods_of_old_are_binarize(groups):
    rng = np.random.default_rng(3)
    values = rng.random((400, 3)).astype(np.float32)
    thresholds, lengths = [0.3, 0.5, 0.7], [3, 0, 6]
    treatments = [
        Treatment("percentile", t, t, length=n) for t, n in zip(thresholds, lengths, strict=True)
    ]
    expected = binarize(values, thresholds=thresholds, lengths=lengths, groups=groups)
    assert np.array_equal(apply(values, treatments, groups=groups), expected)


def any_treatments(rng, k):
    options = [
        Treatment("hysteresis", 0.7, 0.3, length=2),
        Treatment("median", 0.5, 0.5, reach=4, length=1),
        Treatment("stitch", 0.5, 0.5, max_gap=8, max_bout=3),
        Treatment("min_bout", 0.4, 0.4, length=5),
        Treatment("none", 0.5, 0.5),
    ]
    return [options[i] for i in rng.integers(len(options), size=k)]


@pytest.mark.parametrize("seed", range(8))
def test_exclusive_groups_hold_whatever_is_done(seed):
    rng = np.random.default_rng(seed)
    slow = np.repeat(rng.random((60, 4)), 10, axis=0)
    values = np.clip(slow + rng.normal(0, 0.2, slow.shape), 0, 1)
    groups = ((0, 1, 3),)
    treatments = any_treatments(rng, 4)
    present = apply(values, treatments, groups=groups)
    assert (present[:, [0, 1, 3]].sum(axis=1) <= 1).all()
    # A behavior of no group is treated as if it were alone.
    assert np.array_equal(present[:, [2]], apply(values[:, [2]], [treatments[2]]))


def test_of_two_that_grow_into_one_frame_the_stronger_has_it():
    values = np.array([[0.9, 0.1], [0.45, 0.4], [0.4, 0.45], [0.1, 0.9]])
    one = Treatment("hysteresis", 0.8, 0.3)
    present = apply(values, [one, one], groups=((0, 1),))
    assert [text(present[:, k]) for k in (0, 1)] == ["##..", "..##"]


def test_what_is_left_of_a_bout_pushed_aside_is_no_shorter_than_allowed():
    values = np.zeros((30, 2))
    values[[3, 13], 0] = 0.9  # stitched over frames 3 to 13
    values[5:12, 1] = 0.9
    one = Treatment("stitch", 0.5, 0.5, max_gap=9)
    other = Treatment("none", 0.5, 0.5)
    present = apply(values, [one, other], groups=((0, 1),))
    assert text(present[:, 1])[3:14] == "..#######.."
    assert intervals(present[:, 0]).tolist() == [[3, 5], [12, 14]]


@pytest.mark.parametrize("n", [0, 1])
def test_hardly_any_frames(n):
    treatments = any_treatments(np.random.default_rng(0), 5)
    assert apply(np.full((n, 5), 0.9), treatments, groups=((0, 1),)).shape == (n, 5)
