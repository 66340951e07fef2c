"""Turn one video's probabilities into an ethogram and a table of bouts.

Reads predictions, thresholds and training bout lengths; writes ethograms/RUN/{video}.csv and
.bouts.csv.
"""

from pathlib import Path

from deg_core.data.arrays import read_predictions
from deg_core.data.publish import publish_csv
from deg_core.ethogram.bouts import binarize, bout_table, ethogram_table
from deg_core.groups import indices
from deg_core.settings import PostprocessSettings
from deg_core.stages.scored import check_behaviors, read_limits, read_thresholds


def run(
    *,
    predictions: Path,
    thresholds: Path,
    lengths: Path,
    settings: PostprocessSettings,
    ethogram: Path,
    bouts: Path,
) -> None:
    """Apply the thresholds, remove short bouts, derive the background, list the bouts.

    Parameters
    ----------
    predictions
        HDF5 file with the video's probabilities.
    thresholds
        JSON file with the run's thresholds.
    lengths
        JSON file with the bout lengths of the training labels.
    settings
        Which bouts are too short.
    ethogram
        Table of frames to write.
    bouts
        Table of bouts to write.

    Raises
    ------
    StateError
        If a file is damaged or names other behaviors than the predictions.
    """
    predicted = read_predictions(predictions)
    values, names, fps = predicted.probabilities, predicted.behaviors, predicted.fps
    behaviors, chosen = read_thresholds(thresholds)
    check_behaviors(thresholds, behaviors, names)
    limits = read_limits(lengths, behaviors=names, settings=settings)
    present = binarize(
        values, thresholds=chosen["sequence"], lengths=limits,
        groups=indices(predicted.groups, names),
    )  # fmt: skip
    table = bout_table(present, probabilities=values, behaviors=names, fps=fps)
    publish_csv(ethogram, ethogram_table(present, behaviors=names, fps=fps))
    publish_csv(bouts, table)
