"""Rows are added to a table without touching the others."""

from projects import HEADER

from deg_core.project import tabular
from deg_core.table import read_videos


def test_a_row_comes_last_and_the_rest_stays(tmp_path):
    table = tmp_path / "videos.tsv"
    table.write_text(HEADER + "m1\tm1.mp4\t\tyes\t\t\n")
    tabular.append(table, {"video": "m2", "path": "m2.mp4", "pretrain": "no"})
    assert table.read_text() == HEADER + "m1\tm1.mp4\t\tyes\t\t\n" + "m2\tm2.mp4\t\tno\t\t\n"


def test_the_last_line_may_lack_its_end(tmp_path):
    table = tmp_path / "videos.tsv"
    table.write_text(HEADER + "m1\tm1.mp4\t\tyes")
    tabular.append(table, {"video": "m2", "path": "m2.mp4", "pretrain": "no"})
    assert [video.video for video in read_videos(table)] == ["m1", "m2"]


def test_a_missing_column_is_added(tmp_path):
    table = tmp_path / "videos.tsv"
    table.write_text("video\tpath\tpretrain\nm1\tm1.mp4\tyes\n")
    tabular.append(table, {"video": "m2", "path": "m2.mp4", "pretrain": "no", "group": "cage 3"})
    assert table.read_text() == (
        "video\tpath\tpretrain\tgroup\nm1\tm1.mp4\tyes\t\nm2\tm2.mp4\tno\tcage 3\n"
    )


def test_columns_may_stand_in_any_order(tmp_path):
    table = tmp_path / "videos.tsv"
    table.write_text("pretrain\tpath\tvideo\n")
    tabular.append(table, {"video": "m2", "path": "m2.mp4", "pretrain": "no"})
    assert table.read_text() == "pretrain\tpath\tvideo\nno\tm2.mp4\tm2\n"


def test_a_spreadsheets_file_keeps_its_line_ends_and_mark(tmp_path):
    table = tmp_path / "videos.tsv"
    table.write_bytes("\ufeffvideo\tpath\tpretrain\r\nm1\tm1.mp4\tyes\r\n".encode())
    tabular.append(table, {"video": "m2", "path": "m2.mp4", "pretrain": "no"})
    assert table.read_bytes().startswith("\ufeffvideo\tpath\tpretrain\r\nm1\t".encode())
    assert [video.video for video in read_videos(table)] == ["m1", "m2"]


def test_quotes_in_a_path_survive(tmp_path):
    table = tmp_path / "videos.tsv"
    table.write_text(HEADER)
    tabular.append(table, {"video": "m", "path": 'the "best" one.mp4', "pretrain": "no"})
    assert str(read_videos(table)[0].path) == 'the "best" one.mp4'
