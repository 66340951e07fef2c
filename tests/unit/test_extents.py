"""Where data sets lie in their files, and reading them from there."""

import gc
import os
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from deg_core.data.extents import Descriptor, Extents
from deg_core.data.publish import publish_hdf5


@pytest.fixture
def torn(tmp_path):
    """Two data sets that grow in turn, so that neither lies in one run."""
    path = tmp_path / "torn.h5"
    rng = np.random.default_rng(0)
    expected = {name: rng.integers(0, 256, (35, 50), np.uint8) for name in ("a", "b")}
    with publish_hdf5(path) as file:
        for name in expected:
            file.create_dataset(name, (0, 50), np.uint8, maxshape=(None, 50), chunks=(2, 50))
        for start in range(0, 35, 4):
            for name, values in expected.items():
                file[name].resize(min(start + 4, 35), axis=0)
                file[name][start : start + 4] = values[start : start + 4]
    return path, expected


def read(extents, path, start, n):
    target = np.full(n, 7, np.uint8)
    extents.read(Descriptor(path), start, target)
    return target


def test_bytes_are_read_across_runs(torn):
    path, expected = torn
    for name, values in expected.items():
        with h5py.File(path) as file:
            extents = Extents.of(file[name])
        assert len(extents.places) > 2
        assert extents.starts[0] == 0
        assert extents.starts[-1] == 35 * 50  # the last chunk of two rows is used by half
        flat = values.reshape(-1)
        for start, n in ((0, 1750), (0, 1), (1749, 1), (199, 2), (250, 900), (13, 0)):
            np.testing.assert_array_equal(read(extents, path, start, n), flat[start : start + n])


def test_neighboring_chunks_are_joined(tmp_path):
    with publish_hdf5(tmp_path / "m.h5") as file:
        file.create_dataset("a", data=np.arange(200, dtype=np.uint8), chunks=(10,))
    with h5py.File(tmp_path / "m.h5") as file:
        extents = Extents.of(file["a"])
        places = [file["a"].id.get_chunk_info(i).byte_offset for i in range(20)]
    assert len(extents.places) < 5  # the library puts tables of its own between some
    assert extents.starts[0] == 0
    assert extents.starts[-1] == 200
    assert set(extents.places) <= set(places)
    assert extents.end == max(places) + 10


def test_a_data_set_without_rows(tmp_path):
    with publish_hdf5(tmp_path / "m.h5") as file:
        file.create_dataset("a", (0, 3), np.uint8, maxshape=(None, 3), chunks=(2, 3))
    with h5py.File(tmp_path / "m.h5") as file:
        extents = Extents.of(file["a"])
    assert extents == Extents((0,), ())
    assert extents.end == 0
    assert len(read(extents, tmp_path / "m.h5", 0, 0)) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "'/a' is not stored in runs of rows"),  # in one piece
        ({"chunks": (2, 2)}, "'/a' is not stored in runs of rows"),
        ({"chunks": (2, 4), "compression": "gzip"}, "'/a' is compressed"),
        ({"chunks": (2, 4), "shuffle": True}, "'/a' is compressed"),
        ({"chunks": (2, 4), "fletcher32": True}, "'/a' is compressed"),
    ],
)
def test_what_is_stored_in_another_way(tmp_path, options, message):
    with publish_hdf5(tmp_path / "m.h5") as file:
        file.create_dataset("a", data=np.zeros((6, 4), np.uint8), **options)
    with h5py.File(tmp_path / "m.h5") as file, pytest.raises(ValueError, match=message):
        Extents.of(file["a"])


def test_a_chunk_that_was_never_written(tmp_path):
    with publish_hdf5(tmp_path / "m.h5") as file:
        data = file.create_dataset("a", (6, 4), np.uint8, chunks=(2, 4))
        data[4:] = 1
    with h5py.File(tmp_path / "m.h5") as file, pytest.raises(ValueError, match="'/a' lacks a part"):
        Extents.of(file["a"])


class Elsewhere(SimpleNamespace):
    """A data set whose file is another one."""

    def __len__(self):
        return self.shape[0]


def test_a_file_that_ends_before_its_data(torn, tmp_path):
    """The library notices most of this by itself, but not an index that points nowhere."""
    (tmp_path / "short").write_bytes(bytes(100))
    with h5py.File(torn[0]) as file:
        names = ("name", "chunks", "shape", "dtype", "size", "id")
        known = {name: getattr(file["a"], name) for name in names}
        short = SimpleNamespace(filename=str(tmp_path / "short"))
        with pytest.raises(OSError, match="cut off within '/a'"):
            Extents.of(Elsewhere(**known, file=short))


def test_a_file_that_becomes_shorter(torn):
    path, _ = torn
    with h5py.File(path) as file:
        extents = Extents.of(file["a"])
    file = Descriptor(path)
    os.truncate(path, extents.end - 60)  # the last chunk is 50 bytes longer than what is used
    extents.read(file, 0, np.empty(1000, np.uint8))
    with pytest.raises(OSError, match=rf"cut off at byte {extents.end - 60}"):
        extents.read(file, 0, np.empty(1750, np.uint8))


def test_a_read_that_the_system_cuts_short_is_continued(torn, monkeypatch):
    path, expected = torn
    whole = os.preadv
    monkeypatch.setattr(os, "preadv", lambda number, b, place: whole(number, [b[0][:7]], place))
    with h5py.File(path) as file:
        extents = Extents.of(file["b"])
    np.testing.assert_array_equal(read(extents, path, 3, 500), expected["b"].reshape(-1)[3:503])


def test_a_descriptor_closes_its_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    file = Descriptor(tmp_path / "a")
    number = file.number
    target = bytearray(2)
    file.fill(memoryview(target), 1)
    assert target == b"bc"
    del file
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
