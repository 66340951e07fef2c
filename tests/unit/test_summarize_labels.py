"""The stage summarize_labels: what was labeled in each video."""

import json

import numpy as np
import pandas as pd
import pytest
import videos

from deg_core.data.labels import write_frame_labels
from deg_core.errors import StateError
from deg_core.stages import summarize_labels

GROUPS = {"m1": "cage 1", "m2": "Käfig"}


@pytest.fixture
def results(tmp_path):
    """Two videos of 20 frames at 10 frames per second; in the second nobody scored rear."""
    labels = np.zeros((20, 2), np.int8)
    labels[2:5, 0] = labels[8:10, 0] = labels[3:9, 1] = 1
    labels[15:] = -1
    other = np.array([[0, -1]] * 20, np.int8)
    for video, table in {"m1": labels, "m2": other}.items():
        write_frame_labels(tmp_path / f"labels/{video}.csv", ["groom", "rear"], table)
        frames = [np.zeros((32, 32, 3), np.uint8)] * 20
        videos.write_store(tmp_path / f"import/{video}.h5", frames, fps=10.0)
    return tmp_path


def data(results, groups=GROUPS):
    out = results / "summary/data.csv"
    text = groups if isinstance(groups, str) else json.dumps(groups)
    summarize_labels.run(
        groups=text, labels=results / "labels", imports=results / "import", out=out
    )
    return pd.read_csv(out)


def test_data(results):
    assert data(results).to_dict("split")["data"] == [
        ["m1", "cage 1", "yes", "groom", 15, 5, 2, 0.5],
        ["m1", "cage 1", "yes", "rear", 15, 6, 1, 0.6],
        ["m2", "Käfig", "yes", "groom", 20, 0, 0, 0.0],
        ["m2", "Käfig", "no", "rear", 0, 0, 0, 0.0],
    ]


def test_no_labels_no_rows(results):
    assert list(data(results, {}).columns) == summarize_labels.DATA


@pytest.mark.parametrize("text", ["m1=cage", "[1]"])
def test_groups_that_are_no_object(results, text):
    with pytest.raises(StateError, match="expected a JSON object"):
        data(results, text)


def test_missing_file_is_named(results):
    (results / "import/m2.h5").unlink()
    with pytest.raises(StateError, match=r"m2\.h5"):
        data(results)
