"""Read predictions and labels that belong together, for the stages that compare the two."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deg_core.data.arrays import Predictions, read_predictions
from deg_core.data.labels import read_frame_labels
from deg_core.data.publish import damage_of, read_json
from deg_core.errors import StateError
from deg_core.ethogram.smoothing import Treatment, treatments

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


def models_of(predicted: Predictions) -> tuple[str, ...]:
    """Name those of `MODELS` that a run has: keypoints and clusters have no feature extractor."""
    return MODELS if predicted.feature_probabilities.shape[1] else MODELS[:1]


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
        The K names, and for each of `MODELS` that the run has K thresholds.

    Raises
    ------
    StateError
        If the file is damaged.
    """
    values = read_json(path)
    with damage_of(path):
        names = values["behaviors"]
        found = [model for model in MODELS if model in values]
        return names, {m: [values[m][name]["threshold"] for name in names] for m in found}


def read_lengths(path: Path, *, behaviors: Sequence[str]) -> list[list[int]]:
    """Return the lengths of the training bouts of each behavior, in frames.

    Parameters
    ----------
    path
        JSON file of bout_lengths.
    behaviors
        The K names that it must have.

    Returns
    -------
    list of list of int
        For each behavior, ascending.

    Raises
    ------
    StateError
        If the file is damaged or has other behaviors.
    """
    values = read_json(path)
    with damage_of(path):
        check_behaviors(path, values["behaviors"], behaviors)
        return [[int(n) for n in values["lengths"][name]] for name in behaviors]


def read_treatments(path: Path) -> tuple[list[str], dict[str, list[Treatment]]]:
    """Return how probabilities become bouts.

    Parameters
    ----------
    path
        JSON file of choose_postprocessing.

    Returns
    -------
    behaviors, treatments
        The K names, and for each of `MODELS` that the run has K treatments.

    Raises
    ------
    StateError
        If the file is damaged.
    """
    values = read_json(path)
    with damage_of(path):
        names = values["behaviors"]
        chosen = {m: treatments(values[m], names) for m in MODELS if m in values}
        if "sequence" not in chosen:
            raise KeyError("sequence")
        return names, chosen


def thresholds_in_use(path: Path) -> list[float]:
    """Return the sequence model's thresholds, which postprocessing may have moved.

    Parameters
    ----------
    path
        JSON file of choose_postprocessing.

    Returns
    -------
    list of float
        One of each of the K behaviors; with hysteresis the upper one.

    Raises
    ------
    StateError
        If the file is damaged.
    """
    _, chosen = read_treatments(path)
    return [one.threshold for one in chosen["sequence"]]


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
