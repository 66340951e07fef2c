"""Choose each behavior's threshold on the validation videos.

Reads predictions and labels of the validation part; writes thresholds/RUN.json.
"""

import math
from pathlib import Path

import numpy as np

from deg_core.data.publish import publish_json
from deg_core.errors import StateError
from deg_core.ethogram.thresholds import tune
from deg_core.settings import ThresholdSettings
from deg_core.stages.scored import check_behaviors, models_of, probabilities_of, read_scored


def run(
    *,
    videos: list[str],
    predictions: Path,
    labels: Path,
    settings: ThresholdSettings,
    out: Path,
) -> None:
    """Choose the threshold with the best F1 on validation, per behavior and model.

    Parameters
    ----------
    videos
        Ids of the validation videos.
    predictions
        Folder with their predictions.
    labels
        Folder with their labels per frame.
    settings
        Grid, floor and fallback of the search.
    out
        JSON file to write.

    Raises
    ------
    StateError
        If there is no video, a file is damaged, or predictions and labels do not fit together.
    """
    if not videos:
        raise StateError(f"{out}: no validation video, so no threshold; label more videos.")
    read = [read_scored(v, predictions=predictions, labels=labels) for v in videos]
    behaviors = list(read[0][0].behaviors)
    for video, (predicted, _) in zip(videos, read, strict=True):
        check_behaviors(predictions / f"{video}.h5", predicted.behaviors, behaviors)
    table = np.concatenate([t for _, t in read])
    many = math.sqrt(len(videos))
    result = {
        "behaviors": behaviors,
        "videos": list(videos),
        "n_frames": int((table >= 0).any(axis=1).sum()),
    }
    for model in models_of(read[0][0]):
        values = np.concatenate([probabilities_of(p, model) for p, _ in read])
        result[model] = tune(
            table, values, behaviors=behaviors, settings=settings,
            pull=settings.pull / many, shift=settings.shift / many,
        )  # fmt: skip
    publish_json(out, result)
