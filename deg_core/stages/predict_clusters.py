"""Turn the clusters of one video into probabilities, by the mapping that was learned.

Reads a file of clusters, the imported video and models/clusters/RUN.json; writes
predictions/RUN/{video}.h5, as `predict` does for other presets.
"""

import hashlib
from pathlib import Path

import numpy as np

from deg_core.data.arrays import Predictions, write_predictions
from deg_core.data.publish import damage_of, read_json
from deg_core.data.video import FrameStore
from deg_core.ethogram.clusters import probabilities
from deg_core.settings import ClusterSettings, from_dict
from deg_core.stages.map_clusters import read_fitting


def run(*, clusters: Path, store: Path, mapping: Path, out: Path) -> None:
    """Predict one video.

    Parameters
    ----------
    clusters
        File of the video's clusters.
    store
        Imported video, which says how many frames there are.
    mapping
        JSON file of map_clusters.
    out
        HDF5 file to write.

    Raises
    ------
    DegError
        If the file of clusters cannot be read, or is of another video.
    StateError
        If mapping or imported video are damaged, or the predictions cannot be written.
    """
    with FrameStore(store) as video:
        n_frames, fps = video.n_frames, video.fps
    learned = read_json(mapping)
    with damage_of(mapping):
        behaviors, known = tuple(learned["behaviors"]), learned["clusters"]
        table = np.array([[known[c]["probability"][b] for b in behaviors] for c in known])
        prior = np.array([float(value) for value in learned["prior"]])
        groups = tuple(map(tuple, learned["groups"]))
        settings = from_dict(ClusterSettings, learned["settings"])
    names = read_fitting(clusters, n_frames, column=settings.column)
    found = probabilities(names, names=list(known), probability=table, prior=prior)
    predicted = Predictions(
        probabilities=found,
        feature_probabilities=np.empty((n_frames, 0), np.float32),
        fps=fps,
        behaviors=behaviors,
        digest=hashlib.sha256(mapping.read_bytes()).hexdigest(),
        groups=groups,
    )
    write_predictions(out, predicted)
