"""Runs, short-bout removal, training bout lengths, background and the tables."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deg_core.ethogram.bouts import (
    background,
    background_labels,
    binarize,
    bout_lengths,
    bout_table,
    ethogram_table,
    from_intervals,
    intervals,
    removal_length,
    remove_short,
)
from deg_core.settings import PostprocessSettings

traces = st.lists(st.booleans(), max_size=60).map(lambda x: np.array(x, dtype=bool))


def bits(text):
    """Read '0110' as a trace."""
    return np.array([c == "1" for c in text], dtype=bool)


def text(trace):
    """Write a trace as '0110'."""
    return "".join("1" if x else "0" for x in trace)


def remove_by_definition(trace, length):
    """Follow the definition frame by frame: for l = 1..length, gaps of l, then bouts of l."""
    frames = list(trace)
    for l in range(1, length + 1):  # noqa: E741
        for value in (False, True):
            start = 0
            runs = []
            for t in range(1, len(frames) + 1):
                if t == len(frames) or frames[t] != frames[start]:
                    runs.append((start, t))
                    start = t
            for a, b in runs:
                if frames[a] == value and b - a == l:
                    frames[a:b] = [not value] * l
    return np.array(frames, dtype=bool)


@pytest.mark.parametrize(
    ("trace", "expected"),
    [
        ("0011101", [[2, 5], [6, 7]]),  # the second reaches the end of the trace
        ("111111", [[0, 6]]),
        ("000000", []),
        ("1", [[0, 1]]),
        ("0", []),
        ("", []),
    ],
)
def test_intervals(trace, expected):
    found = intervals(bits(trace))
    assert found.tolist() == expected
    assert found.shape == (len(expected), 2)
    assert found.dtype == np.int64


@given(traces)
def test_intervals_round_trip(trace):
    assert np.array_equal(from_intervals(intervals(trace), n_frames=len(trace)), trace)


def test_from_intervals_unites_what_overlaps():
    assert text(from_intervals([[0, 3], [1, 2], [2, 4], [5, 5]], n_frames=6)) == "111100"


@pytest.mark.parametrize("runs", [[[-1, 2]], [[0, 5]], [[3, 2]]])
def test_from_intervals_refuses_what_lies_outside(runs):
    with pytest.raises(ValueError, match=r"within 0\.\.4"):
        from_intervals(runs, n_frames=4)


@pytest.mark.parametrize(
    ("trace", "length", "cleaned"),
    [
        # l = 1: the gap at 5 is filled, so no bout of one frame is left.
        ("0011101", 1, "0011111"),
        # l = 2: the two absent frames at the start are a gap like any other.
        ("0011101", 2, "1111111"),
        ("0001000", 1, "0000000"),
        # Gaps are filled first: the bouts of one frame grow together instead of vanishing.
        ("0001010100", 1, "0001111100"),
        # 2 frames stay at l = 1; at l = 2 the gap before them is filled, then nothing is short.
        ("0000110011111", 2, "0000111111111"),
        ("000011000", 2, "000000000"),
        ("000011000", 1, "000011000"),
        # As long as the whole trace: filled, then removed.
        ("000", 3, "000"),
        ("111", 3, "000"),
        ("111", 2, "111"),
        ("1", 1, "0"),
        ("1", 0, "1"),
        ("", 5, ""),
    ],
)
def test_remove_short(trace, length, cleaned):
    assert text(remove_short(bits(trace), length=length)) == cleaned


REFERENCE = {
    "0100000010000001000000000001010000001000": (
        "1100000000000000000000000001110000000000",
        "0000000000000000000000000001110000000000",
        "0000000000000000000000000000000000000000",
    ),
    "1110000100011101001011010111010110010000": (
        "1110000000011111001111111111111110000000",
        "1110000000011111111111111111111110000000",
        "0000000000011111111111111111111110000000",
    ),
}


@pytest.mark.parametrize("trace", REFERENCE)
def test_remove_short_agrees_with_the_reference_implementation(trace):
    cleaned = tuple(text(remove_short(bits(trace), length=length)) for length in (1, 2, 3))
    assert cleaned == REFERENCE[trace]


@given(traces, st.integers(0, 70))
def test_remove_short_is_its_definition(trace, length):
    expected = remove_by_definition(trace, length)
    assert text(remove_short(trace, length=length)) == text(expected)


@given(traces, st.integers(0, 70))
def test_remove_short_twice_changes_nothing(trace, length):
    once = remove_short(trace, length=length)
    assert np.array_equal(remove_short(once, length=length), once)


@given(traces, st.integers(0, 70))
def test_remove_short_leaves_only_longer_runs(trace, length):
    cleaned = remove_short(trace, length=length)
    for runs in (intervals(cleaned), intervals(~cleaned)):
        whole = [[0, len(trace)]]
        assert runs.tolist() == whole or np.all(np.diff(runs) > length)


def test_remove_short_does_not_change_its_input():
    trace = bits("0100")
    remove_short(trace, length=2)
    assert text(trace) == "0100"


def test_bout_lengths_count_complete_bouts_only():
    labels = np.array([1, 1, 0, 1, 1, 1, -1, 1, 0, 0, 1, -1, 0, 1, 0, 1, 1, 1, 1])
    # [0, 2): 2, begins with the video; [3, 6) goes into unknown; [7, 8) comes from unknown;
    # [10, 11) goes into unknown; [13, 14): 1; [15, 19): 4, ends with the video.
    assert bout_lengths(labels).tolist() == [1, 2, 4]


@pytest.mark.parametrize("labels", [[], [0, 0], [-1, -1], [-1, 1, -1]])
def test_bout_lengths_without_a_complete_bout(labels):
    assert bout_lengths(np.array(labels, dtype=np.int8)).tolist() == []


@pytest.mark.parametrize(
    ("settings", "lengths", "expected"),
    [
        # Percentile 50 of 2, 4, 7 is 4: shorter than 4 goes, that is up to 3.
        (PostprocessSettings(percentile=50, one_frame_bouts=0), [2, 4, 7], 3),
        (PostprocessSettings(percentile=50, one_frame_bouts=0, inclusive=True), [2, 4, 7], 4),
        # Halfway between 2 and 5 is 3.5: "shorter than 3.5" is up to 3; rounded half to even, 4.
        (PostprocessSettings(percentile=50, one_frame_bouts=0), [2, 5], 3),
        (PostprocessSettings(percentile=50, one_frame_bouts=0, inclusive=True), [2, 5], 4),
        # 2.5 rounds half to even, to 2.
        (PostprocessSettings(percentile=50, one_frame_bouts=0, inclusive=True), [2, 3], 2),
        # No training bout: limit 1.
        (PostprocessSettings(), [], 0),
        (PostprocessSettings(inclusive=True), [], 1),
        (PostprocessSettings(method="min_bout", min_bout=5), [100], 4),
        (PostprocessSettings(method="min_bout", min_bout=5, inclusive=True), [100], 5),
        (PostprocessSettings(method="min_bout"), [], 0),
        (PostprocessSettings(method="none", min_bout=9), [100], 0),
    ],
)
def test_removal_length(settings, lengths, expected):
    assert removal_length(lengths, settings=settings) == expected


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (4, 4),  # 4 % of the way from 1 to 101 is 5: up to 4 goes, not up to 100
        (50, 50),  # halfway: 51
        (100, 100),  # their own 1st percentile: 101
        (1000, 100),
    ],
)
def test_a_few_bouts_do_not_say_how_short_a_bout_can_be(n, expected):
    assert removal_length([101] * n, settings=PostprocessSettings()) == expected
    assert removal_length([101] * n, settings=PostprocessSettings(one_frame_bouts=0)) == 100


def test_removal_length_ignores_the_error_of_interpolation():
    # 28 % of the way through 26 bouts is the 8th, but 0.28 * 25 is 7.000000000000001, so the
    # percentile comes out a hair above 3; bouts of 3 frames are not shorter than 3, though.
    lengths = [3] * 8 + [5000] * 18
    assert np.percentile(lengths, 28) > 3
    assert (
        removal_length(lengths, settings=PostprocessSettings(percentile=28, one_frame_bouts=0)) == 2
    )


def test_binarize_is_strict_and_cleans_each_behavior_by_its_length():
    probabilities = np.array(
        [[0.5, 0.9], [0.6, 0.1], [0.5, 0.9], [0.5, 0.9], [0.5, 0.9]], dtype=np.float32
    )
    present = binarize(probabilities, thresholds=[0.5, 0.5], lengths=[0, 1])
    assert present.dtype == np.bool_
    assert text(present[:, 0]) == "01000"  # 0.5 is not larger than 0.5
    assert text(present[:, 1]) == "11111"  # the gap of one frame is filled


def test_binarize_without_frames():
    assert binarize(np.zeros((0, 2)), thresholds=[0.5, 0.5], lengths=[3, 3]).shape == (0, 2)


def test_binarize_two_behaviors_by_hand():
    # Two columns of 12 frames, thresholds 0.4 and 0.6, lengths 1 and 2, worked out by hand:
    # 010011011100: the gaps at 0 and 6 (one frame) go first: 110011111100 has no bout of 1.
    # 111000110011: gaps of 2 at 8 go at l = 2 (at l = 1 there is nothing): 111000111111.
    first, second = bits("010011011100"), bits("111000110011")
    probabilities = np.column_stack([np.where(first, 0.5, 0.3), np.where(second, 0.7, 0.5)])
    present = binarize(probabilities, thresholds=[0.4, 0.6], lengths=[1, 2])
    assert text(present[:, 0]) == "110011111100"
    assert text(present[:, 1]) == "111000111111"


def decode(*rows, lengths=(0, 0), thresholds=(0.5, 0.5), groups=((0, 1),)):
    """Binarize two behaviors, written as tenths, one text per behavior."""
    values = np.array([[int(digit) / 10 for digit in row] for row in rows]).T
    found = binarize(values, thresholds=thresholds, lengths=lengths, groups=groups)
    return [text(column) for column in found.T]


def test_of_a_group_the_largest_in_proportion_to_its_threshold_is_present():
    # Both above 0.5 in frames 1 and 2; equal in frame 3, where the first wins.
    assert decode("08663", "06867") == ["01010", "00101"]
    # Thresholds 0.2 and 0.5: 0.4 is twice its threshold, 0.8 only 1.6 times.
    assert decode("4", "8", thresholds=(0.2, 0.5)) == ["1", "0"]
    assert decode("4", "8", thresholds=(0.2, 0.5), groups=()) == ["1", "1"]


def test_a_frame_below_all_thresholds_stays_background():
    assert decode("40", "44") == ["00", "00"]


def test_a_filled_gap_gives_way_to_what_was_found_there():
    # The gap of the first is one frame, in which the second was found; l = 1 fills it.
    assert decode("99099", "00900", lengths=(1, 0)) == ["11011", "00100"]
    # Where the second is found too short to stay, the gap is filled.
    assert decode("990099", "009000", lengths=(2, 1)) == ["111111", "000000"]


def test_where_two_filled_gaps_overlap_the_inner_one_stays():
    # The first has a gap of three frames; in it, the second has one of one frame.
    first, second = "99990409999", "00009190000"
    assert decode(first, second) == ["11110001111", "00001010000"]
    assert decode(first, second, lengths=(3, 0)) == ["11110001111", "00001010000"]
    assert decode(first, second, lengths=(3, 1)) == ["11110001111", "00001110000"]
    assert decode(second, first, lengths=(1, 3)) == ["00001110000", "11110001111"]


def test_pieces_left_by_an_overlap_go_when_they_are_short():
    # The first, 1 0 1 0 0 0 0, is filled to three frames, longer than 2. The second keeps the frame
    # between; the pieces of one frame are as short as what vanishes.
    assert decode("9090000", "0900000", lengths=(2, 0)) == ["0000000", "0100000"]


def test_no_frame_has_two_of_a_group_whatever_is_filled():
    rng = np.random.default_rng(0)
    for _ in range(200):
        values = rng.random((40, 4))
        lengths = rng.integers(0, 6, 4)
        found = binarize(
            values, thresholds=rng.uniform(0.05, 0.9, 4), lengths=lengths, groups=((0, 2), (1, 3))
        )
        assert (found[:, [0, 2]].sum(axis=1) <= 1).all()
        assert (found[:, [1, 3]].sum(axis=1) <= 1).all()
        for k in range(4):
            runs = np.diff(intervals(found[:, k]), axis=1)
            assert (runs > lengths[k]).all()


def test_a_group_of_one_is_a_behavior_of_its_own():
    values = np.random.default_rng(0).random((30, 1))
    alone = binarize(values, thresholds=[0.5], lengths=[2])
    np.testing.assert_array_equal(
        binarize(values, thresholds=[0.5], lengths=[2], groups=((0,),)), alone
    )


def test_background_is_where_nothing_is_present():
    assert text(background(np.array([[0, 0], [1, 0], [1, 1]], dtype=bool))) == "100"
    assert text(background(np.zeros((2, 0), dtype=bool))) == "11"


def test_background_labels_are_unknown_where_a_behavior_may_be():
    labels = np.array([[0, 0], [0, -1], [1, -1], [-1, -1], [0, 1]], dtype=np.int8)
    assert background_labels(labels).tolist() == [1, -1, 0, -1, 0]


def test_ethogram_table():
    table = ethogram_table(bits("110")[:, None], behaviors=["groom"], fps=3.0)
    assert list(table.columns) == ["frame", "time_s", "background", "groom"]
    assert table["time_s"].tolist() == [0.0, 0.333333, 0.666667]  # to the microsecond
    assert table["background"].tolist() == [0, 0, 1]
    assert table["groom"].tolist() == [1, 1, 0]


def test_bout_table():
    present = np.column_stack([bits("01101"), bits("11000")])
    probabilities = np.array([[0.1, 0.9], [0.6, 0.8], [0.9, 0.2], [0.3, 0.1], [0.7, 0.0]])
    table = bout_table(present, probabilities=probabilities, behaviors=["groom", "rear"], fps=2.0)
    assert table.to_dict("list") == {
        "behavior": ["rear", "groom", "groom"],
        "start_frame": [0, 1, 4],
        "stop_frame": [2, 3, 5],
        "start_s": [0.0, 0.5, 2.0],
        "stop_s": [1.0, 1.5, 2.5],
        "duration_s": [1.0, 1.0, 0.5],
        "mean_probability": [0.85, 0.75, 0.7],  # (0.9 + 0.8) / 2, (0.6 + 0.9) / 2, 0.7
    }


def test_bout_table_without_bouts_keeps_its_columns():
    table = bout_table(
        np.zeros((3, 2), bool), probabilities=np.zeros((3, 2)), behaviors=["a", "b"], fps=30.0
    )
    assert table.to_csv(index=False) == (
        "behavior,start_frame,stop_frame,start_s,stop_s,duration_s,mean_probability\n"
    )
