"""One video through the profile for LSF, with stand-ins of its programs."""

import os

import pytest
from projects import make_project

from deg_core.project.run import run

pytestmark = pytest.mark.workflow

# Notes how it was called, runs the script as a job of its own, and keeps how that ended.
BSUB = """#!/bin/sh
here=$(dirname "$0")
for script; do :; done
echo "$*" >> "$here/asked"
number=$(wc -l < "$here/asked")
(sh "$script" > "$here/$number.log" 2>&1 && echo DONE || echo EXIT) > "$here/$number.new" &&
  mv "$here/$number.new" "$here/$number" &
echo "Job <$number> is submitted to default queue <normal>."
"""
BJOBS = """#!/bin/sh
for number; do :; done
cat "$(dirname "$0")/$number" 2>/dev/null || echo RUN
"""


@pytest.fixture
def lsf(tmp_path):
    """Put the stand-ins on the path; returns their folder and the environment."""
    pytest.importorskip("snakemake_executor_plugin_cluster_generic")
    folder = tmp_path / "lsf"
    folder.mkdir()
    for name, text in {"bsub": BSUB, "bjobs": BJOBS}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder, dict(os.environ) | {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_a_video_is_imported_as_one_job(tmp_path, lsf):
    programs, environment = lsf
    project = make_project(tmp_path / "three mice")
    options = ["--profile", "lsf", "--seconds-between-status-checks", "1", "--latency-wait", "5"]
    target = "results/stats/m0.json"
    code = run(project, options=[*options, "--", target], environment=environment)
    said = "".join(path.read_text() for path in programs.glob("*.log"))
    assert code == 0, said
    assert (project / target).is_file()
    # The chain of import and statistics: two threads, 2000 MB, 120 + 30 minutes, no card.
    (asked,) = (programs / "asked").read_text().splitlines()
    assert " -n 2 -W 150 -R span[hosts=1] rusage[mem=2000] -M 2000 /" in asked
