"""Score a run on its test videos, beside the chance level, and list what was seen in them.

Reads predictions, ethograms and labels of the test part, and what was chosen for them; writes
metrics/RUN.json, and beside it RUN.bouts.csv, .edges.csv, .statistics.csv, .transitions.csv and
.examples.csv.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deg_core.data.arrays import Predictions
from deg_core.data.ethograms import read_ethogram
from deg_core.data.publish import publish_csv, publish_json
from deg_core.errors import StateError
from deg_core.ethogram import metrics
from deg_core.ethogram.smoothing import Treatment, apply
from deg_core.groups import Groups, indices
from deg_core.settings import EvaluateSettings, to_dict
from deg_core.stages import described
from deg_core.stages.scored import (
    check_behaviors,
    check_groups,
    models_of,
    read_scored,
    read_treatments,
)

Read = Sequence[tuple[Predictions, NDArray[np.int8]]]


def run(
    *,
    videos: list[str],
    predictions: Path,
    ethograms: Path,
    labels: Path,
    postprocessing: Path,
    settings: EvaluateSettings,
    out: Path,
    bouts: Path,
    edges: Path,
    statistics: Path,
    transitions: Path,
    examples: Path,
) -> None:
    """Score the sequence model, and the feature extractor alone, on the test videos.

    Parameters
    ----------
    videos
        Ids of the test videos.
    predictions
        Folder with their predictions.
    ethograms
        Folder with their ethograms.
    labels
        Folder with their labels per frame.
    postprocessing
        JSON file with the run's thresholds and methods, for the feature extractor alone.
    settings
        Overlaps of bouts, number of shifts for the chance level and of resamples for the
        intervals, and their seed.
    out
        JSON file to write.
    bouts
        Table to write: all bouts of labels and models.
    edges
        Table to write: errors of onsets and offsets.
    statistics
        Table to write: time spent, number and length of bouts per video.
    transitions
        Table to write: which behavior starts next after which.
    examples
        Table to write: bouts of a minute of each video that is scored as the average.

    Raises
    ------
    StateError
        If there is no video, a file is damaged, or the files do not fit together.
    """
    if not videos:
        raise StateError(f"{out}: no test video to score; label more videos.")
    behaviors, chosen = read_treatments(postprocessing)
    read = [read_scored(v, predictions=predictions, labels=labels) for v in videos]
    for video, (predicted, _) in zip(videos, read, strict=True):
        check_behaviors(predictions / f"{video}.h5", predicted.behaviors, behaviors)
        check_groups(predictions / f"{video}.h5", predicted, read[0][0])
    groups = indices(read[0][0].groups, behaviors)
    scored = {
        "sequence": [
            metrics.Scored(t, read_fitting(ethograms / f"{v}.csv", p), p.probabilities)
            for v, (p, t) in zip(videos, read, strict=True)
        ]
    }
    if "feature_extractor" in models_of(read[0][0]):
        scored["feature_extractor"] = _extractor(read, chosen["feature_extractor"], groups)
    result = _facts(videos, read, settings) | {"behaviors": behaviors}
    for model, tracks in scored.items():
        result[model] = metrics.evaluate(
            tracks, behaviors=behaviors, settings=settings, groups=groups
        )
    result["directions"] = _directions(result["sequence"])
    publish_json(out, result)
    seen = [
        described.Seen(video, p.fps, t, {m: scored[m][i].present for m in scored})
        for i, (video, (p, t)) in enumerate(zip(videos, read, strict=True))
    ]
    f1 = result["sequence"]["overall"]["f1_macro"]["value"]
    publish_csv(bouts, described.bouts(seen, behaviors))
    publish_csv(edges, described.edges(seen, behaviors, iou=min(settings.overlaps)))
    publish_csv(statistics, described.statistics(seen, behaviors))
    publish_csv(transitions, described.transition_table(seen, behaviors))
    publish_csv(examples, described.examples(seen, behaviors, f1=f1))


def read_fitting(path: Path, predicted: Predictions) -> NDArray[np.bool_]:
    """Return the ethogram made from some predictions, (T, K).

    Raises
    ------
    StateError
        If the file cannot be read, or has other frames or behaviors than the predictions.
    """
    present = read_ethogram(path, predicted.behaviors)
    if len(present) != len(predicted.probabilities):
        raise StateError(
            f"{path}: {len(present)} frames, but the predictions have "
            f"{len(predicted.probabilities)} frames; delete it and run again."
        )
    return present


def _extractor(read: Read, treatments: Sequence[Treatment], groups: Groups) -> list[metrics.Scored]:
    """Treat the feature extractor's probabilities as those of the sequence model are treated."""
    tracks = []
    for predicted, table in read:
        values = predicted.feature_probabilities
        present = apply(values, treatments, groups=groups)
        tracks.append(metrics.Scored(table, present, values))
    return tracks


def _facts(videos: list[str], read: Read, settings: EvaluateSettings) -> dict[str, Any]:
    """Return what was scored, and how."""
    return {
        "run": {
            "videos": list(videos),
            "models": sorted({predicted.digest for predicted, _ in read}),
            "evaluate": to_dict(settings),
        },
        "n_videos": len(videos),
        "n_frames": sum(int((table >= 0).any(axis=1).sum()) for _, table in read),
    }


def _directions(scores: Mapping[str, Any]) -> dict[str, str]:
    """Return the direction of every metric in the result."""
    groups = scores.get("groups", {})
    blocks = [scores["overall"], *scores["behaviors"].values(), *groups.values()]
    names = {n for block in blocks for n, entry in block.items() if _is_metric(entry)}
    return {name: metrics.direction(name) for name in names}


def _is_metric(entry: Any) -> bool:
    return isinstance(entry, dict) and "chance" in entry
