"""`deg doctor` says all that is wrong at once."""

import pytest
from projects import make_project, write_video

from deg_core.errors import ConfigError
from deg_core.project import doctor, new

ENVIRONMENT = {"CUDA_VISIBLE_DEVICES": ""}


@pytest.fixture
def folder(tmp_path):
    return make_project(tmp_path / "p", n_videos=3)


def examine(folder):
    return doctor.examine(folder, environment=ENVIRONMENT)


def test_nothing_wrong(folder, capsys):
    assert examine(folder) == 0
    assert capsys.readouterr().out.startswith(f"{folder}: nothing wrong (3 videos, 3 labeled, ")


def test_a_warning_stops_nothing(folder, capsys):
    (folder / "config.yaml").write_text("behaviors: [groom, rear]\npresets: [fast]\n")
    assert examine(folder) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "nothing wrong" in lines[0]
    assert lines[1].startswith("  warning: no graphics card")
    assert len(lines) == 2


def test_everything_is_said_at_once_errors_first(folder, tmp_path, capsys):
    write_video(tmp_path / "raw of p" / "m1.mp4", n_frames=12)
    (tmp_path / "raw of p" / "m2.mp4").write_bytes(b"")
    (folder / "labels" / "m0.csv").write_text("groom,rear\n5,5\n")
    (folder / "labels" / "m9.csv").write_text("groom,rear\n1,0\n")
    config = folder / "config.yaml"
    config.write_text(config.read_text() + "\nfeaturs: {}\n")
    assert examine(folder) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{folder}: 4 errors, 1 warning (3 videos")
    for line, word in zip(
        lines[1:5], ["featurs", "m2.mp4", "m0.csv", "m1.csv: 20 rows"], strict=True
    ):
        assert line.startswith("  error: ")
        assert word in line
    assert lines[5].startswith("  warning: ")
    assert "m9.csv" in lines[5]


def test_a_folder_without_project_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="deg new"):
        examine(tmp_path)


def test_a_new_project_without_videos_says_so(tmp_path, capsys):
    new.create(tmp_path / "p", behaviors=["groom"], environment={})
    assert examine(tmp_path / "p") == 2
    assert "error: " in (out := capsys.readouterr().out)
    assert "videos.tsv: there is no video yet" in out
