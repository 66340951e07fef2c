"""Turn the features of one video into probabilities; features are read a tile at a time."""

from pathlib import Path

from deg_core.data.arrays import Predictions, open_features, write_predictions
from deg_core.errors import ModelError
from deg_core.ethogram.groups import probabilities
from deg_core.groups import indices, named
from deg_core.learn.centering import centered
from deg_core.learn.device import choose
from deg_core.learn.tiling import scored
from deg_core.settings import SequenceSettings, from_dict
from deg_core.stages.networks import load_sequence


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
    device = choose(threads, gpu=False)
    network, content = load_sequence(model, device)
    settings = from_dict(SequenceSettings, content["settings"])
    with open_features(features) as rows:
        behaviors = rows.behaviors or tuple(content["behaviors"])  # keypoints know of none
        if (content["n_features"], content["behaviors"]) != (rows.n_features, [*behaviors]):
            raise ModelError(
                f"{model}: expected features of {content['n_features']} numbers for "
                f"{content['behaviors']}, found {rows.n_features} for {list(behaviors)} in "
                f"{features}; extract and train again."
            )
        # Groups are a matter of how each model was trained; those of the last one are decoded.
        around_center = centered(
            rows, network.mean.cpu().numpy()[:, 0], after=settings.center_after
        )
        groups = indices(content.get("groups", []), behaviors)
        of_features = indices(rows.groups, rows.behaviors)
        logits = scored(network, around_center, device, window=settings.inference_window)
        predicted = Predictions(
            probabilities=probabilities(logits, groups),
            feature_probabilities=probabilities(rows.logits, of_features),
            fps=rows.fps,
            behaviors=behaviors,
            digest=rows.digest,
            groups=named(groups, behaviors),
        )
    write_predictions(out, predicted)
