"""Choose how each behavior's probabilities become bouts, on the validation videos.

Reads predictions and labels of the validation part, thresholds and training bout lengths; writes
thresholds/RUN.postprocess.json.
"""

from pathlib import Path
from typing import Any

from deg_core.data.publish import publish_json
from deg_core.errors import StateError
from deg_core.ethogram.choosing import Choice, Track, Tried, choose
from deg_core.groups import indices
from deg_core.settings import PostprocessSettings, ThresholdSettings
from deg_core.stages.scored import (
    check_behaviors,
    check_groups,
    models_of,
    probabilities_of,
    read_lengths,
    read_scored,
    read_thresholds,
)


def run(
    *,
    videos: list[str],
    predictions: Path,
    labels: Path,
    thresholds: Path,
    lengths: Path,
    settings: PostprocessSettings,
    tuning: ThresholdSettings,
    out: Path,
) -> None:
    """Choose method and parameters per behavior and model, and say why.

    Parameters
    ----------
    videos
        Ids of the validation videos.
    predictions
        Folder with their predictions.
    labels
        Folder with their labels per frame.
    thresholds
        JSON file with the run's thresholds.
    lengths
        JSON file with the bout lengths of the training labels.
    settings
        The methods, and how far `auto` trusts validation.
    tuning
        Whether the thresholds may be moved with the method (``joint``).
    out
        JSON file to write.

    Raises
    ------
    StateError
        If there is no video, a file is damaged, or the files do not fit together.
    """
    if not videos:
        raise StateError(
            f"{out}: no validation video to choose the postprocessing on; label more videos."
        )
    behaviors, tuned = read_thresholds(thresholds)
    bouts = read_lengths(lengths, behaviors=behaviors)
    read = [read_scored(v, predictions=predictions, labels=labels) for v in videos]
    for video, (predicted, _) in zip(videos, read, strict=True):
        check_behaviors(predictions / f"{video}.h5", predicted.behaviors, behaviors)
        check_groups(predictions / f"{video}.h5", predicted, read[0][0])
    result: dict[str, Any] = {"behaviors": behaviors, "videos": list(videos)}
    for model in models_of(read[0][0]):
        if model not in tuned:
            raise StateError(
                f"{thresholds}: has no thresholds of the {model.replace('_', ' ')}, of which there "
                "are predictions; delete it and run again."
            )
        chosen = choose(
            [Track(table, probabilities_of(p, model)) for p, table in read],
            behaviors=behaviors, thresholds=tuned[model], lengths=bouts, settings=settings,
            groups=indices(read[0][0].groups, behaviors), joint=tuning.joint,
        )  # fmt: skip
        result[model] = {name: _plain(choice) for name, choice in chosen.items()}
    publish_json(out, result)


def _plain(choice: Choice) -> dict[str, Any]:
    return {
        "method": choice.treatment.method,
        "parameters": choice.treatment.parameters(),
        "reason": choice.reason,
        "n_bouts": choice.n_bouts,
        "n_tried": choice.n_tried,
        "candidates": [_row(one, choice) for one in choice.tried],
    }


def _row(one: Tried, choice: Choice) -> dict[str, Any]:
    return {
        "method": one.treatment.method,
        "parameters": one.treatment.parameters(),
        "frame_f1": one.frame_f1,
        "bout_f1_50": one.bout_f1,
        "chosen": one.treatment == choice.treatment,
    }
