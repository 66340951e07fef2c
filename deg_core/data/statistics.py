"""Channel statistics and backgrounds of imported videos.

Moments are sums of whole numbers, so that merging them is exact in any order. Reads stores, and
reads ``results/stats/*.json`` and ``*.background.png``.
"""

import math
import operator
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from deg_core.data.images import excess
from deg_core.data.publish import damage_of, publish_file, read_json
from deg_core.data.store import FrameStore
from deg_core.errors import StateError
from deg_core.recording import reading

Triple = tuple[int, int, int]
_BATCH = 64
_ROWS = 32
# Smallest standard deviation to divide by: one gray level, for channels that never change.
SMALLEST_STD = 1 / 255


@dataclass(frozen=True)
class Moments:
    """Sums over the pixels of some frames, of values 0 to 255, for each channel.

    Attributes
    ----------
    frames
        Number of frames.
    n
        Number of pixels of one channel.
    sum, sum_squares
        Sum of the values and of their squares, for red, green and blue.
    """

    frames: int = 0
    n: int = 0
    sum: Triple = (0, 0, 0)
    sum_squares: Triple = (0, 0, 0)

    def __add__(self, other: "Moments") -> "Moments":
        """Merge two sets of frames that share none."""
        return Moments(
            frames=self.frames + other.frames,
            n=self.n + other.n,
            sum=_add(self.sum, other.sum),
            sum_squares=_add(self.sum_squares, other.sum_squares),
        )

    def mean(self) -> list[float]:
        """Give the mean of each channel, on the scale 0 to 1."""
        return [total / (255 * self.n) for total in self.sum]

    def std(self, *, smallest: float = SMALLEST_STD) -> list[float]:
        """Give the population standard deviation of each channel, on the scale 0 to 1.

        Parameters
        ----------
        smallest
            A channel that hardly changes gets this; 0 gives the deviation as it is.

        Notes
        -----
        ``sqrt(n * sum_squares - sum**2) / n``: the root is taken of a whole number, so nothing
        cancels. ``smallest`` is one gray level, to be safe to divide by.
        """
        pairs = zip(self.sum, self.sum_squares, strict=True)
        roots = [math.sqrt(self.n * squares - total**2) for total, squares in pairs]
        return [max(root / (255 * self.n), smallest) for root in roots]


def moments_of(frames: np.ndarray) -> Moments:
    """Sum up some frames.

    Parameters
    ----------
    frames : (n, H, W, 3) uint8
    """
    # How often each of 256 values occurs says all, and is quick to count.
    counts = [np.bincount(frames[..., channel].ravel(), minlength=256) for channel in range(3)]
    values = np.arange(256)
    return Moments(
        frames=len(frames),
        n=math.prod(frames.shape[:3]),
        sum=_triple(int(values @ count) for count in counts),
        sum_squares=_triple(int(values**2 @ count) for count in counts),
    )


def moments_of_store(store: FrameStore, stride: int) -> Moments:
    """Sum up every ``stride``-th frame of a video, a few at a time."""
    indices = np.arange(0, store.n_frames, stride)
    batches = (indices[start : start + _BATCH] for start in range(0, len(indices), _BATCH))
    return merge(moments_of(store.read(batch)) for batch in batches)


def merge(parts: Iterable[Moments]) -> Moments:
    """Merge the moments of several sets of frames, exactly."""
    return sum(parts, start=Moments())


def read_moments(path: Path) -> dict[str, Any]:
    """Read the moments that a stage wrote.

    Returns
    -------
    dict
        What `Moments` holds; of merged ones ``mean`` and ``std`` as well, on the scale 0 to 1.

    Raises
    ------
    StateError
        If the file is missing or does not hold whole moments.
    """
    content = read_json(path)
    try:
        from_plain(content)
    except (KeyError, TypeError, ValueError) as error:
        raise StateError(
            f"{path}: no channel statistics (frames, n, sum, sum_squares); delete it and run again."
        ) from error
    return content


def from_plain(content: Mapping[str, Any]) -> Moments:
    """Turn what a JSON file holds into moments.

    Raises
    ------
    KeyError, TypeError, ValueError
        If something is missing, no whole number, or not one per channel.
    """
    frames, n = (operator.index(content[name]) for name in ("frames", "n"))
    return Moments(frames, n, _triple(content["sum"]), _triple(content["sum_squares"]))


def to_plain(moments: Moments) -> dict[str, Any]:
    """Turn moments into what the JSON files hold."""
    return asdict(moments)


def median_background(store: FrameStore, n_frames: int) -> np.ndarray:
    """Estimate the empty arena: the median over evenly spaced frames.

    Parameters
    ----------
    store
        The video; memory depends on ``n_frames``, not on its length.
    n_frames
        Number of frames to look at; all of them if the video has fewer.

    Returns
    -------
    np.ndarray
        (H, W, 3) uint8 RGB.

    Notes
    -----
    An animal that sleeps in one place for half of the video is part of the result.
    """
    count = min(n_frames, store.n_frames)
    frames = store.read(np.linspace(0, store.n_frames - 1, count).round().astype(int))
    height = frames.shape[1]
    # np.median works in floats: a strip at a time keeps them few.
    strips = [np.median(frames[:, top : top + _ROWS], axis=0) for top in range(0, height, _ROWS)]
    return np.floor(np.concatenate(strips) + 0.5).astype(np.uint8)


def write_background(path: Path, image: np.ndarray) -> None:
    """Write a background as PNG.

    Parameters
    ----------
    path
        Where to write.
    image : (H, W, 3) uint8 RGB

    Raises
    ------
    StateError
        If it cannot be written.
    """
    _, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    with publish_file(path) as temporary:
        temporary.write_bytes(data.tobytes())


def read_background(path: Path) -> np.ndarray:
    """Read a background.

    Returns
    -------
    np.ndarray
        (H, W, 3) uint8 RGB.

    Raises
    ------
    StateError
        If the file is missing or no picture.
    """
    if not Path(path).is_file():
        raise StateError(f"{path}: does not exist; run the stage that writes it.")
    reading(path)
    image = None
    with damage_of(path):
        wrong = excess(path)
    with suppress(cv2.error):
        image = None if wrong else cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise StateError(f"{path}: damaged; delete it and run again.")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _add(one: Triple, other: Triple) -> Triple:
    return _triple(a + b for a, b in zip(one, other, strict=True))


def _triple(values: Iterable[int]) -> Triple:
    red, green, blue = map(operator.index, values)
    return red, green, blue
