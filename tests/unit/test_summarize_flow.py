"""Example frames are copied as they are, and damaged ones are not."""

import figure_inputs
import numpy as np
import pytest

from deg_core.errors import StateError
from deg_core.stages import summarize_flow


@pytest.mark.parametrize("kind", ["flow", "difference"])
def test_arrays_stay_the_same(kind, tmp_path):
    path = figure_inputs.write_examples(tmp_path / "x.npz", kind=kind)
    summarize_flow.run(examples=path, out=tmp_path / "a.npz")
    summarize_flow.run(examples=path, out=tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(path) as before, np.load(tmp_path / "a.npz") as after:
        assert sorted(before.files) == sorted(after.files)
        assert all(np.array_equal(before[name], after[name]) for name in before.files)
        assert all(before[name].dtype == after[name].dtype for name in before.files)


def test_damaged_examples(tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(b"PK damaged")
    with pytest.raises(StateError, match=r"x\.npz"):
        summarize_flow.run(examples=path, out=tmp_path / "out.npz")
    assert not (tmp_path / "out.npz").exists()


def test_missing_examples(tmp_path):
    with pytest.raises(StateError, match="does not exist"):
        summarize_flow.run(examples=tmp_path / "x.npz", out=tmp_path / "out.npz")
