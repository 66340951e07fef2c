"""Archives of named arrays (npz), read whole."""

import tokenize
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deg_core.data.publish import damage_of


def read_npz(path: Path) -> dict[str, NDArray]:
    """Read all arrays of a file that `deg_core.data.publish.publish_npz` wrote, by name.

    Raises
    ------
    StateError
        If it is missing, damaged or holds anything but arrays.
    """
    # Opened here, for numpy leaves files open that it cannot read.
    with damage_of(path), Path(path).open("rb") as raw, np.load(raw) as file:
        try:
            found = {name: file[name] for name in sorted(file.files)}
        except tokenize.TokenError as error:  # numpy takes a header for code of Python 2, and fails
            raise ValueError(f"a header that says nothing ({error})") from error
    with damage_of(path):
        for name, value in found.items():
            if not isinstance(value, np.ndarray):
                raise ValueError(f"'{name}' is no array")
    return found
