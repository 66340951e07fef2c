"""Readers of HDF5: imported videos, features, predictions, keypoints; and of other arrays."""

import io
import random
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import golden_inputs
import h5py
import mutations
import numpy as np
import tracker_files
import videos
from harness import Target

from deg_core.data import arrays, trackers
from deg_core.data.publish import publish_npz
from deg_core.data.source import read_source
from deg_core.data.statistics import read_background, write_background
from deg_core.data.store import FrameStore
from deg_core.data.stored import StoredFeatures
from deg_core.data.whole import damage
from deg_core.settings import ImportSettings
from deg_core.stages import import_video, summarize_flow

Edit = Callable[[random.Random, h5py.File], None]


def read_store(path: Path) -> None:
    """Read an imported video in all the ways in which it is read."""
    str(damage(path, thoroughly=True))
    read_source(path)
    with FrameStore(path) as store:
        for _, frames in store.iter(4):
            assert frames.dtype == np.uint8
        store.read([0, store.n_frames - 1, 0])
        assert len(store.timestamps) == store.n_frames


def read_features(path: Path) -> None:
    """Read features as a whole, row by row, and in windows."""
    str(damage(path, thoroughly=True))
    arrays.read_features(path)
    with arrays.open_features(path) as rows:
        rows[0:3], rows[len(rows) - 1 : len(rows)]
    stored = StoredFeatures(path)
    stored[0:5], stored[3 : len(stored)]


def read_predictions(path: Path) -> None:
    """Read predictions."""
    str(damage(path, thoroughly=True))
    arrays.read_predictions(path)


# --- damage that keeps the file an HDF5 file

SHAPES = ((), (0,), (3,), (3, 4), (0, 5), (9, 32, 48, 3), (2**31, 2), (2**30, 2**10), (1, 1, 1))
TYPES = ("u1", "i8", "<f4", ">f8", "f2", "S5", "bool", "c8")


def _new(rng: random.Random) -> dict:
    shape, kind = rng.choice(SHAPES), rng.choice(TYPES)
    options: dict = {"shape": shape, "dtype": kind}
    if shape and all(shape) and rng.random() < 0.8:
        options["chunks"] = tuple(min(n, 8) for n in shape)
        if rng.random() < 0.3:
            options["compression"] = "gzip"
    elif np.prod(shape, dtype=float) > 1e6:
        options["chunks"] = tuple(min(n, 8) for n in shape)
    return options


def replace(rng: random.Random, file: h5py.File) -> None:
    """Put another data set, or a group or link, in the place of one."""
    name = rng.choice(list(file))
    del file[name]
    kind = rng.random()
    if kind < 0.6:
        file.create_dataset(name, **_new(rng))
    elif kind < 0.7:
        file.create_group(name)
    elif kind < 0.8:
        file[name] = h5py.SoftLink(rng.choice((f"/{name}", "/none", "/")))
    elif kind < 0.9:
        file[name] = h5py.ExternalLink(rng.choice(("none.h5", "/dev/zero", "x.h5")), "/x")
    else:
        file.create_dataset(name, data=np.array(["a", "b"], dtype=h5py.string_dtype()))


def attribute(rng: random.Random, file: h5py.File) -> None:
    """Change or delete an attribute of the file, or of something in it."""
    items = [item for item in (file, *_children(file)) if len(item.attrs)]
    if not items:
        return
    item = rng.choice(items)
    name = rng.choice(list(item.attrs))
    value = rng.choice((
        0, -1, 3, 2**62, 0.0, float("nan"), float("inf"), "x", "[]", '["a"]', '[["a", "b"]]',
        "[" * 9999,
        np.zeros(3), np.zeros((2, 2)), b"\xff\xfe", "null", '{"a": 1}', h5py.Empty("f4"), True,
        ["a", "b"], "raw", "jpeg", 10**18,
    ))  # fmt: skip
    if rng.random() < 0.2:
        del item.attrs[name]
    else:
        item.attrs[name] = value


def _children(group: h5py.Group) -> list:
    found = []
    for name in group:
        item = group.get(name)
        if item is not None:
            found += [item, *(_children(item) if isinstance(item, h5py.Group) else [])]
    return found


def values(rng: random.Random, file: h5py.File) -> None:
    """Write odd values into a data set."""
    items = [i for i in _children(file) if isinstance(i, h5py.Dataset) and i.size and i.ndim]
    if not items:
        return
    item = rng.choice(items)
    if item.dtype.kind not in "iuf":
        return
    at = rng.randrange(len(item))
    value = rng.choice((0, 1, 255, -1, 2**40, float("nan"), float("inf")))
    with np.errstate(all="ignore"):
        row = np.full(item.shape[1:], value).astype(item.dtype)
    item[at] = row


def resize(rng: random.Random, file: h5py.File) -> None:
    """Claim another length of a data set, not so large that the library works on it for hours."""
    items = [
        i for i in _children(file) if isinstance(i, h5py.Dataset) and i.maxshape[:1] == (None,)
    ]
    items = [item for item in items if len(item) < 10**6]
    if items:
        item = rng.choice(items)
        item.resize(rng.choice((0, 1, len(item) + 1, 10**6, 10**7)), axis=0)


EDITS: tuple[Edit, ...] = (replace, replace, attribute, attribute, values, resize)


def edited(rng: random.Random, content: bytes) -> bytes:
    """Change an HDF5 file through its own library, so that all of its sums are right."""
    memory = io.BytesIO(content)
    try:
        with h5py.File(memory, "r+") as file:
            for _ in range(rng.randint(1, 2)):
                rng.choice(EDITS)(rng, file)
    except Exception:
        return mutations.BYTES(rng, content)
    return memory.getvalue()


MUTATE = mutations.chosen(mutations.BYTES, edited, most=1)


def _seeds(folder: Path, makers: Mapping[str, Callable[[Path], object]]) -> dict[str, bytes]:
    found = {}
    for name, make in makers.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path)
        found[name] = path.read_bytes()
    return found


def _import(folder: Path, store: str) -> Callable[[Path], None]:
    raw = videos.write_video(folder / "raw.mkv", videos.moving_square(9, 32, 48), codec="ffv1")
    settings = ImportSettings(size=(16, 24), store=store)
    return lambda path: import_video.run(raw=raw, out=path, settings=settings)


def _predict(path: Path) -> None:
    arrays.write_predictions(path, golden_inputs.predictions_of("g1", 20))


def _copy_examples(path: Path) -> None:
    summarize_flow.run(examples=path, out=path.with_name("copy.npz"))


def targets(folder: Path) -> dict[str, Target]:
    """Make small files of each kind."""
    points = tracker_files.points_of(10)
    table, fixed, sleap = (
        lambda path: tracker_files.write_table(path, tracker_files.frame_of(points)),
        lambda path: tracker_files.write_fixed(path, tracker_files.frame_of(points)),
        lambda path: tracker_files.write_sleap(path, points[None]),
    )
    example = {"frames": np.zeros((3, 8, 8, 3), np.uint8), "motion": np.ones((2, 8, 8), np.float32)}
    image = cv2.resize(videos.noise(1)[0], (16, 16))
    made = {
        "imported video, raw": (read_store, {"raw.h5": _import(folder, "raw")}),
        "imported video, jpeg": (read_store, {"jpeg.h5": _import(folder, "jpeg")}),
        "features": (
            read_features, {"g1.h5": lambda path: golden_inputs.write_features(path.parent, "g1")}
        ),
        "predictions": (read_predictions, {"p.h5": _predict}),
        "keypoints, h5 of DeepLabCut": (trackers.read_tracks, {"t.h5": table, "f.h5": fixed}),
        "keypoints, h5 of SLEAP": (trackers.read_tracks, {"s.h5": sleap}),
    }  # fmt: skip
    found = {
        name: Target(read, _seeds(folder / "h5", makers), MUTATE)
        for name, (read, makers) in made.items()
    }
    npz = _seeds(folder, {"e.npz": lambda path: publish_npz(path, example)})
    png = _seeds(folder, {"b.png": lambda path: write_background(path, image)})
    either = mutations.chosen(mutations.BYTES, mutations.png_chunks, most=1)
    packed = mutations.chosen(mutations.BYTES, mutations.in_archive(mutations.BYTES), most=1)
    found["example frames, npz"] = Target(_copy_examples, npz, packed)
    found["background, png"] = Target(read_background, png, either)
    return found
