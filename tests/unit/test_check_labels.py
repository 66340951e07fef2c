"""The doctor reads every label file, against its video and all together."""

import pytest
from projects import frame_labels, make_project

from deg_core.project.check_labels import examine_labels, examine_splits
from deg_core.project.folder import open_project

LENGTHS = {"m0": 20, "m1": 20, "m2": 20}


@pytest.fixture
def folder(tmp_path):
    return make_project(tmp_path / "p", n_videos=3)


def examine(folder, lengths=LENGTHS):
    found = examine_labels(open_project(folder), lengths)
    return [(finding.serious, finding.text) for finding in found]


def write(folder, video, text):
    (folder / "labels" / f"{video}.csv").write_text(text)


def test_good_labels_have_no_findings(folder):
    assert examine(folder) == []


def test_every_bad_file_is_found(folder):
    write(folder, "m0", frame_labels(n_frames=19, groom=[1], rear=[2]))
    write(folder, "m1", "groom,rear\n2,0\n")
    found = examine(folder)
    assert [serious for serious, _ in found] == [True, True]
    assert "19 rows" in found[0][1]
    assert "m1.csv" in found[1][1]


def test_labels_with_two_of_an_exclusive_group_are_found(folder):
    config = folder / "config.yaml"
    config.write_text(config.read_text() + "exclusive_groups: [[groom, rear]]\n")
    assert examine(folder) == []
    write(folder, "m1", frame_labels(groom=[3, 4, 5], rear=[5, 6]))
    ((serious, text),) = examine(folder)
    assert serious
    assert "m1.csv: 'groom' and 'rear' are present at once in frame 5, but" in text


def test_without_its_video_a_file_is_still_read(folder):
    write(folder, "m0", "groom,rear\n2,0\n")
    ((serious, text), *_) = examine(folder, {"m1": 20})
    assert serious
    assert "m0.csv" in text


def test_a_behavior_that_never_happens_is_an_error(folder):
    for video in LENGTHS:
        write(folder, video, frame_labels(groom=[1], rear=[]))
    ((serious, text),) = examine(folder)
    assert serious
    assert "'rear' is never positive" in text


def test_a_behavior_that_always_happens_is_an_error(folder):
    for video in LENGTHS:
        write(folder, video, frame_labels(groom=[1], rear=range(20)))
    ((serious, text),) = examine(folder)
    assert serious
    assert "'rear' is never negative" in text


def test_unknown_frames_count_for_neither(folder):
    for video in LENGTHS:
        write(folder, video, "groom,rear\n" + "1,-1\n" * 10 + "0,1\n" * 10)
    ((_, text),) = examine(folder)
    assert "'rear' is never negative" in text


def test_a_file_without_scored_frames_is_a_warning(folder):
    write(folder, "m0", "groom,rear\n" + "-1,-1\n" * 20)
    ((serious, text),) = examine(folder)
    assert not serious
    assert "no frame is scored" in text


def test_names_beyond_the_settings_are_a_warning(folder):
    write(folder, "m0", frame_labels(groom=[1], rear=[2], sniff=[3]))
    ((serious, text),) = examine(folder)
    assert not serious
    assert "also holds sniff" in text


def test_a_label_file_of_no_video_is_a_warning(folder):
    write(folder, "m9", frame_labels(groom=[1], rear=[2]))
    ((serious, text),) = examine(folder)
    assert not serious
    assert "m9.csv: belongs to no row" in text


def test_possible_splits_have_no_findings(folder):
    assert list(examine_splits(open_project(folder))) == []


def test_impossible_splits_are_an_error(folder):
    for video in ("m0", "m1"):
        (folder / "labels" / f"{video}.csv").unlink()
    (finding,) = examine_splits(open_project(folder))
    assert finding.serious
    assert "m2" in finding.text or "1" in finding.text


def test_a_bad_label_file_does_not_hide_the_splits(folder):
    write(folder, "m0", "nonsense")
    (finding,) = examine_splits(open_project(folder))
    assert finding.serious
    assert "nonsense" not in finding.text
    assert "(1 label files with errors are not counted here.)" in finding.text
