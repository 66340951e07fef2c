"""What a file was made from: every step back, each version once, and whether it is still there."""

import os
import shutil

import ledgers
import pytest

from deg_core.errors import StateError
from deg_core.ledger import Ledger
from deg_core.project.lineage import CHANGED, MISSING, SAME, UNSETTLED, trace


@pytest.fixture
def project(tmp_path, monkeypatch):
    return ledgers.make(tmp_path / "project", monkeypatch)


def traced(project, name="results/summary/metrics.csv"):
    return trace(Ledger(project), project / name)


def states(lineage):
    return {node.name: node.state for node in lineage.nodes.values()}


def test_all_that_is_behind_a_file(project):
    found = traced(project)
    assert found.file.name == "results/summary/metrics.csv"
    assert {node.name for node in found.behind()} == {
        "labels/m1.csv", "raw/m1.mp4", "raw/m2.mp4", "results/import/m1.h5",
        "results/import/m2.h5", "results/predictions/m1.h5", "results/predictions/m2.h5",
    }  # fmt: skip
    assert set(states(found).values()) == {SAME}
    assert sorted(r["stage"] for r in found.jobs().values()) == [
        "import_video", "import_video", "predict", "predict", "summarize"
    ]  # fmt: skip
    assert {n.name for n in found.behind() if n.is_source} == {
        "labels/m1.csv", "raw/m1.mp4", "raw/m2.mp4"
    }  # fmt: skip
    names = [name for name, _ in found.file.inputs]
    assert names == ["results/predictions/m1.h5", "results/predictions/m2.h5"]


def test_a_second_product_of_a_job_has_the_same_behind_it(project):
    found = traced(project, "results/ethograms/m1.csv")
    assert found.file.record["stage"] == "predict"
    assert "raw/m1.mp4" in states(found)


def test_changed_and_missing_inputs(project):
    (project / "labels" / "m1.csv").write_text("labels of m2\n")  # of the same length
    (project / "raw" / "m1.mp4").unlink()
    (project / "raw" / "m2.mp4").write_text("longer or shorter")
    found = states(traced(project))
    assert found.pop("labels/m1.csv") == CHANGED
    assert found.pop("raw/m1.mp4") == MISSING
    assert found.pop("raw/m2.mp4") == CHANGED
    assert set(found.values()) == {SAME}


def test_another_time_with_the_same_content_is_the_same(project):
    for path in project.rglob("*"):
        if path.is_file():
            os.utime(path, (1, 1))
    assert set(states(traced(project)).values()) == {SAME}


def test_a_copied_project_keeps_its_records(project, tmp_path):
    copy = tmp_path / "copy elsewhere"
    shutil.copytree(project, copy, copy_function=shutil.copyfile)
    shutil.rmtree(project)
    assert set(states(traced(copy)).values()) == {SAME}


def test_a_version_that_was_replaced_is_not_taken_for_the_new_one(project):
    """The summary still rests on the first prediction, whose making nobody knows any more."""
    ledgers.predict(1, text="others")
    found = traced(project)
    (old,) = (node for node in found.behind() if node.name == "results/predictions/m1.h5")
    assert old.state == CHANGED
    assert old.record is None
    assert not old.is_source
    assert "results/import/m1.h5" not in states(found)
    new = traced(project, "results/predictions/m1.h5")
    assert new.file.state == SAME
    assert new.file.record is not None
    ledgers.summarize()
    assert set(states(traced(project)).values()) == {SAME}


def test_two_versions_of_one_file_stand_beside_each_other(project):
    (project / "labels" / "m1.csv").write_text("better labels\n")
    ledgers.predict(1)
    ledgers.summarize()
    labels = [n for n in traced(project).behind() if n.name == "labels/m1.csv"]
    assert sorted(node.state for node in labels) == [CHANGED, SAME]  # of m2's and m1's prediction


def test_the_file_itself_is_read(project):
    path = project / "results" / "summary" / "metrics.csv"
    before = path.stat()
    path.write_text("f1\n0.8\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    found = traced(project)
    assert found.file.state == CHANGED
    assert found.file.record["stage"] == "summarize"
    path.unlink()
    assert traced(project).file.state == MISSING


def test_a_copy_is_known_by_its_content(project, tmp_path):
    copy = tmp_path / "table 1.csv"
    shutil.copyfile(project / "results" / "summary" / "metrics.csv", copy)
    found = trace(Ledger(project), copy)
    assert found.file.name == "results/summary/metrics.csv"
    assert len(found.behind()) == 7


def test_a_file_of_unknown_origin(project):
    (project / "results" / "notes.txt").write_text("by hand")
    found = traced(project, "results/notes.txt")
    assert found.file.record is None
    assert found.behind() == []
    with pytest.raises(StateError, match=r"none\.csv: no such file"):
        traced(project, "results/none.csv")


def test_an_input_that_changed_while_it_was_read(project):
    path = Ledger(project).place_of("results/import/m1.h5")
    record = Ledger(project).read("results/import/m1.h5")
    record["inputs"]["raw/m1.mp4"]["sha256"] = None
    Ledger(project).write(record)
    assert path.is_file()
    assert states(traced(project, "results/import/m1.h5"))["raw/m1.mp4"] == UNSETTLED
