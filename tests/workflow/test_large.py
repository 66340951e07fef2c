"""Planning grows with the number of videos and not with its square; no file is opened anew.

What is counted are calls, which are the same on every machine, and not seconds.
"""

import pstats
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from stub_project import LABELS, ROOT

from deg_core.data.notes import SETTLED_S

pytestmark = pytest.mark.workflow

PROFILED = """
import cProfile, sys
from snakemake.cli import main
try:
    cProfile.run("main(sys.argv[2:])", sys.argv[1])
except SystemExit as stop:
    sys.exit(stop.code)
"""


WAITING = f"""
include: "{ROOT / "workflow/rules/planning.smk"}"

rule all:
    input: expand("{{i}}.txt", i=range(12))

rule one:
    output: "{{i}}.txt"
    shell: "sleep 0.3; touch {{output}}"
"""


def make_project(folder: Path, n_videos: int) -> Path:
    """Make a project of labeled videos, two splits."""
    config = {"behaviors": ["groom", "rear"], "presets": ["lite"], "splits": {"count": 2}}
    rows = ["video\tpath\tpretrain"]
    for name in ("raw", "labels"):
        (folder / name).mkdir(parents=True)
    for number in range(n_videos):
        rows.append(f"v{number:03d}\traw/v{number:03d}.mp4\t{'yes' if number < 5 else 'no'}")
        (folder / "raw" / f"v{number:03d}.mp4").write_bytes(b"x")
        (folder / "labels" / f"v{number:03d}.csv").write_text(LABELS)
    (folder / "videos.tsv").write_text("\n".join([*rows, ""]))
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def calls(folder: Path) -> dict[str, int]:
    """Plan a project and count the calls that it took."""
    stats = folder.parent / "calls"
    words = ["-n", "--quiet", "rules", "--cores", "1", "-s", f"{ROOT / 'Snakefile'}"]
    done = subprocess.run(
        [sys.executable, "-c", PROFILED, stats, *words, "--directory", folder],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = {"labels": 0, "compared": 0, "ours": 0, "all": 0}
    for (path, _, name), (_, number, *_) in pstats.Stats(str(stats)).stats.items():
        ours = "deg_core" in path or path.startswith(str(ROOT / "workflow"))
        found["labels"] += number * (name == "read_table")
        found["compared"] += number * (name == "__eq__" and "snakemake" in path)
        found["ours"] += number * ours
        found["all"] += number
    totals = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("total ")]
    return found | {"jobs": int(totals[0])}


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """Counts for 12, 24 and 36 videos, and for the last after one label file was edited."""
    place = tmp_path_factory.mktemp("large")
    folders = {n: make_project(place / f"n{n}", n) for n in (12, 24, 36)}
    time.sleep(SETTLED_S)
    found = {n: calls(folder) for n, folder in folders.items()}
    path = folders[36] / "labels/v007.csv"
    path.write_text(LABELS.replace("10,30", "10,31"))
    return found | {"edited": calls(folders[36])}


def test_label_files_are_opened_when_they_changed(counted):
    assert [counted[n]["labels"] for n in (12, 24, 36)] == [12, 24, 36]
    assert counted["edited"]["labels"] == 1


@pytest.mark.parametrize("what", ["compared", "ours", "all"])
def test_twice_the_videos_are_twice_the_calls(counted, what):
    """Of a cost a + b n + c n^2, twelve videos more cost the same at 12 and at 24 if c is 0."""
    first, second, third = (counted[n][what] for n in (12, 24, 36))
    assert third - second <= 1.1 * (second - first)


def test_jobs_are_as_many_for_each_video(counted):
    first, second, third = (counted[n]["jobs"] for n in (12, 24, 36))
    assert third - second == second - first


def test_calls_of_ours_for_each_job(counted):
    """Settings, inputs, resources: a dozen small functions for a job, and no more."""
    jobs = counted[36]["jobs"] - counted[24]["jobs"]
    assert (counted[36]["ours"] - counted[24]["ours"]) / jobs < 60


def test_the_scheduler_looks_for_jobs_when_one_has_ended_and_not_ever_more_often(tmp_path):
    """Left alone, Snakemake looks once more each second for each job that has ended before."""
    (tmp_path / "Snakefile").write_text(WAITING)
    stats = tmp_path / "calls"
    subprocess.run(
        [sys.executable, "-c", PROFILED, stats, "--cores", "1", "--quiet"], cwd=tmp_path,
        check=True, capture_output=True,
    )  # fmt: skip
    looks = [
        number for (_, _, name), (_, number, *_) in pstats.Stats(str(stats)).stats.items()
        if name == "job_selector"
    ]  # fmt: skip
    assert 12 <= max(looks) <= 14  # 13 jobs


def test_jobs_that_the_limit_of_starts_held_back_are_not_forgotten(tmp_path):
    """Two a second, while those before are still at work and wake nobody."""
    text = WAITING.replace("sleep 0.3; touch {output}",
                           "touch {output}.on; sleep 5; ls *.on | wc -l > {output}")  # fmt: skip
    (tmp_path / "Snakefile").write_text(text.replace("range(12)", "range(4)"))
    command = [sys.executable, "-m", "snakemake", "--cores", "4", "--quiet",
               "--max-jobs-per-timespan", "2/1s"]  # fmt: skip
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert [int((tmp_path / f"{i}.txt").read_text()) for i in range(4)] == [4] * 4
