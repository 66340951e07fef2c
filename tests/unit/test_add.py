"""`deg add`: videos are checked, named, placed and entered; labels come along."""

import cv2
import numpy as np
import pytest
from projects import frame_labels, write_video

from deg_core.errors import ConfigError
from deg_core.project import add, new
from deg_core.table import read_videos


@pytest.fixture
def folder(tmp_path):
    new.create(tmp_path / "my project", behaviors=["groom"], environment={})
    return tmp_path / "my project"


def rows(folder):
    return read_videos(folder / "videos.tsv")


def test_a_video_stays_where_it_is(folder, tmp_path):
    path = write_video(tmp_path / "Käfig 3.mp4")
    assert add.add_videos(folder, [path]) == 0
    (video,) = rows(folder)
    assert (video.video, str(video.path), video.group) == ("Kafig_3", str(path), "Kafig_3")
    assert video.pretrain
    assert video.labels is None
    assert not (folder / "videos").exists()


def test_a_video_in_the_project_gets_a_relative_path(folder):
    write_video(folder / "raw" / "m.mp4")
    add.add_videos(folder, [folder / "raw" / "m.mp4"])
    assert str(rows(folder)[0].path) == "raw/m.mp4"


def test_copies_lie_in_the_project(folder, tmp_path):
    path = write_video(tmp_path / "a b.MP4")
    add.add_videos(folder, [path], place="copy")
    assert str(rows(folder)[0].path) == "videos/a_b.mp4"
    assert (folder / "videos" / "a_b.mp4").read_bytes() == path.read_bytes()


def test_links_point_to_the_file(folder, tmp_path):
    path = write_video(tmp_path / "m.mp4")
    add.add_videos(folder, [path], place="link")
    link = folder / "videos" / "m.mp4"
    assert link.is_symlink()
    assert link.samefile(path)
    assert str(rows(folder)[0].path) == "videos/m.mp4"


@pytest.mark.parametrize("place", add.PLACES)
def test_a_folder_of_images_is_one_video(folder, tmp_path, place):
    images = tmp_path / "run 1"
    images.mkdir()
    for number in range(3):
        cv2.imwrite(str(images / f"{number}.png"), np.full((20, 30), 80 * number, np.uint8))
    assert add.add_videos(folder, [images], place=place) == 0
    (video,) = rows(folder)
    assert video.video == "run_1"
    assert len(list((folder / video.path).glob("*.png"))) == 3
    assert not list(folder.glob("videos/.*"))


def test_same_names_get_numbers(folder, tmp_path):
    paths = [write_video(tmp_path / str(i) / "m.mp4", seed=i) for i in range(3)]
    add.add_videos(folder, paths, place="copy")
    assert [video.video for video in rows(folder)] == ["m", "m-2", "m-3"]
    assert [str(video.path) for video in rows(folder)][1] == "videos/m-2.mp4"


def test_the_same_file_twice_is_refused(folder, tmp_path, capsys):
    path = write_video(tmp_path / "m.mp4")
    add.add_videos(folder, [path])
    assert add.add_videos(folder, [path]) == 2
    assert "is in the table already, as video 'm'" in capsys.readouterr().err
    assert len(rows(folder)) == 1


def test_the_same_recording_under_another_name_is_refused(folder, tmp_path):
    path = write_video(tmp_path / "m.mp4")
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(path.read_bytes())
    assert add.add_videos(folder, [path, copy]) == 2
    assert [video.video for video in rows(folder)] == ["m"]


def test_one_broken_video_does_not_keep_the_others_out(folder, tmp_path, capsys):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(write_video(tmp_path / "m1.mp4").read_bytes()[:300])
    good = write_video(tmp_path / "m2.mp4", seed=2)
    assert add.add_videos(folder, [broken, tmp_path / "absent.mp4", good]) == 2
    assert [video.video for video in rows(folder)] == ["m2"]
    said = capsys.readouterr().err
    assert f"not added: {broken}" in said
    assert "absent.mp4: no such file or folder" in said
    assert "1 of 3 videos added" in said


@pytest.mark.parametrize("name", ["m_labels.csv", "m.csv"])
def test_labels_beside_a_video_come_along(folder, tmp_path, name, capsys):
    path = write_video(tmp_path / "m.mp4")
    (tmp_path / name).write_text(frame_labels(groom=[3]))
    add.add_videos(folder, [path])
    assert (folder / "labels" / "m.csv").read_text() == frame_labels(groom=[3])
    assert str(rows(folder)[0].labels) == "labels/m.csv"
    assert f"labels from {name} beside it" in capsys.readouterr().err


def test_another_table_beside_a_video_is_left_alone(folder, tmp_path, capsys):
    path = write_video(tmp_path / "m.mp4")
    (tmp_path / "m.csv").write_text("x;y\n1;2\n")
    assert add.add_videos(folder, [path]) == 0
    assert rows(folder)[0].labels is None
    assert "is not taken for its label file" in capsys.readouterr().err


def test_a_named_label_file_goes_first(folder, tmp_path):
    path = write_video(tmp_path / "m.mp4")
    (tmp_path / "m.csv").write_text(frame_labels(groom=[3]))
    (tmp_path / "anna.csv").write_text(frame_labels(groom=[4]))
    add.add_videos(folder, [path], labels=tmp_path / "anna.csv")
    assert (folder / "labels" / "m.csv").read_text() == frame_labels(groom=[4])


def test_a_named_label_file_must_be_one(folder, tmp_path, capsys):
    path = write_video(tmp_path / "m.mp4")
    (tmp_path / "anna.csv").write_text("x;y\n1;2\n")
    for name in ("anna.csv", "absent.csv"):
        assert add.add_videos(folder, [path], labels=tmp_path / name) == 2
    assert "absent.csv: no such label file" in capsys.readouterr().err
    assert rows(folder) == []


def test_labels_belong_to_one_video(folder, tmp_path):
    paths = [write_video(tmp_path / f"m{i}.mp4", seed=i) for i in range(2)]
    with pytest.raises(ConfigError, match="to one video, not to 2"):
        add.add_videos(folder, paths, labels=tmp_path / "anna.csv")


def test_labels_that_are_there_are_not_overwritten(folder, tmp_path, capsys):
    path = write_video(tmp_path / "m.mp4")
    (folder / "labels" / "m.csv").write_text(frame_labels(groom=[1]))
    (tmp_path / "m.csv").write_text(frame_labels(groom=[3]))
    assert add.add_videos(folder, [path]) == 2
    assert "nothing is overwritten" in capsys.readouterr().err
    assert (folder / "labels" / "m.csv").read_text() == frame_labels(groom=[1])
    assert rows(folder) == []


def test_behaviors_that_the_settings_do_not_name_are_told(folder, tmp_path, capsys):
    path = write_video(tmp_path / "m.mp4")
    (tmp_path / "m.csv").write_text(frame_labels(groom=[3], rear=[4]))
    add.add_videos(folder, [path])
    assert "`behaviors` does not name rear, which" in capsys.readouterr().err


def test_a_project_without_behaviors_takes_videos(tmp_path, capsys):
    new.create(tmp_path / "p", behaviors=[], environment={})
    path = write_video(tmp_path / "m.mp4")
    (tmp_path / "m.csv").write_text(frame_labels(groom=[3], rear=[4]))
    assert add.add_videos(tmp_path / "p", [path]) == 0
    assert "does not name groom, rear" in capsys.readouterr().err


def test_group_and_pretrain_are_entered(folder, tmp_path):
    path = write_video(tmp_path / "m.mp4")
    add.add_videos(folder, [path], group="cage 3", pretrain="no")
    (video,) = rows(folder)
    assert (video.group, video.pretrain) == ("cage 3", False)


def test_once_a_flow_model_exists_new_videos_stay_out_of_its_training(folder, tmp_path):
    assert add.default_pretrain(folder) == "yes"
    model = folder / "results" / "models" / "flow" / "fast.pt"
    model.parent.mkdir(parents=True)
    model.touch()
    add.add_videos(folder, [write_video(tmp_path / "m.mp4")])
    assert not rows(folder)[0].pretrain


def test_a_folder_without_project_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="make one with `deg new"):
        add.add_videos(tmp_path, [tmp_path / "m.mp4"])


def test_nothing_in_the_project_is_overwritten_by_a_copy(folder, tmp_path, capsys):
    target = folder / "videos" / "m.mp4"
    target.parent.mkdir()
    target.write_text("mine")
    assert add.add_videos(folder, [write_video(tmp_path / "m.mp4")], place="copy") == 2
    assert target.read_text() == "mine"
    assert "nothing is overwritten" in capsys.readouterr().err
