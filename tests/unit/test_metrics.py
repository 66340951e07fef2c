"""All scores of one model: directions, means, background, unknown frames, chance level."""

from functools import reduce

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from deg_core.ethogram.bootstrap import draw
from deg_core.ethogram.bouts import binarize
from deg_core.ethogram.frame_metrics import rank, ranking_scores
from deg_core.ethogram.metrics import DIRECTIONS, Scored, direction, evaluate, mean_defined
from deg_core.settings import EvaluateSettings

FEW = EvaluateSettings(shuffles=5)
PER_BEHAVIOR = [
    "accuracy", "precision", "recall", "f1", "auroc", "average_precision", "calibration_error",
    "bout_f1_10", "bout_f1_25", "bout_f1_50", "edit_score", "split_count", "merge_count",
    "onset_error", "offset_error", "count_bias", "duration_bias",
]  # fmt: skip
OVERALL = [
    "accuracy", "precision_micro", "recall_micro", "f1_micro", "precision_macro", "recall_macro",
    "f1_macro", "auroc_macro", "average_precision_macro", "calibration_error_macro",
    "bout_f1_10", "bout_f1_25", "bout_f1_50", "edit_score", "split_count", "merge_count",
    "onset_error", "offset_error", "count_bias", "duration_bias",
]  # fmt: skip


def video(labels, probabilities, threshold=0.5):
    """Make one video of one or more behaviors; columns as lists over time."""
    labels, values = np.array(labels, np.int8).T, np.array(probabilities, np.float32).T
    thresholds = [threshold] * labels.shape[1]
    present = binarize(values, thresholds=thresholds, lengths=[0] * labels.shape[1])
    return Scored(labels, present, values)


def bouts(n, *runs):
    """Return n zeros with ones in the runs."""
    trace = np.zeros(n)
    for start, stop in runs:
        trace[start:stop] = 1
    return trace


LABELED = [(20, 40), (60, 90), (120, 130), (150, 180)]
BETTER = [(21, 42), (61, 90), (119, 131), (150, 179)]
# The first bout in pieces, the second and third in one, the last missed, three invented.
WORSE = [(5, 8), (30, 33), (34, 36), (75, 125), (190, 195), (196, 198)]


def scores_of(*runs):
    labels = bouts(200, *LABELED)
    found = bouts(200, *runs)
    # A graded score: what is predicted ranks higher, with a ramp that breaks ties.
    values = 0.2 + 0.6 * found + np.linspace(0, 0.1, 200)
    return evaluate([video([labels], [values])], behaviors=["groom"], settings=FEW)


@pytest.mark.parametrize("metric", PER_BEHAVIOR)
def test_a_better_prediction_scores_better(metric):
    better, worse = (scores_of(*runs)["behaviors"]["groom"][metric] for runs in (BETTER, WORSE))
    sign = 1 if direction(metric) == "higher" else -1
    assert sign * better["value"] > sign * worse["value"]


@pytest.mark.parametrize("metric", OVERALL)
def test_a_better_prediction_scores_better_overall(metric):
    better, worse = (scores_of(*runs)["overall"][metric] for runs in (BETTER, WORSE))
    sign = 1 if direction(metric) == "higher" else -1
    assert sign * better["value"] > sign * worse["value"]


def test_a_perfect_prediction_has_the_best_values():
    found = scores_of(*LABELED)
    for block in (found["overall"], found["behaviors"]["groom"], found["background"]):
        for name, entry in block.items():
            # The probabilities of right predictions are not 0 and 1, so this is an error.
            if isinstance(entry, dict) and "value" in entry and "calibration" not in name:
                assert entry["value"] == (1.0 if direction(name) == "higher" else 0.0)


def test_every_metric_has_a_direction_and_is_there():
    assert set(DIRECTIONS.values()) == {"higher", "lower"}
    found = scores_of(*BETTER)
    named = {n for n, e in found["behaviors"]["groom"].items() if isinstance(e, dict)}
    assert named - {"curve", "calibration"} == set(PER_BEHAVIOR)
    named &= set(PER_BEHAVIOR)
    assert {n for n, e in found["overall"].items() if isinstance(e, dict)} == set(OVERALL)
    assert {direction(name) for name in [*PER_BEHAVIOR, *OVERALL]} == {"higher", "lower"}
    assert {n.rsplit("_", 1)[0] if n.startswith("bout_f1") else n for n in named} == set(DIRECTIONS)


@pytest.mark.parametrize("name", ["f2", "f1_mean", "bout_f1_", "auroc_10", "f1_10"])
def test_unknown_metric_has_no_direction(name):
    with pytest.raises(KeyError):
        direction(name)


def test_overlap_settings_name_the_metrics():
    settings = EvaluateSettings(shuffles=1, iou=(0.125, 0.75))
    found = evaluate([video([[0, 1, 1, 0]], [[0, 1, 1, 0]])], behaviors=["a"], settings=settings)
    assert {n for n in found["overall"] if n.startswith("bout")} == {
        "bout_f1_12.5",
        "bout_f1_50",  # verdicts, tests and figures rest on it
        "bout_f1_75",
    }
    assert direction("bout_f1_12.5") == "higher"


def test_macro_and_micro_by_hand():
    # groom: TP 2, FP 1, FN 0, TN 1. rear: TP 0, FP 0, FN 1, TN 3.
    labels = [[1, 1, 0, 0], [0, 0, 0, 1]]
    values = [[0.9, 0.8, 0.7, 0.1], [0.3, 0.2, 0.1, 0.4]]
    found = evaluate([video(labels, values)], behaviors=["groom", "rear"], settings=FEW)
    overall = {n: e["value"] for n, e in found["overall"].items() if isinstance(e, dict)}
    assert found["behaviors"]["groom"]["confusion"] == [[1, 1], [0, 2]]
    assert found["behaviors"]["rear"]["confusion"] == [[3, 0], [1, 0]]
    assert overall["accuracy"] == 6 / 8
    assert overall["f1_macro"] == pytest.approx((0.8 + 0) / 2)
    assert overall["precision_macro"] == pytest.approx((2 / 3 + 0) / 2)
    assert overall["recall_macro"] == 0.5
    assert overall["f1_micro"] == pytest.approx(4 / (4 + 1 + 1))
    assert overall["precision_micro"] == pytest.approx(2 / 3)
    assert overall["recall_micro"] == pytest.approx(2 / 3)
    assert overall["auroc_macro"] == 1.0
    assert overall["count_bias"] == 0.5  # groom 0, rear 1
    assert found["overall"]["n_frames"] == 8
    assert found["overall"]["n_bouts"] == 2
    # Background is labeled in frame 2 only, predicted in frame 3 only: TN 2, FP 1, FN 1, TP 0.
    assert found["background"]["confusion"] == [[2, 1], [1, 0]]
    assert "auroc" not in found["background"]
    assert "curve" not in found["background"]


def test_behavior_that_is_never_labeled_drops_out_of_the_means():
    labels = [[1, 1, 0, 0], [0, 0, 0, 0]]
    values = [[0.9, 0.8, 0.7, 0.1], [0.9, 0.2, 0.1, 0.4]]
    found = evaluate([video(labels, values)], behaviors=["groom", "rear"], settings=FEW)
    rear = found["behaviors"]["rear"]
    assert rear["accuracy"]["value"] == 0.75
    # That it is absent can be said with more or less confidence: 0.9, 0.2, 0.1 and 0.4.
    assert rear["calibration_error"]["value"] == pytest.approx(0.4)
    undefined = set(PER_BEHAVIOR) - {"accuracy", "calibration_error"}
    assert np.isnan([rear[n]["value"] for n in undefined]).all()
    assert np.isnan([rear[n]["chance"] for n in undefined]).all()
    assert rear["curve"]["recall"] == []
    assert found["overall"]["f1_macro"]["value"] == pytest.approx(0.8)
    # In the counts its false frame stays: 4 / (4 + 2).
    assert found["overall"]["f1_micro"]["value"] == pytest.approx(4 / 6)


def test_unknown_frames_take_part_in_nothing():
    labels, values = bouts(60, (10, 20), (30, 40)), bouts(60, (11, 20), (30, 42)) * 0.8
    plain = evaluate([video([labels], [values])], behaviors=["groom"], settings=FEW)
    # Wrong predictions in frames that nobody scored, at the end: the bouts stay as they were.
    more_labels = np.concatenate([labels, np.full(30, -1)])
    more_values = np.concatenate([values, np.tile([0.9, 0.1], 15)])
    more = evaluate([video([more_labels], [more_values])], behaviors=["groom"], settings=FEW)
    for name in PER_BEHAVIOR:
        both = [x["behaviors"]["groom"][name]["value"] for x in (plain, more)]
        assert both[0] == both[1]
    facts = ("n_frames", "n_bouts", "n_bouts_predicted", "confusion", "curve", "calibration")
    for name in facts:
        both = [str(x["behaviors"]["groom"][name]) for x in (plain, more)]  # NaN equals no NaN
        assert both[0] == both[1]


def test_bouts_do_not_reach_into_the_next_video():
    one = video([[0, 0, 1, 1]], [[0, 0, 1, 1]])
    two = video([[1, 1, 0, 0]], [[1, 1, 0, 0]])
    groom = evaluate([one, two], behaviors=["groom"], settings=FEW)["behaviors"]["groom"]
    assert (groom["n_bouts"], groom["n_bouts_predicted"]) == (2, 2)
    assert groom["mean_bout_frames"] == groom["mean_bout_frames_predicted"] == 2.0
    assert (groom["n_frames"], groom["n_positive"]) == (8, 4)


def test_chance_is_the_mean_over_rolled_labels():
    rng = np.random.default_rng(0)
    labels = np.repeat(rng.integers(-1, 2, 12), 5)
    values = rng.random(60)
    settings = EvaluateSettings(shuffles=8, seed=11)
    found = evaluate([video([labels], [values])], behaviors=["groom"], settings=settings)
    shifts = np.random.default_rng(11).integers(1, 60, size=(8, 1))[:, 0]
    rolled = [np.roll(labels, s) for s in shifts]
    present = values.astype(np.float32) > 0.5
    f1 = [2 * (present & (r == 1)).sum() / (present[r >= 0].sum() + (r == 1).sum()) for r in rolled]
    assert found["behaviors"]["groom"]["f1"]["chance"] == pytest.approx(np.mean(f1))
    ranking = rank(values.astype(np.float32))
    areas = [ranking_scores(r, ranking)["auroc"] for r in rolled]
    assert found["behaviors"]["groom"]["auroc"]["chance"] == pytest.approx(np.mean(areas))


def test_chance_is_near_the_expected_level_and_seeded():
    labels = bouts(2000, *((i, i + 20) for i in range(0, 2000, 100)))
    rng = np.random.default_rng(0)
    values = rng.random(2000)
    settings = EvaluateSettings(shuffles=100, seed=5)
    found = evaluate([video([labels], [values])], behaviors=["groom"], settings=settings)
    groom = found["behaviors"]["groom"]
    assert groom["auroc"]["chance"] == pytest.approx(0.5, abs=0.02)
    # A coin for 20 % of the frames: precision 0.2, recall 0.5, F1 = 0.2 / 0.7.
    assert groom["f1"]["chance"] == pytest.approx(2 / 7, abs=0.02)
    again = evaluate([video([labels], [values])], behaviors=["groom"], settings=settings)
    assert str(again["behaviors"]["groom"]) == str(groom)  # NaN is not equal to itself


def test_chance_of_bouts_keeps_bout_lengths():
    # The prediction is right; shifted labels of the same lengths hit it now and then.
    found = scores_of(*LABELED)["behaviors"]["groom"]
    assert found["bout_f1_50"]["value"] == 1.0
    assert found["bout_f1_50"]["chance"] < 0.6
    assert found["recall"]["chance"] < found["recall"]["value"]


def test_one_frame_and_nothing_scored():
    tiny = evaluate([video([[1]], [[0.9]])], behaviors=["groom"], settings=FEW)
    f1 = tiny["behaviors"]["groom"]["f1"]
    assert (f1["value"], f1["chance"]) == (1.0, 1.0)
    assert np.isnan([f1["low"], f1["high"]]).all()  # one video
    assert np.isnan(tiny["behaviors"]["groom"]["auroc"]["value"])
    blank = evaluate([video([[-1, -1]], [[0.9, 0.1]])], behaviors=["groom"], settings=FEW)
    overall = [e["value"] for e in blank["overall"].values() if isinstance(e, dict)]
    assert np.isnan(overall).all()
    assert blank["overall"]["n_frames"] == 0


def test_mean_of_defined_values():
    values = np.array([[1.0, np.nan], [3.0, np.nan]])
    assert mean_defined(values) == 2.0
    assert np.array_equal(mean_defined(values, axis=0), [2.0, np.nan], equal_nan=True)


def test_scores_of_a_group_of_all_behaviors_by_hand():
    # Ten frames: groom 0-2, rear 3-5, background 6-8, unknown 9. Frame 2 is taken for rear, frame 6
    # for groom: 7 of 9 are right.
    labels = np.zeros((10, 2), np.int8)
    labels[:3, 0], labels[3:6, 1], labels[9] = 1, 1, [0, -1]
    present = np.zeros((10, 2), bool)
    present[[0, 1, 6], 0], present[[2, 3, 4, 5, 9], 1] = True, True
    track = Scored(labels, present, present.astype(np.float32))
    found = evaluate([track], behaviors=["groom", "rear"], settings=FEW, groups=((0, 1),))
    group = found["groups"]["groom | rear"]
    assert group["confusion"] == [[2, 1, 0], [0, 2, 1], [0, 0, 3]]
    assert group["n_frames"] == 9
    assert group["accuracy"]["value"] == pytest.approx(7 / 9)
    assert group["f1_macro"]["value"] == pytest.approx((4 / 5 + 4 / 6 + 6 / 7) / 3)
    assert group["n_bouts"] == 2
    assert 0 <= group["accuracy"]["chance"] < 7 / 9


def test_chance_of_a_group_shifts_its_behaviors_together():
    # What never changes within a video is the same after any shift.
    labels = np.tile(np.array([[1, 0]], np.int8), (8, 1))
    track = Scored(labels, labels == 1, labels.astype(np.float32))
    found = evaluate([track], behaviors=["groom", "rear"], settings=FEW, groups=((0, 1),))
    for metric in ("accuracy", "f1_macro"):
        entry = found["groups"]["groom | rear"][metric]
        assert (entry["value"], entry["chance"]) == (1.0, 1.0)


def test_without_groups_there_is_no_such_block():
    assert "groups" not in scores_of(*BETTER)


# --- intervals


def three_videos():
    """Two behaviors, of which one video lacks the second; some frames unknown."""
    rng = np.random.default_rng(0)
    tracks = []
    for n in (60, 90, 140):
        labels = np.repeat(rng.random((n // 5, 2)) < 0.4, 5, axis=0).astype(np.int8)
        labels[rng.random((n, 2)) < 0.05] = -1
        labels[:, 1] = np.where(n == 60, 0, labels[:, 1])
        values = 0.35 * (labels == 1) + 0.65 * rng.random((n, 2))
        tracks.append(video(labels.T, values.T))
    return tracks


def test_intervals_are_those_of_videos_drawn_again():
    tracks, settings = three_videos(), EvaluateSettings(shuffles=1, bootstrap=40)
    options = {"behaviors": ["groom", "rear"], "settings": settings, "groups": ((0, 1),)}
    found = evaluate(tracks, **options)
    draws = draw(3, n=40, seed=0)
    again = []  # score each draw as if its videos were all there are
    for weights in draws.weights[draws.number]:
        drawn = [t for t, w in zip(tracks, weights, strict=True) for _ in range(int(w))]
        again.append(evaluate(drawn, **options))
    checked = 0
    for place in (
        ("overall",), ("behaviors", "groom"), ("behaviors", "rear"), ("background",),
        ("groups", "groom | rear"),
    ):  # fmt: skip
        blocks = [reduce(lambda block, name: block[name], place, x) for x in (found, *again)]
        for metric, entry in blocks[0].items():
            if not isinstance(entry, dict) or "chance" not in entry:
                continue
            values = np.array([block[metric]["value"] for block in blocks[1:]])
            expected = np.percentile(values[~np.isnan(values)], [2.5, 97.5])
            assert [entry["low"], entry["high"]] == pytest.approx(expected), (place, metric)
            checked += 1
    assert checked == len(OVERALL) + 3 * len(PER_BEHAVIOR) - 3 + 2


def test_draws_that_have_every_video_once_give_the_scores_themselves():
    tracks = three_videos()
    settings = EvaluateSettings(shuffles=1)
    groom = evaluate(tracks, behaviors=["groom", "rear"], settings=settings)["behaviors"]["groom"]
    for name in PER_BEHAVIOR:
        assert groom[name]["low"] <= groom[name]["value"] <= groom[name]["high"]
    assert groom["f1"]["low"] < groom["f1"]["high"]


def test_no_interval_of_one_video_or_without_resamples():
    for tracks, n in ((three_videos()[:1], 1000), (three_videos(), 0)):
        settings = EvaluateSettings(shuffles=1, bootstrap=n)
        found = evaluate(tracks, behaviors=["groom", "rear"], settings=settings)
        entry = found["overall"]["f1_macro"]
        assert np.isnan([entry["low"], entry["high"]]).all()
        assert entry["value"] > 0


def test_intervals_are_seeded_apart_from_the_shifts():
    def f1(**changes):
        settings = EvaluateSettings(**({"shuffles": 3, "bootstrap": 25} | changes))
        found = evaluate(three_videos(), behaviors=["groom", "rear"], settings=settings)
        return found["overall"]["f1_macro"]

    assert f1() == f1()
    assert f1(bootstrap=26)["chance"] == f1()["chance"]
    assert f1(shuffles=4)["low"] == f1()["low"]
    assert f1(seed=1) != f1()


def test_reliability_curve_is_there_for_each_behavior_only():
    found = evaluate(three_videos(), behaviors=["groom", "rear"], settings=FEW)
    curve = found["behaviors"]["groom"]["calibration"]
    assert sum(curve["n_frames"]) == found["behaviors"]["groom"]["n_frames"]
    assert len(curve["mean_probability"]) == len(curve["share_positive"]) == 10
    assert "calibration" not in found["background"]
    assert "calibration_error" not in found["background"]


def test_macro_and_micro_are_those_of_scikit_learn():
    tracks = three_videos()
    labels, present = (np.concatenate(x) for x in zip(*((t[0], t[1]) for t in tracks), strict=True))
    found = evaluate(tracks, behaviors=["groom", "rear"], settings=FEW)
    known = [labels[:, k] >= 0 for k in (0, 1)]
    pairs = [(labels[known[k], k], present[known[k], k]) for k in (0, 1)]
    both = [np.concatenate(x) for x in zip(*pairs, strict=True)]
    for name, score in {
        "f1": f1_score,
        "precision": precision_score,
        "recall": recall_score,
    }.items():
        one, other = (score(*pair) for pair in pairs)
        assert found["behaviors"]["rear"][name]["value"] == pytest.approx(other)
        assert found["overall"][f"{name}_macro"]["value"] == pytest.approx((one + other) / 2)
        assert found["overall"][f"{name}_micro"]["value"] == pytest.approx(score(*both))
    assert found["overall"]["accuracy"]["value"] == pytest.approx(accuracy_score(*both))
    silent = ~(labels == 1).any(axis=1) & (labels >= 0).all(axis=1)
    scored = silent | (labels == 1).any(axis=1)
    expected = f1_score(silent[scored], ~present[scored].any(axis=1))
    assert found["background"]["f1"]["value"] == pytest.approx(expected)


def test_what_is_predicted_where_nobody_scored_changes_neither_scores_nor_intervals():
    rng = np.random.default_rng(0)
    tracks, turned = [], []
    for track in three_videos():
        labels = track.labels.copy()
        labels[rng.random(len(labels)) < 0.2] = -1
        hidden = (labels < 0).all(axis=1)[:, None]
        tracks.append(Scored(labels, track.present, track.probabilities))
        values = np.where(hidden, 1 - track.probabilities, track.probabilities)
        turned.append(Scored(labels, track.present ^ hidden, values))
    options = {"behaviors": ["groom", "rear"], "settings": FEW, "groups": ((0, 1),)}
    one, other = (evaluate(x, **options) for x in (tracks, turned))
    for place in (
        ("overall",), ("behaviors", "groom"), ("behaviors", "rear"), ("background",),
        ("groups", "groom | rear"),
    ):  # fmt: skip
        first, second = (reduce(lambda block, name: block[name], place, x) for x in (one, other))
        for metric in first:
            if isinstance(first[metric], dict) and "chance" in first[metric]:
                # The chance level may differ: shifted labels look at other frames.
                pair = [[x[metric][k] for k in ("value", "low", "high")] for x in (first, second)]
                assert pair[0] == pytest.approx(pair[1]), (place, metric)
            elif metric != "curve":
                assert str(first[metric]) == str(second[metric])
