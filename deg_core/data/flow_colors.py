"""Optic flow as colors, as the original program draws it.

The pipeline's own figures scale the colors by the flow they show (workflow/scripts); these have a
fixed scale, so that pictures of both programs can be laid side by side. Reads and writes no file.
"""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray


def polar(flow: ArrayLike, *, longest: float) -> NDArray[np.uint8]:
    """Show direction as hue and length as saturation.

    Parameters
    ----------
    flow : (H, W, 2) float
        x to the right and y down, in pixels.
    longest
        Length, in pixels, from which on colors are full.

    Returns
    -------
    picture : (H, W, 3) uint8 RGB
        White where nothing moves.
    """
    x, y = np.moveaxis(np.asarray(flow, dtype=np.float32), -1, 0)
    hue = np.degrees(np.arctan2(y, x)) % 360 / 2  # OpenCV has half degrees in 8 bits
    saturation = 255 * np.clip(np.hypot(x, y) / longest, 0, 1)
    picture = np.stack([hue, saturation, np.full_like(hue, 255)], axis=-1)
    return cv2.cvtColor(picture.astype(np.uint8), cv2.COLOR_HSV2RGB)


def linear(flow: ArrayLike, *, longest: float) -> NDArray[np.uint8]:
    """Show x as red and y as green.

    Parameters
    ----------
    flow : (H, W, 2) float
        x to the right and y down, in pixels.
    longest
        Component, in pixels, from which on colors are full.

    Returns
    -------
    picture : (H, W, 3) uint8 RGB
        Gray, 127, where nothing moves.
    """
    share = np.clip(np.asarray(flow, dtype=np.float32) / longest, -1, 1)
    picture = np.full((*share.shape[:-1], 3), 127, np.uint8)
    picture[..., :2] = ((share + 1) / 2 * 255).astype(np.uint8)
    return picture
