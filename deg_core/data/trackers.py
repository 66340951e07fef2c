"""Files of keypoints: what DeepLabCut and SLEAP wrote about a video, whichever format it is.

Reads DeepLabCut's csv and h5 and SLEAP's analysis h5, told apart by what is in them. The h5 of
DeepLabCut is a pandas table whose column names are pickled; here they are unpickled without
anything that could run, so no file is trusted and PyTables is not needed.
"""

import io
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deg_core.data.hdf5 import read_numbers, read_text, read_texts, whole_dataset
from deg_core.data.heaps import check_heaps
from deg_core.data.keypoints import COORDS, POINTS
from deg_core.data.pickles import check_places
from deg_core.data.publish import DAMAGE
from deg_core.errors import DegError

DEEPLABCUT, SLEAP = "DeepLabCut", "SLEAP"
HEADS = ("scorer", "bodyparts", "coords")
HEADS_OF_SEVERAL = ("scorer", "individuals", "bodyparts", "coords")
ONLY = ""  # the individual of a file that knows no individuals

Columns = Mapping[tuple[str, str, str], NDArray[np.float32]]


@dataclass(frozen=True)
class Tracks:
    """What a file says.

    Attributes
    ----------
    program
        Who wrote it, `DEEPLABCUT` or `SLEAP`.
    points
        Per individual and body part (T, 3) float32: x and y in pixels, and likelihood, which NaN
        where the program gives none.
    """

    program: str
    points: Mapping[str, Mapping[str, NDArray[np.float32]]]


def read_tracks(path: Path) -> Tracks:
    """Read all points of a file.

    Raises
    ------
    DegError
        If the file cannot be read or is in none of the formats.
    """
    path = Path(path)
    try:
        if not h5py.is_hdf5(path):
            return _gather(_read_csv(path))
        check_heaps(path)
        with h5py.File(path, "r", locking=False) as file:
            if "tracks" in file:
                return _read_sleap(file, path)
            return _gather(_read_pandas(file, path))
    except DAMAGE as error:
        what = str(error) or type(error).__name__
        raise DegError(
            f"{path}: expected DeepLabCut's csv or h5, or SLEAP's analysis h5, but it cannot be "
            f"read ({what}); export it anew."
        ) from error


def choose(
    tracks: Tracks, path: Path, *, points: Sequence[str] = POINTS, individual: str = ""
) -> NDArray[np.float32]:
    """Take some points of one individual.

    Parameters
    ----------
    tracks
        What the file says.
    path
        The file, for the messages.
    points
        Body parts in the order to return, each named as in the file; the file may have others.
    individual
        Name of the individual; empty if the file has one only.

    Returns
    -------
    keypoints : (T, P, 3) float32
        x and y in pixels, and likelihood; NaN where the file says nothing.

    Raises
    ------
    DegError
        If the file has no such individual, or several and none is chosen, or lacks a point.
    """
    found = _parts_of(tracks, path, individual)
    missing = [name for name in points if name not in found]
    if missing:
        raise DegError(
            f"{path}: expected the points {', '.join(points)}, but {', '.join(missing)} "
            f"{'are' if len(missing) > 1 else 'is'} missing; found {', '.join(found) or 'none'}; "
            "name the seven of this file in `keypoints.points`, in that order (the same one may "
            "stand for two)."
        )
    return np.stack([found[name] for name in points], axis=1)


def read_points(
    path: Path, *, points: Sequence[str] = POINTS, individual: str = ""
) -> NDArray[np.float32]:
    """Read some points of one individual: `read_tracks`, then `choose`."""
    return choose(read_tracks(path), path, points=points, individual=individual)


def _parts_of(tracks: Tracks, path: Path, individual: str) -> Mapping[str, NDArray[np.float32]]:
    names = list(tracks.points)
    if individual in names:
        return tracks.points[individual]
    if not individual and len(names) == 1:
        return tracks.points[names[0]]
    listed = ", ".join(name for name in names if name) or "none with a name"
    if not individual:
        raise DegError(
            f"{path}: expected the points of one animal, found those of {len(names)} ({listed}); "
            "choose one in `keypoints.individual`."
        )
    raise DegError(
        f"{path}: expected the animal '{individual}' of `keypoints.individual`, found {listed}; "
        "correct the name, or leave it empty for a file of a single animal."
    )


def _gather(columns: Columns) -> Tracks:
    """Put columns together by individual and part; a part needs x and y at least."""
    points: dict[str, dict[str, NDArray[np.float32]]] = {}
    for individual, part, coord in columns:
        triple = [columns.get((individual, part, name)) for name in COORDS]
        if coord == "x" and triple[1] is not None:
            likelihood = np.full_like(triple[0], np.nan) if triple[2] is None else triple[2]
            xyl = np.stack([*triple[:2], likelihood], axis=-1)
            points.setdefault(individual, {})[part] = xyl
    return Tracks(DEEPLABCUT, points)


# --- DeepLabCut's csv


def _read_csv(path: Path) -> Columns:
    try:
        heads = pd.read_csv(path, header=None, nrows=4, index_col=0, dtype=str)
        found = tuple(map(str, heads.index))
        for levels in (HEADS, HEADS_OF_SEVERAL):
            if found[: len(levels)] == levels:
                table = pd.read_csv(path, header=list(range(len(levels))), index_col=0)
                values = _floats(table.to_numpy(dtype=np.float64))
                return _named(levels, list(table.columns), values)
    except (OSError, ValueError) as error:  # also what pandas calls an empty or odd table
        raise DegError(
            f"{path}: cannot be read as a table of numbers below its header rows ({error}); "
            "export it anew."
        ) from error
    raise DegError(
        f"{path}: expected DeepLabCut's csv or h5, or SLEAP's analysis h5; the first rows of this "
        f"text begin with {', '.join(found[:3]) or 'nothing'}, those of DeepLabCut with "
        f"{', '.join(HEADS)}; export it anew."
    )


def _named(
    levels: Sequence[str], names: Sequence[Sequence[Any]], values: NDArray[np.float32]
) -> Columns:
    """Name the columns of a table (T, C) by individual, part and coordinate."""
    place = {level: i for i, level in enumerate(levels)}
    columns = {}
    for name, column in zip(names, values.T, strict=True):
        individual = str(name[place["individuals"]]) if "individuals" in place else ONLY
        columns[individual, str(name[place["bodyparts"]]), str(name[place["coords"]])] = column
    return columns


# --- DeepLabCut's h5: a pandas table, in either of its two layouts


def _read_pandas(file: h5py.File, path: Path) -> Columns:
    for group in file.values():
        if not isinstance(group, h5py.Group):
            continue
        if "table" in group:
            return _read_table(group, path)
        if "block0_values" in group and "axis0_level0" in group:
            return _read_fixed(group, path)
    raise DegError(
        f"{path}: expected DeepLabCut's h5 or SLEAP's analysis h5, found an HDF5 file with "
        f"{', '.join(file) or 'nothing'}; export it anew (a .slp or _meta file will not do)."
    )


def _read_table(group: h5py.Group, path: Path) -> Columns:
    levels = _unpickled(group.attrs["info"], path)[1]["names"]
    table, columns = whole_dataset(group, "table"), {}
    for field in table.dtype.names or ():
        if field.startswith("values_block_"):
            names = _unpickled(table.attrs[f"{field}_kind"], path)
            _check_levels(levels, names, path)
            columns |= _named(levels, names, _floats(table[field]))
    return columns


def _read_fixed(group: h5py.Group, path: Path) -> Columns:
    levels, codes, texts = [], [], []
    for i in range(int(group.attrs["axis0_nlevels"])):  # may be any number: ends at what is missing
        part = f"block0_items_level{i}"
        levels.append(read_text(group[part], "name"))
        codes.append(read_numbers(group, f"block0_items_label{i}"))
        texts.append(read_texts(group, part))
    names = [tuple(texts[i][c] for i, c in enumerate(row)) for row in zip(*codes, strict=True)]
    _check_levels(levels, names, path)
    return _named(levels, names, _floats(read_numbers(group, "block0_values")))


def _check_levels(levels: Any, names: Any, path: Path) -> None:
    if tuple(levels) not in (HEADS, HEADS_OF_SEVERAL) or any(
        len(name) != len(levels) for name in names
    ):
        raise DegError(
            f"{path}: expected columns by {', '.join(HEADS)}, found {', '.join(map(str, levels))}; "
            "give the file that analyzing a video writes."
        )


class _Plain(pickle.Unpickler):
    """Unpickles lists, tuples, texts and numbers, and refuses all that has to be imported."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _unpickled(data: Any, path: Path) -> Any:
    try:
        if not isinstance(data, bytes | np.void):  # a number would become so many zeros
            raise TypeError(f"{type(data).__name__} in place of bytes")
        pickled = bytes(data)
        stream = io.BytesIO(pickled)
        check_places(stream, size=len(pickled))
        return _Plain(stream).load()
    except (pickle.UnpicklingError, *DAMAGE) as error:
        raise DegError(
            f"{path}: the names of its columns cannot be read safely ({error}); export it to csv."
        ) from error


# --- SLEAP's analysis h5


def _read_sleap(file: h5py.File, path: Path) -> Tracks:
    """Read tracks (A, 2, P, T) and point_scores (A, P, T), the transpose of what SLEAP has."""
    tracks, parts = whole_dataset(file, "tracks"), read_texts(file, "node_names")
    if tracks.ndim != 4 or tracks.shape[1:3] != (2, len(parts)):
        raise DegError(
            f"{path}: expected tracks of (individuals, 2, {len(parts)} points, frames), found "
            f"{tracks.shape}; export an analysis HDF5 file from SLEAP, as for MATLAB."
        )
    values = _floats(tracks[()])
    scores = np.full((len(values), *values.shape[2:]), np.nan, np.float32)
    if (
        "point_scores" in file
        and (found := read_numbers(file, "point_scores")).shape == scores.shape
    ):
        scores = _floats(found)
    names = read_texts(file, "track_names") if "track_names" in file else []
    if len(names) != len(values):  # without tracking there is one track, which has no name
        names = [str(a) if len(values) > 1 else ONLY for a in range(len(values))]
    points: dict[str, dict[str, NDArray[np.float32]]] = {name: {} for name in names}
    for (a, name), (p, part) in product(enumerate(names), enumerate(parts)):
        points[name][part] = np.stack([*values[a, :, p], scores[a, p]], axis=-1)
    return Tracks(SLEAP, points)


def _floats(values: NDArray[Any]) -> NDArray[np.float32]:
    """Convert numbers; what is infinite, or too large for float32, is nowhere in a picture: NaN."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = values.astype(np.float32)
    found[np.isinf(found)] = np.nan
    return found
