"""The choice of the postprocessing: what is counted, what is believed, what is taken."""

import numpy as np
import pytest

from deg_core.ethogram.bouts import bout_lengths, intervals
from deg_core.ethogram.choosing import (
    Bench,
    Gains,
    Tally,
    Track,
    candidates,
    choose,
    gains,
    is_safe,
    pick,
    split_blocks,
    tally,
)
from deg_core.ethogram.smoothing import METHODS, Treatment
from deg_core.settings import AutoSettings, BehaviorSmoothing, PostprocessSettings

AUTO = PostprocessSettings(method="auto")


def plain(method="percentile", **parameters):
    return Treatment(method, 0.5, 0.5, **parameters)


def track(labels, probabilities):
    columns = [np.asarray(values)[:, None] for values in (labels, probabilities)]
    return Track(columns[0].astype(np.int8), columns[1].astype(np.float32))


# --- candidates


def test_the_first_candidate_is_the_percentile_filter():
    found = candidates(AUTO, threshold=0.5, lengths=[20] * 200)
    assert found[0] == plain(length=19)
    assert {one.method for one in found} == set(METHODS)
    assert len(found) == len(set(found))


def test_nothing_longer_than_half_of_the_bouts_is_tried():
    found = candidates(AUTO, threshold=0.5, lengths=[1, 9, 30])
    assert max(max(one.max_gap, one.max_bout, one.length) for one in found) == 8
    assert max(2 * one.reach + 1 for one in found) <= 9


def test_without_a_training_bout_there_are_few_candidates():
    found = candidates(AUTO, threshold=0.5, lengths=[])
    assert {one.method for one in found} == {"percentile", "none", "hysteresis"}
    assert all(one.length == 0 for one in found)


def test_a_fixed_method_is_the_only_candidate():
    settings = PostprocessSettings(method="stitch", max_gap=4)
    assert candidates(settings, threshold=0.5, lengths=[9]) == [plain("stitch", max_gap=4)]


# --- counts


def test_counts_by_block():
    labels = np.array([0, 1, 1, 1, 0, 0, 1, 1, -1, -1], dtype=np.int8)
    present = np.array([1, 0, 1, 1, 0, 1, 0, 0, 1, 1], dtype=bool)
    first = np.array([1, 0, 1, 1, 0, 0, 0, 0, 0, 0], dtype=bool)
    found = tally(labels, present, first, np.arange(10) // 5, n=2)
    assert found.tp.tolist() == [2, 0]
    assert found.fp.tolist() == [1, 1]
    assert found.fn.tolist() == [1, 2]
    assert found.labeled.tolist() == [1, 1]
    assert found.found.tolist() == [2, 1]  # what lies in unknown frames is none
    assert found.matched.tolist() == [1, 0]  # frames 2 and 3 of 1 to 3: IoU 2/3
    assert found.changed.tolist() == [0, 1]  # nor is what changes there
    assert found.frame_f1() == pytest.approx(2 * 2 / (2 * 2 + 2 + 3))
    assert found.bout_f1() == pytest.approx(2 * 1 / (2 + 3))


def test_a_match_counts_once_wherever_blocks_are_cut():
    rng = np.random.default_rng(0)
    labels = (np.repeat(rng.random(40), 5) < 0.5).astype(np.int8)
    present = np.repeat(rng.random(100), 2) < 0.5
    whole = tally(labels, present, present, np.zeros(200, dtype=int), n=1)
    cut = tally(labels, present, present, np.arange(200) // 7, n=29)
    assert [int(column.sum()) for column in cut] == [int(column[0]) for column in whole]


@pytest.mark.parametrize(("n_videos", "expected"), [(1, 20), (2, 20), (3, 21), (20, 20), (50, 50)])
def test_blocks(n_videos, expected):
    tracks = [track(np.zeros(100), np.zeros(100))] * n_videos
    blocks, n = split_blocks(tracks)
    assert n == expected
    assert set(np.concatenate(blocks)) == set(range(n))


def counts(**columns):
    """Give counts of two candidates in some blocks; what is not told is 0."""
    shape = np.shape(next(iter(columns.values())))
    return Tally(
        **{name: np.array(columns.get(name, np.zeros(shape, int))) for name in Tally._fields}
    )


def test_errors_of_gains_are_the_jackknife():
    tp, fn = [[5, 4, 3], [6, 6, 3]], [[5, 6, 7], [4, 4, 7]]
    found = gains(counts(tp=tp, fn=fn, labeled=[[1, 1, 1]] * 2, matched=[[1, 1, 0]] * 2))
    whole = [2 * t / (2 * t + f) for t, f in ((12, 18), (15, 15))]
    assert found.frame[1] == pytest.approx(whole[1] - whole[0])
    left = []
    for b in range(3):
        t = [sum(row) - row[b] for row in tp]
        f = [sum(row) - row[b] for row in fn]
        scores = [2 * x / (2 * x + y) for x, y in zip(t, f, strict=True)]
        left.append(scores[1] - scores[0])
    error = np.sqrt(2 / 3 * np.sum((np.array(left) - np.mean(left)) ** 2))
    assert found.frame_error[1] == pytest.approx(error)
    assert found.frame_error[0] == found.bout_error[1] == 0.0  # the same in all blocks


@pytest.mark.parametrize(
    "columns",
    [
        {"tp": [[5], [6]], "labeled": [[1], [1]]},  # a single block
        {"tp": [[5, 0], [6, 0]], "fp": [[0, 1], [0, 0]], "labeled": [[3, 0], [3, 0]]},
    ],
)
def test_what_rests_on_one_block_is_not_believed(columns):
    found = gains(counts(**columns))
    assert np.isinf(found.bout_error).all()
    assert not is_safe(found, AutoSettings()).any()


# --- the choice


def of(frame, bout, error=0.01):
    """Gains of candidates, the first of which gains nothing."""
    n = len(frame) + 1
    errors = np.full(n, error)
    errors[0] = 0
    return Gains(np.array([0, *frame]), errors, np.array([0, *bout]), errors)


def test_a_gain_must_be_beyond_doubt_and_no_frame_lost():
    settings = AutoSettings(margin=2, tolerance=0)
    found = of(frame=[0.03, 0.01, 0.03, -0.01], bout=[0.1, 0.1, 0.01, 0.2])
    assert is_safe(found, settings).tolist() == [False, True, False, False, False]
    patient = AutoSettings(margin=2, tolerance=0.05)
    assert is_safe(found, patient).tolist() == [False, True, True, False, True]


def test_nothing_safe_leaves_the_first():
    found = of(frame=[0.1], bout=[0.1])
    assert pick(found, np.array([False, False]), np.array([0, 5]), AutoSettings()) == 0


def test_of_nearly_equal_ones_the_mildest_is_taken():
    found = of(frame=[0.1, 0.1, 0.1], bout=[0.2, 0.204, 0.1])
    safe, changed = np.array([False, True, True, True]), np.array([0, 10, 50, 1])
    assert pick(found, safe, changed, AutoSettings(mildness=0.5)) == 1
    assert pick(found, safe, changed, AutoSettings(mildness=0)) == 2


def noisy(seed, *, n_bouts=60, gap=60, blips=0.01, dropouts=0.05, unknown=0):
    """One video: bouts of 30 frames, with gaps of two frames and false bouts of three."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(n_bouts * (30 + gap), dtype=np.int8)
    for k in range(n_bouts):
        start = k * (30 + gap) + int(rng.integers(gap))
        labels[start : start + 30] = 1
    wrong = np.zeros(len(labels), dtype=bool)
    for t in np.flatnonzero(rng.random(len(labels)) < np.where(labels == 1, dropouts, blips)):
        wrong[t : t + (2 if labels[t] else 3)] = True
    values = np.where((labels == 1) ^ wrong, 0.85, 0.15) + rng.normal(0, 0.03, len(labels))
    labels[:unknown] = -1
    return track(labels, np.clip(values, 0, 1))


def chosen_on(tracks, *, settings=AUTO, threshold=0.5, **changes):
    lengths = [np.full(200, 30)]
    lengths[0][:10] = 2  # so that the percentile filter is lenient
    return choose(
        tracks, behaviors=["groom"], thresholds=[threshold], lengths=lengths, settings=settings,
        **changes,
    )["groom"]  # fmt: skip


def test_blips_and_dropouts_are_smoothed():
    one = chosen_on([noisy(1), noisy(2)])
    assert one.treatment.method != "percentile"
    assert one.n_bouts == 120
    assert one.reason.startswith("bout F1 0.")
    by_method = {tried.treatment.method: tried for tried in one.tried}
    assert by_method[one.treatment.method].bout_f1 > by_method["percentile"].bout_f1 + 0.1


def test_a_perfect_model_is_left_alone():
    perfect = noisy(1, blips=0, dropouts=0)
    one = chosen_on([perfect])
    assert one.treatment.method == "percentile"
    assert (
        one.reason
        == "nothing gains bouts beyond doubt without losing frames; it stays as it was set"
    )


def test_few_bouts_choose_nothing():
    one = chosen_on([noisy(1, n_bouts=29)])
    assert one.treatment.method == "percentile"
    assert "29 labeled bouts in validation, fewer than 30" in one.reason
    # Nor do bouts that nobody has scored count.
    assert chosen_on([noisy(1, unknown=60 * 90)]).n_bouts == 0


def test_settings_decide_how_much_is_believed():
    few = [noisy(1, n_bouts=29)]
    bold = PostprocessSettings(method="auto", auto=AutoSettings(min_bouts=5, margin=2))
    assert chosen_on(few, settings=bold).treatment.method != "percentile"
    timid = PostprocessSettings(method="auto", auto=AutoSettings(min_bouts=5, margin=100))
    assert chosen_on(few, settings=timid).treatment.method == "percentile"


def test_a_fixed_method_is_only_scored():
    one = chosen_on([noisy(1)], settings=PostprocessSettings(method="median", median_reach=4))
    assert (one.treatment.method, one.treatment.reach) == ("median", 4)
    assert one.reason == "set in config.yaml"
    assert [tried.treatment for tried in one.tried] == [one.treatment]


def test_a_behavior_of_its_own_method():
    each = (BehaviorSmoothing(behavior="groom", method="none"),)
    settings = PostprocessSettings(method="auto", per_behavior=each)
    assert chosen_on([noisy(1)], settings=settings).treatment.method == "none"


def test_joint_thresholds_leave_a_bad_one():
    # Frames of a bout have probabilities around 0.85, so that hardly any is above 0.88.
    tracks, here = (
        [noisy(1), noisy(2)],
        PostprocessSettings(method="auto", auto=AutoSettings(shift=0)),
    )
    alone = chosen_on(tracks, settings=here, threshold=0.88)
    joint = chosen_on(tracks, settings=here, threshold=0.88, joint=True)
    assert joint.treatment.threshold < alone.treatment.threshold
    best = {one.treatment: one.bout_f1 for one in joint.tried}
    assert best[joint.treatment] > {o.treatment: o.bout_f1 for o in alone.tried}[alone.treatment]


def test_joint_thresholds_of_a_fixed_method():
    here = AutoSettings(shift=0)
    settings = PostprocessSettings(method="min_bout", min_bout=6, auto=here)
    joint = chosen_on([noisy(1), noisy(2)], settings=settings, threshold=0.92, joint=True)
    assert joint.treatment.method == "min_bout"
    assert joint.treatment.threshold < 0.92


def test_same_input_same_choice():
    tracks = [noisy(1), noisy(2)]
    assert chosen_on(tracks) == chosen_on(tracks)


def test_members_of_a_group_are_tried_together():
    first, second = noisy(1), noisy(2)
    labels = np.concatenate([first.labels, second.labels * (first.labels == 0)], axis=1)
    both = Track(labels, np.concatenate([first.probabilities, second.probabilities], axis=1))
    found = choose(
        [both], behaviors=["groom", "rear"], thresholds=[0.5, 0.5], lengths=[[30] * 9] * 2,
        settings=AUTO, groups=((0, 1),),
    )  # fmt: skip
    before = [plain(length=candidates(AUTO, threshold=0.5, lengths=[30] * 9)[0].length)] * 2
    after = [choice.treatment for choice in found.values()]
    for k in range(2):
        old = Bench([both], k, before, ((0, 1),)).count([before[k]])
        new = Bench([both], k, after, ((0, 1),)).count([after[k]])
        assert new.frame_f1()[0] >= old.frame_f1()[0]
        assert new.bout_f1()[0] >= old.bout_f1()[0]


def test_a_choice_that_costs_another_of_the_group_is_not_made(monkeypatch):
    from deg_core.ethogram import choosing

    monkeypatch.setattr(choosing, "_loses", lambda _, others, *rest: bool(others))
    one = noisy(1)
    pair = Track(np.repeat(one.labels, 2, axis=1) * [1, 0], np.repeat(one.probabilities, 2, axis=1))
    pair.probabilities[:, 1] = 0
    found = choose(
        [pair], behaviors=["groom", "rear"], thresholds=[0.5, 0.5], lengths=[[30] * 9] * 2,
        settings=AUTO, groups=((0, 1),),
    )  # fmt: skip
    assert found["groom"].treatment.method == "percentile"
    assert found["groom"].reason.endswith(
        "would cost another of its exclusive group; it stays as it was set"
    )


@pytest.mark.parametrize("strength", [0.3, 1.0, 3.0])
def test_what_is_chosen_holds_on_other_videos(strength):
    """The guarantee: more bouts, and never 0.005 of frame F1 less, on videos not chosen on."""
    noise = {"blips": 0.004 * strength, "dropouts": 0.03 * strength}
    gained = []
    for seed in range(4):
        val = [noisy(100 + 10 * seed + i, n_bouts=25, **noise) for i in range(2)]
        test = [noisy(200 + 10 * seed + i, n_bouts=25, **noise) for i in range(2)]
        options = candidates(AUTO, threshold=0.5, lengths=[2] * 10 + [30] * 190)
        one = chosen_on(val).treatment
        scored = Bench(test, 0, options[:1], ()).count([options[0], one])
        frame, bout = scored.frame_f1(), scored.bout_f1()
        assert frame[1] - frame[0] >= -0.005
        gained.append(bout[1] - bout[0])
    assert np.mean(gained) > 0.05


def test_lengths_of_the_noisy_video():
    labels = noisy(1, n_bouts=5).labels[:, 0]
    assert bout_lengths(labels).tolist() == [30] * 5
    assert len(intervals(labels == 1)) == 5


@pytest.mark.parametrize(("n_videos", "expected"), [(1, 0.8), (4, 0.4)])
def test_other_videos_are_expected_to_differ_from_many_by_less(monkeypatch, n_videos, expected):
    shifts = []
    count = Bench.count

    def noted(self, options, *, shift=0.0):
        shifts.append(shift)
        return count(self, options, shift=shift)

    monkeypatch.setattr(Bench, "count", noted)
    settings = PostprocessSettings(method="auto", auto=AutoSettings(shift=0.8))
    chosen_on([noisy(seed) for seed in range(n_videos)], settings=settings)
    assert shifts == pytest.approx([0.0, -expected, expected])
