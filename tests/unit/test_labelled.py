"""The labels that a training learns from: what belongs together, and what is missing."""

import numpy as np
import pytest

from deg_core.data.labels import write_frame_labels
from deg_core.errors import LabelError, StateError
from deg_core.stages.labelled import check_lengths, read_labels

TABLE = np.array([[1, 0], [0, -1], [0, 1]], np.int8)
UNKNOWN = np.full((2, 2), -1, np.int8)


@pytest.fixture
def folder(tmp_path):
    write_frame_labels(tmp_path / "m1.csv", ("rear", "groom"), TABLE)
    write_frame_labels(tmp_path / "m2.csv", ("rear", "groom"), UNKNOWN)
    write_frame_labels(tmp_path / "other.csv", ("groom", "rear"), TABLE)
    return tmp_path


def test_names_and_one_table_per_video(folder):
    names, tables = read_labels(folder, ["m2", "m1"], "training")
    assert names == ["rear", "groom"]
    assert [table.tolist() for table in tables] == [UNKNOWN.tolist(), TABLE.tolist()]


def test_behaviors_in_another_order_are_others(folder):
    message = r"other\.csv: expected the behaviors \['rear', 'groom'\], found \['groom', 'rear'\]"
    with pytest.raises(LabelError, match=message):
        read_labels(folder, ["m1", "other"], "training")


@pytest.mark.parametrize("videos", [[], ["m2"]])
def test_a_part_needs_a_known_frame(folder, videos):
    with pytest.raises(LabelError, match="no frame of the validation part is labelled; label more"):
        read_labels(folder, videos, "validation")


def test_one_row_per_frame(folder):
    check_lengths(folder, ["m1", "m2"], [TABLE, UNKNOWN], [3, 2])
    with pytest.raises(
        StateError, match=r"m2\.csv: 2 frames, but the imported video has 5; delete"
    ):
        check_lengths(folder, ["m1", "m2"], [TABLE, UNKNOWN], [3, 5])
