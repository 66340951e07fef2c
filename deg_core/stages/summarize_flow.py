"""Copy a preset's example frames into the summary, which all figures of a study are drawn from.

Reads models/flow/{preset}.examples.npz; writes summary/flow/{preset}.npz.
"""

from pathlib import Path

from deg_core.data.archives import read_npz
from deg_core.data.publish import publish_npz


def run(*, examples: Path, out: Path) -> None:
    """Write the same arrays to another place.

    Parameters
    ----------
    examples
        Frames, their motion and, where the network learns, their reconstruction; see `train_flow`.
    out
        NPZ file to write.

    Raises
    ------
    StateError
        If the examples cannot be read, or the copy cannot be written.
    """
    publish_npz(out, read_npz(examples))
