"""What stands around the package: pins, hooks, scripts."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import yaml

from deg_core.data.trackers import read_points
from deg_core.example.render import VideoSpec, keypoints_of
from deg_core.project.check_sources import examine_sources
from deg_core.project.folder import open_project

ROOT = Path(__file__).parents[2]


def pins():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_every_package_is_pinned_without_a_local_build():
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line) for line in pins())
    names = [line.split("==")[0].lower() for line in pins()]
    assert names == sorted(names)
    assert "deg-core" not in names


def test_every_dependency_has_a_pin():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *(name for names in extras.values() for name in names)]
    names = {re.match(r"[A-Za-z0-9-]+", text)[0].lower() for text in asked}
    assert names <= {line.split("==")[0].lower().replace("_", "-") for line in pins()}


def test_hooks_call_what_is_installed_here():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    entries = [hook["entry"].split()[0] for hook in hooks[0]["hooks"]]
    assert set(entries) == {".venv/bin/ruff", ".venv/bin/snakefmt", "tools/large_files.sh"}


@pytest.mark.parametrize(("size", "code"), [(500 * 1024, 0), (500 * 1024 + 1, 1)])
def test_large_files_are_refused(tmp_path, size, code):
    small, file = tmp_path / "small", tmp_path / "a file"
    small.write_text("x")
    file.write_bytes(bytes(size))
    script = ROOT / "tools" / "large_files.sh"
    done = subprocess.run([script, small, file, tmp_path / "gone"], capture_output=True, text=True)
    assert done.returncode == code
    assert ("a file" in done.stderr) == bool(code)


@pytest.mark.parametrize("words", [[], ["a", "b", "c"]])
def test_the_script_for_camera_videos_says_how_it_is_used(words):
    done = subprocess.run(
        [ROOT / "tools" / "real_mouse.sh", *words], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "tools/real_mouse.sh FOLDER [PROJECT]" in done.stderr


def test_continuous_integration_runs_what_developers_run():
    assert "make test" in (ROOT / ".ci" / "run").read_text()


# --- comparing sequence models


def test_the_comparison_takes_every_network_through_all_stages(tmp_path):
    """On a tiny project of its own, by the command that the table in the docs names."""
    import odd
    from test_odd import LITE, N, frames_of, labels_of

    results = tmp_path / "results"
    names = ["groom", "rear"]
    metrics = odd.run(results, frames_of(N), labels_of(N), behaviors=names, **LITE)
    features = results / "features"
    run = "lite/0/all"
    (features / run).mkdir(parents=True)
    for video in N:
        (features / f"{video}.h5").rename(features / run / f"{video}.h5")
    for source, target in (
        ("models/sequence/tiny.run.json", f"models/sequence/{run}.run.json"),
        ("lengths.json", f"thresholds/{run}.lengths.json"),
    ):
        (results / target).parent.mkdir(parents=True, exist_ok=True)
        (results / source).rename(results / target)
    (results / "metrics" / "lite" / "0").mkdir(parents=True)
    (results / "metrics" / f"{run}.json").write_text(json.dumps(metrics))
    (tmp_path / "config.yaml").write_text(
        yaml.safe_dump({
            "behaviors": names, "presets": ["lite"],
            "sequence": {"common": {"epochs": 1, "window": 20, "hidden": 8, "n_heads": 2}},
        })
    )  # fmt: skip
    out = tmp_path / "found.json"
    done = subprocess.run(
        [sys.executable, ROOT / "tools/compare_sequence.py", tmp_path, run, "--seeds", "1",
         "--threads", "1", "--out", out, "--networks", "linear", "tcn"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert set(found) == {"linear", "tcn"}
    assert all(0 <= rows[0]["f1_macro"] <= 1 for rows in found.values())
    lines = done.stdout.strip().splitlines()[-5:]
    assert lines[0].startswith("| sequence model | test macro F1 |")
    assert {line.split("|")[1].strip() for line in lines[2:]} == {"linear", "tcn", "features alone"}


def test_baselines_are_compared_on_files_that_trackers_would_write(tmp_path):
    """What the tool makes is a project that the doctor finds nothing wrong with, videos apart."""
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import compare_baselines as tool
    finally:
        sys.path.pop(0)
    presets = ["keypoints", "clusters"]
    tool.make_project(tmp_path, presets, noise=1.0, lost=0.03, n=4, mapping="majority")
    project = open_project(tmp_path)
    lengths = dict.fromkeys((video.video for video in project.videos), 800)
    assert list(examine_sources(project, lengths)) == []
    points = read_points(tmp_path / "keypoints" / "demo_01.csv")
    assert 0.02 < (points[..., 2] < 0.9).mean() < 0.04
    near = np.abs(points[..., :2] - keypoints_of(VideoSpec("demo_01")))[points[..., 2] > 0.9]
    assert 0.9 < near.std() / 0.6028 < 1.1  # that of the size of a normal number
