"""The strip below the frame: labels, predictions and probabilities over time.

It is drawn in pieces of a thousand columns as they come into sight, so that a movie of hours
needs no more memory than one of seconds, and a picture of the movie only copies columns.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from deg_core.ethogram.palette import rgb_of
from deg_core.movie import lettering

PAPER, INK, SOFT = (255, 255, 255), (34, 34, 34), (118, 118, 118)
LANE, HATCH, GRID = (236, 236, 236), (176, 176, 176), (222, 222, 222)
PIECE = 1024
TICKS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200)
TICK_ROOM = 6  # letters between two ticks, at least


@dataclass(frozen=True)
class Tracks:
    """What is known of T frames and K behaviors.

    Attributes
    ----------
    behaviors
        The K names.
    human
        (T, K) int8: 1 present, 0 absent, -1 not scored; None for a video without labels.
    present
        (T, K) bool: the predicted ethogram.
    probabilities
        (T, K) float32.
    thresholds
        K numbers.
    fps
        Frames per second.
    """

    behaviors: list[str]
    human: NDArray[np.int8] | None
    present: NDArray[np.bool_]
    probabilities: NDArray[np.float32]
    thresholds: list[float]
    fps: float

    def __len__(self) -> int:
        return len(self.present)


class Strip:
    """Draw any stretch of the strip.

    Parameters
    ----------
    tracks
        What to draw.
    width
        Columns that are seen at once.
    row
        Height of one behavior, in pixels.
    axis
        Height of the time axis, in pixels.
    size
        Of the letters, in pixels.
    window_s
        Seconds that are seen at once.
    """

    def __init__(
        self, tracks: Tracks, *, width: int, row: int, axis: int, size: int, window_s: float
    ) -> None:
        self.tracks, self.width, self.row = tracks, width, row
        self.size = size
        self.height = row * len(tracks.behaviors) + axis
        self.columns_per_frame = width / (window_s * tracks.fps)
        # Three pieces: a window touches two, and the next one may follow.
        self._piece = lru_cache(maxsize=3)(self._draw)

    def window(self, frame: int) -> tuple[NDArray[np.uint8], int]:
        """Give what is seen at one frame.

        Returns
        -------
        picture, cursor
            (H, W, 3) uint8 RGB, and the column of the frame in it.
        """
        cursor = self.width // 2
        left = int((frame + 0.5) * self.columns_per_frame) - cursor
        first, last = left // PIECE, (left + self.width - 1) // PIECE
        pieces = [self._piece(number) for number in range(first, last + 1)]
        joined = pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)
        start = left - first * PIECE
        return joined[:, start : start + self.width], cursor

    def _draw(self, number: int) -> NDArray[np.uint8]:
        """Draw the columns from ``number * PIECE`` on; before and after the video is paper."""
        columns = np.arange(number * PIECE, (number + 1) * PIECE)
        canvas = np.full((self.height, PIECE, 3), PAPER, np.uint8)
        frames = np.floor(columns / self.columns_per_frame).astype(np.int64)
        inside = np.flatnonzero((frames >= 0) & (frames < len(self.tracks)))
        if len(inside):
            shown = slice(inside[0], inside[-1] + 1)
            self._draw_rows(canvas[:, shown], columns[shown], frames[shown])
        self._draw_axis(canvas, columns)
        return canvas

    def _draw_rows(
        self, canvas: NDArray[np.uint8], columns: NDArray[np.int64], frames: NDArray[np.int64]
    ) -> None:
        # Of several frames in one column the highest counts, so that no short bout is lost.
        starts = frames - frames[0]
        stop = int((columns[-1] + 1) / self.columns_per_frame)
        span = slice(frames[0], max(stop, frames[-1] + 1))
        tracks = self.tracks
        present = np.logical_or.reduceat(tracks.present[span], starts)
        probabilities = np.maximum.reduceat(tracks.probabilities[span], starts)
        human = None if tracks.human is None else np.maximum.reduceat(tracks.human[span], starts)
        lanes = lanes_of(self.row, labeled=human is not None)
        for k in range(len(tracks.behaviors)):
            part = canvas[k * self.row : (k + 1) * self.row]
            if human is not None:
                draw_labels(part[lanes["human"]], human[:, k], columns, rgb_of(k))
            draw_lane(part[lanes["model"]], present[:, k], rgb_of(k))
            curve = part[lanes["probability"]]
            draw_probability(curve, probabilities[:, k], rgb_of(k))
            draw_threshold(curve, tracks.thresholds[k], columns)

    def _draw_axis(self, canvas: NDArray[np.uint8], columns: NDArray[np.int64]) -> None:
        per_second = self.columns_per_frame * self.tracks.fps
        room = TICK_ROOM * self.size
        step = next((s for s in TICKS_S if s * per_second >= room), TICKS_S[-1])
        bottom = self.row * len(self.tracks.behaviors)
        # Labels reach over the edge of a piece, so those of the neighbors are drawn, too.
        first = max(0, int(np.floor((columns[0] - room) / per_second / step)))
        last = int(
            min(len(self.tracks) / self.tracks.fps, (columns[-1] + room) / per_second) / step
        )
        for tick in range(first, last + 1):
            x = round(tick * step * per_second) - int(columns[0])
            if 0 <= x < canvas.shape[1]:
                canvas[bottom : bottom + self.size // 3, x] = SOFT
            middle = (bottom + self.size // 4 + self.height) // 2
            lettering.write(
                canvas, clock(tick * step, step), x, middle,
                size=round(0.85 * self.size), color=SOFT, align=0.5,
            )  # fmt: skip


def lanes_of(row: int, *, labeled: bool) -> dict[str, slice]:
    """Divide a row: labels, predictions and probability, with a gap below."""
    shares = {"human": 0.2, "model": 0.2, "probability": 0.48} if labeled else {
        "model": 0.25, "probability": 0.62
    }  # fmt: skip
    lanes, top = {}, round(0.04 * row)
    for name, share in shares.items():
        lanes[name] = slice(top, top + max(3, round(share * row)) - 1)
        top = lanes[name].stop + 1
    return lanes


def draw_lane(lane: NDArray[np.uint8], present: NDArray[np.bool_], color: lettering.Color) -> None:
    """Fill the columns (H, n, 3) in which a behavior is present."""
    lane[...] = np.where(present[None, :, None], np.uint8(color), np.uint8(LANE))


def draw_labels(
    lane: NDArray[np.uint8],
    human: NDArray[np.int8],
    columns: NDArray[np.int64],
    color: lettering.Color,
) -> None:
    """Fill the columns that a person called positive; hatch those that nobody scored."""
    draw_lane(lane, human == 1, color)
    stripe = (columns[None] + np.arange(len(lane))[:, None]) % 6 < 2
    hatched = np.where(stripe[..., None], np.uint8(HATCH), np.uint8(PAPER))
    unknown = human == -1
    lane[:, unknown] = hatched[:, unknown]


def draw_probability(
    lane: NDArray[np.uint8], probability: NDArray[np.float32], color: lettering.Color
) -> None:
    """Fill each column from below up to its probability; the uppermost pixel in part."""
    height = len(lane)
    from_below = np.arange(height - 1, -1, -1, dtype=np.float32)[:, None]
    cover = np.clip(height * probability[None] - from_below, 0, 1)[..., None]
    paper = np.array((247, 247, 247), np.float32)
    lane[...] = (paper + (np.array(color, np.float32) - paper) * cover + 0.5).astype(np.uint8)


def draw_threshold(lane: NDArray[np.uint8], threshold: float, columns: NDArray[np.int64]) -> None:
    """Draw the threshold as a dashed line."""
    height = len(lane)
    y = min(height - 1, max(0, round(height * (1 - threshold))))
    lane[y, columns % 8 < 4] = INK


def clock(seconds: float, step: float) -> str:
    """Write a time as seconds, or as minutes or hours from a minute on."""
    if seconds < 60 and step < 60:
        return f"{seconds:.1f} s" if step < 1 else f"{seconds:.0f} s"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    rest_text = f"{rest:04.1f}" if step < 1 else f"{rest:02.0f}"
    return f"{hours}:{minutes:02}:{rest_text}" if hours else f"{minutes}:{rest_text}"
