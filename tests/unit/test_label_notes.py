"""What label files say in brief: counted once, and again when they change."""

from pathlib import Path

import pytest

from deg_core.data import labels, notes
from deg_core.data.label_notes import NOTES, Brief, read_briefs
from deg_core.errors import LabelError
from deg_core.table import Video

TEXT = """kind,behavior,start_frame,stop_frame,annotator
scored,*,0,90,{0}
bout,rear,10,30,{0}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setattr(notes, "SETTLED_S", -60.0)
    (tmp_path / "labels").mkdir()
    for name in ("m1", "m2"):
        (tmp_path / f"labels/{name}.csv").write_text(TEXT.format("anna"))
    return tmp_path


@pytest.fixture
def opened(monkeypatch):
    """Names of the label files that are opened."""
    names, read = [], labels.read_table
    monkeypatch.setattr(labels, "read_table", lambda path: names.append(path.name) or read(path))
    return names


def brief(project, *, behaviors=("rear", "groom"), annotator=None):
    rows = [
        Video(name, Path("raw", name), name, True, label and Path("labels", label), None)
        for name, label in (("m1", "m1.csv"), ("m2", "m2.csv"), ("m3", None))
    ]
    return read_briefs(rows, project=project, behaviors=behaviors, annotator=annotator)


def test_counts_and_people_in_the_order_of_the_settings(project):
    for _ in range(2):
        found = brief(project)
        assert found["m1"] == Brief({"rear": 20, "groom": 0}, ["anna"])
        assert list(found["m1"].positive) == ["rear", "groom"]
        assert set(found) == {"m1", "m2"}


def test_only_changed_files_are_opened(project, opened):
    brief(project)
    opened.clear()
    brief(project)
    assert opened == []
    (project / "labels/m2.csv").write_text(TEXT.format("anna").replace("30", "31"))
    assert brief(project)["m2"].positive["rear"] == 21
    assert opened == ["m2.csv"]


def test_other_behaviors_and_annotators_are_read_anew(project, opened):
    assert brief(project, behaviors=["rear"])["m1"].positive == {"rear": 20}
    opened.clear()
    assert brief(project, behaviors=["rear"], annotator="anna")["m1"].positive == {"rear": 20}
    assert opened == ["m1.csv", "m2.csv"]
    with pytest.raises(LabelError, match="no labels of annotator 'bob'"):
        brief(project, behaviors=["rear"], annotator="bob")


def test_a_file_that_cannot_be_used_is_told_each_time(project):
    (project / "labels/m2.csv").write_text("nothing\n")
    for _ in range(2):
        with pytest.raises(LabelError, match=r"m2\.csv"):
            brief(project)
    assert not (project / NOTES).exists()
