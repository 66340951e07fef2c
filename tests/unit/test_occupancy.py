"""Time spent, bouts, and which behavior follows which."""

import numpy as np
import pytest

from deg_core.ethogram.occupancy import occupancy, transitions


def columns(*texts):
    """Read one text of '01' per behavior as (T, K)."""
    return np.array([[c == "1" for c in text] for text in texts]).T


def counts_of(*texts, scored=None):
    present = columns(*texts)
    known = np.ones(len(present), bool) if scored is None else columns(scored)[:, 0]
    return transitions(present, known).tolist()


def test_occupancy_by_hand():
    found = occupancy(columns("0110011101")[:, 0], columns("1111110111")[:, 0])
    # Frame 6, in the middle of a bout, was not scored: the bout becomes two.
    assert found == (9, 5, 4)
    assert found.share == pytest.approx(5 / 9)
    assert found.mean_frames == pytest.approx(5 / 4)


def test_occupancy_of_nothing():
    absent = occupancy([False] * 3, [True] * 3)
    assert (absent.share, absent.n_bouts) == (0.0, 0)
    assert np.isnan(absent.mean_frames)
    unknown = occupancy([True] * 3, [False] * 3)
    assert unknown == (0, 0, 0)
    assert np.isnan([unknown.share, unknown.mean_frames]).all()


def test_exclusive_states_give_the_usual_matrix():
    # a b a c a b
    found = counts_of("11001100110000", "00110000000011", "00000011001100")
    sequence = "abaccab"  # segments: a b a c a c b
    assert sequence
    assert found == [[0, 1, 2], [1, 0, 0], [1, 1, 0]]


def test_overlapping_bouts_follow_in_the_order_of_their_onsets():
    # groom 1-6, rear 3-9, groom 7-9: groom, rear, groom, although they overlap all the time.
    assert counts_of("0111110110", "0001111110") == [[0, 1], [1, 0]]


def test_a_behavior_may_follow_itself():
    # Without the background as a state a pause is passed over; with it, it is a state.
    assert counts_of("0110110") == [[1]]
    assert counts_of("0110110", "1001001") == [[0, 2], [2, 0]]


def test_bouts_that_begin_together_do_not_follow_each_other():
    # a and b begin together, then c, then a and b again.
    assert counts_of("1100011", "1100011", "0011000") == [[0, 0, 1], [0, 0, 1], [1, 1, 0]]


def test_scored_stretches_are_sequences_of_their_own():
    # a b | b a: nothing follows across the gap; what is under way at its end comes first.
    assert counts_of("1100000011", "0011011100", scored="1111011111") == [[0, 1], [1, 0]]
    # The same without a gap, where b is one more bout after b.
    assert counts_of("1100000011", "0011011100") == [[0, 1], [1, 1]]


def test_nothing_scored_and_nothing_present():
    assert counts_of("0000", "0000") == [[0, 0], [0, 0]]
    assert counts_of("1010", "0101", scored="0000") == [[0, 0], [0, 0]]
    assert transitions(np.zeros((0, 2), bool), np.zeros(0, bool)).tolist() == [[0, 0], [0, 0]]


def slow_transitions(present, scored):
    """Walk through the frames, and remember what began last."""
    n = len(present[0])
    counts, last = [[0] * n for _ in range(n)], []
    for t, row in enumerate(present):
        if not scored[t]:
            last = []
            continue
        fresh = t == 0 or not scored[t - 1]
        begun = [k for k in range(n) if row[k] and (fresh or not present[t - 1][k])]
        for one in last if begun else []:
            for other in begun:
                counts[one][other] += 1
        last = begun or last
    return counts


@pytest.mark.parametrize("seed", range(20))
def test_transitions_are_those_of_a_slow_implementation(seed):
    rng = np.random.default_rng(seed)
    present = np.repeat(rng.random((60, 3)) < 0.3, rng.integers(1, 4, 60), axis=0)
    scored = rng.random(len(present)) < 0.95
    expected = slow_transitions(present.tolist(), scored.tolist())
    assert transitions(present, scored).tolist() == expected
    assert np.sum(expected) > 5
