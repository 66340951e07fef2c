"""Agreement of raters: hand-made cases, scikit-learn's kappa, symmetry, who is compared on what."""

import warnings

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score

from deg_core.ethogram.agreement import (
    Rated,
    agreed,
    bout_agreement,
    cohen_kappa,
    compare_raters,
    frame_agreement,
    pair_bouts,
)
from deg_core.ethogram.bout_metrics import Bouts, best_overlaps, match
from deg_core.ethogram.bouts import intervals
from deg_core.ethogram.frame_metrics import Counts

IOU = (0.1, 0.25, 0.5)


def track(n, *bouts, unknown=()):
    """Return (n,) int8 with bouts and unknown stretches at half-open frames."""
    labels = np.zeros(n, np.int8)
    for start, stop in bouts:
        labels[start:stop] = 1
    for start, stop in unknown:
        labels[start:stop] = -1
    return labels


def random_track(rng, n=400, unknown=0.1):
    """Return runs of random lengths, a few of them unknown."""
    runs = rng.choice([0, 1, -1], n, p=[0.5, 0.5 - unknown, unknown])
    return np.repeat(runs, rng.integers(1, 12, n))[:n].astype(np.int8)


def bouts_of(*lists):
    return Bouts(*(np.array(runs, np.int64).reshape(-1, 2) for runs in lists))


# --- frames


def test_frames_by_hand():
    # Both 20..30; first alone 10..20, second alone 30..35; nobody on 75 of 100.
    scores = frame_agreement(track(100, (10, 30)), track(100, (20, 35)))
    assert scores["accuracy"] == 0.85
    assert scores["f1"] == 20 / 35
    assert scores["precision"] == 10 / 15  # of what the second saw
    assert scores["recall"] == 10 / 20  # of what the first saw
    # By chance .2 * .15 + .8 * .85 = .71.
    assert scores["kappa"] == pytest.approx((0.85 - 0.71) / 0.29, abs=1e-15)


def test_frames_that_one_did_not_score_do_not_count():
    first = track(100, (10, 30), unknown=[(60, 100)])
    second = track(100, (20, 35), (70, 90), unknown=[(0, 10)])
    assert frame_agreement(first, second) == frame_agreement(
        track(50, (0, 20)), track(50, (10, 25))
    )


def test_kappa_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    for _ in range(50):
        a, b = (random_track(rng, unknown=0) for _ in range(2))
        scores = frame_agreement(a, b)
        assert scores["kappa"] == pytest.approx(cohen_kappa_score(a, b), abs=1e-12)
        assert scores["f1"] == pytest.approx(f1_score(a, b), abs=1e-12)
        assert scores["accuracy"] == pytest.approx(accuracy_score(a, b), abs=1e-12)


@pytest.mark.parametrize("value", [0, 1])
def test_kappa_of_raters_who_never_change_is_undefined(value):
    same = np.full(10, value, np.int8)
    assert np.isnan(frame_agreement(same, same)["kappa"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isnan(cohen_kappa_score(same, same))


def test_kappa_does_not_overflow():
    n = 3_000_000_000  # squared, it is more than an int64 holds
    assert cohen_kappa(Counts(*(np.int64(x) for x in (n, 0, 0, n)))) == 1.0


def test_frames_without_the_behavior():
    scores = frame_agreement(track(10), track(10))
    assert scores["accuracy"] == 1.0
    assert all(np.isnan(scores[name]) for name in ("precision", "recall", "f1", "kappa"))
    scores = frame_agreement(track(10), track(10, (2, 4)))
    assert (scores["f1"], scores["precision"], scores["kappa"]) == (0.0, 0.0, 0.0)
    assert np.isnan(scores["recall"])


def test_no_frame_in_common():
    a, b = track(10, unknown=[(0, 5)]), track(10, unknown=[(5, 10)])
    assert all(np.isnan(x) for x in frame_agreement(a, b).values())
    assert all(np.isnan(x) for x in bout_agreement(a, b, iou=IOU).values())


# --- bouts


def test_bouts_by_hand():
    first = track(100, (10, 20), (40, 60), (80, 84))
    second = track(100, (12, 20), (45, 70), (90, 95))
    # Overlaps 8/10 and 15/30; the last two bouts do not touch.
    scores = bout_agreement(first, second, iou=(0.5, 0.6))
    assert scores["bout_f1_50"] == 4 / 6
    assert scores["bout_f1_60"] == 2 / 6
    assert scores["onset_shift"] == 3.5  # 2 and 5 frames later
    assert scores["offset_shift"] == scores["offset_error"] == 5.0  # 0 and 10


def test_shifts_have_a_sign_and_errors_none():
    first, second = track(50, (10, 20), (30, 40)), track(50, (8, 20), (34, 40))
    scores = bout_agreement(first, second, iou=IOU)
    assert (scores["onset_shift"], scores["onset_error"]) == (1.0, 3.0)  # -2 and 4


def test_edges_at_the_border_of_what_both_scored_are_left_out():
    first = track(50, (0, 10), (40, 50))
    second = track(50, (2, 8), (44, 50))
    scores = bout_agreement(first, second, iou=IOU)
    assert (scores["onset_shift"], scores["offset_shift"]) == (4.0, -2.0)
    scores = bout_agreement(first, second, iou=IOU, cut_edges=True)
    assert (scores["onset_shift"], scores["offset_shift"]) == (3.0, -1.0)


def test_no_bouts():
    assert all(np.isnan(x) for x in bout_agreement(track(9), track(9), iou=IOU).values())
    scores = bout_agreement(track(9), track(9, (2, 4)), iou=IOU)
    assert scores["bout_f1_10"] == 0.0
    assert np.isnan(scores["onset_shift"])


def test_each_bout_is_paired_once_the_largest_overlap_first():
    # One bout of the first, three of the second in it: the longest has it.
    bouts = bouts_of([[0, 100]], [[0, 20], [25, 75], [80, 100]])
    assert pair_bouts(bouts, iou=0.1).tolist() == [[0, 1]]
    # The second bout of the first overlaps most with one that the first bout has; it gets the next
    # one, which it would not if it had to claim the best (`match`).
    bouts = bouts_of([[0, 29], [30, 60]], [[2, 44], [56, 60]])
    assert pair_bouts(bouts, iou=0.1).tolist() == [[0, 0], [1, 1]]
    claimed = match(best_overlaps(Bouts(bouts.predicted, bouts.labeled)), iou=0.1)
    assert (claimed.predicted.tolist(), claimed.labeled.tolist()) == ([0], [0])


def test_bouts_that_do_not_touch_are_no_pair():
    assert pair_bouts(bouts_of([[0, 10]], [[10, 20]]), iou=0.0).size == 0


def slow_pairs(bouts, iou):
    """Pair bouts by looking at all of them, again and again."""
    one, two = ([set(range(*run)) for run in runs] for runs in bouts)
    found = []
    while True:
        left = [
            (-len(a & b) / len(a | b), i, j)
            for i, a in enumerate(one)
            for j, b in enumerate(two)
            if a & b and not any(i == p or j == q for p, q in found)
        ]
        best = min(left, default=(0.0, -1, -1))
        if best[1] < 0 or -best[0] < iou:
            return sorted(map(list, found))
        found.append(best[1:])


@pytest.mark.parametrize("seed", range(20))
def test_pairs_of_random_bouts(seed):
    rng = np.random.default_rng(seed)
    a, b = (random_track(rng, 120, unknown=0) for _ in range(2))
    bouts = Bouts(intervals(a == 1), intervals(b == 1))
    for iou in (0.0, *IOU):
        pairs = pair_bouts(bouts, iou=iou).tolist()
        assert pairs == slow_pairs(bouts, iou)
        exchanged = pair_bouts(Bouts(bouts.predicted, bouts.labeled), iou=iou)
        assert sorted(exchanged[:, ::-1].tolist()) == pairs
    found = match(best_overlaps(bouts), iou=0.51)
    assert pair_bouts(bouts, iou=0.51).tolist() == sorted(
        map(list, zip(found.labeled.tolist(), found.predicted.tolist(), strict=True))
    )


@pytest.mark.parametrize("seed", range(10))
def test_neither_rater_is_the_truth(seed):
    rng = np.random.default_rng(seed)
    a, b = random_track(rng), random_track(rng)
    there = frame_agreement(a, b) | bout_agreement(a, b, iou=IOU)
    back = frame_agreement(b, a) | bout_agreement(b, a, iou=IOU)
    assert (there.pop("precision"), there.pop("recall")) == (back.pop("recall"), back["precision"])
    back.pop("precision")
    for name in ("onset_shift", "offset_shift"):
        assert there.pop(name) == -back.pop(name)
    assert there == back


# --- all behaviors, all raters


def test_where_raters_agree():
    labels = [[1, 1, 0, 0, -1, 1, -1], [1, 0, 0, -1, -1, 1, 1], [1, 1, 0, 0, -1, -1, -1]]
    assert agreed([np.array(row) for row in labels]).tolist() == [1, 0, 1, 1, -1, 1, -1]


def two(*columns):
    return np.stack(columns, axis=1)


@pytest.fixture
def table():
    """Two videos, two annotators and a model; bob scored the first half of m2 only."""
    m1 = Rated(
        {
            "anna": two(track(100, (10, 30)), track(100)),
            "bob": two(track(100, (20, 35)), track(100)),
        },
        {"sequence": two(track(100, (10, 35)), track(100)) == 1},
    )
    m2 = Rated(
        {
            "anna": two(track(40, (0, 10), (20, 40)), track(40, (10, 20))),
            "bob": two(track(40, (0, 10)), track(40, (10, 15))) - two(*[np.arange(40) >= 20] * 2),
        },
        {"sequence": two(track(40, (0, 40)), track(40)) == 1},
    )
    assert m2.raters["bob"][20:].max() == -1
    return compare_raters([m1, m2], behaviors=["groom", "rear"], iou=IOU)


def value(table, first, second, frames, behavior, metric, column="value"):
    rows = table[
        (table["first"] == first) & (table["second"] == second) & (table["frames"] == frames)
        & (table["behavior"] == behavior) & (table["metric"] == metric)
    ]  # fmt: skip
    (found,) = rows[column]
    return found


def test_people_are_compared_on_what_both_scored(table):
    assert value(table, "anna", "bob", "all", "groom", "accuracy") == (85 + 20) / 120
    assert value(table, "anna", "bob", "all", "groom", "accuracy", "n_frames") == 120
    assert value(table, "anna", "bob", "all", "groom", "accuracy", "n_videos") == 2
    kinds = table.groupby(["kind", "first", "second"], sort=False).size().index.tolist()
    assert kinds == [
        ("human-human", "anna", "bob"), ("model-human", "anna", "sequence"),
        ("model-human", "bob", "sequence"),
    ]  # fmt: skip


def test_the_model_is_compared_on_the_frames_on_which_people_are(table):
    # Not the 20 frames of m2 that anna alone scored, all of which the model has wrong.
    assert value(table, "anna", "sequence", "all", "groom", "accuracy") == (95 + 10) / 120
    assert value(table, "bob", "sequence", "all", "groom", "accuracy", "n_frames") == 120
    for metric in ("accuracy", "recall"):
        assert value(table, "bob", "sequence", "agree", "groom", metric) == pytest.approx(
            95 / 105 if metric == "accuracy" else 1.0
        )
    both = [
        value(table, "anna", "sequence", frames, "groom", "accuracy", "n_frames")
        for frames in ("agree", "disagree")
    ]
    assert both == [105, 15]


def test_where_two_disagree_the_model_is_with_one_of_them(table):
    sides = [
        value(table, person, "sequence", "disagree", "groom", "accuracy")
        for person in ("anna", "bob")
    ]
    assert sides == [10 / 15, 5 / 15]
    assert value(table, "anna", "bob", "disagree", "groom", "accuracy") == 0.0
    assert value(table, "anna", "bob", "agree", "groom", "accuracy") == 1.0


def test_bouts_are_compared_on_all_frames_only(table):
    bout_wise = table["metric"].str.contains("bout|shift|onset|offset")
    assert set(table["frames"][bout_wise]) == {"all"}
    assert set(table["metric"][~bout_wise & (table["behavior"] == "groom")]) == {
        "accuracy", "precision", "recall", "f1", "kappa"
    }  # fmt: skip


def test_over_behaviors(table):
    # rear: both on 10..15 of m2, anna alone on 15..20.
    assert value(table, "anna", "bob", "all", "rear", "f1") == 10 / 15
    groom = 2 * 20 / (30 + 25)
    assert value(table, "anna", "bob", "all", "groom", "f1") == groom
    macro = value(table, "anna", "bob", "all", "overall", "f1_macro")
    assert macro == pytest.approx((groom + 10 / 15) / 2)
    accuracy = value(table, "anna", "bob", "all", "overall", "accuracy")
    assert accuracy == (105 + 115) / 240
    assert value(table, "anna", "bob", "all", "overall", "accuracy", "n_frames") == 240


def test_a_behavior_that_nobody_saw_does_not_count_against_the_model():
    """Two people have no F1 of rear, a model with one false positive has 0: rear is left out."""
    groom, none = track(20, (2, 8)), track(20)
    raters = {"anna": two(groom, none), "bob": two(groom, none)}
    model = two(groom, track(20, (10, 11))) == 1
    table = compare_raters(
        [Rated(raters, {"sequence": model})], behaviors=["groom", "rear"], iou=IOU
    )
    assert np.isnan(value(table, "anna", "bob", "all", "rear", "f1"))
    assert value(table, "anna", "sequence", "all", "rear", "f1") == 0
    for metric in ("f1_macro", "recall_macro", "kappa_macro", "bout_f1_50"):
        for pair in (("anna", "bob"), ("anna", "sequence"), ("bob", "sequence")):
            assert value(table, *pair, "all", "overall", metric) == 1, (pair, metric)
    # All frames of all behaviors take part in the accuracy.
    assert value(table, "anna", "sequence", "all", "overall", "accuracy") == 39 / 40


def test_a_behavior_that_one_person_saw_counts_for_all():
    raters = {"anna": two(track(20, (2, 8)), track(20, (10, 12))), "bob": two(*[track(20)] * 2)}
    raters["bob"][2:8, 0] = 1
    model = two(track(20, (2, 8)), track(20, (10, 12))) == 1
    table = compare_raters(
        [Rated(raters, {"sequence": model})], behaviors=["groom", "rear"], iou=IOU
    )
    found = [
        value(table, *pair, "all", "overall", "f1_macro")
        for pair in (("anna", "bob"), ("anna", "sequence"), ("bob", "sequence"))
    ]
    assert found == [0.5, 1.0, 0.5]


def test_nothing_that_all_pairs_have():
    raters = {"anna": track(9)[:, None], "bob": track(9)[:, None]}
    model = track(9, (1, 2))[:, None] == 1
    table = compare_raters([Rated(raters, {"sequence": model})], behaviors=["groom"], iou=IOU)
    assert np.isnan(value(table, "anna", "sequence", "all", "overall", "f1_macro"))


def test_raters_without_a_frame_in_common():
    one, other = (Rated({name: track(9)[:, None]}, {}) for name in ("anna", "bob"))
    assert compare_raters([one, other], behaviors=["groom"], iou=IOU).empty


def test_background_is_derived(table):
    # Nobody on 75 + 0 frames; of 120, 15 of m1 and 5 of m2 are background to one only.
    assert value(table, "anna", "bob", "all", "background", "accuracy") == 100 / 120


def test_three_raters_and_none_in_common():
    tracks = {"a": track(9, (0, 3)), "b": track(9, (0, 4)), "c": track(9, unknown=[(0, 9)])}
    rated = Rated({name: column[:, None] for name, column in tracks.items()}, {})
    table = compare_raters([rated], behaviors=["groom"], iou=IOU)
    assert set(zip(table["first"], table["second"], strict=True)) == {("a", "b")}


def test_raters_of_different_videos():
    one = Rated({"a": track(9)[:, None], "b": track(9, (1, 2))[:, None]}, {})
    other = Rated({"b": track(5)[:, None], "c": track(5)[:, None]}, {})
    table = compare_raters([one, other], behaviors=["groom"], iou=IOU)
    pairs = table.drop_duplicates(["first", "second"])
    assert pairs[["first", "second", "n_frames", "n_videos"]].to_numpy().tolist() == [
        ["a", "b", 9, 1], ["b", "c", 5, 1]
    ]  # fmt: skip


@pytest.mark.parametrize("videos", [[], [Rated({"anna": track(9)[:, None]}, {})]])
def test_no_pair(videos):
    assert compare_raters(videos, behaviors=["groom"], iou=IOU).empty
