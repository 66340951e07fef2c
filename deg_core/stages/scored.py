"""Read predictions and labels that belong together, for the stages that compare the two."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deg_core.data.arrays import Predictions, read_predictions
from deg_core.data.labels import read_frame_labels
from deg_core.data.publish import damage_of, read_json
from deg_core.errors import StateError
from deg_core.ethogram.bouts import removal_length
from deg_core.settings import PostprocessSettings

MODELS = ("sequence", "feature_extractor")


def read_scored(
    video: str, *, predictions: Path, labels: Path
) -> tuple[Predictions, NDArray[np.int8]]:
    """Return a video's predictions and its labels, both of T frames and K behaviors.

    Parameters
    ----------
    video
        Id of the video.
    predictions, labels
        Folders with ``{video}.h5`` and ``{video}.csv``.

    Returns
    -------
    predicted, table
        The predictions, and (T, K) int8 labels: 1 present, 0 absent, -1 unknown.

    Raises
    ------
    StateError
        If a file is damaged, or behaviors or number of frames differ.
    """
    source, label_file = predictions / f"{video}.h5", labels / f"{video}.csv"
    predicted = read_predictions(source)
    names, table = read_frame_labels(label_file)
    check_behaviors(label_file, names, predicted.behaviors)
    if len(table) != len(predicted.probabilities):
        raise StateError(
            f"{label_file}: {len(table)} frames, but {source} has "
            f"{len(predicted.probabilities)}; delete both and run again, so that they come from "
            "the same imported video."
        )
    return predicted, table


def probabilities_of(predicted: Predictions, model: str) -> NDArray[np.float32]:
    """Return (T, K) probabilities of one of `MODELS`."""
    return predicted.probabilities if model == "sequence" else predicted.feature_probabilities


def read_thresholds(path: Path) -> tuple[list[str], dict[str, list[float]]]:
    """Return what tune_thresholds chose.

    Parameters
    ----------
    path
        JSON file.

    Returns
    -------
    behaviors, thresholds
        The K names, and for each of `MODELS` K thresholds.

    Raises
    ------
    StateError
        If the file is damaged.
    """
    values = read_json(path)
    with damage_of(path):
        names = values["behaviors"]
        return names, {m: [values[m][name]["threshold"] for name in names] for m in MODELS}


def read_limits(
    path: Path, *, behaviors: Sequence[str], settings: PostprocessSettings
) -> list[int]:
    """Return how many frames a bout or a gap may have to be removed, from the training labels.

    Parameters
    ----------
    path
        JSON file of bout_lengths.
    behaviors
        The K names that it must have.
    settings
        Which bouts are too short.

    Returns
    -------
    list of int
        K numbers of frames.

    Raises
    ------
    StateError
        If the file is damaged or has other behaviors.
    """
    values = read_json(path)
    with damage_of(path):
        check_behaviors(path, values["behaviors"], behaviors)
        lengths = values["lengths"]
        return [removal_length(lengths[name], settings=settings) for name in behaviors]


def check_behaviors(path: Path, names: Sequence[str], expected: Sequence[str]) -> None:
    """Check that a computed file has the behaviors of the others, in the same order.

    Raises
    ------
    StateError
        If they do not.
    """
    if tuple(names) != tuple(expected):
        raise StateError(
            f"{path}: has the behaviors {', '.join(names)}, but the files beside it have "
            f"{', '.join(expected)}; delete it and run again."
        )


def check_groups(path: Path, predicted: Predictions, first: Predictions) -> None:
    """Check that predictions come from models with the same exclusive groups.

    Raises
    ------
    StateError
        If they do not.
    """
    if predicted.groups != first.groups:
        raise StateError(
            f"{path}: has the exclusive groups {list(predicted.groups)}, but the files beside it "
            f"have {list(first.groups)}; delete it and run again."
        )
