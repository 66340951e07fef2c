"""tools/measure_planning.py: its projects are real ones, and it reads what is printed."""

import importlib.util
from pathlib import Path

import pytest

from deg_core.data.labels import read_frame_labels
from deg_core.project.folder import open_project
from deg_core.project.run import check
from deg_core.project.scores import brief
from deg_core.splits import plan

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location(
        "measure_planning", ROOT / "tools/measure_planning.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_project_of_stand_ins_passes_the_checks_of_a_run(tool, tmp_path):
    tool.make_project(tmp_path / "p", n_videos=40, splits=5, labeled=0.5)
    project = open_project(tmp_path / "p")
    check(project)
    briefs = project.briefs()
    assert len(project.videos) == 40
    assert len(briefs) == 20
    assert all(count > 0 for one in briefs.values() for count in one.positive.values())
    positive = {video: one.positive for video, one in briefs.items()}
    assert len(plan(project.config, project.videos, positive)) == 5


def test_stand_ins_can_be_read(tool, tmp_path):
    results = tmp_path / "results"
    for name in ("results/labels/v1.csv", "results/metrics/lite/0/all.json"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(tool.stand_in(name))
    assert len(read_frame_labels(results / "labels/v1.csv")[1]) == tool.N_FRAMES
    assert brief(results) == ["lite/0/all: macro F1 0.50 on the test videos (chance 0.10)"]
    assert tool.stand_in("results/metrics/lite/0/all.bouts.csv") == ""


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("job   count\n---\nall  1\ntotal   36000\n\ntotal   36000\n", 36000),
        ("Scores\n\nTo do: 12 jobs; `deg run p` does them\n", 12),
        ("Nothing to be done (all requested files are present and up to date).\n", 0),
    ],
)
def test_numbers_of_jobs(tool, text, number):
    assert tool.n_jobs(text) == number


def test_a_command_is_measured(tool, tmp_path):
    found = tool.call(["python", "-c", "print('here'); x = bytes(10**8)"], output=tmp_path / "out")
    assert (tmp_path / "out").read_text() == "here\n"
    assert found["peak_mb"] > 95
    assert found["cpu_seconds"] > 0
    with pytest.raises(SystemExit, match="no good"):
        tool.call(["python", "-c", "import sys; sys.exit('no good')"], output=tmp_path / "out")
