"""Settings of what follows the trainings, and of which trainings there are."""

from dataclasses import dataclass
from typing import Literal

from deg_core.declared import COUNTS_OR_AUTO, setting


@dataclass(frozen=True)
class ThresholdSettings:
    """From which probability on a behavior counts as present."""

    n_grid: int = setting(200, "Thresholds tried, evenly spaced up to 1.", minimum=2)
    lowest: float = setting(1e-4, "Lowest threshold tried.", minimum=0, maximum=1)
    floor: float = setting(0.01, "A lower best threshold is raised to this.", minimum=0, maximum=1)
    fallback: float = setting(
        0.5, "Threshold where none is better than min_f1.", minimum=0, maximum=1
    )
    shift: float = setting(
        1.0,
        "Standard deviation, in log odds, by which the probabilities of other videos are expected "
        "to differ from those of one validation video; of n videos 1 / sqrt(n) of it.",
        minimum=0,
    )
    pull: float = setting(
        0.05,
        "F1 on one validation video that is given up for a threshold one unit of log odds nearer "
        "to the fallback; on n videos 1 / sqrt(n) of it; with shift and pull 0 the highest F1 "
        "decides, as in the paper.",
        minimum=0,
    )
    min_f1: float = setting(
        0.05, "F1 on validation below which a threshold is not believed.", minimum=0, maximum=1
    )
    joint: bool = setting(
        False,
        "Whether thresholds are moved once more together with the postprocessing, where that finds "
        "more bouts on validation at no loss of frame F1.",
    )


@dataclass(frozen=True)
class SmoothingSettings:
    """How present frames become bouts: a method, and what the methods use."""

    method: Literal["percentile", "min_bout", "none", "hysteresis", "median", "stitch", "auto"] = (
        setting(
            "percentile",
            "What is done to present frames: gaps and bouts too short by the labels' percentile "
            "or by min_bout vanish; nothing; two thresholds or a median filter, and then the "
            "percentile; gaps filled and then short bouts removed (stitch); or what serves bouts "
            "best on validation (auto).",
        )
    )
    percentile: float = setting(
        1.0,
        "Percentile of the training labels' bout lengths, for percentile, hysteresis and median.",
        minimum=0,
        maximum=100,
    )
    one_frame_bouts: int = setting(
        1,
        "Bouts of one frame counted beside the labeled ones, so that the low percentile of a few "
        "bouts is not the shortest of them; 0 counts the labeled ones alone, as the paper does.",
        minimum=0,
    )
    min_bout: int = setting(
        1, "Frames that the shortest bout has, for min_bout and stitch.", minimum=1
    )
    inclusive: bool = setting(False, "Whether a bout of exactly that length goes, too.")
    hysteresis: float = setting(
        2.0,
        "Log odds between the threshold that a bout must reach somewhere and the lower one that "
        "it must keep; the tuned threshold is midway.",
        minimum=0,
        maximum=20,
    )
    median_reach: int = setting(
        2, "Frames on either side of a frame that vote with it, for median.", minimum=1
    )
    max_gap: int = setting(2, "Frames of the longest gap that stitch fills.", minimum=0)


@dataclass(frozen=True)
class BehaviorSmoothing(SmoothingSettings):
    """The same for one behavior."""

    behavior: str = setting("", "Name of the behavior that this is for.")


@dataclass(frozen=True)
class AutoSettings:
    """How far method auto trusts what it sees on validation."""

    margin: float = setting(
        2.5,
        "Standard errors by which a gain of bout F1 must be larger than nothing, and a loss of "
        "frame F1 smaller than the tolerance.",
        minimum=0,
    )
    tolerance: float = setting(
        0.0,
        "Frame F1 that may be lost on validation against the percentile filter.",
        minimum=0,
        maximum=1,
    )
    shift: float = setting(
        1.0,
        "Log odds by which the probabilities of other videos may differ from those of one "
        "validation video, of n videos 1 / sqrt(n) of it; what is chosen must hold under a shift "
        "to either side.",
        minimum=0,
    )
    mildness: float = setting(
        0.5,
        "Standard errors of bout F1 that are given up for what changes fewer frames.",
        minimum=0,
    )
    min_bouts: int = setting(
        30, "Labeled bouts in validation below which nothing is chosen.", minimum=1
    )


@dataclass(frozen=True)
class PostprocessSettings(SmoothingSettings):
    """How present frames become bouts."""

    auto: AutoSettings = setting(AutoSettings(), "How far method auto trusts validation.")
    per_behavior: tuple[BehaviorSmoothing, ...] = setting(
        (),
        "Single behaviors that are treated otherwise, each with its own method and parameters; "
        "what is left out there has its default.",
    )

    def of(self, behavior: str) -> SmoothingSettings:
        """Return the settings of one behavior: its own, or those of all."""
        return next((own for own in self.per_behavior if own.behavior == behavior), self)


@dataclass(frozen=True)
class SplitSettings:
    """Which videos train, choose and test."""

    count: int = setting(1, "Number of random splits.", minimum=0)
    final: bool = setting(
        False, "Whether a final model is trained, too: no test part, for new videos."
    )
    val: float = setting(0.2, "Share of the groups in validation.", minimum=0, exclusiveMaximum=1)
    test: float = setting(0.2, "Share of the groups in the test.", minimum=0, exclusiveMaximum=1)
    seed: int = setting(0, "Seed of the splits.", minimum=0)
    missing: Literal["error", "allow"] = setting(
        "error", "What to do if a behavior cannot be in every part of a split."
    )


@dataclass(frozen=True)
class SweepSettings:
    """Runs with fewer training videos."""

    train_sizes: COUNTS_OR_AUTO = setting(
        (),
        "Numbers of training videos to try; auto takes those of 1, 2, 4, 8, 12 and 16 that are "
        "smaller than the training part.",
        minimum=1,
    )
    presets: tuple[str, ...] = setting((), "Presets of the sweep; empty means all.")


#: Overlap of bouts (intersection over union) that is always scored.
HALF = 0.5


@dataclass(frozen=True)
class EvaluateSettings:
    """Scores on the test part."""

    shuffles: int = setting(100, "Circular shifts of the labels for the chance level.", minimum=1)
    bootstrap: int = setting(
        1000, "Resamples of the test videos for the intervals; 0 makes none.", minimum=0
    )
    seed: int = setting(0, "Seed of the shifts and of the resamples.", minimum=0)
    iou: tuple[float, ...] = setting(
        (0.1, 0.25, 0.5),
        "Overlaps at which bouts count as found; 0.5 is scored whether it is named or not.",
        minimum=0,
        maximum=1,
    )

    @property
    def overlaps(self) -> tuple[float, ...]:
        """The overlaps that are scored: verdicts, tests and figures rest on the half."""
        return self.iou if HALF in self.iou else (*self.iou, HALF)


@dataclass(frozen=True)
class FigureSettings:
    """Which figures are drawn."""

    ethograms: Literal["auto", "all", "test", "none"] = setting(
        "auto",
        "Videos of which the ethogram is drawn; auto: all in a project of up to 100 videos, the "
        "test videos of each split in a larger one.",
    )
