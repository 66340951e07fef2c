"""Stage merge_stats: mean and standard deviation of the colors over many videos.

Reads ``results/stats/<video>.json`` of each; writes ``results/stats/rgb.json``.
"""

from pathlib import Path

from deg_core.data.publish import publish_json
from deg_core.data.statistics import from_plain, merge, read_moments, to_plain
from deg_core.errors import ConfigError


def run(*, videos: list[str], folder: Path, out: Path) -> None:
    """Merge the channel moments of several videos, exactly.

    Parameters
    ----------
    videos
        Names of the videos.
    folder
        Where their statistics are.
    out
        JSON file to write, with mean and standard deviation on the scale 0 to 1.

    Raises
    ------
    ConfigError
        If there is no video.
    StateError
        If a video's statistics are missing or damaged, or the result cannot be written.
    """
    if not videos:
        raise ConfigError(
            "videos.tsv: no video has `pretrain` yes; the statistics of colors need at least one."
        )
    moments = merge(from_plain(read_moments(folder / f"{video}.json")) for video in videos)
    publish_json(out, {**to_plain(moments), "mean": moments.mean(), "std": moments.std()})
