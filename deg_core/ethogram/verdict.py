"""What a biologist may trust: one verdict per behavior, with its reason, in plain words.

Bouts decide, since a score over frames hides bad ones: a model may be right on 98 % of the frames
and cut each bout in five. The limits below are this project's choice; docs/report.md explains them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, nan

USABLE = "usable"
REVIEW = "usable with review"
NOT_YET = "not learnable yet"
UNTESTED = "not tested"

# Agreement from which on a score needs no excuse, and what its interval must not fall below.
GOOD, GOOD_LOW = 0.75, 0.5
# Below this nobody gains time by correcting the predictions.
WEAK = 0.4
# A score that gains less than this share of what chance leaves to be gained tells nothing.
ABOVE_CHANCE = 0.1
# A model that disagrees with a person hardly more than another person does is as good as it gets.
RATER_SLACK = 0.05
# Fewer bouts or groups of videos (animals, say) in the test are too few to rely on.
FEW_BOUTS, FEW_GROUPS = 10, 2
# By how much F1 on validation may exceed that of the test.
GAP = 0.2
# Positive training frames below which more labels are the first thing to try (paper: F1 of 0.7
# needed about 9000).
FEW_POSITIVE = 1000


@dataclass(frozen=True)
class Score:
    """One score of the test, with what it is compared with; NaN where there is none.

    Attributes
    ----------
    value
        The score.
    low, high
        Its 95 % interval over the test videos.
    chance
        What labels shifted in time give.
    raters
        What two people give.
    """

    value: float = nan
    low: float = nan
    high: float = nan
    chance: float = nan
    raters: float = nan

    @property
    def gain(self) -> float:
        """What it gains of what chance leaves to be gained; as kappa does for accuracy.

        A difference would not do: of a behavior that is there most of the time, shifted labels
        find 0.9 and more. Where chance is right everywhere there is nothing to gain, so 0.
        """
        left = 1 - self.chance
        return 0.0 if left <= 0 else (self.value - self.chance) / left

    @property
    def at_chance(self) -> bool:
        """Whether labels that tell nothing do about as well."""
        return self.gain < ABOVE_CHANCE or self.low <= self.chance

    @property
    def as_people(self) -> bool:
        """Whether it is what two people reach, and they agree at all."""
        return self.raters >= GOOD_LOW and self.value >= self.raters - RATER_SLACK

    @property
    def good(self) -> bool:
        """Whether it is high, or as high as people reach."""
        return self.value >= GOOD or self.as_people


@dataclass(frozen=True)
class Evidence:
    """What is known of one behavior of one run.

    Attributes
    ----------
    frames, bouts
        F1, and bout F1 at an overlap of one half, on the test videos.
    precision, recall
        Of the frames of the test.
    validation
        F1 on the validation videos, postprocessed as the test videos are.
    n_bouts
        Labeled bouts of the test.
    n_videos, n_groups
        Test videos in which it was scored, and the groups (of animals, say) that these are of.
    n_positive
        Positive frames in the training videos.
    computed
        Whether both scores were computed, though they may have no value.
    """

    frames: Score
    bouts: Score
    precision: float = nan
    recall: float = nan
    validation: float = nan
    n_bouts: int = 0
    n_videos: int = 0
    n_groups: int = 0
    n_positive: float = nan
    computed: bool = True

    @property
    def gap(self) -> float:
        """By how much validation promised more than the test holds."""
        return self.validation - self.frames.value


@dataclass(frozen=True)
class Verdict:
    """What may be done with the predictions of a behavior, why, and what would help."""

    verdict: str
    reason: str
    advice: str


def judge(evidence: Evidence) -> Verdict:
    """Judge one behavior.

    Parameters
    ----------
    evidence
        Scores that are NaN are not held against a behavior, except F1 and bout F1 themselves.

    Returns
    -------
    Verdict
        `USABLE`, `REVIEW`, `NOT_YET`, or `UNTESTED` where the test has no bout of the behavior,
        or was not computed.
    """
    if not evidence.computed:
        return Verdict(
            UNTESTED,
            "F1, or bout F1 at an overlap of one half, was not computed, so nobody knows how good "
            "it is.",
            "Delete results/metrics and run again: the scores are older than the settings.",
        )
    if not (isfinite(evidence.frames.value) and isfinite(evidence.bouts.value)):
        return Verdict(
            UNTESTED,
            "The test videos have no labeled bout of it, so nobody knows how good it is.",
            "Label it in more videos, so that each part of a split has some.",
        )
    failed, doubts = list(failures(evidence)), list(doubts_of(evidence))
    if failed:
        return Verdict(NOT_YET, in_words(failed), advice_of(evidence))
    if doubts:
        return Verdict(REVIEW, in_words(doubts), advice_of(evidence))
    people = " as two people do" if evidence.bouts.as_people else ""
    values = f"bout F1 {evidence.bouts.value:.2f}, F1 {evidence.frames.value:.2f}"
    reason = f"Bouts and frames agree with the labels{people} ({values})."
    return Verdict(USABLE, reason, "Look at a few bouts of each new video, and at its flags.")


def failures(evidence: Evidence) -> Iterator[str]:
    """Yield why the predictions are no help yet."""
    frames, bouts = evidence.frames, evidence.bouts
    if frames.at_chance:
        yield f"its frames are found hardly better than by chance ({text('F1', frames)})"
    elif frames.value < WEAK:
        yield f"most of its frames are missed or wrong ({text('F1', frames)})"
    good = ", although its frames are right" if frames.good else ""
    # What is as good as people is never weak (GOOD_LOW less RATER_SLACK), but may be chance.
    if bouts.value < WEAK:
        yield f"its bouts are not found as bouts{good} ({text('bout F1', bouts)})"
    elif bouts.at_chance:
        yield f"its bouts are found hardly better than by chance{good} ({text('bout F1', bouts)})"


def doubts_of(evidence: Evidence) -> Iterator[str]:
    """Yield why the predictions should be looked through before they are used."""
    frames, bouts = evidence.frames, evidence.bouts
    if not bouts.good:
        yield f"many bouts are missed, invented, split or merged ({text('bout F1', bouts)})"
    if not frames.good:
        yield f"frames differ from the labels ({text('F1', frames)})"
    if evidence.n_groups < FEW_GROUPS:
        tested = "one test video" if evidence.n_videos == 1 else "test videos of one group"
        yield f"{tested} cannot tell how other animals would do"
    elif bouts.low < GOOD_LOW and bouts.good:
        yield f"the test videos differ much (bout F1 from {bouts.low:.2f} to {bouts.high:.2f})"
    if evidence.n_bouts < FEW_BOUTS:
        many = f"{evidence.n_bouts} bouts" if evidence.n_bouts > 1 else "one bout"
        yield f"the test has only {many} of it"
    if evidence.gap > GAP:
        yield (
            f"it did better on the validation videos (F1 {evidence.validation:.2f}) than in the "
            f"test ({frames.value:.2f})"
        )


def advice_of(evidence: Evidence) -> str:
    """Say what would most likely help a behavior that is not usable as it is."""
    frames, bouts = evidence.frames, evidence.bouts
    if isfinite(bouts.raters) and bouts.raters < GOOD_LOW:
        return (
            "People do not agree on its bouts either: define more sharply when it begins and ends."
        )
    if frames.good and bouts.good and not evidence.gap > GAP:
        return "Label more test videos of other animals, to be sure; check its bouts until then."
    if evidence.n_positive < FEW_POSITIVE:
        return (
            f"Label more of it: {evidence.n_positive:.0f} positive frames in the training videos "
            "are few."
        )
    if evidence.gap > GAP:
        return "Label videos of more animals and days: what it learned does not carry over."
    if frames.good and not bouts.good:
        return "Its frames are right, so try another `postprocess.method`, such as auto, for bouts."
    if not (frames.good and bouts.good) and abs(evidence.recall - evidence.precision) > GAP:
        if evidence.recall < evidence.precision:
            return (
                "It is mostly missed, rarely invented: look for it in the stretches without bouts."
            )
        return "It is mostly invented, rarely missed: look at each predicted bout."
    return "Label more of it, in videos of other animals, and correct the predicted bouts."


def text(name: str, score: Score) -> str:
    """Write a score beside chance and, where they are known, people."""
    raters = f", {score.raters:.2f} between two people" if isfinite(score.raters) else ""
    chance = f" against {score.chance:.2f} by chance" if isfinite(score.chance) else ""
    return f"{name} {score.value:.2f}{chance}{raters}"


def in_words(reasons: list[str]) -> str:
    """Join reasons into a sentence."""
    joined = "; ".join(reasons)
    return joined[0].upper() + joined[1:] + "."
