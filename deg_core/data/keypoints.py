"""Keypoints of a mouse, and the 44 features that describe its posture.

Reads and writes no file. Points are x, y in pixels of the video, y down.
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deg_core.settings.baselines import SEVEN

POINTS = SEVEN
"""Body parts in the order that `expand` needs; it adds the centroid of the paws as the eighth."""
COORDS = ("x", "y", "likelihood")
SMALLEST_STD = 1e-6

_NOSE, _FORE_L, _FORE_R, _HIND_L, _HIND_R, _BASE, _TIP, _CENTROID = range(8)
_PAWS = (_FORE_L, _FORE_R, _HIND_L, _HIND_R)
_OUTLINE = (_FORE_L, _NOSE, _FORE_R, _HIND_R, _BASE, _HIND_L)
_COORDINATES = tuple(f"{point}_{axis}" for point in (*POINTS, "centroid") for axis in "xy")

FEATURES = (
    *_COORDINATES,
    *(f"{name}_aligned" for name in _COORDINATES),
    "tail_angle",
    *(f"{POINTS[paw]}_centroid_angle" for paw in _PAWS),
    "nose_tailbase_dist",
    "tailbase_tailtip_dist",
    "forepaw_hindpaw_dist",
    "forepaw_nose_dist",
    "forepaw_forepaw_dist",
    "hindpaw_hindpaw_dist",
    "body_area",
)
"""Names of the 44 features, in order."""


def interpolate(
    keypoints: ArrayLike,
    *,
    threshold: float = 0.9,
    by: Literal["likelihood", "coordinates"] = "likelihood",
) -> NDArray[np.float32]:
    """Replace points that the tracker is not sure of, linearly in time.

    Parameters
    ----------
    keypoints : (T, P, 3) float
        x, y and likelihood.
    threshold
        Points below are replaced, except in the first and in the last frame.
    by
        What is compared with the threshold. ``coordinates`` takes x and y themselves, each for
        itself, which is what the original program does, by mistake.

    Returns
    -------
    filled : (T, P, 3) float32
        Likelihoods are as they were. A NaN is replaced in any frame, beyond the first and the last
        known one by their value; a point that is never known stays NaN.
    """
    given = np.asarray(keypoints, dtype=np.float32)
    filled, frames = given.copy(), np.arange(len(given))
    for point in range(given.shape[1]):
        for axis in (0, 1):
            values = given[:, point, axis]
            judged = values if by == "coordinates" else given[:, point, 2]
            # "not at least", so that a likelihood that is missing counts as low
            doubtful = ~(judged >= threshold)
            doubtful[[0, -1] if len(doubtful) else []] = False
            doubtful |= np.isnan(values)
            if doubtful.any() and not doubtful.all():
                known = ~doubtful
                filled[doubtful, point, axis] = np.interp(
                    frames[doubtful], frames[known], values[known]
                )
    return filled


def normalize(
    points: ArrayLike, *, size: tuple[int, int], by: Literal["longer", "each"] = "longer"
) -> NDArray[np.float64]:
    """Bring pixels to -1..1.

    Parameters
    ----------
    points : (..., 2) float
        x, y in pixels.
    size
        Height and width of the video, in pixels.
    by
        What to divide by: the longer side, which leaves angles as they are, or each side by
        itself, as the paper does.

    Returns
    -------
    normalized : (..., 2) float64
        2 (x / side - 1/2), y alike.
    """
    height, width = size
    sides = (width, height) if by == "each" else max(height, width)
    return 2 * (np.asarray(points, dtype=np.float64) / sides - 0.5)


def expand(
    points: ArrayLike,
    *,
    size: tuple[int, int],
    by: Literal["longer", "each"] = "longer",
    standardize: bool = True,
) -> NDArray[np.float64]:
    """Describe the posture of each frame by 44 numbers, named in `FEATURES`.

    Parameters
    ----------
    points : (T, 7, 2) float
        x, y in pixels of the body parts `POINTS`.
    size
        Height and width of the video, in pixels.
    by
        See `normalize`.
    standardize
        Whether each feature gets mean 0 and standard deviation 1 over the video; one that hardly
        changes becomes 0 or about 0.

    Returns
    -------
    features : (T, 44) float64
        Coordinates in -1..1; the same with the tailbase as origin and the nose on the x axis;
        angles in radians, that of the tail from the nose's axis, those of the paws around their
        centroid; distances; area of the body. Distances and area are in units of `normalize`.

    Raises
    ------
    ValueError
        If there are not seven points.
    """
    seven = np.asarray(points, dtype=np.float64)
    if seven.ndim != 3 or seven.shape[1:] != (len(POINTS), 2):
        raise ValueError(f"expected points (T, {len(POINTS)}, 2), found {seven.shape}")
    placed = normalize(seven, size=size, by=by)
    placed = np.concatenate([placed, placed[:, _PAWS].mean(axis=1, keepdims=True)], axis=1)
    aligned = _align(placed)
    columns = [
        placed.reshape(len(placed), 2 * placed.shape[1]),
        aligned.reshape(len(placed), 2 * placed.shape[1]),
        _angle(aligned[:, _TIP])[:, None],
        _angle(aligned[:, _PAWS] - aligned[:, [_CENTROID]]),
        _distances(placed),
        _area(placed[:, _OUTLINE])[:, None],
    ]
    features = np.concatenate(columns, axis=1)
    return zscore(features) if standardize else features


def _align(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move the tailbase to the origin and turn the nose onto the x axis; (T, 8, 2)."""
    moved = points - points[:, [_BASE]]
    angle = _angle(moved[:, _NOSE])[:, None]
    cos, sin, (x, y) = np.cos(angle), np.sin(angle), np.moveaxis(moved, -1, 0)
    aligned = np.stack([x * cos + y * sin, y * cos - x * sin], axis=-1)
    aligned[:, _NOSE, 1] = 0  # what is left there is rounding, which a z-score would blow up
    return aligned


def _angle(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.arctan2(vectors[..., 1], vectors[..., 0])


def _distances(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the six distances (T, 6), in the order of `FEATURES`."""

    def between(one: int, other: int) -> NDArray[np.float64]:
        return np.linalg.norm(points[:, one] - points[:, other], axis=-1)

    return np.stack(
        [
            between(_NOSE, _BASE),
            between(_BASE, _TIP),
            (between(_FORE_L, _HIND_L) + between(_FORE_R, _HIND_R)) / 2,
            (between(_FORE_L, _NOSE) + between(_FORE_R, _NOSE)) / 2,
            between(_FORE_L, _FORE_R),
            between(_HIND_L, _HIND_R),
        ],
        axis=-1,
    )


def _area(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the areas (T,) of polygons (T, corners, 2), by the shoelace formula."""
    x, y = np.moveaxis(corners, -1, 0)
    crossed = x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)
    return np.abs(crossed.sum(axis=1)) / 2


def zscore(features: ArrayLike) -> NDArray[np.float64]:
    """Give each column (T,) mean 0 and standard deviation 1; one that is constant becomes 0."""
    values = np.asarray(features, dtype=np.float64)
    if not len(values):
        return values
    return (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), SMALLEST_STD)


def stack(
    features: ArrayLike,
    *,
    reach: int,
    padding: Literal["edge", "zero"] = "edge",
    feature_major: bool = False,
) -> NDArray[np.float32]:
    """Put the features of the frames around each frame side by side.

    Parameters
    ----------
    features : (T, F) float
    reach
        Frames to each side, R.
    padding
        What stands for frames before the first and after the last: their values, or 0.
    feature_major
        Whether all frames of the first feature come first, then those of the second, as the
        original program's mlp has it; otherwise all features of the first frame come first.

    Returns
    -------
    stacked : (T, (2R + 1) F) float32
    """
    values = np.asarray(features, dtype=np.float32)
    n_frames, n_features = values.shape
    frames = np.arange(n_frames)[:, None] + np.arange(-reach, reach + 1)
    inside = (frames >= 0) & (frames < n_frames)
    stacked = values[frames.clip(0, max(n_frames - 1, 0))]  # (T, 2R + 1, F)
    if padding == "zero":
        stacked[~inside] = 0
    if feature_major:
        stacked = stacked.swapaxes(1, 2)
    return stacked.reshape(n_frames, (2 * reach + 1) * n_features)
