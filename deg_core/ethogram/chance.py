"""The chance level: what a prediction scores on labels that were shifted in time.

Reads and writes no file. Several videos are handled as one *joined* track, with one unknown frame
after each video, so that no bout reaches from one video into the next.

A shift moves a video's whole label track in a circle, all behaviors by the same number of frames,
**unknown frames included**: what leaves at the end comes in at the start. Bouts keep their lengths,
behaviors keep their order and overlaps, and the number of scored frames stays the same, but in a
partly scored video other frames of the prediction are scored. Only the bout that lies across the
end of the video is cut.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from deg_core.ethogram.bouts import UNKNOWN


def join(tracks: Sequence[NDArray], *, gap: float) -> NDArray:
    """Return the tracks of several videos as one, with one row of ``gap`` after each.

    Parameters
    ----------
    tracks
        Per video (T, K) of one dtype.
    gap
        Value of the rows between: -1 for labels, 0 for predictions.

    Returns
    -------
    joined : (sum of T + number of videos, K)
        Column by column in memory, since scores are computed per behavior.
    """
    total = sum(len(track) + 1 for track in tracks)
    joined = np.full((total, tracks[0].shape[1]), gap, dtype=tracks[0].dtype, order="F")
    start = 0
    for track in tracks:
        joined[start : start + len(track)] = track
        start += len(track) + 1
    return joined


def draw_shifts(lengths: Sequence[int], *, n: int, seed: int) -> NDArray[np.int64]:
    """Draw by how many frames each video is shifted.

    Parameters
    ----------
    lengths
        Number of frames of each of V videos.
    n
        Number of draws.
    seed
        The same seed and lengths give the same shifts.

    Returns
    -------
    shifts : (n, V) int64
        1..T-1; 0 for a video of one frame, which cannot be shifted.
    """
    highest = np.maximum(np.asarray(lengths, dtype=np.int64), 2)
    shifts = np.random.default_rng(seed).integers(1, highest, size=(n, len(highest)))
    return np.where(np.asarray(lengths) > 1, shifts, 0)


def shifted(
    labels: NDArray[np.int8], lengths: Sequence[int], *, n: int, seed: int
) -> Iterator[NDArray[np.int8]]:
    """Yield the joined labels with each video shifted in a circle, ``n`` times.

    Parameters
    ----------
    labels : (N, K) int8
        Joined labels, see `join`.
    lengths
        Number of frames of each video, in the order of joining.
    n, seed
        See `draw_shifts`.

    Yields
    ------
    rolled : (N, K) int8
        One buffer, written anew for each draw.
    """
    rolled = np.full_like(labels, UNKNOWN)
    for shifts in draw_shifts(lengths, n=n, seed=seed):
        start = 0
        for length, shift in zip(lengths, shifts, strict=True):
            stop = start + length
            rolled[start + shift : stop] = labels[start : stop - shift]
            rolled[start : start + shift] = labels[stop - shift : stop]
            start = stop + 1
        yield rolled
