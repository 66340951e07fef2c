"""Score a run on its test videos, beside the chance level.

Reads predictions, ethograms and labels of the test part, thresholds and bout lengths; writes
metrics/RUN.json.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deg_core.data.arrays import Predictions
from deg_core.data.publish import publish_json
from deg_core.errors import StateError
from deg_core.ethogram import metrics
from deg_core.ethogram.bouts import binarize
from deg_core.groups import Groups, indices
from deg_core.settings import EvaluateSettings, PostprocessSettings, to_dict
from deg_core.stages.scored import (
    check_behaviors,
    check_groups,
    read_limits,
    read_scored,
    read_thresholds,
)

Read = Sequence[tuple[Predictions, NDArray[np.int8]]]


def run(
    *,
    videos: list[str],
    predictions: Path,
    ethograms: Path,
    labels: Path,
    thresholds: Path,
    lengths: Path,
    settings: EvaluateSettings,
    postprocess: PostprocessSettings,
    out: Path,
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
    thresholds
        JSON file with the run's thresholds.
    lengths
        JSON file with the bout lengths of the training labels.
    settings
        Overlaps of bouts, number and seed of the shifts for the chance level.
    postprocess
        Which bouts are too short, for the feature extractor alone.
    out
        JSON file to write.

    Raises
    ------
    StateError
        If there is no video, a file is damaged, or the files do not fit together.
    """
    if not videos:
        raise StateError(f"{out}: no test video to score; label more videos.")
    behaviors, chosen = read_thresholds(thresholds)
    limits = read_limits(lengths, behaviors=behaviors, settings=postprocess)
    read = [read_scored(v, predictions=predictions, labels=labels) for v in videos]
    for video, (predicted, _) in zip(videos, read, strict=True):
        check_behaviors(predictions / f"{video}.h5", predicted.behaviors, behaviors)
        check_groups(predictions / f"{video}.h5", predicted, read[0][0])
    groups = indices(read[0][0].groups, behaviors)
    scored = {
        "sequence": [
            metrics.Scored(t, read_ethogram(ethograms / f"{v}.csv", p), p.probabilities)
            for v, (p, t) in zip(videos, read, strict=True)
        ],
        "feature_extractor": _extractor(read, chosen["feature_extractor"], limits, groups),
    }
    result = _facts(videos, read, settings, postprocess) | {"behaviors": behaviors}
    for model, tracks in scored.items():
        result[model] = metrics.evaluate(
            tracks, behaviors=behaviors, settings=settings, groups=groups
        )
    result["directions"] = _directions(result["sequence"])
    publish_json(out, result)


def read_ethogram(path: Path, predicted: Predictions) -> NDArray[np.bool_]:
    """Return the ethogram made from some predictions.

    Parameters
    ----------
    path
        Table of frames.
    predicted
        The predictions of T frames and K behaviors from which it was made.

    Returns
    -------
    present : (T, K) bool

    Raises
    ------
    StateError
        If the file cannot be read, or has other frames or behaviors than the predictions.
    """
    expected = ["frame", "time_s", metrics.BACKGROUND, *predicted.behaviors]
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise StateError(f"{path}: cannot be read ({error}); delete it and run again.") from error
    if list(table.columns) != expected or len(table) != len(predicted.probabilities):
        raise StateError(
            f"{path}: {len(table)} frames and the columns {', '.join(map(str, table.columns))}, "
            f"but the predictions have {len(predicted.probabilities)} frames and need the columns "
            f"{', '.join(expected)}; delete it and run again."
        )
    return table[list(predicted.behaviors)].to_numpy() == 1


def _extractor(
    read: Read, thresholds: list[float], limits: list[int], groups: Groups
) -> list[metrics.Scored]:
    """Treat the feature extractor's probabilities as those of the sequence model are treated."""
    tracks = []
    for predicted, table in read:
        values = predicted.feature_probabilities
        present = binarize(values, thresholds=thresholds, lengths=limits, groups=groups)
        tracks.append(metrics.Scored(table, present, values))
    return tracks


def _facts(
    videos: list[str], read: Read, settings: EvaluateSettings, postprocess: PostprocessSettings
) -> dict[str, Any]:
    """Return what was scored, and how."""
    return {
        "run": {
            "videos": list(videos),
            "models": sorted({predicted.digest for predicted, _ in read}),
            "evaluate": to_dict(settings),
            "postprocess": to_dict(postprocess),
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
