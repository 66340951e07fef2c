"""Stage video_stats: channel moments and empty arena of one imported video.

Reads ``results/import/<video>.h5``; writes ``results/stats/<video>.json`` and ``.background.png``.
"""

from pathlib import Path

from deg_core.data.publish import publish_json
from deg_core.data.statistics import (
    median_background,
    moments_of_store,
    to_plain,
    write_background,
)
from deg_core.data.video import FrameStore
from deg_core.settings import StatsSettings


def run(*, store: Path, out: Path, background: Path, settings: StatsSettings) -> None:
    """Sum up the colors of a video, and estimate what it shows without the animal.

    Parameters
    ----------
    store
        Imported video.
    out
        JSON file to write: exact sums over every so-many-th frame.
    background
        PNG to write: the median over evenly spaced frames.
    settings
        Which frames to look at.

    Raises
    ------
    StateError
        If the imported video is damaged, or a result cannot be written.
    """
    with FrameStore(store) as video:
        moments = moments_of_store(video, settings.stride)
        image = median_background(video, settings.background_frames)
    write_background(background, image)
    publish_json(out, to_plain(moments))
