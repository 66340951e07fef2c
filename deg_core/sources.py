"""Presets that look at no video: whether the files that they look at are there.

The rules and `deg doctor` ask, before anything is computed.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deg_core.errors import ConfigError
from deg_core.presets import DEFAULT_PRESETS, VIDEO, source_of
from deg_core.table import Video

WHAT = {
    "keypoints": "DeepLabCut's csv or h5 of it, or SLEAP's analysis h5",
    "clusters": "a csv with the cluster of each frame",
}


def check_sources(config: Mapping[str, Any], videos: Sequence[Video], path: Path) -> None:
    """Check that every video has the files that the presets look at.

    Parameters
    ----------
    config
        A project's configuration, checked.
    videos
        The video table.
    path
        Where it was read, for the messages.

    Raises
    ------
    ConfigError
        If one is missing.
    """
    for problem in source_problems(config, videos, path):
        raise ConfigError(problem)


def source_problems(
    config: Mapping[str, Any], videos: Sequence[Video], path: Path
) -> Iterator[str]:
    """Yield all that `check_sources` would complain about, one sentence per preset and column."""
    for preset in config.get("presets") or DEFAULT_PRESETS:
        column = source_of(config, preset)
        if column == VIDEO:
            continue
        lacking = [video.video for video in videos if getattr(video, column) is None]
        if lacking:
            named = ", ".join(lacking[:5]) + (f" and {len(lacking) - 5} more" * (len(lacking) > 5))
            yield (
                f"{path}: preset {preset} looks at the column '{column}', which is empty for "
                f"{named}; name {WHAT[column]} there for every video, or take {preset} out of "
                "`presets`."
            )
