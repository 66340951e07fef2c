"""`deg provenance`: the words for people, the graph for programs, and the exit codes."""

import json
import os
import shutil
import subprocess
import sys

import ledgers
import pytest

from deg_core.cli import main

TABLE = "results/summary/metrics.csv"


@pytest.fixture
def project(tmp_path, monkeypatch):
    return ledgers.make(tmp_path / "project", monkeypatch)


def said(capsys, *words, code=0):
    assert main(["provenance", *map(str, words)]) == code
    return capsys.readouterr()


def test_text(project, capsys):
    text = said(capsys, "results/predictions/m1.h5").out
    lines = dict(line.strip().split(maxsplit=1) for line in text.splitlines() if line[:2] == "  ")
    assert lines["made"].split() == ["by", "predict,", "version", "2"]
    assert lines["command"].startswith("deg predict results/import/m1.h5 labels/m1.csv")
    assert lines["seed"] == "4"
    assert "cores, 1 threads" in lines["where"]
    assert "deg-core 0" in lines["with"]
    assert lines["content"].endswith("as it was made")
    assert lines["settings"].endswith("as it is now")
    tree = text.partition("made from\n")[2].splitlines()
    assert [line.split("  ")[1] for line in tree[:2]] == ["labels/m1.csv", "results/import/m1.h5"]
    assert tree[1].endswith("same  by import_video 2")
    assert tree[2].startswith("    raw/m1.mp4  ")
    assert tree[3] == "files behind it: 3 same"


def test_each_file_is_told_once(project, capsys):
    tree = said(capsys, TABLE).out.partition("made from\n")[2]
    assert tree.count("raw/m1.mp4") == 1
    assert tree.count("labels/m1.csv") == 2  # a line for each that was made from it


def test_depth(project, capsys):
    tree = said(capsys, TABLE, "--depth", "1").out.partition("made from\n")[2].splitlines()
    assert len(tree) == 3
    assert tree[2] == "files behind it: 7 same"


def test_changes_are_told(project, capsys):
    (project / "labels" / "m1.csv").write_text("edited")
    (project / "config.yaml").write_text("behaviors: [rear]\n")
    ledgers.predict(2, text="others")
    text = said(capsys, TABLE).out
    assert "another one is there now" in text
    assert "made again since, so of this version not recorded" in text
    assert "\n  labels/m1.csv: changed\n" in text
    assert "deg status" in text


def test_graph(project, capsys):
    graph = json.loads(said(capsys, TABLE, "--json").out)
    assert graph["file"] == TABLE
    file = graph["files"][graph["node"]]
    assert (file["file"], file["state"], len(file["sha256"])) == (TABLE, "same", 64)
    job = graph["jobs"][file["job"]]
    assert job["stage"] == "summarize"
    assert len(graph["files"]) == 8
    assert len(graph["jobs"]) == 5
    files = {(f["file"], f["sha256"]) for f in graph["files"].values()}
    for record in graph["jobs"].values():
        assert {(n, e["sha256"]) for n, e in record["inputs"].items()} <= files


def test_not_recorded(project, capsys):
    (project / "results" / "notes.txt").write_text("by hand")
    text = said(capsys, "results/notes.txt", code=2).out
    assert "not recorded" in text
    graph = json.loads(said(capsys, "results/notes.txt", "--json", code=2).out)
    assert graph["files"][graph["node"]]["job"] is None


def test_other_content_is_not_vouched_for(project, capsys):
    (project / TABLE).write_text("f1\n0.99\n")
    assert "other content now" in said(capsys, TABLE, code=2).out
    (project / TABLE).unlink()
    assert "is no longer there" in said(capsys, TABLE, code=2).out


def test_a_file_outside_of_its_project(project, tmp_path, capsys, monkeypatch):
    copy = tmp_path / "table 1.csv"
    shutil.copyfile(project / TABLE, copy)
    monkeypatch.chdir(tmp_path)
    assert "--project" in said(capsys, copy, code=2).err
    text = said(capsys, copy, "--project", project).out
    assert f"a copy of {TABLE}" in text


def test_a_folder_is_no_file(project, capsys):
    assert "name a file in it" in said(capsys, "results", code=2).err
    assert "--check" in said(capsys, project, code=2).err


def test_check(project, capsys):
    assert "7 files are what they were" in said(capsys, "--check", project).err
    (project / TABLE).write_text("f1\n0.99\n")
    found = said(capsys, "--check", project, code=2)
    assert found.out.startswith(f"error: {project / TABLE}: has 8 bytes")
    assert "6 files are what they were" in found.err


def test_a_name_that_is_not_utf8_is_told_on_a_strict_terminal(project):
    odd = os.fsdecode(b"raw/m\xff.mp4")
    (project / odd).write_bytes(b"odd")
    ledgers.call("look", odd, **{"results/summary/odd.csv": "x"})
    command = [sys.executable, "-m", "deg_core.cli", "provenance", "results/summary/odd.csv"]
    strict = os.environ | {"PYTHONIOENCODING": "utf-8:strict"}
    said = subprocess.run(command, cwd=project, env=strict, capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (0, "")
    assert r"raw/m\udcff.mp4" in said.stdout
