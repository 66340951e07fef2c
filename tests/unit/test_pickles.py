"""Pickles that would fill the memory are refused before they are read."""

import io
import pickle

import pytest

from deg_core.data.pickles import check_places


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_ordinary_pickles_pass_and_the_file_stays_where_it_was(protocol):
    shared = ["a", ("b", 2)]
    content = pickle.dumps({"x": [shared] * 300, "y": list(range(300))}, protocol)
    stream = io.BytesIO(b"before" + content)
    stream.seek(6)
    check_places(stream, size=len(content))
    assert stream.tell() == 6


@pytest.mark.parametrize(
    "content", [b"]r\xff\xff\xff\x7f.", b"]p2000000000\n.", b"]p-1\n.", b"]", b"", b"\xff\xff"]
)
def test_places_beyond_the_pickle_and_pickles_without_end(content):
    stream = io.BytesIO(content)
    with pytest.raises(pickle.UnpicklingError):
        check_places(stream, size=len(content))
    assert stream.tell() == 0
