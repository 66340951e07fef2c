"""A study through the real graph, its figures drawn again from the summary, and a drawn scene."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from projects import make_project

from deg_core.project.folder import repository
from deg_core.project.run import run

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

SETTINGS = """behaviors: [groom, rear]
presets: [clusters]
import: {size: [32, 48]}
splits: {val: 0.34, test: 0.34}
figures: {ethograms: none}
"""


@pytest.fixture
def folder(tmp_path):
    """Three videos of 20 frames, and clusters of them; nothing is quicker to train."""
    folder = make_project(tmp_path / "three mice")
    (folder / "config.yaml").write_text(SETTINGS)
    header, *rows = (folder / "videos.tsv").read_text().splitlines()
    clusters = ["a"] * 5 + ["b"] * 5 + ["c"] * 10
    (folder / "c.csv").write_text("\n".join(["syllable", *clusters, ""]))
    lines = [f"{header}\tclusters", *(f"{row}\tc.csv" for row in rows), ""]
    (folder / "videos.tsv").write_text("\n".join(lines))
    return folder


def figures_of(folder: Path) -> dict[str, bytes]:
    figures = folder / "results" / "figures"
    return {str(path.relative_to(figures)): path.read_bytes() for path in figures.rglob("*.svg")}


def test_figures_are_drawn_again_from_the_summary_alone(folder):
    assert run(folder, options=["--cores", "2", "figures"], environment=os.environ) == 0
    drawn = figures_of(folder)
    assert {"data.svg", "performance.svg", "behaviors/clusters.svg"} <= set(drawn)
    for path in [*(folder / "results").iterdir(), folder / ".snakemake"]:
        if path.name != "summary":
            shutil.rmtree(path)
    tool = [sys.executable, repository() / "tools" / "draw_figures.py", "--cores", "2", folder]
    done = subprocess.run(tool, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert figures_of(folder) == drawn
    left = {path.name for path in (folder / "results").iterdir()}
    assert left == {"figures", "provenance", "summary"}
    # What it drew counts as drawn: Snakemake has nothing left to do.
    done = subprocess.run(tool, capture_output=True, text=True, check=False)
    assert "Nothing to be done" in done.stdout + done.stderr


def test_a_scene_is_drawn_when_it_is_first_needed(tmp_path):
    for name in ("config.yaml", "videos.tsv", "labels"):
        source = repository() / "studies" / "swim" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    config = (tmp_path / "config.yaml").read_text().replace("n_frames: 600", "n_frames: 60")
    (tmp_path / "config.yaml").write_text(config)
    target = "results/import/swim_03.h5"
    assert run(tmp_path, options=["--cores", "2", target], environment=os.environ) == 0
    assert (tmp_path / target).is_file()
    assert [path.name for path in (tmp_path / "videos").iterdir()] == ["swim_03.mp4"]
