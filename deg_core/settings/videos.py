"""Settings of what happens to videos and labels before any training."""

from dataclasses import dataclass
from typing import Literal

from deg_core.declared import setting


@dataclass(frozen=True)
class ImportSettings:
    """Each video is decoded once and resized once."""

    size: tuple[int, int] = setting(
        (128, 128), "Height and width in pixels to which every frame is resized.", minimum=16
    )
    resize: Literal["area", "linear"] = setting(
        "area",
        "How frames shrink: by areas, or linearly, which skips pixels, as DeepEthogram does.",
    )
    store: Literal["auto", "raw", "jpeg"] = setting(
        "auto", "How frames are kept: raw (lossless, large), jpeg, or raw up to raw_limit_gb."
    )
    jpeg_quality: int = setting(90, "Quality of the jpeg store.", minimum=1, maximum=100)
    raw_limit_gb: float = setting(
        4.0, "Largest raw store of one video, in GB, that `auto` accepts.", minimum=0
    )
    max_missing: float = setting(
        0.02, "Share of the frames that may be missing before a video counts as truncated.",
        minimum=0, maximum=1,
    )  # fmt: skip
    image_fps: float = setting(
        30.0, "Frames per second of a folder of images, which cannot tell.", exclusiveMinimum=0
    )


@dataclass(frozen=True)
class LabelSettings:
    """Which labels become the per-frame table."""

    behaviors: tuple[str, ...] = setting((), "Names of the behaviors, without background.")
    annotator: str | None = setting(
        None, "Whose labels train, where a file holds several annotators."
    )


@dataclass(frozen=True)
class StatsSettings:
    """Channel statistics and the empty arena of each video."""

    stride: int = setting(10, "Every how many frames the channel statistics look.", minimum=1)
    background_frames: int = setting(
        50, "Number of frames, evenly spaced, whose median is a video's background.", minimum=1
    )
