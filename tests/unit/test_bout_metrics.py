"""Bout-wise scores: overlaps, one use each, edges, edit score, splits, counts and durations."""

from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deg_core.ethogram.bout_metrics import (
    Bouts,
    best_overlaps,
    bout_rates,
    count_bouts,
    count_splits,
    edge_errors,
    iou_name,
    match,
    mean_duration,
    median_size,
    scored_bouts,
)
from deg_core.ethogram.bouts import intervals

IOU = (0.1, 0.25, 0.5)


def track(text):
    """Read '01?' as labels 0, 1, -1."""
    return np.array(["01".find(c) for c in text], dtype=np.int8)


def found(text):
    """Read '0110' as a prediction."""
    return np.array([c == "1" for c in text], dtype=bool)


def bout_scores(labels, present, *, iou):
    """Put together what `measures` makes of one behavior."""
    sums, edges = count_bouts(labels, present, iou=iou)
    medians = {f"{name}_error": median_size(e) for name, e in edges._asdict().items()}
    return {name: float(x) for name, x in bout_rates(sums, iou=iou).items()} | medians


tracks = st.text("01?", max_size=40)


def levenshtein(a, b):
    """Follow the textbook: insertions, removals and exchanges cost one each."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row = row, [i]
        for j, y in enumerate(b, 1):
            row.append(min(last[j] + 1, row[-1] + 1, last[j - 1] + (x != y)))
    return row[-1]


def segments(values):
    """Reduce a sequence to its segments."""
    return [v for i, v in enumerate(values) if i == 0 or v != values[i - 1]]


def test_bouts_are_cut_at_unknown_frames():
    bouts = scored_bouts(track("0110?11?00"), found("1111111111"))
    assert bouts.labeled.tolist() == [[1, 3], [5, 7]]
    assert bouts.predicted.tolist() == [[0, 4], [5, 7], [8, 10]]


def test_names_of_overlaps():
    assert [iou_name(x) for x in (0.1, 0.25, 0.5, 0.125)] == [
        "bout_f1_10", "bout_f1_25", "bout_f1_50", "bout_f1_12.5",
    ]  # fmt: skip


def test_best_overlap_of_each_predicted_bout():
    labeled = np.array([[0, 4], [6, 16], [30, 40]])
    predicted = np.array([[2, 8], [10, 12], [20, 25], [39, 41]])
    best = best_overlaps(Bouts(labeled, predicted))
    assert best.predicted.tolist() == [0, 1, 3]  # [20, 25) overlaps nothing
    # [2, 8) shares 2 of 8 frames with [0, 4), 2 of 14 with [6, 16).
    assert best.labeled.tolist() == [0, 1, 2]
    assert best.iou.tolist() == [2 / 8, 2 / 10, 1 / 11]


@given(tracks, st.data())
def test_best_overlap_is_that_of_all_pairs(text, data):
    labels = track(text)
    present = np.array(data.draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text))))
    labeled, predicted = bouts = scored_bouts(labels, present.astype(bool))
    best = best_overlaps(bouts)
    expected = []
    for p, (a, b) in enumerate(predicted):
        ious = []
        for c, d in labeled:
            both = max(0, min(b, d) - max(a, c))
            ious.append(both / ((b - a) + (d - c) - both))
        if ious and max(ious) > 0:
            expected.append((p, ious.index(max(ious)), max(ious)))
    assert list(zip(*map(list, best), strict=True)) == expected


def test_each_labeled_bout_is_used_once():
    # One labeled bout of 10 frames is found in two pieces of 4 and 5 frames.
    labels, present = track("0" + "1" * 10 + "0"), found("0" + "1111011111" + "0")
    scores = bout_scores(labels, present, iou=IOU)
    assert scores["bout_f1_10"] == pytest.approx(2 / 3)  # one found, one false: 2 / (1 + 2)
    assert scores["bout_f1_50"] == pytest.approx(2 / 3)  # 5/10 is enough
    matched = match(best_overlaps(scored_bouts(labels, present)), iou=0.1)
    assert matched.predicted.tolist() == [1]  # the longer piece has it
    assert matched.iou.tolist() == [0.5]


def test_overlap_decides():
    # 3 of 12 frames are shared: 0.25.
    labels, present = track("1111110000000" + "00"), found("000111111111" + "000")
    scores = bout_scores(labels, present, iou=IOU)
    assert [scores[iou_name(x)] for x in IOU] == [1.0, 1.0, 0.0]


def test_one_predicted_bout_over_two_labeled_ones_finds_one():
    labels, present = track("0110110"), found("0111110")
    assert bout_scores(labels, present, iou=IOU)["bout_f1_25"] == pytest.approx(2 / 3)


def test_edges_are_medians_over_matched_bouts():
    labels = track("01111100000000011111110011111100")
    present = found("00111110000000011111110000011000")
    bouts = scored_bouts(labels, present)
    assert bouts.labeled.tolist() == [[1, 6], [15, 22], [24, 30]]
    assert bouts.predicted.tolist() == [[2, 7], [15, 22], [27, 29]]
    scores = bout_scores(labels, present, iou=IOU)
    assert scores["onset_error"] == 1.0  # median of 1, 0, 3
    assert scores["offset_error"] == 1.0  # median of 1, 0, 1


def test_edges_at_the_border_of_what_was_scored_are_left_out():
    # The first bout begins with the video, the second ends where scoring ends.
    labels, present = track("111100111???"), found("001000011111")
    bouts = scored_bouts(labels, present)
    matched = match(best_overlaps(bouts), iou=0.1)
    onset, offset = edge_errors(labels, bouts, matched)
    assert onset.tolist() == [1]  # second bout: 6 is labeled, 7 predicted
    assert offset.tolist() == [-1]  # first bout: 4 is labeled, 3 predicted


def test_edges_have_a_sign():
    labels, present = track("0011110000111100"), found("0001111001111000")
    bouts = scored_bouts(labels, present)
    onset, offset = edge_errors(labels, bouts, match(best_overlaps(bouts), iou=0.1))
    assert onset.tolist() == [1, -1]  # late, early
    assert offset.tolist() == [1, -1]


def test_edges_without_a_match_have_no_value():
    scores = bout_scores(track("0110000"), found("0000110"), iou=IOU)
    assert np.isnan(scores["onset_error"])
    assert np.isnan(scores["offset_error"])
    assert scores["bout_f1_10"] == 0.0


@pytest.mark.parametrize(
    ("labels", "present", "splits", "merges"),
    [
        ("0111110", "0111110", 0, 0),
        ("0111110", "0101010", 1, 0),  # one bout in three pieces is one split
        ("0101010", "0111110", 0, 1),  # three bouts in one are one merge
        ("0111011100", "0101111010", 1, 1),  # 1..4 in two, of which the second reaches 5..8
        ("0110110", "0111000", 0, 0),  # touching is no overlap
        # Bouts end where nobody scored, so neither side is one long bout.
        ("011?110", "0111110", 0, 0),
        ("011?110", "0101010", 0, 0),
    ],
)
def test_splits_and_merges(labels, present, splits, merges):
    assert count_splits(scored_bouts(track(labels), found(present))) == (splits, merges)
    scores = bout_scores(track(labels), found(present), iou=IOU)
    assert (scores["split_count"], scores["merge_count"]) == (splits, merges)


def edit_score(labels, present):
    return bout_scores(labels, present, iou=IOU)["edit_score"]


@pytest.mark.parametrize(
    ("labels", "present", "score"),
    [
        ("0110", "0110", 1.0),
        ("0110", "0011", 1 - 1 / 3),  # absent, present, absent against absent, present
        ("0110", "0000", 1 - 2 / 3),  # one segment against three
        ("0110", "0101", 1 - 1 / 4),  # four segments against three
        ("0011", "1100", 0.0),  # both two segments, in the other order: all must change
        ("011011", "110110", 1 - 2 / 4),  # four against four in the other order: one off, one on
        ("111", "000", 0.0),  # one segment each, exchanged
        ("01?10", "01?00", 1 - 1 / 4),  # stretches 01 and 10: the second lacks a segment
        ("01?0", "01?1", 1 - 1 / 3),
    ],
)
def test_edit_score(labels, present, score):
    assert edit_score(track(labels), found(present)) == pytest.approx(score)


@given(tracks, st.data())
def test_edit_score_is_that_of_levenshtein(text, data):
    labels = track(text)
    present = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text))), dtype=bool
    )
    distance = longest = 0
    for start, stop in intervals(labels >= 0):
        truth = segments((labels[start:stop] == 1).tolist())
        predicted = segments(present[start:stop].tolist())
        distance += levenshtein(truth, predicted)
        longest += max(len(truth), len(predicted))
    if (labels == 1).any():
        assert edit_score(labels, present) == pytest.approx(1 - distance / longest)
    else:
        assert np.isnan(edit_score(labels, present))


def test_count_and_duration_bias():
    # Labeled: two bouts of 4 frames. Predicted: three of 2.
    labels = track("011110011110000")
    present = found("011000011000110")
    scores = bout_scores(labels, present, iou=IOU)
    assert scores["count_bias"] == 0.5  # (3 - 2) / 2
    assert scores["duration_bias"] == 0.5  # |2 - 4| / 4


def test_nothing_predicted():
    scores = bout_scores(track("0110"), found("0000"), iou=IOU)
    assert [scores[iou_name(x)] for x in IOU] == [0.0, 0.0, 0.0]
    assert scores["count_bias"] == 1.0
    assert np.isnan(scores["duration_bias"])


@pytest.mark.parametrize("labels", ["", "000", "???"])
def test_without_a_labeled_bout_nothing_has_a_value(labels):
    scores = bout_scores(track(labels), found("1" * len(labels)), iou=IOU)
    assert np.isnan(list(scores.values())).all()
    assert len(scores) == 10


def test_mean_duration():
    assert mean_duration(np.array([[0, 2], [5, 10]])) == 3.5
    assert np.isnan(mean_duration(np.zeros((0, 2), dtype=np.int64)))


def slow_bouts(present, scored):
    """List the bouts frame by frame, as lists of their frames."""
    found = []
    for t in range(len(present)):
        if present[t] and scored[t]:
            if t and present[t - 1] and scored[t - 1]:
                found[-1].append(t)
            else:
                found.append([t])
    return found


def slow_pairs(labeled, predicted, iou):
    """Match bouts as the definition reads: each claims its best, the best claim wins."""
    claims = {}
    for p, frames in enumerate(predicted):
        overlaps = [len({*frames} & {*q}) / len({*frames} | {*q}) for q in labeled]
        if overlaps and max(overlaps) > 0 and max(overlaps) >= iou:
            claims.setdefault(overlaps.index(max(overlaps)), []).append((max(overlaps), -p))
    return [(q, -max(claimed)[1]) for q, claimed in sorted(claims.items())]


def slow_scores(labels, present, iou):
    """Compute all bout-wise scores without arrays."""
    scored = [x >= 0 for x in labels]
    labeled, predicted = slow_bouts([x == 1 for x in labels], scored), slow_bouts(present, scored)
    if not labeled:
        return None
    n, n_found = len(labeled), len(predicted)
    scores = {}
    for x in iou:
        scores[iou_name(x)] = 2 * len(slow_pairs(labeled, predicted, x)) / (n + n_found)
    distance = longest = 0
    for stretch in slow_bouts(scored, scored):
        truth, found = (
            segments([x[t] for t in stretch]) for x in ([y == 1 for y in labels], present)
        )
        distance += levenshtein(truth, found)
        longest += max(len(truth), len(found))
    scores["edit_score"] = 1 - distance / longest
    shared = [[bool({*q} & {*p}) for p in predicted] for q in labeled]
    scores["split_count"] = sum(sum(row) >= 2 for row in shared)
    scores["merge_count"] = sum(sum(column) >= 2 for column in zip(*shared, strict=True))
    pairs = slow_pairs(labeled, predicted, min(iou))
    seen = {-1: False, len(labels): False} | dict(enumerate(scored))
    onset = [abs(predicted[p][0] - labeled[q][0]) for q, p in pairs if seen[labeled[q][0] - 1]]
    offset = [abs(predicted[p][-1] - labeled[q][-1]) for q, p in pairs if seen[labeled[q][-1] + 1]]
    scores["onset_error"] = median(onset) if onset else None
    scores["offset_error"] = median(offset) if offset else None
    scores["count_bias"] = abs(n_found - n) / n
    duration, other = (sum(map(len, b)) / max(len(b), 1) for b in (labeled, predicted))
    scores["duration_bias"] = abs(other - duration) / duration if predicted else None
    return scores


@settings(max_examples=300, deadline=None)
@given(tracks, st.data())
def test_all_scores_are_those_of_a_slow_implementation(text, data):
    labels = track(text)
    # Mostly the labels, moved a little: bouts that overlap are what is of interest.
    noise = data.draw(st.lists(st.integers(0, 5), min_size=len(text), max_size=len(text)))
    moved = np.roll(labels == 1, data.draw(st.integers(-2, 2)))
    present = moved ^ (np.array(noise, dtype=int) == 0)
    expected = slow_scores(labels.tolist(), present.tolist(), IOU)
    scores = bout_scores(labels, present, iou=IOU)
    if expected is None:
        assert np.isnan(list(scores.values())).all()
        return
    assert {n: None if np.isnan(x) else x for n, x in scores.items()} == pytest.approx(expected)


def test_counts_of_two_videos_are_those_of_both_together():
    rng = np.random.default_rng(4)
    labels = [np.repeat(rng.integers(-1, 2, 30), rng.integers(1, 6, 30)) for _ in range(2)]
    present = [(x == 1) ^ (rng.random(x.size) < 0.1) for x in labels]
    parts = [count_bouts(x, y, iou=IOU) for x, y in zip(labels, present, strict=True)]
    joined = count_bouts(
        np.concatenate([labels[0], [-1], labels[1]]),
        np.concatenate([present[0], [True], present[1]]), iou=IOU,
    )  # fmt: skip
    for one, other, both in zip(parts[0][0], parts[1][0], joined[0], strict=True):
        assert np.array_equal(one + other, both)
    for one, other, both in zip(parts[0][1], parts[1][1], joined[1], strict=True):
        assert np.array_equal(np.concatenate([one, other]), both)
