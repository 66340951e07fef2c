"""Settings of what tells videos that are unlike those of the training."""

from dataclasses import dataclass

from deg_core.declared import setting


@dataclass(frozen=True)
class QualitySettings:
    """When a video is so unlike the training videos that somebody should look."""

    frames: int = setting(200, "Frames of each video that are looked at, evenly spaced.", minimum=1)
    neighbors: int = setting(
        5, "Nearest training frames over which the distance of a frame is averaged.", minimum=1
    )
    margin: float = setting(
        0.5,
        "By which share of the range of the known videos that range is widened on both sides.",
        minimum=0,
    )
    near: float = setting(
        1.0,
        "Difference in log odds within which a probability is near its threshold.",
        exclusiveMinimum=0,
    )
