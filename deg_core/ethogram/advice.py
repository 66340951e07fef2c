"""How much more labeling would help which behavior: the forecast in plain words.

Reads and writes no file; `advise` (stages) publishes what comes from here.
"""

from typing import NamedTuple

import numpy as np

from deg_core.ethogram.learning_curve import MIN_SIZES, Forecast, Points, forecast

SMALL_GAIN = 0.02  # of F1; splits of one project differ by more
WIDE = 0.3  # an interval of F1 that is no help


class Now(NamedTuple):
    """A behavior in the full trainings of one preset, each the mean over splits.

    ``positive`` : training frames with the behavior; ``f1`` : 0..1, NaN if undefined; ``videos`` :
    training videos.
    """

    positive: float
    f1: float
    videos: float


class Advice(NamedTuple):
    """What more labels would bring; NaN where that is not known.

    ``more_videos`` : as many as train now; ``expected_f1``, ``low``, ``high`` : F1 with them and
    its 95 % interval; ``advice`` : one sentence.
    """

    more_videos: float
    expected_f1: float
    low: float
    high: float
    advice: str


def advise(name: str, now: Now, points: Points, *, seed: int) -> Advice:
    """Advise on one behavior.

    Parameters
    ----------
    name
        Of the behavior.
    now
        The full trainings.
    points
        All trainings, those of a sweep included.
    seed
        Of the forecast's interval.
    """
    reason = _unknown(name, now, points)
    found = None
    if reason is None:
        found = forecast(points, now=now.positive, then=2 * now.positive, seed=seed)
    if found is None:
        return Advice(*[np.nan] * 4, reason or "")
    more = round(now.videos)
    text = f"{_state(name, now)}: {_outlook(more, found)}"
    return Advice(more, found.expected, found.low, found.high, text)


def _unknown(name: str, now: Now, points: Points) -> str | None:
    """Say why nothing can be forecast; None where it can."""
    if now.positive == 0:
        return f"{name} is on no training frame: label videos in which it happens."
    if np.isnan(now.f1):
        return f"{name} is in no test video, so nothing is known of it: label more with it."
    if points.n_sizes >= MIN_SIZES:
        return None
    if now.videos < MIN_SIZES:
        remedy = f"label videos until {MIN_SIZES} or more train, then sweep"
    else:
        remedy = "set `sweep: {train_sizes: auto}` in config.yaml"
    n = points.n_sizes
    return (
        f"{_state(name, now)}: whether more labels would help is not known from {n} "
        f"size{'' if n == 1 else 's'} of training set; {remedy}, so that at least {MIN_SIZES} "
        "sizes show how the score grows."
    )


def _state(name: str, now: Now) -> str:
    """Tell the behavior, its score, and what it was learned from."""
    frames = f"{now.positive:,.0f} positive training frame{'' if round(now.positive) == 1 else 's'}"
    return f"{name} has F1 {now.f1:.2f} with {frames} of {_videos(round(now.videos))}"


def _videos(n: int) -> str:
    return f"{n} video{'' if n == 1 else 's'}"


def _outlook(more: int, found: Forecast) -> str:
    about = f"about {found.expected:.2f}"
    videos = f"{_videos(more)} more like these"
    gain = found.expected - found.now
    if np.isnan(found.low):
        return (
            f"{videos} would bring {about}, but one split cannot tell how sure that is; raise "
            "`splits: count` in config.yaml."
        )
    interval = f"{found.low:.2f} to {found.high:.2f}"
    if found.high - found.low > WIDE:
        return (
            f"{videos} would bring anything from {interval}, which is too uncertain to plan by; "
            "raise `splits: count` in config.yaml, or simply label some."
        )
    if gain < SMALL_GAIN:
        return (
            f"the curve is flat, and {videos} would bring {about} ({interval}); look at what it "
            "gets wrong, or try another preset, before you label more."
        )
    return f"{videos} would bring {about} ({interval})."
