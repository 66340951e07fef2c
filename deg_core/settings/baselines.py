"""Settings of what is compared with: classification from keypoints, and mapped clusters."""

from dataclasses import dataclass
from typing import Literal

from deg_core.declared import setting

SEVEN = ("nose", "forepaw_l", "forepaw_r", "hindpaw_l", "hindpaw_r", "tailbase", "tailtip")


@dataclass(frozen=True)
class KeypointSettings:
    """What is read from the files of keypoints that videos.tsv names."""

    points: tuple[str, str, str, str, str, str, str] = setting(
        SEVEN,
        "What the files call nose, left and right forepaw, left and right hindpaw, tailbase and "
        "tailtip, in this order; one of theirs may stand for two.",
    )
    individual: str = setting(
        "", "Which animal, or SLEAP's track, of files with several; empty for files with one."
    )
    min_likelihood: float = setting(
        0.9, "DeepLabCut's likelihood below which a point is interpolated.", minimum=0, maximum=1
    )
    min_score: float = setting(
        0.0,
        "SLEAP's score below which a point is interpolated; those that it is unsure of are missing "
        "from its files already.",
        minimum=0,
        maximum=1,
    )
    max_missing: float = setting(
        0.01,
        "Share of a video's frames, at its end, that a file may lack; points stay where they were.",
        minimum=0,
        exclusiveMaximum=1,
    )
    scale: Literal["longer", "each"] = setting(
        "longer", "Divide pixels by the longer side, or each axis by its own, as the paper does."
    )
    standardize: bool = setting(
        True, "Bring each feature to mean 0 and deviation 1 over each video, as the paper does."
    )


@dataclass(frozen=True)
class ClusterSettings:
    """How the clusters of the files that videos.tsv names become behaviors."""

    column: str = setting(
        "", "Column that holds the clusters; empty finds those of B-SOiD and keypoint-MoSeq."
    )
    mapping: Literal["share", "majority"] = setting(
        "share",
        "A cluster's probability of a behavior: the behavior's share of its training frames, or 1 "
        "for the class that has most of them, background included, and 0 for all others.",
    )
    prior_frames: float = setting(
        30.0,
        "Frames as all training frames are on average, counted with those of each cluster, so that "
        "a small cluster is not certain.",
        minimum=0,
    )
