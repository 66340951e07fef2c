"""Names of runs, and the reader of tables of all runs."""

import numpy as np
import pytest

from deg_core.errors import StateError
from deg_core.stages.run_tables import key_of, name_of, read_table


def test_names_of_runs():
    key = key_of("lite/final/all")
    assert key == {"preset": "lite", "split": "final", "n_train": "all"}
    assert name_of(key | {"behavior": "groom"}) == "lite/final/all"
    for name in ("lite", "lite/0", "lite/0/all/m1"):
        with pytest.raises(StateError, match=f"expected preset/split/n_train, got {name};"):
            key_of(name)


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("split,behavior,value\n00,nan,0.50\n1,NA,\n")
    return file


def test_everything_is_text_but_numbers(path):
    table = read_table(path, numbers=["value"])
    assert list(table) == ["split", "behavior", "value"]
    assert table["split"].tolist() == ["00", "1"]
    assert table["behavior"].tolist() == ["nan", "NA"]
    assert table["value"].dtype == float
    assert table["value"][0] == 0.5
    assert np.isnan(table["value"][1])
    assert read_table(path)["value"].tolist() == ["0.50", ""]
    assert read_table(path, ["value"], numbers=["value", "low"])["value"][0] == 0.5


def test_columns_are_chosen(path):
    assert list(read_table(path, ["value", "split"])) == ["value", "split"]


@pytest.mark.parametrize(
    ("columns", "numbers", "match"),
    [(["split", "video"], [], "lacks video"), (["split", "low"], ["low"], "lacks low"),
     (None, ["behavior"], "damaged .*'NA'")],
)  # fmt: skip
def test_other_tables_are_refused(path, columns, numbers, match):
    with pytest.raises(StateError, match=rf"table\.csv: {match}"):
        read_table(path, columns, numbers=numbers)


def test_files_that_cannot_be_read(path):
    path.write_text("")
    with pytest.raises(StateError, match="damaged"):
        read_table(path)
    with pytest.raises(StateError, match=r"none\.csv: does not exist"):
        read_table(path.with_name("none.csv"))
