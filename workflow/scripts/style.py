"""What all figures share: colors, sizes, names, and saving that repeats every byte.

Every figure rule has this file among its inputs, so that editing it redraws every figure.
"""

import io
import re
import sys
import textwrap
import traceback
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from string import ascii_uppercase
from unicodedata import east_asian_width

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from deg_core.data.publish import publish_text
from deg_core.data.scripted import recorded

# "as": given on, so that the figures find all of their style here.
from deg_core.ethogram.palette import HUES as HUES
from deg_core.ethogram.palette import color_of as color_of

INK = "#222222"
SOFT = "#767676"
LANE = "#f1f1f1"
HATCH = "#b5b5b5"
BAND = "#d9d9d9"
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


def room(names: Iterable[str], size: float = NORMAL) -> float:
    """Return how many inches the longest of some names takes, about."""
    longest = max((sum(map(_width, name)) for name in names), default=0)
    return longest * 0.62 * size / 72


def number(value: float | None, digits: int = 2) -> str:
    """Write a score, or a dash where it is not defined."""
    return "–" if value is None or not np.isfinite(value) else f"{value:.{digits}f}"


def thousands(value: float) -> str:
    """Write a count on an axis: 50, 5k, 5M."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:g}"


def reach(axes: Axes, least: float) -> float:
    """Return how far right the data of a panel reach, or ``least`` where that is less."""
    right = axes.dataLim.x1
    return max(float(right), least) if np.isfinite(right) else least


def log_ticks(axes: Axes, *, most: int = 4) -> None:
    """Write 1, 2, 5 of each decade on a logarithmic x axis; 1 only, if these are too many."""
    low, high = axes.get_xlim()
    if not 0 < low < high:  # nothing was drawn
        axes.set_xticks([])
        return
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    steps = [digit * 10.0**power for power in decades for digit in (1, 2, 5)]
    inside = [step for step in steps if low <= step <= high]
    whole = [step for step in inside if f"{step:.0e}"[0] == "1"]
    ticks = inside if len(inside) <= most else whole if len(whole) > 1 else inside[::2]
    axes.set_xticks(ticks, [thousands(tick) for tick in ticks])
    axes.minorticks_off()


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


def letters(panels: Iterable[Axes], *, left: float = 2.0) -> None:
    """Letter panels A, B, C, ..., ``left`` points left of their own left edge, over their title."""
    for letter, axes in zip(ascii_uppercase, panels, strict=False):
        axes.annotate(
            letter, (0, 1), xycoords="axes fraction", xytext=(-left, 5), ha="right",
            textcoords="offset points", weight="bold", size=LARGE, annotation_clip=False,
        )  # fmt: skip


def say(axes: Axes, words: str) -> None:
    """Write into an empty panel why it is empty."""
    place = {"ha": "center", "va": "center", "transform": axes.transAxes}
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 2}
    axes.text(0.5, 0.5, words, color=SOFT, size=SMALL, bbox=paper, **place)


def sentence(words: str) -> Figure:
    """Make a figure that says in a sentence why there is nothing to draw."""
    figure = Figure(figsize=(5.0, 0.8))
    figure.text(0.5, 0.5, words, ha="center", va="center", color=SOFT)
    return figure


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
    """Send what a figure's job says, and why it failed, to the rule's log; record the job."""
    script = vars(sys.modules["__main__"]).get("snakemake")
    with recorded(script), Path(path).open("w", encoding="utf-8") as stream:
        before, sys.stderr = sys.stderr, stream
        try:
            yield
        except Exception:
            traceback.print_exc(file=stream)
            raise
        finally:
            sys.stderr = before
