"""Settings of what follows the trainings, and of which trainings there are."""

from dataclasses import dataclass
from typing import Literal

from deg_core.declared import setting


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
        0.5,
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


@dataclass(frozen=True)
class PostprocessSettings:
    """How present frames become bouts."""

    method: Literal["percentile", "min_bout", "none"] = setting(
        "percentile", "Which bouts are too short: by the labels' percentile, by min_bout, or none."
    )
    percentile: float = setting(
        1.0, "Percentile of the training labels' bout lengths.", minimum=0, maximum=100
    )
    one_frame_bouts: int = setting(
        1,
        "Bouts of one frame counted beside the labeled ones, so that the low percentile of a few "
        "bouts is not the shortest of them; 0 counts the labeled ones alone, as the paper does.",
        minimum=0,
    )
    min_bout: int = setting(1, "Frames that the shortest bout has, for method min_bout.", minimum=1)
    inclusive: bool = setting(False, "Whether a bout of exactly that length goes, too.")


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

    train_sizes: tuple[int, ...] = setting((), "Numbers of training videos to try.", minimum=1)
    presets: tuple[str, ...] = setting((), "Presets of the sweep; empty means all.")


@dataclass(frozen=True)
class EvaluateSettings:
    """Scores on the test part."""

    shuffles: int = setting(100, "Circular shifts of the labels for the chance level.", minimum=1)
    seed: int = setting(0, "Seed of the shifts.", minimum=0)
    iou: tuple[float, ...] = setting(
        (0.1, 0.25, 0.5), "Overlaps at which bouts count as found.", minimum=0, maximum=1
    )


@dataclass(frozen=True)
class FigureSettings:
    """Which figures are drawn."""

    ethograms: Literal["all", "test", "none"] = setting(
        "all", "Videos of which the ethogram is drawn."
    )
