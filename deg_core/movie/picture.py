"""One picture of the movie: what stays is drawn once, what moves is put into it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from deg_core.ethogram.palette import rgb_of
from deg_core.movie import lettering
from deg_core.movie.layout import Layout, arrange
from deg_core.movie.strip import INK, PAPER, SOFT, Strip, Tracks, clock
from deg_core.progress import log

LABELED = "upper bar: labels (hatched: not scored)  ·  lower bar: model  ·  "
UNLABELED = "no labels  ·  bar: model  ·  "
LEGEND = "area: probability  ·  dashed: threshold"


class Picture:
    """Compose the pictures of one movie.

    Parameters
    ----------
    tracks
        What the strip shows.
    frame_size
        Width and height of the video's frames, in pixels.
    scale
        Size of a frame in the movie against that of the video; None chooses.
    title
        What stands in the upper left corner.
    window_s
        Seconds that the strip shows at once.
    """

    def __init__(
        self,
        tracks: Tracks,
        *,
        frame_size: tuple[int, int],
        scale: float | None,
        title: str,
        window_s: float,
    ) -> None:
        self._tracks = tracks
        names = readable(tracks.behaviors)
        self.layout = arrange(frame_size=frame_size, scale=scale, behaviors=names)
        _, _, width, height = self.layout.strip
        axis = height - self.layout.row * len(names)
        self._strip = Strip(
            tracks, width=width, row=self.layout.row, axis=axis, size=self.layout.size,
            window_s=window_s,
        )  # fmt: skip
        self._still = draw_still(
            self.layout, names=names, title=title, labeled=tracks.human is not None
        )

    def draw(self, number: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Draw one picture.

        Parameters
        ----------
        number
            Number of the frame, from 0.
        image : (h, w, 1) or (h, w, 3) uint8 RGB

        Returns
        -------
        picture : (H, W, 3) uint8 RGB
        """
        canvas = self._still.copy()
        left, top, width, height = self.layout.frame
        canvas[top : top + height, left : left + width] = fitted(image, width, height)
        left, top, width, height = self.layout.strip
        window, cursor = self._strip.window(number)
        canvas[top : top + height, left : left + width] = window
        draw_cursor(canvas[top : top + height, left : left + width], cursor, self.layout.size)
        self._write_time(canvas, number)
        self._write_values(canvas, number)
        return canvas

    def _write_time(self, canvas: NDArray[np.uint8], number: int) -> None:
        text = f"{clock(number / self._tracks.fps, 0.1)}   frame {number}"
        place = (self.layout.values, self.layout.header)
        lettering.write(canvas, text, *place, size=self.layout.size, color=PAPER, align=1.0)

    def _write_values(self, canvas: NDArray[np.uint8], number: int) -> None:
        """Write each probability, on the behavior's color where the model sees the behavior."""
        layout, row = self.layout, self.layout.row
        left = layout.strip[0] + layout.strip[2] + layout.size // 4
        for k, probability in enumerate(self._tracks.probabilities[number]):
            top = layout.strip[1] + k * row
            color, present = rgb_of(k), self._tracks.present[number, k]
            if present:
                canvas[top + 1 : top + row - 2, left : layout.width] = color
            ink = SOFT if not present else INK if lightness(color) > 120 else PAPER
            lettering.write(
                canvas, f"{probability:.2f}", layout.values, top + row // 2 - 1,
                size=layout.size, color=ink, align=1.0,
            )  # fmt: skip


def readable(names: list[str]) -> list[str]:
    """Replace names for which this machine has no font by their numbers, and say so."""
    shown = []
    for number, name in enumerate(names, 1):
        known = lettering.font_file(name) is not None
        shown.append(name if known else f"behavior {number}")
        if not known:
            log(
                f"No font on this machine has all letters of '{name}', so the movie calls it "
                f"'behavior {number}'; install a font that has them, such as Noto Sans CJK."
            )
    return shown


def draw_still(layout: Layout, *, names: list[str], title: str, labeled: bool) -> NDArray[np.uint8]:
    """Draw what is the same in every picture: names, title and legend.

    Returns
    -------
    picture : (H, W, 3) uint8 RGB
    """
    canvas = np.full((layout.height, layout.width, 3), PAPER, np.uint8)
    bottom = layout.frame[1] + layout.frame[3]
    canvas[:bottom] = INK
    room = layout.width - lettering.width_of("0:00:00.0   frame 0000000", layout.size) - layout.size
    lettering.write(
        canvas, lettering.shorten(title, layout.size, room), layout.names, layout.header,
        size=layout.size, color=PAPER,
    )  # fmt: skip
    for k, name in enumerate(names):
        middle = layout.strip[1] + k * layout.row + layout.row // 2 - 1
        text = lettering.shorten(name, layout.size, layout.strip[0] - 2 * layout.names)
        place = (layout.names, middle)
        lettering.write(canvas, text, *place, size=layout.size, color=dark(rgb_of(k)))
    legend = (LABELED if labeled else UNLABELED) + LEGEND
    small = round(0.85 * layout.size)
    legend = lettering.shorten(legend, small, layout.width - 2 * layout.names)
    lettering.write(canvas, legend, layout.names, layout.legend, size=small, color=SOFT)
    return canvas


def draw_cursor(strip: NDArray[np.uint8], column: int, size: int) -> None:
    """Draw a box around the current frame, over the whole height of the strip (H, W, 3)."""
    half = max(2, size // 5)
    bottom = len(strip) - round(1.6 * size)
    for x in (column - half, column + half):
        strip[:bottom, x : x + 2] = INK
    for y in (0, bottom):
        strip[y : y + 2, column - half : column + half + 2] = INK


def fitted(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize a frame: whole pixels when it grows, by areas when it shrinks.

    Returns
    -------
    image : (height, width, 1) or (height, width, 3) uint8
    """
    if image.shape[:2] == (height, width):
        return image
    grows = width >= image.shape[1]
    method = cv2.INTER_NEAREST if grows else cv2.INTER_AREA
    return cv2.resize(image, (width, height), interpolation=method).reshape(height, width, -1)


def lightness(color: lettering.Color) -> float:
    """Weigh red, green and blue as the eye does (ITU-R BT.601), 0 to 255."""
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]


def dark(color: lettering.Color) -> lettering.Color:
    """Darken a color in which text could not be read on white."""
    share = min(1.0, 110 / max(lightness(color), 1))
    red, green, blue = (round(part * share) for part in color)
    return red, green, blue
