"""File names become ids, paths become cells of a table."""

import re

import pytest

from deg_core.errors import ConfigError
from deg_core.project import names
from deg_core.table import Video


def video(name):
    return Video(name, "x.mp4", name, True, None, None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mouse01", "mouse01"),
        ("mouse 01 (left)", "mouse_01_left"),
        ("Mäuse-Video", "Mause-Video"),
        ("Straße", "Strasse"),
        ("Ærø", "AEro"),
        ("cam1.2024-05-01 10:00", "cam1_2024-05-01_10_00"),
        ("_-x-_", "x"),
        ("小鼠 3", "3"),
        ("小鼠", "video"),
        ("", "video"),
        ("ﬁne", "fine"),  # a ligature is two letters
    ],
)
def test_slug(name, expected):
    assert names.slug(name) == expected
    assert re.fullmatch("[A-Za-z0-9][A-Za-z0-9_-]*", expected)


def test_slug_leaves_room_for_suffixes_of_file_names():
    assert names.slug("x" * 300) == "x" * 100


def test_unique_numbers_what_is_taken():
    assert names.unique("m", []) == "m"
    assert names.unique("m", [video("m")]) == "m-2"
    assert names.unique("m", [video("m"), video("m-2")]) == "m-3"


def test_unique_looks_at_letters_not_at_their_case():
    # Some file systems cannot hold results of M1 and m1 side by side.
    assert names.unique("M1", [video("m1")]) == "M1-2"


def test_unique_leaves_the_name_of_the_common_statistics_alone():
    assert names.unique("RGB", []) == "RGB-2"


def test_paths_in_the_project_are_relative_others_absolute(tmp_path, monkeypatch):
    folder = tmp_path / "p"
    (folder / "videos").mkdir(parents=True)
    assert names.for_table(folder / "videos" / "a b.mp4", folder) == "videos/a b.mp4"
    assert names.for_table(folder / "videos" / ".." / "a.mp4", folder) == "a.mp4"
    assert names.for_table(tmp_path / "a.mp4", folder) == str(tmp_path / "a.mp4")
    monkeypatch.chdir(folder)
    assert names.for_table("videos/a.mp4", ".") == "videos/a.mp4"


def test_a_link_in_the_project_stays_one(tmp_path):
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "a.mp4").symlink_to(tmp_path / "elsewhere.mp4")
    assert names.for_table(folder / "a.mp4", folder) == "a.mp4"


@pytest.mark.parametrize("name", ["a\tb.mp4", "a\nb.mp4", "a.mp4 "])
def test_a_path_that_a_table_cannot_hold_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match="--copy"):
        names.for_table(tmp_path / name, tmp_path)
