"""Random clips, as trainings read them: how many a second of processor time gives."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from deg_core.bench.figures import cost_of, figure, interleaved
from deg_core.learn.clips import ClipSource

LENGTH = 11  # frames per clip
GRAY = (0.5, 0.5, 0.5)
PILOT, MOST, SECONDS = 20, 4000, 0.5  # clips and seconds per repetition


def measure(*, stores: dict[str, str], repeats: int) -> dict[str, Any]:
    """Read random clips of the same video from several stores, in turn.

    Parameters
    ----------
    stores
        Kind of store to file.
    repeats
        Repetitions.

    Returns
    -------
    dict
        Per kind of store, clips read, and per second of processor time and of the clock.
    """
    ways, numbers = {}, {}
    for kind, file in stores.items():
        source = ClipSource([Path(file)], length=LENGTH, mean=GRAY)
        frames = np.random.default_rng(0).integers(0, source.n_frames[0], MOST)
        read_all(source, frames[:PILOT])  # opens the file
        each = cost_of(partial(read_all, source, frames[:PILOT])).wall_s / PILOT
        numbers[kind] = n = int(np.clip(SECONDS / each, PILOT, MOST))
        ways[kind] = partial(read_all, source, frames[:n])
        ways[kind]()  # the file is in memory from then on
    costs = interleaved(ways, repeats=repeats)
    return {
        kind: {
            "clips": n,
            "clips_per_cpu_s": figure([n / cost.cpu_s for cost in costs[kind]]),
            "clips_per_s": figure([n / cost.wall_s for cost in costs[kind]]),
        }
        for kind, n in numbers.items()
    }


def read_all(source: ClipSource, frames: np.ndarray) -> None:
    """Read the clips around some frames of the first video, one by one."""
    for frame in frames:
        source.clip(0, int(frame))
