"""Which runs may be exported: Snakemake itself says whether they are what settings say now."""

import os

import pytest

from deg_core.errors import StateError
from deg_core.project.export_model import files_of, require_done, runs_of
from deg_core.project.folder import open_project
from deg_core.splits import Run

pytestmark = pytest.mark.workflow
RUN = Run("lite", "final", "all")


def require(folder):
    project = open_project(folder)
    assert RUN in runs_of(project)
    require_done(project, RUN, files_of(folder / "results", RUN, int8=False), os.environ)


def test_a_finished_run_may_be_exported_and_a_stale_one_not(project):
    require(project.folder)
    project.configure(features={"fast": {"epochs": 3}})  # another preset's
    require(project.folder)
    project.configure(features={"lite": {"epochs": 3}})
    with pytest.raises(StateError, match=r"train_features: 1 job \(lite/final/all\): settings"):
        require(project.folder)
