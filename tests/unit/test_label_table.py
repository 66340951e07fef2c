import numpy as np
import pytest

from deg_core.data.label_table import read_frames, read_table
from deg_core.errors import LabelError


def table_of(tmp_path, text):
    path = tmp_path / "m1.csv"
    path.write_bytes(text.encode())
    return read_table(path)


def test_header_is_cleaned_and_delimiter_found(tmp_path):
    table = table_of(tmp_path, "\ufeff kind ; 'behavior';\"x y\"\r\nscored;*;1\r\n\r\n")
    assert table.header == ("kind", "behavior", "x y")
    assert table.delimiter == ";"
    assert list(table.rows()) == [(2, ["scored", "*", "1"])]
    assert table.is_intervals


def test_lines_are_counted_as_an_editor_does(tmp_path):
    table = table_of(tmp_path, "kind,behavior\na,b\n\nc,d\n")
    assert list(table.rows()) == [(2, ["a", "b"]), (4, ["c", "d"])]


def test_both_ways_of_reading_numbers_agree(tmp_path):
    values = np.random.default_rng(0).integers(-1, 2, (50, 3))
    lines = [",".join(map(str, row)) for row in values.tolist()]
    # A single quoted cell keeps the fast way from being taken.
    first, rest = lines[0].split(",", 1)
    for top in (lines[0], f'"{first}",{rest}'):
        names, found = read_frames(table_of(tmp_path, "\n".join(["a,b,c", top, *lines[1:]])))
        assert names == ["a", "b", "c"]
        assert found.dtype == np.int8
        np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("text", ["a,b\n0,1\n-1,0\n", 'a,b\n"0",1\n-1,0\n', "a,b\n0,1\n\n-1, +0\n"])
def test_plain_and_odd_rows_give_the_same(tmp_path, text):
    assert read_frames(table_of(tmp_path, text))[1].tolist() == [[0, 1], [-1, 0]]


def test_background_and_index_are_left_out_but_checked(tmp_path):
    names, values = read_frames(table_of(tmp_path, ",Background,a\n0,1,0\n1,0,1\n"))
    assert names == ["a"]
    assert values.tolist() == [[0], [1]]
    with pytest.raises(LabelError, match="line 3, column 'Background': 2"):
        read_frames(table_of(tmp_path, ",Background,a\n0,1,0\n1,2,1\n"))


def test_no_rows(tmp_path):
    names, values = read_frames(table_of(tmp_path, "a,b\n"))
    assert names == ["a", "b"]
    assert values.shape == (0, 2)


@pytest.mark.parametrize("text", ["a" * 140_000 + ",b\n1,0\n", "a,b\n1,x" + "0" * 140_000 + "\n"])
def test_a_cell_without_end_is_a_sentence(tmp_path, text):
    with pytest.raises(LabelError, match=r"cannot be read as a table \(field larger") as caught:
        read_frames(table_of(tmp_path, text))
    assert len(str(caught.value)) < 1000


def test_a_video_that_was_named_by_mistake_is_not_read_into_memory(tmp_path):
    with (tmp_path / "m.csv").open("wb") as file:
        file.truncate(500 * 2**30)  # takes no room on the disk
    with pytest.raises(LabelError, match="holds binary data"):
        read_table(tmp_path / "m.csv")
