import errno
import os

import h5py
import numpy as np
import pytest

from deg_core.data import hdf5
from deg_core.data.hdf5 import Disk, SafeFile, read_numbers, read_text, read_texts, write_text


def test_disk_keeps_bytes_and_position(tmp_path):
    disk = Disk(tmp_path / "a")
    assert disk.write(memoryview(b"hello world")) == 11
    assert disk.tell() == 11
    disk.seek(6)
    disk.write(memoryview(b"earth"))
    assert disk.seek(0, os.SEEK_END) == 11
    disk.seek(4)
    beyond = bytearray(10)
    assert disk.readinto(beyond) == 10
    assert beyond == b"o earth\0\0\0"
    disk.truncate(5)
    assert disk.seek(0, os.SEEK_END) == 5
    disk.close()
    disk.close()
    assert (tmp_path / "a").read_bytes() == b"hello"


@pytest.fixture
def full_after(monkeypatch):
    """Make the disk full once so many bytes were written."""

    def limit(n_bytes):
        left = [n_bytes]
        real = os.pwrite

        def pwrite(descriptor, data, offset):
            if left[0] == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            written = real(descriptor, data[: left[0]], offset)
            left[0] -= written
            return written

        monkeypatch.setattr(hdf5.os, "pwrite", pwrite)

    return limit


def test_what_did_not_fit_is_read_back_all_the_same(tmp_path, full_after):
    full_after(8)
    disk = Disk(tmp_path / "a")
    disk.write(memoryview(b"0123456789"))
    assert disk.error.errno == errno.ENOSPC
    disk.write(memoryview(b"abcdef"))
    disk.seek(2)
    disk.write(memoryview(b"XX"))
    found = bytearray(16)
    disk.seek(0)
    disk.readinto(found)
    assert found == b"01XX456789abcdef"
    disk.close()
    assert (tmp_path / "a").read_bytes() == b"01234567"


def test_a_file_that_fits_is_an_ordinary_one(tmp_path):
    file = SafeFile(tmp_path / "a.h5")
    file.create_dataset("x", data=np.arange(10))
    file.check()
    file.finish()
    with h5py.File(tmp_path / "a.h5") as found:
        assert found["x"][()].tolist() == list(range(10))


@pytest.mark.parametrize("room", [0, 100, 3000])
def test_a_file_that_does_not_fit_says_so_when_asked_and_at_the_end(tmp_path, full_after, room):
    full_after(room)
    file = SafeFile(tmp_path / "a.h5")
    file.create_dataset("x", data=np.arange(1000))
    file.flush()
    with pytest.raises(OSError, match="No space left"):
        file.check()
    # The library itself sees nothing of it.
    assert file["x"][999] == 999
    with pytest.raises(OSError, match="No space left"):
        file.finish()


@pytest.mark.parametrize("text", ["raw", "", "grüßen", '["a", "b"]'])
def test_texts_come_back(tmp_path, text):
    file = SafeFile(tmp_path / "a.h5")
    write_text(file, "fixed", text)
    file.attrs["usual"] = text
    file.finish()
    with h5py.File(tmp_path / "a.h5") as found:
        assert read_text(found, "fixed") == read_text(found, "usual") == text


# --- reading what may be damaged


@pytest.fixture
def odd(tmp_path):
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        file["good"] = np.arange(6.0).reshape(2, 3)
        file.create_dataset("huge", shape=(2**40, 2), dtype="f8", chunks=(64, 2))
        file.create_dataset("packed", data=np.zeros(10**5), compression="gzip")
        file.create_dataset("bomb", shape=(2**50,), dtype="u1", chunks=(10**6,), compression="gzip")
        file["bomb"][:10] = 1
        file["texts"] = ["a", "b"]
        file["soft"], file["outside"] = h5py.SoftLink("/soft"), h5py.ExternalLink("x.h5", "/x")
        file.create_group("group")
    with h5py.File(tmp_path / "odd.h5") as file:
        yield file


def test_numbers_that_are_there_are_read(odd):
    assert read_numbers(odd, "good").tolist() == [[0, 1, 2], [3, 4, 5]]
    assert read_numbers(odd, "packed").shape == (10**5,)
    assert read_texts(odd, "texts") == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("huge", "claims .*, more than the file holds"),
        ("bomb", "claims .*, more than the file holds"),
        ("texts", "holds object, no numbers"),
        ("soft", "points to something else"),
        ("outside", "points to something else"),
        ("group", "is no data set"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(odd, name, words):
    with pytest.raises(ValueError, match=words):
        read_numbers(odd, name)


def test_a_name_that_is_missing(odd):
    with pytest.raises(KeyError, match="none"):
        read_numbers(odd, "none")
