"""Archives of arrays come back, and damaged ones are a damaged result."""

import io
import zipfile

import numpy as np
import pytest

from deg_core.data.archives import read_npz
from deg_core.data.publish import publish_npz
from deg_core.errors import StateError


def header(text):
    """Return the header of a .npy file that says ``text``."""
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def test_arrays_come_back_by_name(tmp_path):
    arrays = {"b": np.arange(6.0).reshape(2, 3), "a": np.array(["x", "yz"])}
    publish_npz(tmp_path / "e.npz", arrays)
    found = read_npz(tmp_path / "e.npz")
    assert list(found) == ["a", "b"]
    assert all(np.array_equal(found[name], arrays[name]) for name in arrays)


@pytest.mark.parametrize(
    "content",
    [
        b"no array", header(b"("), header(b"{'descr': 1}"), header(b"[" * 500),
        header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776, 9)}"),
        header(b"{'descr': '|O', 'fortran_order': False, 'shape': (3,)}"),
    ],
)  # fmt: skip
def test_members_that_are_no_arrays(tmp_path, content):
    with zipfile.ZipFile(tmp_path / "e.npz", "w") as file:
        file.writestr("a.npy", content)
    with pytest.raises(StateError, match=r"e\.npz: (damaged|asks for more)"):
        read_npz(tmp_path / "e.npz")


def test_files_that_are_no_archives(tmp_path):
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    for content in (b"", b"PK\3\4", b"text", stream.getvalue()):
        (tmp_path / "e.npz").write_bytes(content)
        with pytest.raises(StateError, match=r"e\.npz: damaged"):
            read_npz(tmp_path / "e.npz")
    with pytest.raises(StateError, match="does not exist"):
        read_npz(tmp_path / "none.npz")
