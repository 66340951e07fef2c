"""How probabilities become bouts: the methods of postprocessing, one per behavior.

Reads and writes no file; `choose_postprocessing` (stages) says which method each behavior gets,
`postprocess` and `evaluate` apply it with `apply`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deg_core.ethogram.bouts import (
    BoolArray,
    IntArray,
    from_intervals,
    intervals,
    removal_length,
    remove_short,
    settle,
)
from deg_core.ethogram.groups import relative, strongest
from deg_core.groups import Groups
from deg_core.settings import SmoothingSettings

Numbers = NDArray[np.float64]
METHODS = ("percentile", "min_bout", "none", "hysteresis", "median", "stitch")
PERCENTILE = "percentile"


@dataclass(frozen=True)
class Treatment:
    """What is done to the probabilities of one behavior; see `apply` for the order.

    ``threshold``, 0..1: a bout has a frame above it; ``low``: all its frames are above this, equal
    to ``threshold`` but with hysteresis; ``reach``: frames on either side of a frame that vote with
    it; ``max_gap``: longest gap that is filled before any bout is removed; ``max_bout``: longest
    bout that is removed then; ``length``: longest gap or bout that vanishes, the shortest first.
    All in frames, 0 where it is not used.
    """

    method: str
    threshold: float
    low: float
    reach: int = 0
    max_gap: int = 0
    max_bout: int = 0
    length: int = 0

    def parameters(self) -> dict[str, Any]:
        """Return what the method uses, by name; all of them can be given to `Treatment`."""
        used = {"hysteresis": ["low", "length"], "median": ["reach", "length"], "none": []}
        used |= {"stitch": ["max_gap", "max_bout"]}
        values = asdict(self)
        return {n: values[n] for n in ["threshold", *used.get(self.method, ["length"])]}


def treatment(method: str, **parameters: Any) -> Treatment:
    """Build a treatment from what `Treatment.parameters` returned.

    Raises
    ------
    ValueError
        If there is no such method, or a number is out of range.
    """
    if method not in METHODS:
        raise ValueError(f"'{method}' is no method of postprocessing; there are {METHODS}")
    ready = Treatment(method, **({"low": parameters.get("threshold")} | parameters))
    counts = (ready.reach, ready.max_gap, ready.max_bout, ready.length)
    if not 0 <= ready.low <= ready.threshold <= 1 or min(counts) < 0:
        raise ValueError(f"{ready} has numbers out of range")
    return ready


def treatments(choices: Mapping[str, Any], behaviors: Sequence[str]) -> list[Treatment]:
    """Build the treatments of one model from what choose_postprocessing wrote of it.

    Parameters
    ----------
    choices
        Per behavior ``method`` and ``parameters``.
    behaviors
        The K names, in the order to return.

    Raises
    ------
    KeyError
        If a behavior or one of the two is missing.
    ValueError
        See `treatment`.
    """
    chosen = [choices[name] for name in behaviors]
    return [treatment(one["method"], **one["parameters"]) for one in chosen]


def fixed(
    settings: SmoothingSettings, *, threshold: float, lengths: Sequence[int] | IntArray
) -> Treatment:
    """Return the treatment that settings describe.

    Parameters
    ----------
    settings
        Method and parameters; of ``auto`` what it starts from, the percentile filter.
    threshold
        The tuned threshold, 0..1.
    lengths : (n,) int
        Lengths of the training bouts, in frames.
    """
    method = PERCENTILE if settings.method == "auto" else settings.method
    if method == "none":
        return Treatment(method, threshold, threshold)
    if method == "stitch":
        shorter = max(settings.min_bout - (not settings.inclusive), 0)
        return Treatment(method, threshold, threshold, max_gap=settings.max_gap, max_bout=shorter)
    length = removal_length(lengths, settings=settings)
    if method == "hysteresis":
        half = settings.hysteresis / 2
        return hysteresis(threshold, up=half, down=half, length=length)
    reach = settings.median_reach if method == "median" else 0
    return Treatment(method, threshold, threshold, reach=reach, length=length)


def hysteresis(threshold: float, *, up: float, down: float, length: int) -> Treatment:
    """Return two thresholds, so many units of log odds above and below the tuned one."""
    return Treatment("hysteresis", moved(threshold, up), low=moved(threshold, -down), length=length)


def moved(threshold: float, by: float) -> float:
    """Move a threshold by so many units of log odds; 0 and 1 stay what they are."""
    if not 0 < threshold < 1 or not by:
        return threshold
    return 1 / (1 + math.exp(min(-math.log(threshold / (1 - threshold)) - by, 700)))


def apply(
    probabilities: ArrayLike, treatments: Sequence[Treatment], *, groups: Groups = ()
) -> BoolArray:
    """Return which behaviors are present: thresholds, smoothing, and one of each exclusive group.

    Parameters
    ----------
    probabilities : (T, K) float
        Probability of each behavior in each frame, 0..1.
    treatments
        The K treatments.
    groups
        Columns of each exclusive group, of which no frame has two.

    Returns
    -------
    present : (T, K) bool

    Notes
    -----
    In this order: (1) a frame is present where its probability is larger than the threshold; of a
    group the one that is largest in proportion to its threshold; (2) bouts grow on both sides as
    long as the probability is larger than the low threshold; (3) each frame becomes what most
    frames within reach are; (4) gaps are filled, and then bouts removed, by their own limits;
    (5) gaps and bouts of up to ``length`` frames vanish, the shortest first. What (2) to (5) fill
    never pushes aside what a member of the same group had before, see `bouts.settle`. With
    percentile, min_bout and none this is `bouts.binarize`.
    """
    # In float64, as the threshold search: a probability equal to a threshold stays negative.
    values = np.asarray(probabilities, dtype=np.float64)
    thresholds = [t.threshold for t in treatments]
    strength = relative(values, thresholds)
    found = strongest(values > np.asarray(thresholds), strength, groups)
    grown = found.copy()
    for k, one in enumerate(treatments):
        if one.low < one.threshold:
            grown[:, k] = grow(found[:, k], values[:, k] > one.low)
    found = strongest(grown, np.where(found, np.inf, strength), groups)
    cleaned = found.copy()
    for k, one in enumerate(treatments):
        cleaned[:, k] = clean(found[:, k], one)
    removed = [max(one.max_bout, one.length) for one in treatments]
    return settle(found, cleaned, removed, groups)


def clean(trace: BoolArray, one: Treatment) -> BoolArray:
    """Apply steps (3) to (5) of `apply` to one behavior's frames (T,)."""
    if one.reach:
        trace = median(trace, reach=one.reach)
    if one.max_gap or one.max_bout:
        trace = stitch(trace, max_gap=one.max_gap, max_bout=one.max_bout)
    return remove_short(trace, length=one.length)


def grow(seeds: BoolArray, allowed: BoolArray) -> BoolArray:
    """Return the runs of allowed frames that contain a seed.

    Parameters
    ----------
    seeds : (T,) bool
        Frames above the upper threshold.
    allowed : (T,) bool
        Frames above the lower one.

    Returns
    -------
    trace : (T,) bool
        Seeds that are not allowed stay on their own.
    """
    runs = intervals(allowed)
    total = np.concatenate(([0], np.cumsum(seeds)))
    holding = total[runs[:, 1]] > total[runs[:, 0]]
    return from_intervals(runs[holding], n_frames=len(seeds)) | seeds


def median(trace: ArrayLike, *, reach: int) -> BoolArray:
    """Return the median filter of a trace, over ``2 * reach + 1`` frames.

    Parameters
    ----------
    trace : (T,) bool
    reach
        Frames on either side; near the ends as many on both sides as there are on the shorter.

    Returns
    -------
    filtered : (T,) bool

    Notes
    -----
    The median of probabilities is above a threshold where most of them are, so it makes no
    difference whether probabilities or present frames are filtered.
    """
    frames = np.asarray(trace, dtype=bool)
    at = np.arange(frames.size)
    near = np.minimum(reach, np.minimum(at, frames.size - 1 - at))
    total = np.concatenate(([0], np.cumsum(frames)))
    return total[at + near + 1] - total[at - near] > near


def stitch(trace: BoolArray, *, max_gap: int, max_bout: int) -> BoolArray:
    """Fill gaps between bouts of up to ``max_gap`` frames, then remove bouts of up to ``max_bout``.

    Unlike in `remove_short` a row of short bouts becomes one long bout before any is removed. What
    lies before the first bout and after the last one is no gap.
    """
    runs = intervals(trace)
    if len(runs):
        apart = np.concatenate(([True], runs[1:, 0] - runs[:-1, 1] > max_gap))
        last = np.append(np.flatnonzero(apart)[1:], len(runs)) - 1
        runs = np.column_stack([runs[apart, 0], runs[last, 1]])
    return from_intervals(runs[np.diff(runs, axis=1)[:, 0] > max_bout], n_frames=len(trace))
