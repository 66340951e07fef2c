"""Tests of differences: against other programs, printed tables, and where nothing can be said."""

import numpy as np
import pytest
from scipy import stats

from deg_core.ethogram.significance import (
    UNDEFINED,
    bonferroni,
    paired_t,
    rm_anova,
    stars,
    tukey,
)

# Five splits (rows) of three presets.
SCORES = np.array(
    [[0.61, 0.66, 0.72], [0.58, 0.65, 0.69], [0.70, 0.71, 0.80], [0.55, 0.63, 0.66],
     [0.64, 0.62, 0.75]]
)  # fmt: skip


def is_undefined(outcome):
    return np.isnan(outcome).all()


# --- analysis of variance


def test_anova_is_that_of_other_programs():
    # statsmodels 0.15.0 (AnovaRM) and pingouin 0.7.0 (rm_anova, correction=True).
    found = rm_anova(SCORES)
    assert found.statistic == pytest.approx(26.174418604651, rel=1e-12)
    assert (found.df1, found.df2) == (2, 8)
    assert found.p == pytest.approx(0.000308804999, rel=1e-8)
    assert found.p_corrected == pytest.approx(0.006568754923, rel=1e-9)  # epsilon .507853672772


def test_anova_by_hand():
    # Means of groups 2, 4, 6, of subjects 3, 4, 5, of all 4; nothing is left but +-1 twice.
    table = np.array([[2.0, 2.0, 5.0], [1.0, 5.0, 6.0], [3.0, 5.0, 7.0]])
    found = rm_anova(table)
    # Groups: 3 * (4 + 0 + 4) / 2 = 12; error: (1 + 1 + 0 + 1 + 1 + 0 + 0 + 0 + 0) / 4 = 1.
    assert found.statistic == pytest.approx(12.0)
    assert found.p == pytest.approx(stats.f.sf(12.0, 2, 4))


def test_anova_of_two_groups_is_the_paired_t_test():
    t, f = paired_t(SCORES[:, 0], SCORES[:, 1]), rm_anova(SCORES[:, :2])
    assert f.statistic == pytest.approx(t.statistic**2)
    assert f.p == pytest.approx(t.p)
    assert f.p_corrected == pytest.approx(t.p)  # with two groups there is one difference only


def test_anova_does_not_mind_what_subjects_have_in_common():
    shifted = SCORES + np.array([[1.0], [-2.0], [0.5], [3.0], [0.0]])
    assert rm_anova(shifted) == pytest.approx(rm_anova(SCORES), rel=1e-9)
    assert rm_anova(SCORES[::-1]) == pytest.approx(rm_anova(SCORES), rel=1e-9)


@pytest.mark.parametrize(
    "table",
    [
        SCORES[:0], SCORES[:1], SCORES[:, :1],
        np.full((5, 3), 0.7),  # identical
        np.tile([0.5, 0.6, 0.9], (4, 1)) + np.arange(4)[:, None] / 7,  # no variance but the means'
    ],
)  # fmt: skip
def test_anova_without_subjects_or_variance(table):
    assert is_undefined(rm_anova(table))
    assert all(is_undefined(outcome) for outcome in tukey(table).values())


# --- Tukey


def test_tukey_has_the_printed_critical_values():
    # Tables of the studentized range, 3 groups, 8 degrees of freedom: 4.04 at .05, 5.64 at .01.
    for q, p in ((4.04, 0.05), (5.64, 0.01)):
        rest = np.array([[1, -1, 0], [-1, 1, 0], [0, 1, -1], [0, -1, 1], [0, 0, 0]], float)
        error = np.square(rest).sum() / 8
        table = rest + np.array([0.0, 0.0, q * np.sqrt(error / 5)])
        found = tukey(table)[0, 2]
        assert found.statistic == pytest.approx(q)
        assert (found.df1, found.df2) == (3, 8)
        assert found.p_corrected == pytest.approx(p, abs=2e-4)


def test_tukey_takes_the_error_of_the_repeated_measures():
    found = tukey(SCORES)
    error = 0.004586666667 / 8  # of pingouin's table of the same scores
    width = np.sqrt(error / 5)
    assert found[0, 1].statistic == pytest.approx((0.654 - 0.616) / width, rel=1e-8)
    assert list(found) == [(0, 1), (0, 2), (1, 2)]
    assert all(outcome.p < outcome.p_corrected for outcome in found.values())


def test_tukey_of_two_groups_is_the_paired_t_test():
    found = tukey(SCORES[:, :2])[0, 1]
    expected = paired_t(SCORES[:, 0], SCORES[:, 1])
    assert found.p == pytest.approx(expected.p)
    assert found.p_corrected == pytest.approx(expected.p, rel=1e-6)


# --- t-test


def test_paired_t_is_that_of_other_programs():
    found = paired_t(SCORES[:, 0], SCORES[:, 1])
    assert found.statistic == pytest.approx(-2.01967721312, rel=1e-10)  # pingouin's ttest
    assert found.p == found.p_corrected == pytest.approx(0.113539491655, rel=1e-10)
    assert found.df1 == 4
    assert np.isnan(found.df2)


def test_students_sleep_data():
    # Student (1908), Biometrika 6:1-25: two drugs, ten patients; t = 4.06, p = .0028.
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = paired_t(second, first)
    assert found.statistic == pytest.approx(4.0621, abs=5e-5)
    assert found.p == pytest.approx(0.002833, abs=5e-7)


@pytest.mark.parametrize(
    ("first", "second"),
    [([], []), ([0.5], [0.7]), ([0.1, 0.2, 0.3], [0.1, 0.2, 0.3]), ([0.1, 0.2], [0.4, 0.5])],
)
def test_paired_t_without_subjects_or_variance(first, second):
    assert is_undefined(paired_t(first, second))
    assert is_undefined(UNDEFINED)


# --- corrections and marks


def test_bonferroni():
    assert bonferroni([0.01, 0.4, 0.02]).tolist() == pytest.approx([0.03, 1.0, 0.06])
    found = bonferroni([0.01, np.nan, 0.02])  # an undefined test is none
    assert found[[0, 2]].tolist() == [0.02, 0.04]
    assert np.isnan(found[1])
    assert bonferroni([]).size == 0


@pytest.mark.parametrize(
    ("p", "expected"),
    [(0.0, "***"), (0.001, "**"), (0.0099, "**"), (0.01, "*"), (0.049, "*"), (0.05, "ns"),
     (1.0, "ns"), (np.nan, "")],
)  # fmt: skip
def test_stars(p, expected):
    assert stars(p) == expected
