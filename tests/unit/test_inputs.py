"""Inputs whose content has changed, whatever their dates say."""

import os
import time

import pytest
import recorded
from projects import frame_labels

from deg_core.errors import StateError
from deg_core.project import inputs

NOW = time.time()


@pytest.fixture
def project(tmp_path):
    return recorded.make(tmp_path / "p", made=NOW - 60)


def labels(project):
    return project.place(project.videos[0].labels)


def changed(project):
    return [change.source for change in inputs.changed_labels(project)]


def test_nothing_has_changed(project):
    assert changed(project) == []
    assert [*inputs.changed_videos(project, thoroughly=True)] == []
    assert [*inputs.changed_videos(project, thoroughly=False)] == []


def test_a_label_file_copied_with_an_old_date_is_imported_anew(project, capsys):
    path, result = labels(project), project.folder / "results/labels/m0.csv"
    path.write_text(frame_labels(groom=range(3), rear=range(9, 12)))
    os.utime(path, (NOW - 1e6, NOW - 1e6))
    assert changed(project) == [path]
    inputs.renew(project)
    assert not result.exists()
    assert f"{path}: has changed, although its date is older" in capsys.readouterr().err
    assert changed(project) == []  # nothing is made of it any more


def test_a_newer_date_is_noticed_by_snakemake(project):
    labels(project).write_text(frame_labels(groom=range(3), rear=range(9, 12)))
    assert changed(project) == []


def test_the_same_content_with_another_date_is_no_change(project):
    os.utime(labels(project), (NOW - 1e6, NOW - 1e6))
    assert changed(project) == []


def test_what_is_not_recorded_cannot_be_told(project):
    (project.folder / "results/provenance/labels/m0.csv.json").unlink()
    labels(project).write_text("other")
    os.utime(labels(project), (NOW - 1e6, NOW - 1e6))
    assert changed(project) == []


def test_a_video_of_the_same_size_is_another_one_only_if_it_is(project):
    path = project.place(project.videos[0].path)
    os.utime(path, (NOW - 1e6, NOW - 1e6))
    assert [c.source for c in inputs.changed_videos(project, thoroughly=False)] == [path]
    assert [*inputs.changed_videos(project, thoroughly=True)] == []
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    os.utime(path, (NOW - 5, NOW - 5))
    assert [c.source for c in inputs.changed_videos(project, thoroughly=True)] == [path]
    path.write_bytes(content + b"x")  # the workflow sees another size itself
    assert [*inputs.changed_videos(project, thoroughly=False)] == []


def test_what_cannot_be_removed_is_said(project, monkeypatch):
    labels(project).write_text("other")
    os.utime(labels(project), (NOW - 1e6, NOW - 1e6))

    def refuse(path, missing_ok=False):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    with pytest.raises(StateError, match="cannot be removed"):
        inputs.renew(project)


def test_dates_in_the_future(tmp_path):
    paths = [tmp_path / name for name in ("now", "ahead", "gone")]
    for path, date in zip(paths[:2], (NOW + 60, NOW + 4000), strict=True):
        path.touch()
        os.utime(path, (date, date))
    assert inputs.dated_ahead(paths, now=NOW) == [paths[1]]
