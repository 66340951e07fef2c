"""One video's ethogram: human labels, predicted bouts and probabilities of every behavior.

Reads predictions/RUN/{video}.h5, ethograms/RUN/{video}.csv, thresholds/RUN.postprocess.json and,
where the video is labeled, labels/{video}.csv; writes one SVG.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from deg_core.data.arrays import read_predictions
from deg_core.data.ethograms import read_ethogram
from deg_core.data.labels import read_frame_labels
from deg_core.data.publish import damage_of, read_json
from deg_core.ethogram.bouts import intervals
from deg_core.ethogram.frame_metrics import count, frame_scores
from deg_core.ethogram.smoothing import Treatment, treatments

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 10.0, 2.35, 0.75, 0.6, 0.45  # inches
LANE = 0.14  # inches; labels and bouts have one lane each, the probability two
GAP = 0.9  # lanes between two behaviors
APART = 0.32  # in probability, between what is written beside two thresholds
DASHES = (0, (4, 3))
LONG_S = 1800.0  # from which on minutes read better than seconds


@dataclass(frozen=True)
class Clock:
    """The time axis: videos longer than it has columns are drawn by column."""

    edges: NDArray[np.int64]  # first frame of each column, and the end
    fps: float

    @classmethod
    def of(cls, n_frames: int, *, fps: float, n_behaviors: int) -> "Clock":
        """Choose columns of half a point, wider for many behaviors: files stay below 500 kB."""
        columns = min(n_frames, 1000, max(300, 12_000 // n_behaviors))
        return cls(np.linspace(0, n_frames, columns + 1).round().astype(np.int64), fps)

    @property
    def unit(self) -> str:
        """Unit of the axis."""
        return "min" if self.edges[-1] / self.fps > LONG_S else "s"

    def time(self, frames: NDArray) -> NDArray[np.float64]:
        """Turn frames into times on the axis."""
        return np.asarray(frames) / (self.fps * (60 if self.unit == "min" else 1))

    def spans(self, frames: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Start and end time, (n, 2), of the runs of columns with any true frame."""
        return self.time(self.edges[intervals(np.logical_or.reduceat(frames, self.edges[:-1]))])


@dataclass(frozen=True)
class Row:
    """One behavior of one video."""

    name: str
    color: str
    human: NDArray[np.int8] | None  # (T,) 1 present, 0 absent, -1 unknown
    present: NDArray[np.bool_]  # (T,)
    probability: NDArray[np.float32]  # (T,)
    treatment: Treatment  # with the thresholds in use

    @property
    def thresholds(self) -> list[float]:
        """What a bout has to exceed somewhere and, with hysteresis, wherever it is."""
        return sorted({self.treatment.threshold, self.treatment.low}, reverse=True)

    @property
    def f1(self) -> float:
        """F1 over the scored frames; NaN where the behavior is never labeled."""
        if self.human is None:
            return np.nan
        return float(frame_scores(count(self.human, self.present))["f1"])


def figure_ethogram(
    *,
    predictions: Path,
    ethogram: Path,
    postprocessing: Path,
    out: Path,
    video: str,
    run: str,
    labels: Path | None = None,
    part: str = "new",
) -> None:
    """Draw what a person and the model saw in one video.

    Parameters
    ----------
    predictions
        HDF5 file with the probabilities.
    ethogram
        Table of the predicted behaviors, one row per frame.
    postprocessing
        JSON file with the run's postprocessing: the thresholds in use, which may not be the tuned.
    out
        SVG file to write.
    video, run
        Names for the title.
    labels
        Table of the human labels, one row per frame; None for a video without labels.
    part
        What the run used the video for: ``train``, ``val``, ``test``, or ``new`` if for nothing.

    Raises
    ------
    StateError
        If predictions, thresholds or labels are damaged, or the figure cannot be written.
    """
    predicted = read_predictions(Path(predictions))
    names = list(predicted.behaviors)
    present = read_ethogram(Path(ethogram), names)
    human = _human(labels, names)
    chosen = _chosen(Path(postprocessing), names)
    rows = [
        Row(
            name=name,
            color=style.color_of(k),
            human=None if human is None else human[:, k],
            present=present[:, k],
            probability=predicted.probabilities[:, k],
            treatment=chosen[k],
        )
        for k, name in enumerate(names)
    ]
    with style.drawing():
        figure = _draw(rows, fps=predicted.fps)
        _title(figure, rows, video if part == "new" else f"{video} ({part})", run)
        style.save(figure, out)


def _chosen(path: Path, names: list[str]) -> list[Treatment]:
    values = read_json(path)
    with damage_of(path):
        return treatments(values["sequence"], names)


def _human(labels: Path | None, names: list[str]) -> NDArray[np.int8] | None:
    if labels is None:
        return None
    columns, table = read_frame_labels(Path(labels))
    return table[:, [list(columns).index(name) for name in names]]


def _draw(rows: list[Row], *, fps: float) -> Figure:
    lanes = 3 + (rows[0].human is not None)
    height = (len(rows) * (lanes + GAP)) * LANE
    size = (WIDTH, height + TOP + BOTTOM)
    figure = Figure(figsize=size)
    box = (LEFT, BOTTOM, WIDTH - LEFT - RIGHT, height)
    axes = figure.add_axes([side / size[i % 2] for i, side in enumerate(box)])
    clock = Clock.of(len(rows[0].present), fps=fps, n_behaviors=len(rows))
    axes.set_xlim(0, clock.time(clock.edges[-1]))
    axes.set_ylim(len(rows) * (lanes + GAP), 0)
    for k, row in enumerate(rows):
        top = k * (lanes + GAP) + GAP / 2
        _draw_names(axes, row, top, lanes)
        if row.human is not None:
            _draw_human(axes, row, top, clock)
            top += 1
        _draw_bouts(axes, row, top, clock)
        _draw_probability(axes, row, top + 1, clock)
    axes.set_yticks([])
    axes.spines.left.set_visible(False)
    axes.set_xlabel(f"time ({clock.unit})")
    return figure


def _draw_names(axes: Axes, row: Row, top: float, lanes: int) -> None:
    beside = axes.get_yaxis_transform()
    text = {"transform": beside, "va": "center", "size": style.TINY, "color": style.SOFT}
    for word, above in (("human", 3.5), ("model", 2.5), ("probability", 1.0)):
        if above < lanes:
            axes.text(-0.008, top + lanes - above, word, ha="right", **text)
    name = style.wrap(row.name, 18)
    axes.text(
        -0.09, top + lanes / 2, name, ha="right", va="center", transform=beside, weight="bold"
    )
    if row.human is not None:
        axes.text(1.008, top + 0.5, f"F1 {style.number(row.f1)}", ha="left", **text)
    place = np.inf
    for threshold in row.thresholds:
        place = min(threshold, place - APART)
        axes.text(1.008, top + lanes - 2 * place, f"> {threshold:.2f}", ha="left", **text)


def _draw_human(axes: Axes, row: Row, top: float, clock: Clock) -> None:
    scored = clock.spans(row.human >= 0)
    unknown = clock.spans(row.human < 0)
    style.bars(axes, scored, bottom=top + 0.1, height=0.8, color=style.LANE, linewidth=0)
    style.bars(
        axes, unknown, bottom=top + 0.1, height=0.8,
        facecolor="white", edgecolor=style.HATCH, hatch="//////", linewidth=0,
    )  # fmt: skip
    bouts = clock.spans(row.human == 1)
    style.bars(axes, bouts, bottom=top + 0.1, height=0.8, color=row.color)


def _draw_bouts(axes: Axes, row: Row, top: float, clock: Clock) -> None:
    whole = clock.time(clock.edges[[0, -1]])
    style.bars(axes, whole, bottom=top + 0.1, height=0.8, color=style.LANE, linewidth=0)
    bouts = clock.spans(row.present)
    style.bars(axes, bouts, bottom=top + 0.1, height=0.8, color=row.color)


def _draw_probability(axes: Axes, row: Row, top: float, clock: Clock) -> None:
    edges, bottom = clock.edges, top + 2
    # In steps of 1/50, a fifth of a millimeter, most columns equal their neighbors.
    highest = np.rint(np.maximum.reduceat(row.probability, edges[:-1]) * 50) / 50
    middle = (edges[:-1] + edges[1:]) / 2
    bend = np.ones(len(highest), bool)
    bend[1:-1] = (highest[1:-1] != highest[:-2]) | (highest[1:-1] != highest[2:])
    time = clock.time(np.concatenate([edges[:1], middle[bend], edges[-1:]]))
    height = np.concatenate([[0], highest[bend], [0]])
    axes.fill(time, bottom - 2 * height, color=row.color, alpha=0.45, linewidth=0)
    axes.axhline(bottom, color=style.SOFT, linewidth=0.4)
    for threshold in row.thresholds:
        axes.axhline(bottom - 2 * threshold, color=style.INK, linewidth=0.6, linestyle=DASHES)


def _title(figure: Figure, rows: list[Row], video: str, run: str) -> None:
    width, height = figure.get_size_inches()
    left, top = LEFT / width, 1 - 0.14 / height
    title = {"ha": "left", "va": "top"}
    figure.text(left, top, video, size=style.LARGE, weight="bold", **title)
    figure.text(left, top - 0.2 / height, _summary(rows, run), color=style.SOFT, **title)


def _summary(rows: list[Row], run: str) -> str:
    if rows[0].human is None:
        return f"run {run}, no labels"
    scored = np.mean([row.human >= 0 for row in rows])
    scores = [row.f1 for row in rows if np.isfinite(row.f1)]
    macro = style.number(np.mean(scores) if scores else None)
    return (
        f"run {run}, {scored:.0%} labeled, "
        f"macro F1 {macro} over {len(scores)} of {len(rows)} behaviors"
    )


if __name__ == "__main__":
    with style.logged(snakemake.log[0]):
        figure_ethogram(
            predictions=snakemake.input.predictions,
            ethogram=snakemake.input.ethogram,
            postprocessing=snakemake.input.postprocessing,
            out=snakemake.output[0],
            video=snakemake.wildcards.video,
            run="/".join(snakemake.wildcards[name] for name in ("preset", "split", "n_train")),
            labels=next(iter(snakemake.input.labels), None),  # a list, empty without labels
            part=snakemake.params.part,
        )
