"""Bouts, decoding, thresholds and scores beside the original program's."""

import numpy as np
import pytest
import reference

from deg_core.ethogram import bouts, groups, original, original_scores, thresholds
from deg_core.ethogram.frame_metrics import count, frame_scores, rank, ranking_scores
from deg_core.settings import ThresholdSettings

BOUTS = reference.load("bouts")
POST = reference.load("postprocessors")
THRESHOLDS = reference.load("thresholds")
METRICS = reference.load("metrics")


def cases(fixture, *also):
    meta, arrays = fixture
    prefixes = [c["prefix"] for c in meta["cases"]]
    return [pytest.param(reference.case(arrays, p), id=p.strip("_")) for p in (*prefixes, *also)]


@pytest.mark.parametrize("case", cases(BOUTS))
def test_bouts_begin_end_and_vanish_where_the_original_has_them(case):
    trace = case["trace"]
    if "onsets" in case:  # the original cannot take an empty trace
        np.testing.assert_array_equal(
            bouts.intervals(trace), np.stack([case["onsets"], case["offsets"]], axis=1)
        )
    for length in (1, 2, 3):
        short = {
            "pos": original.frames_in_runs(trace, length=length, present=True),
            "neg": original.frames_in_runs(trace, length=length, present=False),
        }
        for sign, frames in short.items():
            # In a trace shorter than the pattern it looks for, the original counts from a frame
            # that the trace does not have.
            if f"short_{sign}_{length}" in case and len(trace) >= length + 2:
                np.testing.assert_array_equal(frames, case[f"short_{sign}_{length}"])
        cleaned = bouts.remove_short(trace, length=length)
        if f"cleaned_{length}" in case:
            np.testing.assert_array_equal(cleaned, case[f"cleaned_{length}"])


@pytest.mark.parametrize("trace", [[], [0], [1]])
@pytest.mark.parametrize("length", [1, 2, 3])
def test_traces_too_short_for_the_original_follow_the_same_rule(trace, length):
    assert bouts.intervals([]).shape == (0, 2)
    assert not bouts.remove_short(trace, length=length).any()
    present = original.frames_in_runs(trace, length=length, present=True)
    assert present.tolist() == ([0] if trace == [1] and length == 1 else [])
    absent = original.frames_in_runs(trace, length=length, present=False)
    assert absent.tolist() == ([0] if trace == [0] and length == 1 else [])


@pytest.mark.parametrize("case", cases(POST))
def test_probabilities_become_the_predictions_of_the_original(case):
    lengths = {"threshold_only": 0, "min_bout_1": 1, "min_bout_2": 2, "min_bout_3": 3}
    for name in set(lengths) & set(case):
        predicted = original.predict(
            case["probabilities"], thresholds=case["thresholds"], lengths=lengths[name]
        )
        np.testing.assert_array_equal(predicted, case[name], err_msg=name)
    if "per_behavior" in case:
        predicted = original.predict(
            case["probabilities"], thresholds=case["thresholds"], lengths=case["bout_lengths"]
        )
        np.testing.assert_array_equal(predicted, case["per_behavior"])


def test_videos_too_short_for_the_original_are_decoded_by_the_same_rule():
    arrays = POST[1]
    one, empty = reference.case(arrays, "c01_"), reference.case(arrays, "empty_")
    for length in (1, 2, 3):
        predicted = original.predict(
            one["probabilities"], thresholds=one["thresholds"], lengths=length
        )
        assert predicted.tolist() == [[1, 0, 0, 0, 0]]
        predicted = original.predict(
            empty["probabilities"], thresholds=empty["thresholds"], lengths=length
        )
        assert predicted.shape == (0, 3)


@pytest.mark.parametrize("percentile", [1, 5, 50])
def test_the_length_that_vanishes_is_the_percentile_of_all_bouts(percentile):
    arrays = POST[1]
    labels = [arrays["label0"], arrays["label1"]]
    partly = np.full_like(labels[0], -1)
    partly[:40, 0] = 1
    for given in (labels, [*labels, partly]):
        reference.close(
            original.bout_percentiles(given, percentile=percentile),
            arrays[f"percentile_{percentile}"],
            rtol=1e-12,
        )
        np.testing.assert_array_equal(
            original.removal_lengths(given, percentile=percentile), arrays[f"rounded_{percentile}"]
        )


def test_a_behavior_without_bouts_loses_bouts_of_one_frame():
    never = [np.zeros((9, 2), int)]
    assert original.bout_percentiles(never).tolist() == [1.0, 1.0]
    assert original.removal_lengths(never).tolist() == [1, 1]
    unknown = [np.full((9, 2), -1)]
    assert original.removal_lengths(unknown).tolist() == [1, 1]


def test_no_video_has_no_behaviors():
    assert original.bout_percentiles([]).shape == (0,)
    assert original.removal_lengths([]).shape == (0,)
    assert original.removal_lengths([]).dtype == np.int64


def test_thresholds_that_are_too_low_or_too_bad_are_replaced():
    arrays = POST[1]
    low = original.raise_thresholds(arrays["low_in"])
    np.testing.assert_array_equal(low, arrays["low_out"])
    with_scores = original.raise_thresholds(arrays["low_in"], arrays["low_f1"])
    np.testing.assert_array_equal(with_scores, arrays["low_out_f1"])


@pytest.mark.parametrize("case", cases(THRESHOLDS))
def test_threshold_curves_and_choices_are_those_of_the_original(case):
    curves = original_scores.threshold_curves(case["labels"], case["probabilities"])
    ours = curves.scores._asdict() | {
        "thresholds": curves.thresholds,
        "auroc": curves.auroc,
        "mAP": curves.mean_average_precision,
        "optimum": curves.optimum,
        "optimum_info": curves.optimum_informedness,
    }
    stored = reference.case(case, "by_threshold_")
    assert set(stored) <= set(ours)
    for name, expected in stored.items():
        reference.close(ours[name], expected, rtol=2e-7)


@pytest.mark.parametrize("case", cases(THRESHOLDS))
def test_scores_of_an_epoch_are_those_of_the_original(case):
    scores = original_scores.epoch_scores(case["labels"], case["probabilities"])
    stored = reference.case(case, "epoch_")
    assert set(scores) == set(stored)
    for name, expected in stored.items():
        reference.close(scores[name], expected, rtol=2e-7)


@pytest.mark.parametrize("case", cases(THRESHOLDS))
def test_our_own_search_agrees_where_there_are_positive_and_negative_frames(case):
    known = (case["labels"] != -1).all(axis=1)
    labels, probabilities = case["labels"][known], case["probabilities"][known]
    for k in range(labels.shape[1]):
        choice = thresholds.choose(labels[:, k], probabilities[:, k], settings=ThresholdSettings())
        if choice.reason.startswith("fallback: no"):
            assert choice.threshold == 0.5
            continue
        assert choice.threshold == pytest.approx(case["by_threshold_optimum"][k], abs=1e-12)
        reference.close(choice.curve.f1, case["by_threshold_f1"][:, k], rtol=2e-7)


def test_our_exact_area_is_near_the_one_of_200_thresholds():
    case = reference.case(THRESHOLDS[1], "c00_")
    for k in range(5):
        exact = ranking_scores(case["labels"][:, k], rank(case["probabilities"][:, k]))
        assert exact["auroc"] == pytest.approx(case["by_threshold_auroc"][k], abs=0.01)


def test_labels_may_be_the_number_of_the_positive_column():
    probabilities = np.random.default_rng(0).random((20, 3))
    index = np.random.default_rng(1).integers(-1, 3, 20)
    one_hot = np.eye(3, dtype=int)[index]
    one_hot[index == -1] = -1
    for name, expected in original_scores.epoch_scores(one_hot, probabilities).items():
        found = original_scores.epoch_scores(index, probabilities)[name]
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("case", cases(METRICS))
def test_counts_and_scores_are_those_of_the_original(case):
    counts = original_scores.confusion(case["labels"], case["predictions"])
    np.testing.assert_array_equal(counts, case["confusion"])
    scores = original_scores.confusion_scores(counts)._asdict()
    for name in ("precision", "recall", "f1", "f2", "informedness", "tpr", "fpr"):
        reference.close(scores[name], case[name], rtol=1e-9)


@pytest.mark.parametrize("case", cases(METRICS))
def test_our_own_scores_agree_where_they_have_a_value(case):
    scores = frame_scores(count(case["labels"], case["predictions"]))
    for name in ("precision", "recall", "f1"):
        defined = ~np.isnan(scores[name])
        reference.close(scores[name][defined], case[name][defined], rtol=2e-7)
        assert not case[name][~defined].any()


@pytest.mark.parametrize("case", cases(METRICS))
def test_scores_of_exclusive_classes_are_those_of_the_original(case):
    predicted = original_scores.hardmax(case["probabilities"])
    np.testing.assert_array_equal(predicted, case["hardmax"])
    counts = groups.confusion(
        case["indicator"], predicted.argmax(axis=1), n_classes=predicted.shape[1]
    )
    np.testing.assert_array_equal(counts, case["class_confusion"])
    assert original_scores.mean_class_accuracy(counts) == pytest.approx(
        float(case["mean_class_accuracy"]), abs=1e-12
    )
    assert original_scores.macro_f1(counts) == pytest.approx(float(case["macro_f1"]), abs=1e-12)


def test_without_any_frame_scores_of_classes_are_undefined():
    counts = groups.confusion(np.array([-1]), np.array([0]), n_classes=2)
    assert not counts.any()
    assert np.isnan(original_scores.mean_class_accuracy(counts))
    assert np.isnan(original_scores.macro_f1(counts))
