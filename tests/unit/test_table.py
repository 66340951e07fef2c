"""The video table: defaults, and a sentence for every mistake."""

from pathlib import Path

import pytest

from deg_core.errors import ConfigError, VideoError
from deg_core.table import (
    Video,
    check_usable,
    drawing_of,
    fixed_parts,
    is_drawn,
    read_videos,
    size_of,
)

HEADER = "video\tpath\tgroup\tpretrain\tlabels\tsplit\n"


@pytest.fixture
def table(tmp_path):
    """Write a table and return its path."""

    def write(text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "videos.tsv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


def complaint(path: Path, **options) -> str:
    with pytest.raises(ConfigError) as caught:
        read_videos(path, **options)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert text.endswith((".", "?"))
    return text.removeprefix(f"{path}: ")


def test_all_columns(table, tmp_path):
    (tmp_path / "anna.csv").touch()
    path = table(HEADER + "m1\tvideos/m 1.mp4\tcage1\tyes\tanna.csv\ttest\n")
    assert read_videos(path) == [
        Video("m1", Path("videos/m 1.mp4"), "cage1", True, Path("anna.csv"), "test")
    ]


@pytest.mark.parametrize("column", ["keypoints", "clusters"])
def test_files_of_other_programs(table, tmp_path, column):
    header = f"video\tpath\tpretrain\t{column}\n"
    (tmp_path / "m 1.csv").touch()
    first, second = read_videos(table(header + "m1\ta.mp4\tno\tm 1.csv\nm2\tb.mp4\tno\t\n"))
    assert getattr(first, column) == Path("m 1.csv")
    assert (second.keypoints, second.clusters) == (None, None)
    (tmp_path / "m 1.csv").unlink()
    assert complaint(tmp_path / "videos.tsv") == (
        f"video m1: no file m 1.csv; correct the column '{column}', or leave it empty."
    )
    assert "has a brace" in complaint(table(header + "m1\ta.mp4\tno\t{m}.csv\n"))


def test_defaults(table, tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "m1.csv").touch()
    # No column for group, labels and split: each video is its own group, labels/<video>.csv counts
    # where it exists, and splits are free.
    first, second = read_videos(table("video\tpath\tpretrain\nm1\ta.mp4\tno\nm2\tb.mp4\tYes\n"))
    assert first == Video("m1", Path("a.mp4"), "m1", False, Path("labels/m1.csv"), None)
    assert second == Video("m2", Path("b.mp4"), "m2", True, None, None)


def test_empty_cells_are_defaults_and_missing_cells_are_empty(table):
    assert read_videos(table(HEADER + "m1\ta.mp4\t\tno\n")) == [
        Video("m1", Path("a.mp4"), "m1", False, None, None)
    ]


def test_paths_are_looked_up_in_the_project_and_kept_relative(table, tmp_path):
    project = tmp_path / "project"
    (project / "labels").mkdir(parents=True)
    (project / "labels" / "m1.csv").touch()
    path = table(HEADER + "m1\ta.mp4\t\tno\n")
    assert read_videos(path)[0].labels is None
    assert read_videos(path, project=project)[0].labels == Path("labels/m1.csv")


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffvideo\tpath\tpretrain\nm1\ta.mp4\tno\n",
        "video\tpath\tpretrain\r\nm1\ta.mp4\tno\r\n",
        "video \t path\tpretrain\n\n m1 \ta.mp4\tno\n\t\t\n",
        'video\tpath\tpretrain\n"m1"\t"a.mp4"\tno',
    ],
    ids=["byte-order mark", "windows", "spaces and blank lines", "quotes"],
)
def test_what_spreadsheets_write(table, text):
    assert read_videos(table(text)) == [Video("m1", Path("a.mp4"), "m1", False, None, None)]


def test_unicode_and_spaces_in_paths_and_groups(table):
    video = read_videos(table(HEADER + "m1\tVidéos d’été/souris n° 1.avi\tKäfig 3\tno\n"))[0]
    assert video.path == Path("Vidéos d’été/souris n° 1.avi")
    assert video.group == "Käfig 3"


def test_header_only_is_an_empty_table(table):
    assert read_videos(table(HEADER)) == []


def test_no_file(tmp_path):
    assert "no such file" in complaint(tmp_path / "videos.tsv")


def test_another_encoding(table):
    assert "expected tab-separated text in UTF-8" in complaint(table("vidéo", "latin-1"))


def test_missing_column(table):
    text = complaint(table("video\tpath\nm1\ta.mp4\n"))
    assert "column 'pretrain' is missing" in text
    assert "it holds video, path" in text


def test_empty_file(table):
    assert "column 'video' is missing" in complaint(table(""))


def test_unknown_column(table):
    path = table("video\tpath\tpretrain\tlabel\n")
    assert complaint(path) == "unknown column 'label'; did you mean 'labels'?"


def test_unknown_column_without_a_near_one(table):
    text = complaint(table("video\tpath\tpretrain\tweight\n"))
    assert (
        text
        == "unknown column 'weight'; the columns are video, path, group, pretrain, labels, split, "
        "keypoints, clusters."
    )


def test_column_twice(table):
    assert "column 'path' is there twice" in complaint(table("video\tpath\tpath\tpretrain\n"))


def test_commas_instead_of_tabs(table):
    assert "must be separated by tabs" in complaint(table("video,path,pretrain\nm1,a.mp4,no\n"))


@pytest.mark.parametrize("name", ["", "-m1", "_m1", "m 1", "m.1", "m/1", "ü1", "m1é"])
def test_bad_ids(table, name):
    text = complaint(table(HEADER + f"{name}\ta.mp4\t\tno\n"))
    assert text.startswith(f"line 2: '{name}' cannot be an id")


@pytest.mark.parametrize("name", ["m1", "1", "M-1_b"])
def test_good_ids(table, name):
    assert read_videos(table(HEADER + f"{name}\ta.mp4\t\tno\n"))[0].video == name


def test_duplicate_id(table):
    path = table(HEADER + "m1\ta.mp4\t\tno\nm2\tb.mp4\t\tno\nm1\tc.mp4\t\tno\n")
    assert "two rows have the id 'm1'" in complaint(path)


def test_too_many_cells(table):
    text = complaint(table("video\tpath\tpretrain\nm1\ta.mp4\tno\textra\n"))
    assert text.startswith("line 2 has 4 cells, but there are 3 columns")


def test_no_path(table):
    assert "video m1: the column 'path' is empty" in complaint(table(HEADER + "m1\t\t\tno\n"))


@pytest.mark.parametrize(
    ("row", "column"), [("raw {1}/a.mp4\t\tno\t", "path"), ("a.mp4\t\tno\t}.csv", "labels")]
)
def test_braces_which_snakemake_would_read_as_wildcards(table, row, column):
    text = complaint(table(HEADER + f"m1\t{row}\n"))
    assert text.startswith(f"video m1: the column '{column}' has a brace in ")


@pytest.mark.parametrize("value", ["", "maybe", "1", "true"])
def test_wrong_pretrain(table, value):
    text = complaint(table(HEADER + f"m1\ta.mp4\t\t{value}\n"))
    assert text == f"video m1: pretrain must be yes or no, not '{value}'."


def test_wrong_split(table):
    text = complaint(table(HEADER + "m1\ta.mp4\t\tno\t\tvalidation\n"))
    assert text == "video m1: split must be train or val or test or empty, not 'validation'."


def test_named_label_file_is_missing(table):
    text = complaint(table(HEADER + "m1\ta.mp4\t\tno\tanna/m1.csv\t\n"))
    assert text.startswith("video m1: no label file anna/m1.csv")


def test_group_with_two_fixed_parts(table):
    path = table(HEADER + "m1\ta.mp4\tcage\tno\t\ttrain\nm2\tb.mp4\tcage\tno\t\ttest\n")
    text = complaint(path)
    assert "group 'cage' has two fixed parts: m1 is in train, m2 in test" in text


def test_fixed_parts_are_those_of_groups(table):
    path = table(
        HEADER
        + "m1\ta.mp4\tcage\tno\t\ttrain\nm2\tb.mp4\tcage\tno\t\t\nm3\tc.mp4\t\tno\t\tval\n"
        + "m4\td.mp4\t\tno\t\t\n"
    )
    assert fixed_parts(read_videos(path)) == {"cage": "train", "m3": "val"}


# --- usable


def video(name: str, *, pretrain: bool = True) -> Video:
    return Video(name, Path(f"{name}.mp4"), name, pretrain, None, None)


def test_a_table_of_videos_that_are_there_is_usable(tmp_path):
    (tmp_path / "m1.mp4").touch()
    (tmp_path / "m2.mp4").mkdir()  # a folder of images
    check_usable([video("m1"), video("m2")], Path("videos.tsv"), project=tmp_path)


def test_no_video(tmp_path):
    with pytest.raises(ConfigError, match=r"videos\.tsv: there is no video yet"):
        check_usable([], Path("videos.tsv"), project=tmp_path)


def test_nothing_to_learn_motion_from(tmp_path):
    (tmp_path / "m1.mp4").touch()
    with pytest.raises(ConfigError, match="no video has `yes` in the column 'pretrain'"):
        check_usable([video("m1", pretrain=False)], Path("videos.tsv"), project=tmp_path)


def test_raw_video_is_missing(tmp_path):
    with pytest.raises(VideoError, match=r"video m1: there is no file m1\.mp4"):
        check_usable([video("m1")], Path("videos.tsv"), project=tmp_path)


def test_raw_video_may_vanish_after_the_import(tmp_path):
    (tmp_path / "results" / "import").mkdir(parents=True)
    (tmp_path / "results" / "import" / "m1.h5").touch()
    check_usable([video("m1")], Path("videos.tsv"), project=tmp_path)


def test_example_draws_its_missing_videos_and_no_others(tmp_path):
    drawn = Video("m1", Path("drawn/m1.mp4"), "m1", True, None, None)
    check_usable([drawn], Path("videos.tsv"), project=tmp_path, drawn=Path("drawn"))
    assert is_drawn(drawn, Path("drawn"))
    assert not is_drawn(drawn, None)
    assert not is_drawn(drawn, Path("elsewhere"))
    with pytest.raises(VideoError):
        check_usable([video("m1")], Path("videos.tsv"), project=tmp_path, drawn=Path("drawn"))


def test_size_of_a_file_is_bytes_and_of_a_folder_its_entries(tmp_path):
    (tmp_path / "m1.mp4").write_bytes(b"12345")
    (tmp_path / "frames").mkdir()
    for n in range(3):
        (tmp_path / "frames" / f"{n}.png").write_bytes(b"123")
    assert size_of(tmp_path / "m1.mp4") == 5
    assert size_of(tmp_path / "frames") == 3


def test_what_decides_a_drawing_is_told_in_one_order():
    # Of the bundled example it must stay this text: it is what imports are compared by.
    assert drawing_of({"videos": "example/videos", "seed": 120}) == "seed 120"
    assert drawing_of({"seed": 5, "scene": "fly", "videos": "v", "n_frames": 600}) == (
        "n_frames 600, scene fly, seed 5"
    )


@pytest.mark.parametrize("column", ["path", "labels", "keypoints"])
def test_a_name_that_no_file_can_have(tmp_path, column):
    row = {"path": "a.mp4", "labels": "", "keypoints": ""} | {column: "x" * 5000}
    path = tmp_path / "videos.tsv"
    header = "video\tpretrain\tpath\tlabels\tkeypoints\n"
    path.write_text(f"{header}m1\tyes\t{row['path']}\t{row['labels']}\t{row['keypoints']}\n")
    with pytest.raises((ConfigError, VideoError), match=r"no (label )?file x"):
        check_usable(read_videos(path), path, project=tmp_path)


def test_an_id_that_no_file_can_have(tmp_path):
    path = tmp_path / "videos.tsv"
    path.write_text(f"video\tpretrain\tpath\n{'m' * 5000}\tyes\ta.mp4\n")
    with pytest.raises(VideoError, match=r"there is no file a\.mp4"):
        check_usable(read_videos(path), path, project=tmp_path)
