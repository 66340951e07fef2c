"""Where everything is in a picture of the movie: header, frame, strip, legend; in pixels."""

from dataclasses import dataclass

from deg_core.movie import lettering

LEAST_WIDTH = 640
# A frame is made to fit into this, so that most screens show the movie whole.
FRAME_ROOM = (960, 540)
LEAST_SIZE = 13
ROW_ROOM, LEAST_ROW, MOST_ROW = 300, 26, 60


@dataclass(frozen=True)
class Layout:
    """Places of one movie, in pixels from its upper left corner.

    Attributes
    ----------
    width, height
        Of the whole picture; even, as H.264 wants them.
    frame
        Left, top, width and height of the video's frame.
    strip
        Left, top, width and height of what slides, time axis included.
    row
        Height of one behavior in the strip.
    size
        Of the letters.
    names
        Left end of the names.
    values
        Right end of the probabilities.
    header, legend
        Middle of the line above the frame and of that below the strip.
    """

    width: int
    height: int
    frame: tuple[int, int, int, int]
    strip: tuple[int, int, int, int]
    row: int
    size: int
    names: int
    values: int
    header: int
    legend: int


def frame_scale(width: int, height: int) -> float:
    """Choose how much a frame is enlarged: a whole number of times, or less than once.

    Parameters
    ----------
    width, height
        Of the video, in pixels.
    """
    room = min(FRAME_ROOM[0] / width, FRAME_ROOM[1] / height)
    return float(int(room)) if room >= 1 else room


def arrange(*, frame_size: tuple[int, int], scale: float | None, behaviors: list[str]) -> Layout:
    """Give everything its place.

    Parameters
    ----------
    frame_size
        Width and height of the video, in pixels.
    scale
        Size of the frame in the movie against that of the video; None chooses.
    behaviors
        Their names, as written.
    """
    chosen = frame_scale(*frame_size) if scale is None else scale
    frame_width, frame_height = (max(2, round(side * chosen)) for side in frame_size)
    width = _even(max(LEAST_WIDTH, frame_width))
    size = round(LEAST_SIZE * (width / LEAST_WIDTH) ** 0.5)
    line = round(1.8 * size)
    row = round(min(MOST_ROW, max(LEAST_ROW, ROW_ROOM / len(behaviors))) * size / LEAST_SIZE)
    longest = max(lettering.width_of(name, size) for name in behaviors)
    margin = size // 2
    left = 2 * margin + min(longest, width // 4)
    values = width - margin
    right = values - lettering.width_of("0.00", size) - 2 * margin
    top = line + frame_height + margin
    strip_height = len(behaviors) * row + line
    height = _even(top + strip_height + line)
    return Layout(
        width=width,
        height=height,
        frame=((width - frame_width) // 2, line, frame_width, frame_height),
        strip=(left, top, right - left, strip_height),
        row=row,
        size=size,
        names=margin,
        values=values,
        header=line // 2,
        legend=height - line // 2,
    )


def _even(length: int) -> int:
    return length + length % 2
