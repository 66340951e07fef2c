"""Turn one video's probabilities into an ethogram and a table of bouts.

Reads predictions and what was chosen for them; writes ethograms/RUN/{video}.csv and .bouts.csv.
"""

from pathlib import Path

from deg_core.data.arrays import read_predictions
from deg_core.data.publish import publish_csv
from deg_core.ethogram.bouts import bout_table, ethogram_table
from deg_core.ethogram.smoothing import apply
from deg_core.groups import indices
from deg_core.stages.scored import check_behaviors, read_treatments


def run(*, predictions: Path, postprocessing: Path, ethogram: Path, bouts: Path) -> None:
    """Apply thresholds and postprocessing, derive the background, list the bouts.

    Parameters
    ----------
    predictions
        HDF5 file with the video's probabilities.
    postprocessing
        JSON file with the run's thresholds and methods.
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
    behaviors, chosen = read_treatments(postprocessing)
    check_behaviors(postprocessing, behaviors, names)
    present = apply(values, chosen["sequence"], groups=indices(predicted.groups, names))
    table = bout_table(present, probabilities=values, behaviors=names, fps=fps)
    publish_csv(ethogram, ethogram_table(present, behaviors=names, fps=fps))
    publish_csv(bouts, table)
