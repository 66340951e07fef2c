"""The trainings themselves in two processes: published once, as by one process, and recorded."""

import json

import pytest
import tiny
import torch

from deg_core import recording
from deg_core.ledger import Ledger
from deg_core.models import files

pytestmark = pytest.mark.slow
# Nothing that differs between one process and two but for rounding.
SAME = {"gpus": 2, "batch_size": 6, "precision": "fp32"}


@pytest.fixture
def project(tiny_project, tmp_path, monkeypatch):
    """A folder around the results, as the job's working folder."""
    (tmp_path / "config.yaml").write_text("behaviors: [bright, move]\n")
    (tmp_path / "results").symlink_to(tiny_project)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(project, stage, settings, out):
    """Run a stage as the command line does."""
    work = getattr(tiny, stage)
    with recording.job(stage, version=1, words=["deg", stage], arguments={}, project=project):
        work(project / "results", out, settings=settings)
    return files.load(out, stage=stage)


@pytest.mark.parametrize(
    ("stage", "settings"),
    [
        ("train_flow", {}),
        ("train_features", {"dropout": 0.0}),
        ("train_sequence", {"dropout": 0.0, "input_dropout": 0.0}),
    ],
)
def test_two_processes_publish_one_model(project, stage, settings):
    out = project / "models/two.pt"
    two = train(project, stage, SAME | settings, out)
    one = train(project, stage, SAME | settings | {"gpus": 1}, project / "models/one.pt")
    norms = stage != "train_sequence"  # each process computes their statistics of its own part
    for name, value in one["state_dict"].items():
        if value.is_floating_point():
            atol = 0.1 if norms else 1e-5
            torch.testing.assert_close(two["state_dict"][name], value, rtol=0, atol=atol)
    record = json.loads(out.with_suffix(".run.json").read_text())
    assert (record["processes"], record["settings"]["gpus"], record["attempts"]) == (2, 2, 1)
    noted = Ledger(project).read("models/two.pt")
    assert any(name.endswith(".h5") for name in noted["inputs"])  # read by a process of its own
