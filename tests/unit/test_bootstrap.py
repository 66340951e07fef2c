"""Intervals over resampled videos: draws, weighted ranks, weighted medians."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from deg_core.ethogram.bootstrap import (
    draw,
    interval,
    levels_of,
    weighted_medians,
    weighted_ranking,
)
from deg_core.ethogram.frame_metrics import Counts, frame_scores, rank, ranking_scores


def test_draws_have_as_many_videos_as_there_are():
    draws = draw(5, n=400, seed=1)
    assert (draws.weights.sum(axis=1) == 5).all()
    assert draws.number.shape == (400,)
    drawn = draws.weights[draws.number]
    assert drawn.mean(axis=0) == pytest.approx(np.ones(5), abs=0.15)
    assert drawn.std() == pytest.approx(np.sqrt(4 / 5), abs=0.05)  # binomial, 5 times 1/5


def test_each_draw_is_computed_once():
    assert len(draw(4, n=5000, seed=0).weights) == 35  # 7 over 3
    assert len(draw(1, n=10, seed=0).weights) == 1


def test_draws_are_seeded():
    one, same, other = (draw(6, n=50, seed=s) for s in (3, 3, 4))
    assert np.array_equal(one.weights[one.number], same.weights[same.number])
    assert not np.array_equal(one.weights[one.number], other.weights[other.number])


def test_interval_holds_95_percent_and_leaves_out_what_has_no_value():
    draws = draw(3, n=1000, seed=0)
    value = np.arange(len(draws.weights), dtype=float)
    some = np.where(value < 4, np.nan, value)
    low, high = interval(np.column_stack([value, some, np.full_like(value, np.nan)]), draws)
    sample = value[draws.number]
    assert [low[0], high[0]] == np.percentile(sample, [2.5, 97.5]).tolist()
    assert ((sample >= low[0]) & (sample <= high[0])).mean() >= 0.95
    assert [low[1], high[1]] == np.percentile(sample[sample >= 4], [2.5, 97.5]).tolist()
    assert np.isnan([low[2], high[2]]).all()


def test_interval_is_about_as_wide_as_theory_says():
    # The mean over 40 videos, each with the score of a coin: standard error 0.5 / sqrt(40).
    scores = np.tile([0.0, 1.0], 20)
    draws = draw(40, n=4000, seed=2)
    low, high = interval((draws.weights @ scores / 40)[:, None], draws)
    assert high[0] - low[0] == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(40), rel=0.06)


@pytest.mark.parametrize(("n_videos", "least", "most"), [(3, 0.65, 0.85), (20, 0.87, 0.97)])
def test_how_often_an_interval_holds_the_true_score(n_videos, least, most):
    # As docs/metrics.md says: too seldom, of few videos.
    rng = np.random.default_rng(0)

    def counts(n):
        positive, found, false = rng.beta(3, 12, n), rng.beta(12, 4, n), rng.beta(2, 40, n)
        hits = positive * found
        return np.stack([hits, (1 - positive) * false, positive - hits, np.zeros(n)])

    def f1(weights, table):
        return frame_scores(Counts(*(weights @ table.T).T))["f1"]

    true = f1(np.ones((1, 100_000)), counts(100_000))[0]
    held = 0
    for seed in range(150):
        draws = draw(n_videos, n=400, seed=seed)
        low, high = interval(f1(draws.weights, counts(n_videos))[:, None], draws)
        held += low[0] <= true <= high[0]
    assert least < held / 150 < most


def videos_of(seed, lengths=(80, 50, 120), levels=None):
    """Give labels, scores and the video of each frame."""
    rng = np.random.default_rng(seed)
    n = sum(lengths)
    labels = rng.choice([-1, 0, 1], size=n, p=[0.1, 0.6, 0.3]).astype(np.int8)
    scores = 0.4 * (labels == 1) + rng.random(n)
    if levels:
        scores = np.round(scores * levels) / levels
    return labels, scores, np.repeat(np.arange(len(lengths)), lengths)


@pytest.mark.parametrize("levels", [None, 5])
def test_weighted_ranking_is_that_of_scikit_learn(levels):
    labels, scores, video = videos_of(0, levels=levels)
    draws = draw(3, n=200, seed=0)
    found = weighted_ranking(levels_of(labels, rank(scores), video, 3), draws.weights)
    known = labels >= 0
    for r, weights in enumerate(draws.weights):
        weight = weights[video][known]
        truth = labels[known] == 1
        for name, reference in (
            ("auroc", roc_auc_score), ("average_precision", average_precision_score)
        ):  # fmt: skip
            expected = reference(truth, scores[known], sample_weight=weight)
            assert found[name][r] == pytest.approx(expected)


def test_ranking_of_many_draws_is_computed_in_parts():
    labels, scores, video = videos_of(1, lengths=(40,) * 6)
    weights = draw(6, n=500, seed=0).weights
    levels = levels_of(labels, rank(scores), video, 6)
    assert len(weights) > 128
    at_once, last = weighted_ranking(levels, weights), weighted_ranking(levels, weights[-1:])
    for name, values in at_once.items():
        assert values.shape == (len(weights),)
        assert values[-1] == last[name][0]


def test_thinned_levels_are_close():
    labels, scores, video = videos_of(2, lengths=(6000, 9000))
    exact = ranking_scores(labels, rank(scores))
    levels = levels_of(labels, rank(scores), video, 2, most=500)
    assert levels.positive.shape[0] == 2
    assert levels.positive.shape[1] <= 1001
    assert levels.positive.sum() == (labels == 1).sum()
    assert levels.negative.sum() == (labels == 0).sum()
    found = weighted_ranking(levels, np.ones((1, 2)))
    assert found["auroc"][0] == pytest.approx(exact["auroc"], abs=1e-5)
    assert found["average_precision"][0] == pytest.approx(exact["average_precision"], abs=2e-3)


def test_ranking_without_positive_or_negative_frames():
    video = np.array([0, 0, 1, 1])
    scores = np.array([0.9, 0.1, 0.8, 0.3])
    weights = np.array([[2.0, 0.0], [1.0, 1.0]])
    # The first video has no positive frame, the second has both kinds.
    levels = levels_of(np.array([0, 0, 1, 0]), rank(scores), video, 2)
    found = weighted_ranking(levels, weights)
    assert np.isnan(found["auroc"][0])
    assert found["auroc"][1] == pytest.approx(2 / 3)  # 0.9 is above the positive frame's 0.8
    assert np.isnan(found["average_precision"][0])
    nothing = weighted_ranking(levels_of(np.array([0, 0, 0, -1]), rank(scores), video, 2), weights)
    assert np.isnan([*nothing["auroc"], *nothing["average_precision"]]).all()


def test_weighted_medians_are_those_of_repeated_numbers():
    rng = np.random.default_rng(3)
    numbers = [rng.integers(0, 9, n) for n in (4, 0, 7)]
    draws = draw(3, n=100, seed=0)
    medians = weighted_medians(numbers, draws.weights)
    for weights, found in zip(draws.weights, medians, strict=True):
        drawn = np.concatenate(
            [np.repeat(x, int(w)) for x, w in zip(numbers, weights, strict=True)]
        )
        assert found == np.median(drawn) if drawn.size else np.isnan(found)


def test_medians_of_nothing():
    empty = np.zeros(0, np.int64)
    assert np.isnan(weighted_medians([empty, empty], np.ones((3, 2)))).all()
