"""Features read from where they lie in their file: the rows that HDF5 gives, and trouble."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import psutil
import pytest

from deg_core.data.arrays import feature_writer, read_features
from deg_core.data.stored import StoredFeatures
from deg_core.errors import StateError

T, D = 2500, 3  # chunks of 1024 frames: two whole ones and one that is not full


def write(path, *, n_frames=T, dtype="float32", n_features=D):
    rng = np.random.default_rng(0)
    spatial, flow = rng.normal(size=(2, n_frames, n_features))
    about = {"n_frames": n_frames, "fps": 30.0, "n_features": n_features, "digest": "abc"}
    with feature_writer(path, behaviors=["a", "b"], dtype=dtype, **about) as writer:
        writer.write(0, spatial, flow, np.zeros((n_frames, 2)))
    return path


@pytest.fixture(scope="module", params=["float32", "float16"])
def file(request, tmp_path_factory):
    return write(tmp_path_factory.mktemp("stored") / "m.h5", dtype=request.param), request.param


@pytest.mark.parametrize(
    "rows",
    [
        slice(0, T), slice(None), slice(0, 1), slice(5, 5), slice(1023, 1025), slice(1000, 1180),
        slice(1024, 2048), slice(500, 2200), slice(2490, 9999), slice(T, T + 5), slice(-7, None),
        slice(9, 3),
    ],
)  # fmt: skip
def test_rows_are_those_of_the_library(file, rows):
    path, dtype = file
    whole, found = read_features(path), StoredFeatures(path)
    expected = np.concatenate([whole.spatial, whole.flow], axis=1)[rows]
    assert found[rows].dtype == dtype  # what the file has, not widened
    np.testing.assert_array_equal(found[rows], expected)


def test_what_is_told_of_a_file(file):
    path, dtype = file
    found = StoredFeatures(path)
    assert (len(found), found.shape, found.dtype) == (T, (T, 2 * D), np.dtype(dtype))
    assert (found.behaviors, found.digest, found.path) == (("a", "b"), "abc", path)


@pytest.mark.parametrize("n_frames", [0, 1, 1023, 1024, 1025])
def test_videos_around_the_length_of_a_chunk(tmp_path, n_frames):
    path = write(tmp_path / "m.h5", n_frames=n_frames)
    whole, found = read_features(path), StoredFeatures(path)
    assert found[:].shape == (n_frames, 2 * D)
    np.testing.assert_array_equal(found[:][:, D:], whole.flow)


def test_what_is_read_may_be_changed(file):
    found = StoredFeatures(file[0])
    before = found[3:5]
    before[:] = 7
    assert not (found[3:5] == 7).any()


def test_no_file_stays_open(file):
    found = StoredFeatures(file[0])
    found[0:10]
    assert str(file[0]) not in {opened.path for opened in psutil.Process().open_files()}


def test_threads_share_one(file):
    found = StoredFeatures(file[0])
    starts = np.random.default_rng(1).integers(0, T - 180, 200)
    expected = found[:]
    with ThreadPoolExecutor(4) as pool:
        pieces = list(pool.map(lambda a: found[a : a + 180], starts))
    for a, piece in zip(starts, pieces, strict=True):
        np.testing.assert_array_equal(piece, expected[a : a + 180])


# --- trouble


def test_a_missing_file(tmp_path):
    with pytest.raises(StateError, match=r"m\.h5: does not exist"):
        StoredFeatures(tmp_path / "m.h5")


def test_changed_bytes_are_noticed_when_it_is_opened(file, tmp_path):
    path = shutil.copy(file[0], tmp_path / "m.h5")
    with h5py.File(path) as opened:
        place = opened["flow"].id.get_chunk_info_by_coord((1024, 0)).byte_offset
    with path.open("rb+") as raw:
        raw.seek(place + 100)
        byte = raw.read(1)[0]
        raw.seek(place + 100)
        raw.write(bytes([byte ^ 1]))
    with pytest.raises(StateError, match=r"m\.h5: damaged"):
        StoredFeatures(path)


def test_a_file_that_is_cut_off_later(file, tmp_path):
    path = shutil.copy(file[0], tmp_path / "m.h5")
    found = StoredFeatures(path)
    with path.open("rb+") as raw:
        raw.truncate(1000)
    with pytest.raises(StateError, match=r"m\.h5: damaged .*ends too early"):
        found[100:200]
    path.unlink()
    with pytest.raises(StateError, match=r"m\.h5: does not exist"):
        found[100:200]


@pytest.mark.parametrize(
    "layout", [{"compression": "gzip"}, {"chunks": (10, 2)}, {"chunks": None}, {"shuffle": True}]
)
def test_another_layout(file, tmp_path, layout):
    path = shutil.copy(file[0], tmp_path / "m.h5")
    with h5py.File(path, "r+") as opened:
        values = opened["spatial"][()]
        del opened["spatial"]
        opened.create_dataset("spatial", data=values, **layout)
    with pytest.raises(StateError, match=r"m\.h5: expected spatial in chunks .* run extract_feat"):
        StoredFeatures(path)


def test_chunks_of_another_length_are_as_good(file, tmp_path):
    path = shutil.copy(file[0], tmp_path / "m.h5")
    with h5py.File(path, "r+") as opened:
        values = opened["spatial"][()]
        del opened["spatial"]
        opened.create_dataset("spatial", data=values, chunks=(7, D))
    np.testing.assert_array_equal(StoredFeatures(path)[5:30][:, :D], values[5:30])
