"""What a biologist may trust."""

from dataclasses import replace
from math import nan

import pytest

from deg_core.ethogram.verdict import (
    GOOD_LOW,
    NOT_YET,
    RATER_SLACK,
    REVIEW,
    UNTESTED,
    USABLE,
    WEAK,
    Evidence,
    Score,
    judge,
)  # fmt: skip

GOOD = Score(value=0.85, low=0.8, high=0.9, chance=0.1)
STRONG = Evidence(
    frames=GOOD, bouts=GOOD, precision=0.85, recall=0.85, validation=0.9, n_bouts=50, n_videos=3,
    n_groups=3, n_positive=9000,
)  # fmt: skip


def changed(*, frames=None, bouts=None, **changes):
    return replace(
        STRONG,
        frames=replace(GOOD, **(frames or {})),
        bouts=replace(GOOD, **(bouts or {})),
        **changes,
    )


def test_good_bouts_and_frames_are_usable():
    found = judge(STRONG)
    assert found.verdict == USABLE
    assert found.reason == "Bouts and frames agree with the labels (bout F1 0.85, F1 0.85)."
    assert "flags" in found.advice


def test_a_frame_score_does_not_hide_bad_bouts():
    # as a published model: nearly every frame right, no bout at an overlap of one half
    found = judge(changed(frames={"value": 0.93}, bouts={"value": 0.0, "low": 0, "high": 0.1}))
    assert found.verdict == NOT_YET
    assert "not found as bouts, although its frames are right (bout F1 0.00" in found.reason
    assert "postprocess.method" in found.advice


@pytest.mark.parametrize(
    ("evidence", "word"),
    [
        (
            changed(frames={"value": 0.19, "chance": 0.1, "low": 0.15}),
            "better than by chance",
        ),
        (
            changed(frames={"value": 0.6, "chance": 0.3, "low": 0.25}),
            "better than by chance",
        ),
        (changed(frames={"value": 0.35, "low": 0.3}), "most of its frames are missed or wrong"),
        (changed(bouts={"value": 0.25, "low": 0.2}), "not found as bouts"),
        (
            changed(bouts={"value": 0.5, "low": 0.05}),
            "bouts are found hardly better than by chance",
        ),
        # nine tenths of the frames: 0.905 is a twentieth of what was left to be gained
        (changed(frames={"value": 0.905, "low": 0.902, "chance": 0.9}), "better than by chance"),
        (changed(bouts={"value": 0.905, "low": 0.902, "chance": 0.9}), "better than by chance"),
        # chance is never wrong: nothing was tested
        (changed(frames={"value": 1.0, "low": nan, "chance": 1.0}), "better than by chance"),
    ],
)
def test_what_is_not_learnable_yet(evidence, word):
    found = judge(evidence)
    assert found.verdict == NOT_YET
    assert word in found.reason.lower()


@pytest.mark.parametrize(
    ("evidence", "word"),
    [
        (changed(bouts={"value": 0.6, "low": 0.55}), "missed, invented, split or merged"),
        (changed(frames={"value": 0.6, "low": 0.55}, validation=0.7), "frames differ"),
        (changed(bouts={"low": 0.4}), "the test videos differ much (bout F1 from 0.40 to 0.90)"),
        (changed(bouts={"low": nan, "high": nan}, n_videos=1, n_groups=1), "one test video"),
        (changed(n_videos=4, n_groups=1), "test videos of one group cannot tell"),
        (changed(n_bouts=9), "only 9 bouts"),
        (changed(n_bouts=1), "only one bout"),
        (changed(frames={"value": 0.76}, validation=0.97), "better on the validation videos"),
    ],
)
def test_what_needs_a_review(evidence, word):
    found = judge(evidence)
    assert found.verdict == REVIEW
    assert word.lower() in found.reason.lower()
    assert found.reason[0].isupper()
    assert found.reason.endswith(".")


@pytest.mark.parametrize("part", ["frames", "bouts"])
def test_a_score_without_value_was_not_tested(part):
    found = judge(changed(**{part: {"value": nan}}))
    assert found.verdict == UNTESTED
    assert "no labeled bout" in found.reason


def test_a_score_that_was_not_computed_is_no_lack_of_bouts():
    found = judge(changed(bouts={"value": nan}, computed=False))
    assert found.verdict == UNTESTED
    assert "was not computed" in found.reason
    assert "no labeled bout" not in found.reason


def test_a_frequent_behavior_is_measured_by_what_was_left_to_gain():
    frequent = {"value": 0.99, "low": 0.985, "high": 1.0, "chance": 0.93}
    assert judge(changed(frames=frequent, bouts=frequent, validation=0.99)).verdict == USABLE
    perfect = Score(value=1.0, chance=0.95)
    assert perfect.gain == 1
    assert not perfect.at_chance
    assert Score(value=0.5, chance=0.75).gain == -1
    assert Score(value=1.0, chance=1.0).gain == 0


def test_an_unknown_chance_level_is_not_held_against_it():
    unknown = {"chance": nan}
    assert judge(changed(frames=unknown, bouts=unknown)).verdict == USABLE


def test_as_good_as_people_is_usable():
    people = {"value": 0.62, "low": 0.55, "raters": 0.65}
    found = judge(changed(frames=people, bouts=people, validation=0.7))
    assert found.verdict == USABLE
    assert "as two people do" in found.reason
    # ... but not where they hardly agree at all
    apart = people | {"raters": 0.45}
    assert judge(changed(frames=apart, bouts=apart, validation=0.7)).verdict == REVIEW


def test_what_chance_reaches_is_never_usable_be_it_as_good_as_people():
    people = {"value": 0.62, "low": 0.6, "chance": 0.59, "raters": 0.65}
    found = judge(changed(bouts=people))
    assert Score(**people).as_people
    assert found.verdict == NOT_YET
    assert "bouts are found hardly better than by chance" in found.reason
    # ... and what is as good as people is not weak, whatever the limits are moved to
    assert GOOD_LOW - RATER_SLACK >= WEAK


def test_worse_than_people_needs_a_review_and_names_both():
    people = {"value": 0.62, "low": 0.55, "raters": 0.8}
    found = judge(changed(bouts=people))
    assert found.verdict == REVIEW
    assert "0.62 against 0.10 by chance, 0.80 between two people" in found.reason


def test_without_intervals_the_values_decide():
    without = {"low": nan, "high": nan}
    assert judge(changed(frames=without, bouts=without)).verdict == USABLE


@pytest.mark.parametrize(
    ("evidence", "word"),
    [
        (changed(bouts={"value": 0.6, "raters": 0.4}), "People do not agree"),
        (changed(bouts={"value": 0.6}, n_positive=300), "300 positive frames"),
        (changed(frames={"value": 0.65}, validation=0.95), "more animals and days"),
        (changed(bouts={"value": 0.6}), "postprocess.method"),
        (changed(frames={"value": 0.6}, recall=0.4, precision=0.9, validation=0.7), "mostly miss"),
        (changed(frames={"value": 0.6}, recall=0.9, precision=0.45, validation=0.7),
         "mostly invented"),
        (changed(frames={"value": 0.6}, validation=0.7), "correct the predicted bouts"),
        (changed(n_bouts=3), "more test videos"),
    ],
)  # fmt: skip
def test_advice_fits_the_reason(evidence, word):
    assert word in judge(evidence).advice
