"""Compare one video with those that a run was trained on, so that users know what to trust.

Reads the imported video, its features and predictions, thresholds/RUN.postprocess.json and the
run's reference; writes quality/RUN/{video}.json.
"""

from pathlib import Path

import numpy as np

from deg_core.data.archives import read_npz
from deg_core.data.publish import damage_of, publish_json, read_json
from deg_core.errors import StateError
from deg_core.ethogram import quality
from deg_core.settings import QualitySettings
from deg_core.stages import measured
from deg_core.stages.scored import thresholds_in_use


def run(
    *,
    video: str,
    part: str,
    store: Path,
    features: Path,
    predictions: Path,
    postprocessing: Path,
    reference: Path,
    known: Path,
    settings: QualitySettings,
    out: Path,
) -> None:
    """Flag what is unusual about a video.

    Parameters
    ----------
    video
        Id of the video.
    part
        What the run used it for (train, val, test), or new.
    store
        Imported video.
    features
        Its features.
    predictions
        Its predictions.
    postprocessing
        JSON file with the run's thresholds in use.
    reference
        NPZ file with the features of training frames.
    known
        JSON file with the values of the known videos.
    settings
        What is looked at, and how wide the ordinary ranges are.
    out
        JSON file to write.

    Raises
    ------
    StateError
        If a file is damaged, or the features are not those of the reference.
    """
    values = measured.picture_facts(store, frames=settings.frames)
    values["feature_distance"] = distance(features, reference, video=video, settings=settings)
    values["uncertain"] = measured.uncertain_share(
        predictions, thresholds_in_use(postprocessing), near=settings.near
    )
    about = read_json(known)
    with damage_of(known):
        # The model has seen a training video, be it the darkest of all.
        left_out = {video} - set(about["train"])
        others = [values for name, values in about["known"].items() if name not in left_out]
    rows = quality.flag(values, others, settings=settings)
    publish_json(out, {"video": video, "part": part, "checks": rows})


def distance(features: Path, reference: Path, *, video: str, settings: QualitySettings) -> float:
    """Measure how far a video's frames are from the training frames of other videos.

    Raises
    ------
    StateError
        If a file is damaged, or the two are of different models.
    """
    file = read_npz(reference)
    with damage_of(reference):
        rows, owner = file["features"].astype(np.float32), file["owner"]
        if rows.ndim != 2 or owner.shape != rows.shape[:1]:
            raise ValueError("its arrays do not fit each other")
        scale = file["scale"]
        own = [k for k, name in enumerate(file["videos"].tolist()) if name == video]
    found = measured.sampled_features(features, frames=settings.frames)
    if found.shape[1] != rows.shape[1]:
        raise StateError(
            f"{features}: {found.shape[1]} numbers per frame, but {reference} has {rows.shape[1]}; "
            "delete both and run again."
        )
    return quality.typical_distance(
        found, rows[~np.isin(owner, own)], scale=scale, neighbors=settings.neighbors
    )
