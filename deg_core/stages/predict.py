"""Turn the features of one video into probabilities."""

from pathlib import Path

import numpy as np

from deg_core.data.arrays import Predictions, read_features, write_predictions
from deg_core.errors import ModelError
from deg_core.learn.device import choose
from deg_core.learn.tiling import tiled
from deg_core.settings import SequenceSettings, from_dict
from deg_core.stages.networks import load_sequence
from deg_core.stages.train_sequence import joined


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
        If the model was trained for other behaviors or another number of features.
    """
    device = choose(threads)
    network, content = load_sequence(model, device)
    found = read_features(features)
    array = joined(found)
    if content["n_features"] != array.shape[1] or content["behaviors"] != list(found.behaviors):
        raise ModelError(
            f"{model}: expected features of {content['n_features']} numbers for "
            f"{content['behaviors']}, found {array.shape[1]} for {list(found.behaviors)} in "
            f"{features}; extract and train again."
        )
    settings = from_dict(SequenceSettings, content["settings"])
    write_predictions(
        out,
        Predictions(
            probabilities=sigmoid(tiled(network, array, settings, device)),
            feature_probabilities=sigmoid(found.logits),
            fps=found.fps,
            behaviors=tuple(content["behaviors"]),
            digest=found.digest,
        ),
    )
