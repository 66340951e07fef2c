"""Whether scores differ between groups that share their subjects: t-test, ANOVA, Tukey.

Reads and writes no file. Subjects are what every group was measured on, here the splits. What has
no value, with less than two subjects or without any variance, is NaN.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

#: Variance below this share of the squared scores is rounding, not variance.
NEGLIGIBLE = 1e-20
STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


class Outcome(NamedTuple):
    """One test: statistic, degrees of freedom, p-value, and p-value after correction."""

    statistic: float
    df1: float
    df2: float
    p: float
    p_corrected: float


UNDEFINED = Outcome(*[float("nan")] * 5)


class _Parts(NamedTuple):
    """What an analysis of variance splits the values of n subjects in k groups into."""

    between: float  # mean square of the groups
    error: float  # mean square of what neither group nor subject explains
    df1: int
    df2: int


def stars(p: float) -> str:
    """Write a p-value as figures do: ``***`` below 0.001, ``**``, ``*``, else ``ns``; "" of NaN."""
    if np.isnan(p):
        return ""
    return next((mark for limit, mark in STARS if p < limit), "ns")


def bonferroni(p: ArrayLike) -> NDArray[np.float64]:
    """Correct the p-values of a family of tests: times their number, at most 1; NaN stay NaN."""
    values = np.asarray(p, dtype=np.float64)
    return np.minimum(values * np.count_nonzero(~np.isnan(values)), 1.0)


def paired_t(first: ArrayLike, second: ArrayLike) -> Outcome:
    """Compare two groups by a two-sided paired t-test.

    Parameters
    ----------
    first, second : (n,) float
        The same subjects, in the same order.

    Returns
    -------
    Outcome
        ``statistic`` is t, positive where the first is larger; ``df1`` n - 1, ``df2`` NaN;
        ``p_corrected`` is ``p``, see `bonferroni`. NaN with less than two subjects, or where all
        differences are equal.
    """
    pairs = np.stack([np.asarray(first, np.float64), np.asarray(second, np.float64)], axis=1)
    if len(pairs) < 2 or _is_constant(pairs[:, 0] - pairs[:, 1], pairs):
        return UNDEFINED
    found = stats.ttest_rel(pairs[:, 0], pairs[:, 1])
    p = float(found.pvalue)
    return Outcome(float(found.statistic), len(pairs) - 1, np.nan, p, p)


def rm_anova(values: ArrayLike) -> Outcome:
    """Compare groups by an analysis of variance with repeated measures, one factor.

    Parameters
    ----------
    values : (n, k) float
        Row: subject; column: group.

    Returns
    -------
    Outcome
        ``statistic`` is F; ``df1`` k - 1, ``df2`` (n - 1)(k - 1); ``p`` takes the differences of
        all pairs of groups to vary alike (sphericity), ``p_corrected`` does not: Greenhouse and
        Geisser's epsilon shrinks both degrees of freedom. NaN with less than two subjects or
        groups, or where nothing varies beside the groups' means.
    """
    table = np.asarray(values, dtype=np.float64)
    parts = _parts(table)
    if parts is None:
        return UNDEFINED
    ratio = parts.between / parts.error
    epsilon = _epsilon(table)
    return Outcome(
        ratio, parts.df1, parts.df2,
        float(stats.f.sf(ratio, parts.df1, parts.df2)),
        float(stats.f.sf(ratio, epsilon * parts.df1, epsilon * parts.df2)),
    )  # fmt: skip


def tukey(values: ArrayLike) -> dict[tuple[int, int], Outcome]:
    """Compare all pairs of groups after `rm_anova`, by Tukey's test.

    Parameters
    ----------
    values : (n, k) float
        Row: subject; column: group.

    Returns
    -------
    dict
        Per pair of columns: ``statistic`` is the studentized range q = |difference of the means| /
        sqrt(error / n), with the mean square error of the repeated measures, ``df1`` k, ``df2``
        (n - 1)(k - 1); ``p`` as if this were the only pair, ``p_corrected`` for all of them.
    """
    table = np.asarray(values, dtype=np.float64)
    n, k = table.shape
    pairs = [(i, j) for i in range(k) for j in range(i + 1, k)]
    parts = _parts(table)
    if parts is None:
        return dict.fromkeys(pairs, UNDEFINED)
    means, width = table.mean(axis=0), np.sqrt(parts.error / n)
    found = {}
    for i, j in pairs:
        q = float(abs(means[i] - means[j]) / width)
        alone = float(2 * stats.t.sf(q / np.sqrt(2), parts.df2))
        together = float(stats.studentized_range.sf(q, k, parts.df2))
        found[i, j] = Outcome(q, k, parts.df2, alone, float(np.clip(together, 0, 1)))
    return found


def _parts(table: NDArray[np.float64]) -> _Parts | None:
    """Split the variance; None where there is too little of anything."""
    n, k = table.shape
    if n < 2 or k < 2:
        return None
    groups, subjects, mean = table.mean(axis=0), table.mean(axis=1), table.mean()
    rest = table - groups - subjects[:, None] + mean  # (n, k)
    if _is_constant(rest, table):
        return None
    df1, df2 = k - 1, (n - 1) * (k - 1)
    between = n * float(np.square(groups - mean).sum()) / df1
    return _Parts(between, float(np.square(rest).sum()) / df2, df1, df2)


def _epsilon(table: NDArray[np.float64]) -> float:
    """Return Greenhouse and Geisser's epsilon, 1 / (k - 1) .. 1, of the groups' covariance."""
    k = table.shape[1]
    covariance = np.cov(table, rowvar=False)
    centered = covariance - covariance.mean(axis=0) - covariance.mean(axis=1)[:, None]
    centered += covariance.mean()
    return float(np.trace(centered) ** 2 / ((k - 1) * np.square(centered).sum()))


def _is_constant(rest: NDArray[np.float64], values: NDArray[np.float64]) -> bool:
    """Whether ``rest``, some differences of ``values``, does not vary but for rounding."""
    return bool(np.var(rest) <= NEGLIGIBLE * max(1.0, float(np.square(values).mean())))
