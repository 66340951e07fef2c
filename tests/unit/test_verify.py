"""All results compared with their records: damage, edits, what is gone or unknown."""

import os

import ledgers
import pytest

from deg_core.errors import StateError
from deg_core.project.verify import verify


@pytest.fixture
def project(tmp_path, monkeypatch):
    return ledgers.make(tmp_path / "project", monkeypatch)


def rot(path):
    """Change one byte as a failing disk does: neither size nor time tell."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_whole_project(project):
    found = verify(project)
    assert (found.n_same, found.damaged, found.notes) == (7, [], [])


def test_silent_damage_is_found(project):
    rot(project / "results" / "ethograms" / "m1.csv")
    found = verify(project)
    assert found.n_same == 6
    (sentence,) = found.damaged
    assert "results/ethograms/m1.csv: has other content" in sentence
    assert "since predict made it on 20" in sentence
    assert found.notes == []


def test_edits_by_hand_are_found(project):
    (project / "results" / "summary" / "metrics.csv").write_text("f1\n0.99\n")
    (project / "results" / "ethograms" / "m2.csv").write_text("probabilitieS")
    os.utime(project / "results" / "ethograms" / "m2.csv", (86400, 86400))
    first, second = verify(project).damaged
    assert "last written 1970-01-02T00:00:00+00:00;" in first
    assert "ethograms/m2.csv: has other content of the same size" in first
    assert "metrics.csv: has 8 bytes in place of 7" in second


def test_other_damage_is_not_hidden_by_a_whole_neighbor(project):
    """Of a job's two products each is compared."""
    for name in ("predictions/m1.h5", "ethograms/m1.csv"):
        rot(project / "results" / name)
    assert len(verify(project).damaged) == 2


def test_what_is_no_damage_is_noted(project):
    (project / "results" / "predictions" / "m2.h5").unlink()
    (project / "results" / "by hand.txt").write_text("x")
    (project / "results" / ".hidden").write_text("x")
    (project / "labels" / "m1.csv").write_text("edited")
    (project / "raw" / "m1.mp4").unlink()
    found = verify(project)
    assert found.damaged == []
    assert [note.split(":")[0] for note in found.notes] == [
        "1 file recorded, but no longer there; `deg run` makes what is needed",
        "1 file changed since results were made from them",
        "1 file gone since results were made from them",
        "1 file of unknown origin",
    ]
    assert found.notes[3].endswith("by hand.txt")


def test_results_of_earlier_versions_are_noted(project):
    ledgers.predict(1, text="others")
    (note,) = verify(project).notes
    assert "made from earlier versions of other results" in note
    assert note.endswith(": results/summary/metrics.csv")


def test_a_file_that_cannot_be_read_is_damaged(project, monkeypatch):
    def fail(path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("deg_core.project.verify.digest", fail)
    found = verify(project)
    assert len(found.damaged) == 7
    assert "cannot be read (Input/output error)" in found.damaged[0]


def test_without_records_nothing_can_be_said(tmp_path):
    with pytest.raises(StateError, match="nothing is recorded"):
        verify(tmp_path)
