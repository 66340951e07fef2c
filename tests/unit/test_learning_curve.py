"""The learning curve: known curves found again, bounds, and how sure a forecast is."""

import numpy as np
import pytest

from deg_core.ethogram import learning_curve
from deg_core.ethogram.learning_curve import Curve, Points, fit, forecast, usable

SIZES = np.array([500.0, 1000, 2000, 4000, 8000])
TRUE = Curve(top=0.9, drop=0.2, rate=0.5, scale=8000.0)


def points_of(curve, n_splits, noise=0.0, seed=0):
    """Put trainings of all sizes near a curve, for each split a little above or below."""
    rng = np.random.default_rng(seed)
    split = np.repeat(np.arange(n_splits), len(SIZES))
    n = np.tile(SIZES, n_splits) * rng.uniform(0.8, 1.25, len(split))
    f1 = curve.at(n) + rng.normal(0, noise, n_splits)[split] + rng.normal(0, noise / 2, len(split))
    return usable(n, np.clip(f1, 0, 1), split)


def test_a_known_curve_is_found_again():
    found = fit(points_of(TRUE, 2))
    assert found.at(SIZES) == pytest.approx(TRUE.at(SIZES), abs=1e-4)
    assert found.at(16000) == pytest.approx(TRUE.at(16000), abs=2e-3)
    assert (found.top, found.rate) == pytest.approx((0.9, 0.5), abs=0.02)


def test_a_curve_by_hand():
    curve = Curve(top=0.8, drop=0.4, rate=1.0, scale=100.0)
    assert curve.at([50, 100, 400]) == pytest.approx([0.0, 0.4, 0.7])
    assert curve.at(10) == 0.0  # not below
    assert curve.at(1e12) == pytest.approx(0.8)


def test_an_outlier_hardly_matters():
    points = points_of(TRUE, 3)
    spoilt = Points(points.n, np.where(np.arange(15) == 4, 0.05, points.f1), points.split)
    assert fit(spoilt).at(16000) == pytest.approx(TRUE.at(16000), abs=0.04)
    # Least squares alone would be off by more.
    design = np.stack([np.ones(15), -((spoilt.n / 8000) ** -0.5)], axis=1)
    plain = np.linalg.lstsq(design, spoilt.f1, rcond=None)[0]
    assert abs(plain[0] - plain[1] * 2**-0.5 - TRUE.at(16000)) > 0.04


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr(learning_curve, "DRAWS", 60)


@pytest.mark.parametrize(
    "f1", [[0.8, 0.8, 0.8], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.8, 0.6, 0.5], [0.1, 0.5, 1.0]]
)
def test_the_curve_never_falls_or_leaves_0_to_1(f1):
    curve = fit(usable([100, 200, 400], f1, [0, 0, 0]))
    values = curve.at(np.geomspace(1, 1e6, 50))
    assert (np.diff(values) >= 0).all()
    assert ((values >= 0) & (values <= 1)).all()


def test_what_counts_as_a_training():
    points = usable([0, 10, 20, 30], [0.0, np.nan, 0.3, 0.4], [0, 0, 0, 1])
    assert points.n.tolist() == [20, 30]  # not without the behavior, nor without a score
    assert points.f1.tolist() == [0.3, 0.4]
    assert points.splits.tolist() == [0, 1]


def test_too_few_sizes():
    # Four numbers of frames, but each split has but two sizes.
    points = usable([100, 200, 110, 190], [0.2, 0.3, 0.2, 0.4], [0, 0, 1, 1])
    assert points.n_sizes == 2
    assert fit(points) is None
    assert forecast(points, now=200, then=400, seed=0) is None
    assert usable([], [], []).n_sizes == 0
    assert fit(usable([], [], [])) is None


def test_forecast():
    found = forecast(points_of(TRUE, 5, noise=0.02), now=8000, then=16000, seed=0)
    assert found.now == pytest.approx(TRUE.at(8000), abs=0.04)
    assert found.low < found.expected < found.high
    assert found.low < TRUE.at(16000) < found.high


def test_one_split_cannot_tell_how_sure_it_is():
    found = forecast(points_of(TRUE, 1), now=8000, then=16000, seed=0)
    assert found.expected == pytest.approx(TRUE.at(16000), abs=2e-3)
    assert np.isnan([found.low, found.high]).all()


def test_more_noise_is_less_sure():
    widths = []
    for noise in (0.01, 0.04):
        found = forecast(points_of(TRUE, 3, noise=noise), now=8000, then=16000, seed=0)
        widths.append(found.high - found.low)
    assert widths[1] > 2 * widths[0]


def test_the_seed_decides():
    points = points_of(TRUE, 2, noise=0.03)
    one, again, other = (forecast(points, now=1e3, then=2e3, seed=s) for s in (1, 1, 2))
    assert one == again
    assert one.expected == other.expected
    assert (one.low, one.high) != (other.low, other.high)


# Curves of other forms than the fitted one.
FORMS = {
    "power law": lambda n: 0.85 - 0.25 * (n / 8000) ** -0.3,
    "saturation": lambda n: 0.8 / (1 + 1500 / n),
    "logarithm": lambda n: 0.1 + 0.17 * np.log10(n / 50),
}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n_splits", [3, 5])
def test_how_often_the_interval_holds_the_truth(form, n_splits):
    """Measured for docs/study.md: 40 made-up projects each, trained with 1 to 12 videos."""
    rng, true, held = np.random.default_rng(0), FORMS[form], 0
    for _ in range(40):
        split = np.repeat(np.arange(n_splits), 5)
        n = np.tile([500.0, 1000, 2000, 4000, 6000], n_splits) * rng.uniform(0.7, 1.3, split.size)
        own, single = rng.normal(0, 0.04, n_splits)[split], rng.normal(0, 0.02, split.size)
        points = usable(n, np.clip(true(n) + own + single, 0, 1), split)
        found = forecast(points, now=6000, then=12000, seed=0)
        held += found.low <= true(12000) <= found.high
    assert held / 40 >= 0.65
