"""Projects are opened, and the workflow is found."""

from pathlib import Path

import pytest
from projects import HEADER, make_project

import deg_core
from deg_core.errors import ConfigError, LabelError, StateError
from deg_core.project.folder import open_project, repository, require_project


def test_a_project_is_opened(tmp_path):
    project = open_project(make_project(tmp_path / "p", n_videos=2))
    assert project.behaviors == ["groom", "rear"]
    assert [video.video for video in project.videos] == ["m0", "m1"]
    assert (project.annotator, project.drawn) == (None, None)
    assert project.positives_of(project.videos[0]) == {"m0": {"groom": 5, "rear": 5}}


def test_the_table_may_lie_elsewhere(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "config.yaml").write_text("behaviors: [groom]\nvideos: tables/all.tsv\n")
    (tmp_path / "tables" / "all.tsv").write_text(HEADER + "m\tm.mp4\t\tyes\tmine.csv\t\n")
    (tmp_path / "mine.csv").write_text("groom\n1\n0\n")
    project = open_project(tmp_path)
    assert project.table == tmp_path / "tables" / "all.tsv"
    # Paths in the table are relative to the project, not to the table.
    assert project.positives_of(project.videos[0]) == {"m": {"groom": 1}}


def test_labels_of_the_wrong_form_are_told(tmp_path):
    folder = make_project(tmp_path / "p", n_videos=1)
    (folder / "labels" / "m0.csv").write_text("nonsense")
    project = open_project(folder)
    with pytest.raises(LabelError, match=r"m0\.csv"):
        project.positives_of(project.videos[0])


@pytest.mark.parametrize("name", ["absent", "empty", "file"])
def test_what_is_no_project_is_refused_with_the_remedy(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=f"`deg new {tmp_path / name}`"):
        require_project(tmp_path / name)


def test_a_suggested_command_works_with_spaces(tmp_path):
    with pytest.raises(ConfigError, match=f"`deg new '{tmp_path}/my mice'`"):
        require_project(tmp_path / "my mice")


def test_the_workflow_lies_beside_the_package():
    assert repository() == Path(deg_core.__file__).parent.parent


def test_an_installed_package_carries_the_workflow(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "deg_core"
    (package / "_repository").mkdir(parents=True)
    monkeypatch.setattr(deg_core, "__file__", str(package / "__init__.py"))
    with pytest.raises(StateError, match="install deg-core again"):
        repository()
    (package / "_repository" / "Snakefile").touch()
    assert repository() == package / "_repository"
