"""What `deg doctor` says of files of keypoints and clusters."""

import pytest
from projects import make_project
from tracker_files import frame_of, walking, write_csv

from deg_core.project.check_sources import examine_sources
from deg_core.project.folder import open_project

LENGTHS = {"m0": 20, "m1": 20, "m2": 20}


@pytest.fixture
def folder(tmp_path):
    """A project of three videos with a file of each kind for two of them."""
    folder = make_project(tmp_path / "mice")
    header, *rows = (folder / "videos.tsv").read_text().splitlines()
    for n in range(2):
        write_csv(folder / f"k{n}.csv", frame_of(walking(20)))
        (folder / f"c{n}.csv").write_text("cluster\n" + "1\n" * 20)
    files = ["k0.csv\tc0.csv", "k1.csv\tc1.csv", "\t"]
    rows = [f"{row}\t{named}" for row, named in zip(rows, files, strict=True)]
    text = "\n".join([f"{header}\tkeypoints\tclusters", *rows, ""])
    (folder / "videos.tsv").write_text(text)
    return folder


def found(folder, *presets):
    project = open_project(folder)
    project.config["presets"] = list(presets)
    return [finding.text for finding in examine_sources(project, LENGTHS)]


def test_files_that_no_preset_looks_at_are_left_alone(folder):
    (folder / "k0.csv").write_text("no keypoints")
    assert found(folder, "lite") == []


def test_missing_files_are_told_by_preset(folder):
    one, other = found(folder, "keypoints", "clusters")
    assert "the column 'keypoints', which is empty for m2" in one
    assert "the column 'clusters', which is empty for m2" in other


def test_every_file_is_read_and_measured(folder):
    write_csv(folder / "k0.csv", frame_of(walking(21)))
    (folder / "k1.csv").write_text("no keypoints")
    (folder / "c1.csv").write_text("cluster\n1\n")
    texts = found(folder, "keypoints", "clusters")
    assert len(texts) == 5
    assert any(
        "k0.csv: expected 20 frames, as the imported video has, found 21" in t for t in texts
    )
    assert any("k1.csv: expected DeepLabCut's csv" in t for t in texts)
    assert any("c1.csv: expected a row for each of 20 frames" in t for t in texts)
