"""Turn the features of one video into probabilities; features are read a tile at a time."""

from pathlib import Path

import numpy as np

from deg_core.data.arrays import Predictions, open_features, write_predictions
from deg_core.errors import ModelError
from deg_core.learn.device import choose
from deg_core.learn.tiling import tiled
from deg_core.settings import SequenceSettings, from_dict
from deg_core.stages.networks import load_sequence


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Logistic function, float32, without overflow."""
    return (0.5 * (1 + np.tanh(0.5 * x.astype(np.float64)))).astype(np.float32)


def run(*, features: Path, model: Path, out: Path, threads: int) -> None:
    """Predict one video.

    Parameters
    ----------
    features
        Features of the video.
    model
        Sequence model.
    out
        HDF5 file to write.
    threads
        Threads to use.

    Raises
    ------
    ModelError
        If the model is damaged, or was trained for other behaviors or another number of features.
    StateError
        If the features are damaged, or the predictions cannot be written.
    """
    device = choose(threads)
    network, content = load_sequence(model, device)
    settings = from_dict(SequenceSettings, content["settings"])
    with open_features(features) as rows:
        if (content["n_features"], content["behaviors"]) != (rows.n_features, [*rows.behaviors]):
            raise ModelError(
                f"{model}: expected features of {content['n_features']} numbers for "
                f"{content['behaviors']}, found {rows.n_features} for {list(rows.behaviors)} in "
                f"{features}; extract and train again."
            )
        predicted = Predictions(
            probabilities=sigmoid(tiled(network, rows, settings, device)),
            feature_probabilities=sigmoid(rows.logits),
            fps=rows.fps,
            behaviors=rows.behaviors,
            digest=rows.digest,
        )
    write_predictions(out, predicted)
