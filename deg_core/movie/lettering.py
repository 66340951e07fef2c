"""Text in pictures, in any script for which this machine has a font.

OpenCV writes ASCII only, so that Pillow does it, in the font that comes with matplotlib or, for
letters which that lacks, in the first installed one that has them all.
"""

from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Color = tuple[int, int, int]
# A font that has a box for every letter there is.
LAST_RESORT = "Last Resort"


@lru_cache(maxsize=64)
def font_file(text: str, *, bold: bool = False) -> Path | None:
    """Find a font that has all letters of a text.

    Returns
    -------
    Path or None
        The font of matplotlib if it has them, else the first installed one that does, else None.
    """
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    own = Path(matplotlib.get_data_path(), "fonts", "ttf", name)
    needed = {ord(letter) for letter in text if not letter.isspace()}
    if needed <= _letters(own):
        return own
    installed = {
        Path(entry.fname)
        for entry in font_manager.fontManager.ttflist
        if not entry.name.startswith(LAST_RESORT) and entry.style == "normal"
    }
    return next((path for path in sorted(installed) if needed <= _letters(path)), None)


@lru_cache(maxsize=64)
def _letters(path: Path) -> frozenset[int]:
    try:
        return frozenset(FT2Font(str(path)).get_charmap())
    except (OSError, RuntimeError):  # listed, but gone or of a kind that is not read
        return frozenset()


@lru_cache(maxsize=64)
def _font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size)


@lru_cache(maxsize=2048)
def mask(text: str, size: int, *, bold: bool = False) -> NDArray[np.uint8]:
    """Draw one line of text.

    Parameters
    ----------
    text
        Letters that no font has become boxes.
    size
        Of the letters, in pixels.
    bold
        Whether in bold letters, where the font has them.

    Returns
    -------
    mask : (h, w) uint8
        How much of each pixel the letters cover, 255 all of it.
    """
    path = font_file(text, bold=bold) or font_file("", bold=bold)
    font = _font(path, size)
    ascent, descent = font.getmetrics()
    width = max(1, int(np.ceil(font.getlength(text))))
    image = Image.new("L", (width, ascent + descent))
    ImageDraw.Draw(image).text((0, 0), text, fill=255, font=font)
    return np.array(image)


def width_of(text: str, size: int, *, bold: bool = False) -> int:
    """Measure a text, in pixels."""
    return mask(text, size, bold=bold).shape[1]


def shorten(text: str, size: int, room: int) -> str:
    """Cut the end of a text that is wider than ``room`` pixels."""
    text = " ".join(text.split())
    if width_of(text, size) <= room:
        return text
    kept = next((n for n in range(len(text), 0, -1) if width_of(text[:n] + "…", size) <= room), 0)
    return text[:kept].rstrip() + "…"


def write(
    canvas: NDArray[np.uint8],
    text: str,
    x: int,
    middle: int,
    *,
    size: int,
    color: Color,
    align: float = 0.0,
    bold: bool = False,
) -> None:
    """Write a line of text into a picture; what reaches beyond its edges is cut off.

    Parameters
    ----------
    canvas : (H, W, 3) uint8 RGB
    text
        The line.
    x, middle
        Where its left end is and the middle of its height, in pixels.
    size
        Of the letters, in pixels.
    color
        Of the letters.
    align
        0 if ``x`` is the left end, 0.5 if it is the center, 1 if it is the right end.
    bold
        Whether in bold letters.
    """
    cover = mask(text, size, bold=bold)
    left = x - round(align * cover.shape[1])
    top = middle - cover.shape[0] // 2
    low, high = max(left, 0), min(left + cover.shape[1], canvas.shape[1])
    upper, lower = max(top, 0), min(top + cover.shape[0], canvas.shape[0])
    if low >= high or upper >= lower:
        return
    part = canvas[upper:lower, low:high]
    share = cover[upper - top : lower - top, low - left : high - left, None] / np.float32(255)
    part[...] = (part + (np.array(color, np.float32) - part) * share + 0.5).astype(np.uint8)
