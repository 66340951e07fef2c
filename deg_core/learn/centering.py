"""Features of a video around a center of its own: light and camera differ from video to video."""

import numpy as np

from deg_core.learn.tiling import TILE, Rows


class Shifted:
    """Rows (T, D) less the same vector each; read a slice at a time, as what they come from."""

    def __init__(self, rows: Rows, offset: np.ndarray) -> None:
        self.rows, self.offset = rows, offset

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: slice) -> np.ndarray:
        return self.rows[rows] - self.offset


def centered(rows: Rows, center: np.ndarray, *, after: int) -> Rows:
    """Move a video's features towards the center of the training videos.

    What a backbone says of a picture shifts with light, arena and animal, the same for all frames
    of a video. Thresholds and sequence model, which learn from a few videos, take such a shift
    for behavior.

    Parameters
    ----------
    rows
        (T, D) float32 or float16.
    center
        (D,) mean of the training videos' features.
    after
        Frames at which half of the shift is removed; 0 removes nothing. The share is
        T / (T + after): the mean of a short video says more of what the animal does there.

    Returns
    -------
    Rows
        (T, D) float32, computed as they are asked for; ``rows`` themselves if nothing is removed.
    """
    if after == 0:
        return rows
    n = len(rows)
    mean = sum(rows[a : a + TILE].sum(0, dtype=np.float64) for a in range(0, n, TILE)) / n
    return Shifted(rows, ((mean - center) * (n / (n + after))).astype(np.float32))
