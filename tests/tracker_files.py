"""Files of keypoints as trackers write them, with points that tell where they come from."""

import pickle

import h5py
import numpy as np
import pandas as pd

from deg_core.data.keypoints import COORDS, POINTS


def points_of(frames, parts=POINTS):
    """Return (T, P, 3): x is 100 t + p, y is its negative, the likelihood 1."""
    place = 100.0 * np.arange(frames)[:, None] + np.arange(len(parts))
    return np.stack([place, -place, np.ones_like(place)], axis=-1)


def walking(frames, *, size=(100, 80), seed=0):
    """Return (T, 7, 3) of a mouse that walks in a field of that height and width."""
    rng = np.random.default_rng(seed)
    body = np.array([[20, 0], [10, -8], [10, 8], [-10, -8], [-10, 8], [-15, 0], [-30, 0]])
    turn = np.exp(1j * np.linspace(0, 5, frames))[:, None] * (body @ [1, 1j])
    points = np.stack([turn.real + size[1] / 2, turn.imag + size[0] / 2], axis=-1)
    points += rng.normal(0, 0.3, points.shape)
    return np.concatenate([points, np.ones((frames, 7, 1))], axis=-1)


def frame_of(points, parts=POINTS, individuals=None):
    """Return DeepLabCut's table; of several each individual 1000 less than the one before."""
    levels = [["net"], *([individuals] if individuals else []), list(parts), list(COORDS)]
    names = ["scorer", *(["individuals"] if individuals else []), "bodyparts", "coords"]
    columns = pd.MultiIndex.from_product(levels, names=names)
    copies = [points - 1000 * a for a in range(len(individuals or [""]))]
    values = np.concatenate([copy.reshape(len(points), 3 * len(parts)) for copy in copies], axis=1)
    return pd.DataFrame(values, columns=columns)


def write_csv(path, table):
    """Write it as csv."""
    path.write_text(table.to_csv())
    return path


def write_table(path, table, *, protocol=0):
    """Write it as pandas and PyTables do in format table: one block, names pickled."""
    with h5py.File(path, "w") as file:
        group = file.create_group("df_with_missing")
        info = {1: {"names": list(table.columns.names), "type": "MultiIndex"}, "index": {}}
        group.attrs["info"] = np.bytes_(pickle.dumps(info, protocol=protocol))
        group.attrs["pandas_type"] = np.bytes_("frame_table")
        kind = [("index", "<i8"), ("values_block_0", "<f8", (table.shape[1],))]
        rows = np.zeros(len(table), dtype=kind)
        rows["index"], rows["values_block_0"] = table.index, table.to_numpy()
        data = group.create_dataset("table", data=rows)
        names = pickle.dumps(list(table.columns), protocol=protocol)
        data.attrs["values_block_0_kind"] = np.bytes_(names)
    return path


def write_fixed(path, table):
    """Write it as pandas does in format fixed: levels and codes of the names."""
    with h5py.File(path, "w") as file:
        group = file.create_group("df_with_missing")
        group.attrs["axis0_nlevels"] = len(table.columns.names)
        group["block0_values"] = table.to_numpy()
        for prefix in ("axis0", "block0_items"):
            for i, name in enumerate(table.columns.names):
                level = [str(value).encode() for value in table.columns.levels[i]]
                group[f"{prefix}_level{i}"] = np.array(level)
                group[f"{prefix}_level{i}"].attrs["name"] = np.bytes_(name)
                group[f"{prefix}_label{i}"] = np.asarray(table.columns.codes[i], np.int8)
    return path


def write_sleap(path, points, parts=POINTS, names=(), *, scores=True):
    """Write (A, T, P, 3) as SLEAP exports an analysis file: all transposed."""
    with h5py.File(path, "w") as file:
        file["tracks"] = points[..., :2].transpose(0, 3, 2, 1)
        file["node_names"] = [part.encode() for part in parts]
        file["track_names"] = np.array([name.encode() for name in names], dtype="S20")
        file["track_occupancy"] = np.ones((points.shape[1], len(points)), np.uint8)
        if scores:
            file["point_scores"] = points[..., 2].transpose(0, 2, 1)
    return path
