"""`deg status`: what is done, what is stale."""

import numpy as np
import pytest
from projects import make_project

from deg_core.data import label_table, notes
from deg_core.data import labels as label_files
from deg_core.data.labels import write_frame_labels
from deg_core.errors import StateError
from deg_core.project import new, plan, status
from deg_core.project.folder import open_project
from deg_core.project.plan import Job


@pytest.fixture
def folder(tmp_path):
    return make_project(tmp_path / "p", n_videos=2)


def test_a_row_says_what_is_done_with_a_video(folder):
    project = open_project(folder)
    assert next(status.video_rows(project)) == (
        "m0", "no", "?", "groom 5, rear 5", "",
    )  # fmt: skip
    results = folder / "results"
    for name in ("import/m0.h5", "predictions/fast/0/all/m0.h5", "predictions/lite/1/4/m0.h5"):
        (results / name).parent.mkdir(parents=True)
        (results / name).touch()
    # Three of five frames are scored: one for both behaviors, two for one of them.
    labels = np.array([[-1, -1], [0, -1], [1, 0], [-1, 1], [-1, -1]])
    write_frame_labels(results / "labels" / "m0.csv", ["groom", "rear"], labels)
    assert next(status.video_rows(project)) == (
        "m0", "yes", "3 of 5", "groom 5, rear 5", "fast/0/all, lite/1/4",
    )  # fmt: skip


def test_a_video_without_labels(folder):
    (folder / "labels" / "m1.csv").unlink()
    project = open_project(folder)
    assert list(status.video_rows(project))[1] == ("m1", "no", "no labels", "", "")


def test_labels_that_cannot_be_read_do_not_stop_the_rest(folder):
    (folder / "labels" / "m1.csv").write_text("nonsense")
    (folder / "results" / "labels").mkdir(parents=True)
    (folder / "results" / "labels" / "m1.csv").write_text("nonsense")
    project = open_project(folder)
    row = list(status.video_rows(project))[1]
    assert row[2:4] == ("damaged", "cannot be read, see `deg doctor`")


def test_files_that_are_known_are_not_opened_again(folder, monkeypatch):
    monkeypatch.setattr(notes, "SETTLED_S", -60.0)
    labels = np.array([[1, 0], [0, -1]])
    path = folder / "results" / "labels" / "m0.csv"
    write_frame_labels(path, ["groom", "rear"], labels)
    before = list(status.video_rows(open_project(folder)))
    opened, read = [], label_table.read_table
    for module in (label_files, label_table):
        monkeypatch.setattr(module, "read_table", lambda file: opened.append(file) or read(file))
    assert list(status.video_rows(open_project(folder))) == before
    assert opened == []
    write_frame_labels(path, ["groom", "rear"], labels[:1])
    assert next(status.video_rows(open_project(folder)))[2] == "1 of 1"
    assert opened == [path]


def test_columns_are_aligned(folder):
    lines = status.video_table(open_project(folder))
    assert [line.index("groom") for line in lines[1:]] == [lines[0].index("positive")] * 2


def test_the_whole_account(folder, monkeypatch, capsys):
    jobs = [Job("import_video", "m0", "Missing output files: results/import/m0.h5")]
    monkeypatch.setattr(plan, "planned", lambda *_, **__: jobs)
    assert status.show(folder, environment={}) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{folder}: 2 videos"
    assert lines[-2] == f"To do: 1 job; `deg run {folder}` does them"
    assert lines[-1] == "  import_video: 1 job (m0): not computed yet"
    assert "  none yet" in lines


def test_everything_up_to_date(folder):
    assert status.to_do([], folder) == ["Everything is up to date."]


def test_a_project_without_videos_needs_no_plan(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(plan, "planned", lambda *_, **__: pytest.fail("asked for a plan"))
    new.create(tmp_path / "p", behaviors=["groom"], environment={})
    assert status.show(tmp_path / "p", environment={}) == 0
    assert f"none yet; add some with `deg add {tmp_path / 'p'} VIDEO`" in capsys.readouterr().out


def test_what_is_known_is_printed_before_a_plan_fails(folder, monkeypatch, capsys):
    def planned(*_, **__):
        raise StateError("no plan.")

    monkeypatch.setattr(plan, "planned", planned)
    with pytest.raises(StateError):
        status.show(folder, environment={})
    assert "m1" in capsys.readouterr().out
