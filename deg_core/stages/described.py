"""Tables of what the labels and both models say of a run's test videos.

Each function takes the test videos and returns a table without the run's columns, which
`summarize` puts in front. ``source`` is ``labels``, ``sequence`` or ``feature_extractor``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deg_core.ethogram.bout_metrics import best_overlaps, edge_errors, match, scored_bouts
from deg_core.ethogram.bouts import BACKGROUND, background_labels, intervals
from deg_core.ethogram.occupancy import occupancy, transitions
from deg_core.ethogram.windows import nearest_window

LABELS = "labels"
BOUTS = ["source", "behavior", "video", "start_s", "duration_s"]
EDGES = ["model", "behavior", "video", "edge", "error_frames", "error_s"]
STATISTICS = [
    "source", "video", "behavior", "n_frames", "seconds", "share", "n_bouts", "mean_duration_s",
    "scored_s",
]  # fmt: skip
TRANSITIONS = [
    "source", "from", "to", "count", "probability", "count_without_background",
    "probability_without_background",
]  # fmt: skip
EXAMPLES = [
    "video", "behavior", "source", "start_s", "stop_s", "window_start_s", "window_stop_s", "f1"
]  # fmt: skip
_WINDOW_S = 60
_STEPS = 4  # windows begin at every quarter of one
_DIGITS = 6

Row = dict[str, Any]


class Seen(NamedTuple):
    """One test video of T frames and K behaviors.

    ``labels`` : (T, K) int8, 1, 0 or -1; ``present`` : (T, K) bool of each model.
    """

    video: str
    fps: float
    labels: NDArray[np.int8]
    present: Mapping[str, NDArray[np.bool_]]

    def of(self, source: str) -> NDArray[np.bool_]:
        """Return (T, K + 1): what is present in scored frames, the background last."""
        behaviors = self.labels == 1 if source == LABELS else self.present[source]
        # Where a behavior is unknown but another one present, there is no background.
        found = np.column_stack([behaviors, ~behaviors.any(axis=1)])
        return found & self.scored

    @property
    def scored(self) -> NDArray[np.bool_]:
        """(T, K + 1): frames in which each behavior, and the background, is known."""
        return np.column_stack([self.labels, background_labels(self.labels)]) >= 0


def bouts(videos: Sequence[Seen], behaviors: Sequence[str]) -> pd.DataFrame:
    """List all bouts of the behaviors, cut where they leave the scored frames."""
    rows: list[Row] = []
    for seen, source in _each(videos):
        present = seen.of(source)
        for k, name in enumerate(behaviors):
            for start, stop in intervals(present[:, k]).tolist():
                row = {"start_s": start / seen.fps, "duration_s": (stop - start) / seen.fps}
                rows.append({"source": source, "behavior": name, "video": seen.video, **row})
    return _table(rows, BOUTS)


def edges(videos: Sequence[Seen], behaviors: Sequence[str], *, iou: float) -> pd.DataFrame:
    """List by how much onsets and offsets are off, of the bouts matched at an overlap."""
    rows: list[Row] = []
    for model in videos[0].present:
        for k, name in enumerate(behaviors):
            for seen in videos:
                labels = seen.labels[:, k]
                found = scored_bouts(labels, seen.present[model][:, k])
                errors = edge_errors(labels, found, match(best_overlaps(found), iou=iou))
                where = {"model": model, "behavior": name, "video": seen.video}
                for edge, frames in errors._asdict().items():
                    rows += [
                        {**where, "edge": edge, "error_frames": n, "error_s": n / seen.fps}
                        for n in frames.tolist()
                    ]
    return _table(rows, EDGES)


def statistics(videos: Sequence[Seen], behaviors: Sequence[str]) -> pd.DataFrame:
    """Sum up each behavior, and the background, of each video."""
    rows = []
    for seen, source in _each(videos):
        present, scored = seen.of(source), seen.scored
        for k, name in enumerate([*behaviors, BACKGROUND]):
            found = occupancy(present[:, k], scored[:, k])
            rows.append(
                {
                    "source": source, "video": seen.video, "behavior": name,
                    "n_frames": found.n_frames, "seconds": found.n_present / seen.fps,
                    "share": found.share, "n_bouts": found.n_bouts,
                    "mean_duration_s": found.mean_frames / seen.fps,
                    "scored_s": found.n_frames / seen.fps,
                }
            )  # fmt: skip
    return _table(rows, STATISTICS)


def transition_table(videos: Sequence[Seen], behaviors: Sequence[str]) -> pd.DataFrame:
    """Count which behavior starts next after which, with the background as a state and without."""
    names = [*behaviors, BACKGROUND]
    rows: list[Row] = []
    for source in (LABELS, *videos[0].present):
        with_it = np.zeros((len(names), len(names)), np.int64)
        without = np.zeros((len(behaviors), len(behaviors)), np.int64)
        for seen in videos:
            present, known = seen.of(source), (seen.labels >= 0).all(axis=1)
            with_it += transitions(present, known)
            without += transitions(present[:, :-1], known)
        rows += [
            {"source": source, "from": names[i], "to": names[j], **_counted(with_it, i, j)}
            | {f"{n}_without_background": x for n, x in _counted(without, i, j).items()}
            for i in range(len(names))
            for j in range(len(names))
        ]
    table = _table(rows, TRANSITIONS)
    return table.astype({"count_without_background": "Int64"})  # empty for the background


def _counted(counts: NDArray[np.int64], i: int, j: int) -> Row:
    """Return one count, and its share of the row."""
    if max(i, j) >= len(counts):
        return {"count": None, "probability": None}
    total = int(counts[i].sum())
    count = int(counts[i, j])
    return {"count": count, "probability": count / total if total else None}


def examples(videos: Sequence[Seen], behaviors: Sequence[str], *, f1: float) -> pd.DataFrame:
    """Show of each video the minute in which the sequence model does as well as on average.

    Parameters
    ----------
    videos
        The test videos.
    behaviors
        The K names.
    f1
        Macro F1 of the run, to which that of the minute is nearest.
    """
    rows: list[Row] = []
    for seen in videos:
        length = max(1, round(_WINDOW_S * seen.fps))
        window = nearest_window(
            seen.labels, seen.present["sequence"],
            length=length, step=max(1, length // _STEPS), target=f1,
        )  # fmt: skip
        if window is None:
            continue
        where = {
            "window_start_s": window.start / seen.fps, "window_stop_s": window.stop / seen.fps,
            "f1": window.f1,
        }  # fmt: skip
        for source in (LABELS, "sequence"):
            present = seen.of(source)[window.start : window.stop]
            for k, name in enumerate(behaviors):
                rows += [
                    {"video": seen.video, "behavior": name, "source": source, **where}
                    | {"start_s": start / seen.fps, "stop_s": stop / seen.fps}
                    for start, stop in (intervals(present[:, k]) + window.start).tolist()
                ]
    return _table(rows, EXAMPLES)


def _each(videos: Sequence[Seen]) -> Iterator[tuple[Seen, str]]:
    return ((seen, source) for source in (LABELS, *videos[0].present) for seen in videos)


def _table(rows: Sequence[Row], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns)).round(_DIGITS)
