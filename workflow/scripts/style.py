"""What all figures share: reading tables, colors, sizes, and saving that repeats every byte.

Every figure rule has this file among its inputs, so that editing it redraws every figure.
"""

import io
import re
import sys
import textwrap
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unicodedata import east_asian_width

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from deg_core.data.publish import publish_text

# Okabe and Ito's hues (and two of Tol's), which color-blind readers tell apart, in an order in
# which neighbors differ in lightness, so that they also differ in grey.
HUES = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#882255", "#999933",
)  # fmt: skip
INK = "#222222"
SOFT = "#767676"
LANE = "#f1f1f1"
HATCH = "#b5b5b5"
TINY, SMALL, NORMAL, LARGE = 6.0, 7.0, 8.0, 10.0

RC = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.labelsize": NORMAL,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": NORMAL,
    "figure.titlesize": LARGE,
    "font.family": ["sans-serif"],
    # The one font that comes with matplotlib: the layout is the same on every machine.
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": NORMAL,
    "hatch.linewidth": 0.5,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    # Text stays text: it can be searched and edited, and the viewer finds glyphs that no bundled
    # font has (Chinese names, say). Ids come from a fixed salt instead of a random one.
    "svg.fonttype": "none",
    "svg.hashsalt": "deg-core",
    "text.color": INK,
    # A dollar sign in a behavior's name is a dollar sign.
    "text.parse_math": False,
    "xtick.color": INK,
    "xtick.labelsize": SMALL,
    "xtick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "ytick.color": INK,
    "ytick.labelsize": SMALL,
    "ytick.major.size": 2.5,
    "ytick.major.width": 0.6,
}


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in this project's style, whatever the user's own matplotlib settings are."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(RC)
        # The reader's browser supplies the glyphs that the bundled font lacks.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        yield


def read_summary(path: Path, **where: str) -> pd.DataFrame:
    """Read one of the summary tables, or the rows of it that belong together.

    Parameters
    ----------
    path
        Table under summary/.
    where
        Columns and the value that is kept, such as ``preset="fast"``.

    Returns
    -------
    pandas.DataFrame
        Names are text even where they look like numbers or like a missing value.
    """
    names = ("preset", "split", "n_train", "model", "behavior", "metric", "part", "stage")
    missing = {name: [""] for name in pd.read_csv(path, nrows=0).columns if name not in names}
    table = pd.read_csv(
        path, dtype=dict.fromkeys(names, str), keep_default_na=False, na_values=missing
    )
    for column, value in where.items():
        table = table[table[column] == value]
    return table


def color_of(index: int) -> str:
    """Return the color of the behavior at one place of the configured list.

    Parameters
    ----------
    index
        Place of the behavior in the configured list, from 0. The hues come again darker from 8 on,
        lighter from 16 on, and repeat from 24 on.
    """
    lap, place = divmod(index % (3 * len(HUES)), len(HUES))
    toward, share = [(0.0, 0.0), (0.0, 0.4), (1.0, 0.5)][lap]
    red, green, blue = (part + (toward - part) * share for part in to_rgb(HUES[place]))
    return to_hex((red, green, blue))


def short(name: str, length: int = 24) -> str:
    """Cut the middle of a long name; Chinese and other wide characters count twice."""
    name = " ".join(name.split())
    widths = np.array([_width(letter) for letter in name])
    if widths.sum() <= length:
        return name
    tail = int((np.cumsum(widths[::-1]) <= (length - 1) // 3).sum())
    left = length - 1 - widths[len(name) - tail :].sum()
    head = int((np.cumsum(widths) <= left).sum())
    return f"{name[:head].rstrip()}…{name[len(name) - tail :].lstrip()}"


def wrap(name: str, length: int, *, lines: int = 3) -> str:
    """Break a long name into lines, cutting its middle where it needs more than ``lines``."""
    widest = max(map(_width, name), default=1)
    for room in range(length * lines, 0, -1):
        broken = textwrap.wrap(short(name, room), length // widest)
        if len(broken) <= lines:
            return "\n".join(broken)
    return ""


def _width(letter: str) -> int:
    return 1 + (east_asian_width(letter) in "WF")


def number(value: float | None, digits: int = 2) -> str:
    """Write a score, or a dash where it is not defined."""
    return "–" if value is None or not np.isfinite(value) else f"{value:.{digits}f}"


def bars(
    axes: Axes, spans: np.ndarray, *, bottom: float, height: float, **style: object
) -> PathPatch:
    """Draw many bars of one lane as one shape, which keeps files of long videos small.

    Parameters
    ----------
    axes
        Where to draw.
    spans
        (n, 2) float64, left and right end of each bar in data units.
    bottom, height
        The lane, in data units.
    style
        What `matplotlib.patches.PathPatch` takes.
    """
    spans = np.asarray(spans, float).reshape(-1, 2)
    left, right = spans[:, 0], spans[:, 1]
    low, high = np.full_like(left, bottom), np.full_like(left, bottom + height)
    corners = [(left, low), (left, high), (right, high), (right, low), (left, low)]
    vertices = np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1)  # (n, 5, 2)
    codes = [Outline.MOVETO, Outline.LINETO, Outline.LINETO, Outline.LINETO, Outline.CLOSEPOLY]
    outline = Outline(vertices.reshape(-1, 2), np.tile(codes, len(spans)))
    return axes.add_patch(PathPatch(outline, **{"linewidth": 0.25, **style}))


def grid(
    down: int,
    across: int,
    *,
    cell: tuple[float, float],
    gap: tuple[float, float],
    edge: tuple[float, float, float, float],
) -> tuple[Figure, NDArray]:
    """Make a figure of equal panels; matplotlib's own layouts take seconds for 80 of them.

    Parameters
    ----------
    down, across
        Number of rows and columns.
    cell, gap
        Width and height, in inches, of a panel and of the space between two.
    edge
        Space in inches at the left, right, bottom and top.

    Returns
    -------
    tuple of Figure and ndarray
        The figure and its panels (down, across).
    """
    left, right, bottom, top = edge
    width = left + across * cell[0] + (across - 1) * gap[0] + right
    height = bottom + down * cell[1] + (down - 1) * gap[1] + top
    places = {
        "left": left / width,
        "right": 1 - right / width,
        "bottom": bottom / height,
        "top": 1 - top / height,
        "wspace": gap[0] / cell[0],
        "hspace": gap[1] / cell[1],
    }
    figure = Figure(figsize=(width, height))
    return figure, figure.subplots(down, across, squeeze=False, gridspec_kw=places)


def title(figure: Figure, words: str, about: str = "") -> None:
    """Put a headline over a figure, and what it is about beside or, in a narrow one, below."""
    width, height = figure.get_size_inches()
    room = int(width / 0.09)  # bold letters of that size, on average
    beside = len(words) + len(about) + 2 <= room
    headline = f"{words}{': ' if beside else chr(10)}{short(about, room)}" if about else words
    # A layout engine keeps space for the headline only while it may place it.
    place = {} if figure.get_layout_engine() else {"va": "top", "y": 1 - 0.1 / height}
    figure.suptitle(headline, weight="bold", **place)


def say(axes: Axes, words: str) -> None:
    """Write into an empty panel why it is empty."""
    place = {"ha": "center", "va": "center", "transform": axes.transAxes}
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 2}
    axes.text(0.5, 0.5, words, color=SOFT, size=SMALL, bbox=paper, **place)


def save(figure: Figure, out: Path) -> None:
    """Write a figure as SVG whose bytes depend on the picture only.

    No date and no program version are stored. Coordinates end at a hundredth of a point: finer is
    invisible, twice as large, and where processors round differently. A rectangle, of which long
    videos have thousands, is written in its shorter form.

    Raises
    ------
    StateError
        If the file cannot be written.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = re.sub(r'(?<= d=")[^"]*', _shorter, buffer.getvalue())
    publish_text(Path(out), "\n".join(line.rstrip() for line in text.splitlines()) + "\n")


def _shorter(outline: re.Match[str]) -> str:
    text = re.sub(r"(\.\d\d)\d+", r"\1", outline[0])
    rectangle = r"M (\S+) (\S+) *\nL \1 (\S+) *\nL (\S+) \3 *\nL \4 \2 *\nz"
    return re.sub(rectangle, r"M\1 \2V\3H\4V\2z", text)


@contextmanager
def logged(path: str) -> Iterator[None]:
    """Send what a figure's job says, and why it failed, to the rule's log."""
    with Path(path).open("w", encoding="utf-8") as stream:
        before, sys.stderr = sys.stderr, stream
        try:
            yield
        except Exception:
            traceback.print_exc(file=stream)
            raise
        finally:
            sys.stderr = before
