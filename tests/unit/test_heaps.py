"""Heaps of texts in HDF5: a damaged one is found before the library would loop in it."""

import struct

import h5py
import pytest

from deg_core.data.heaps import check_heaps


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["names"] = ["nose", "a longer name", ""]
        file["more"] = ["x" * 5000]
    return tmp_path / "t.h5"


def test_whole_heaps_are_passed(path):
    check_heaps(path)


def test_a_file_without_heaps_is_passed(tmp_path):
    (tmp_path / "x.h5").write_bytes(b"no heap, only the name GCOL\1\0\0\0 at the end GCOL")
    check_heaps(tmp_path / "x.h5")


@pytest.mark.parametrize("place", [16, 40])
def test_a_piece_of_zeros_is_found(path, place):
    """Objects of length 0 without number: the library (2.0) never comes to the heap's end."""
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    content[heap + place : heap + 4096] = bytes(4096 - place)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="a heap of texts is damaged"):
        check_heaps(path)


def test_an_object_longer_than_its_heap_is_found(path):
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    content[heap + 24 : heap + 32] = struct.pack("<Q", 2**40)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="a heap of texts is damaged"):
        check_heaps(path)
