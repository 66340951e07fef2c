"""What a motion network sees: example frames, their motion in color, and the reconstruction.

Reads models/flow/{preset}.examples.npz; writes one SVG.
"""

from pathlib import Path

import numpy as np
import style
from matplotlib.axes import Axes
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

CELL, GAP, LEFT, TOP, KEY = 1.45, 0.08, 0.15, 0.75, 1.25  # inches
MOST_EXAMPLES = 4
LEAST_FLOW = 0.25  # pixels at full color, so that a network that sees nothing shows nothing
LONGEST_SIDE = 160  # pixels; embedded pictures are the file's size


def figure_flow(*, examples: Path, out: Path, preset: str) -> None:
    """Draw example frames beside the motion that the flow generator sees in them.

    Parameters
    ----------
    examples
        NPZ file with ``frames`` (n, 2, H, W, 3) uint8 RGB, frame t and t + 1; ``flow``
        (n, 2, h, w) float32, x and y in pixels of the flow map, or for ``kind`` "difference"
        (n, 1, h, w) float32, the signed change of brightness in
        standard deviations; and, where the network learns,
        ``reconstruction`` (n, h, w, 3) uint8 RGB of frame t from frame t + 1.
    out
        SVG file to write.
    preset
        Name for the title.

    Raises
    ------
    StateError
        If the figure cannot be written.
    """
    with np.load(examples) as file:
        stored = {name: file[name] for name in file.files}
    shown = np.unique(np.linspace(0, len(stored["frames"]) - 1, MOST_EXAMPLES).round().astype(int))
    frames, flow = stored["frames"][shown], stored["flow"][shown].astype(float)
    colors, key = _motion(flow)
    columns = {"frame t": frames[:, 0], "frame t + 1": frames[:, 1], key[0]: colors}
    if "reconstruction" in stored:
        rebuilt = stored["reconstruction"][shown]
        columns |= {"frame t, rebuilt": rebuilt, "error": _error(frames[:, 0], rebuilt)}
    with style.drawing():
        figure = _grid(columns)
        _title(figure, preset, key[0])
        _draw_key(figure, *key)
        style.save(figure, out)


def _motion(flow: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[str, float]]:
    """Color the motion; returns pictures (n, h, w, 3) in 0..1, and kind and full scale."""
    length = np.sqrt((flow**2).sum(axis=1))  # (n, h, w)
    full = float(np.percentile(length, 99.5))
    if flow.shape[1] == 1:
        full = full or 1.0
        return _signed(flow[:, 0] / full), ("difference", full)
    full = max(full, LEAST_FLOW)
    return _wheel(flow[:, 0] / full, flow[:, 1] / full), ("flow", full)


def _wheel(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Direction as hue, length (up to 1) as saturation; x to the right, y down."""
    hue = (np.arctan2(y, x) / (2 * np.pi)) % 1.0
    return hsv_to_rgb(np.stack([hue, np.hypot(x, y).clip(0, 1), np.ones_like(x)], axis=-1))


def _signed(change: NDArray[np.float64]) -> NDArray[np.float64]:
    """Brighter in orange, darker in blue, no change in white."""
    strength = np.abs(change).clip(0, 1)[..., None]
    blue, orange = np.array([0.0, 0.27, 0.53]), np.array([0.77, 0.35, 0.0])
    return 1 - strength * (1 - np.where(change[..., None] > 0, orange, blue))


def _error(frames: NDArray[np.uint8], rebuilt: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean absolute difference of the channels; black is the largest of all examples."""
    small = frames.astype(float)
    for axis in (1, 2):
        small = _resized(small, rebuilt.shape[axis], axis=axis)
    gap = np.abs(small - rebuilt).mean(axis=-1)  # (n, h, w)
    grey = 1 - gap / (np.percentile(gap, 99.9) or 1.0)
    return np.repeat(grey.clip(0, 1)[..., None], 3, axis=-1)


def _resized(pictures: NDArray[np.float64], size: int, *, axis: int) -> NDArray[np.float64]:
    """Interpolate linearly along one axis, pixel centers matched, as the flow's training does."""
    n = pictures.shape[axis]
    place = ((np.arange(size) + 0.5) * n / size - 0.5).clip(0, n - 1)
    low = np.floor(place).astype(int)
    share = np.expand_dims(place - low, tuple(range(1, pictures.ndim - axis)))
    upper = np.take(pictures, np.minimum(low + 1, n - 1), axis=axis)
    return np.take(pictures, low, axis=axis) * (1 - share) + upper * share


def _grid(columns: dict[str, NDArray]) -> Figure:
    pictures = columns["frame t"]
    n, (height, width) = len(pictures), pictures.shape[1:3]
    tall = CELL * height / width
    size = (LEFT * 2 + len(columns) * (CELL + GAP) + KEY, TOP + n * (tall + GAP) + 0.1)
    figure = Figure(figsize=size)
    for j, (name, stack) in enumerate(columns.items()):
        for i, picture in enumerate(stack):
            left = LEFT + j * (CELL + GAP)
            bottom = size[1] - TOP - i * (tall + GAP) - tall
            box = (left / size[0], bottom / size[1], CELL / size[0], tall / size[1])
            axes = figure.add_axes(box)
            # "none" embeds the pixels as they are; otherwise they are resampled to 72 dpi.
            axes.imshow(_smaller(picture), interpolation="none", aspect="auto")
            _frame(axes)
            if i == 0:
                axes.set_title(name, pad=3)
    return figure


def _smaller(picture: NDArray) -> NDArray:
    """Average blocks of pixels until no side is longer than LONGEST_SIDE."""
    factor = -(-max(picture.shape[:2]) // LONGEST_SIDE)
    height, width = (side // factor * factor for side in picture.shape[:2])
    blocks = picture[:height, :width].reshape(height // factor, factor, width // factor, factor, 3)
    mean = blocks.mean(axis=(1, 3))  # (h, w, 3)
    return (mean / 255 if picture.dtype == np.uint8 else mean).clip(0, 1)


def _frame(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, linewidth=0.4, color=style.SOFT)


def _draw_key(figure: Figure, kind: str, full: float) -> None:
    width, height = figure.get_size_inches()
    side = 0.75
    box = ((width - KEY + 0.1) / width, 1 - (TOP + side) / height)
    span = np.linspace(-1, 1, 97)
    if kind == "flow":
        axes = figure.add_axes((*box, side / width, side / height))
        x, y = np.meshgrid(span, span)
        inside = np.hypot(x, y)[..., None] <= 1
        axes.imshow(np.where(inside, _wheel(x, y), 1.0), interpolation="none", aspect="auto")
        axes.set_axis_off()
        words = f"edge: {full:.2g} pixels\nof the flow map"
    else:
        axes = figure.add_axes((*box, 0.12 / width, side / height))
        axes.imshow(_signed(-span[:, None]), interpolation="none", aspect="auto")
        _frame(axes)
        for place, word in ((0.0, "darker"), (1.0, "brighter")):
            axes.text(1.4, place, word, va="center", size=style.SMALL, transform=axes.transAxes)
        words = f"ends: {full:.2g} SD\nof brightness"
    axes.text(0, -0.1, words, va="top", size=style.SMALL, transform=axes.transAxes)


def _title(figure: Figure, preset: str, kind: str) -> None:
    width, height = figure.get_size_inches()
    words = {
        "flow": "direction as hue, length as saturation",
        "difference": "change of brightness from one frame to the next, nothing learned",
    }
    left, top, place = LEFT / width, 1 - 0.14 / height, {"ha": "left", "va": "top"}
    title = f"Motion seen by preset {style.short(preset)}"
    figure.text(left, top, title, size=style.LARGE, weight="bold", **place)
    figure.text(left, top - 0.2 / height, words[kind], color=style.SOFT, **place)


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_flow(
            examples=snakemake.input.examples,
            out=snakemake.output[0],
            preset=snakemake.wildcards.preset,
        )
