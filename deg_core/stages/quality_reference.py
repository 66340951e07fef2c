"""Say what the videos of a run's training look like, to compare other videos with.

Reads imported videos, features and predictions of the train and validation parts, and
thresholds/RUN.postprocess.json; writes quality/RUN.reference.npz and, with the values of each
video, quality/RUN.reference.json.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deg_core.data.publish import publish_json, publish_npz
from deg_core.errors import StateError
from deg_core.ethogram import quality
from deg_core.settings import QualitySettings
from deg_core.stages import measured
from deg_core.stages.scored import thresholds_in_use

# Enough for any arena, and a distance takes milliseconds.
MOST_FRAMES = 4000


def run(
    *,
    train_videos: list[str],
    val_videos: list[str],
    imports: Path,
    features: Path,
    predictions: Path,
    postprocessing: Path,
    settings: QualitySettings,
    reference: Path,
    out: Path,
) -> None:
    """Measure the videos that a run trained on and chose with.

    Parameters
    ----------
    train_videos, val_videos
        Ids of the videos of the two parts.
    imports
        Folder with the imported videos.
    features
        Folder with the run's features.
    predictions
        Folder with the run's predictions.
    postprocessing
        JSON file with the run's thresholds in use.
    settings
        What is looked at.
    reference
        NPZ file to write: features of training frames, whose they are, and their scale.
    out
        JSON file to write: the values of each video.

    Raises
    ------
    StateError
        If there is no training video, a file is damaged, or the results cannot be written.
    """
    if not train_videos:
        raise StateError(f"{out}: no training video to compare with; label more videos.")
    each = max(1, min(settings.frames, MOST_FRAMES // len(train_videos)))
    trained = {v: read(features, v, each) for v in train_videos}
    scale = quality.scale_of(np.concatenate(list(trained.values())))
    thresholds = thresholds_in_use(postprocessing)
    known = {}
    for video in [*train_videos, *val_videos]:
        own = trained[video] if video in trained else read(features, video, each)
        others = [rows for name, rows in trained.items() if name != video]
        values = measured.picture_facts(imports / f"{video}.h5", frames=settings.frames)
        if others:
            values["feature_distance"] = quality.typical_distance(
                own, np.concatenate(others), scale=scale, neighbors=settings.neighbors
            )
        if video in val_videos:  # the model is too sure of what it was trained on
            values["uncertain"] = measured.uncertain_share(
                predictions / f"{video}.h5", thresholds, near=settings.near
            )
        known[video] = values
    owners = np.repeat(np.arange(len(trained)), [len(rows) for rows in trained.values()])
    rows = np.concatenate(list(trained.values())).astype(np.float16)
    arrays = {"features": rows, "owner": owners, "scale": scale, "videos": np.array(list(trained))}
    publish_npz(reference, arrays)
    publish_json(out, {"train": list(train_videos), "val": list(val_videos), "known": known})


def read(features: Path, video: str, frames: int) -> NDArray[np.float32]:
    """Read some of a video's features, (n, 2D), as exactly as half precision keeps them."""
    rows = measured.sampled_features(features / f"{video}.h5", frames=frames)
    return rows.astype(np.float16).astype(np.float32)
