"""The target `benchmarks`: what it runs where, and that nothing else asks for it."""

import re

import pytest
from stub_project import CONFIG, ROOT, Stub, copy_repository, write_project

from deg_core.bench.options import PARTS
from deg_core.bench.pages import BEGIN, END

RULES = (ROOT / "workflow" / "rules" / "benchmarks.smk").read_text("utf-8")
FILES = {f"benchmarks/{part}.json" for part in PARTS} | {"benchmarks/tables.md"}


def test_jobs_are_the_parts():
    listed = re.search(r"^BENCHMARKS = \[(.*)\]$", RULES, re.MULTILINE).group(1)
    assert tuple(re.findall(r'"(\w+)"', listed)) == PARTS


def test_the_page_has_a_place_for_every_table():
    text = (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    for part in PARTS:
        assert text.count(BEGIN.format(part)) == text.count(END.format(part)) == 1


def commands(stub, *options):
    """List the commands that a dry run would run, by rule."""
    done = stub.snakemake("--dry-run", "--printshellcmds", *options, "benchmarks")
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    return [" ".join(line.split()) for line in re.findall(r"Shell command: (deg bench.*)", said)]


@pytest.mark.workflow
def test_nothing_asks_for_benchmarks_but_their_name(project):
    assert project.plan() == {}
    assert not (project.folder / "results" / "benchmarks").exists()
    project.run("benchmarks")
    found = {
        f"benchmarks/{path.name}" for path in (project.folder / "results/benchmarks").iterdir()
    }
    assert found == FILES
    assert project.plan("benchmarks") == {}
    project.configure(sequence__common__epochs=3)
    assert not {"bench", "bench_tables"} & set(project.plan())
    assert project.plan("benchmarks") == {}  # measured is measured, until --forcerun
    project.delete("benchmarks/tgm.json")
    assert project.plan("benchmarks") == {
        "bench": {"benchmarks/tgm.json"}, "bench_tables": {"benchmarks/tables.md"},
    }  # fmt: skip


@pytest.mark.workflow
def test_a_project_measures_its_first_video_with_its_settings(project):
    found = commands(project)
    assert len(found) == len(PARTS) + 1
    assert any(
        re.match(r"deg bench 'raw/mouse 1.mp4' --project \. --parts tgm --threads \d+ ", line)
        for line in found
    )
    assert not any("--into" in line for line in found)


@pytest.mark.workflow
def test_the_repository_measures_a_rendered_video_for_its_page(tmp_path, stub_python):
    folder = tmp_path / "repository"
    copy_repository(folder)
    write_project(folder, {**CONFIG, "example": {"videos": "example/videos", "seed": 1}})
    (folder / "docs").mkdir()
    (folder / "docs" / "benchmarks.md").write_text("# Measured\n")
    found = commands(Stub(folder, folder, stub_python))
    parts = [line for line in found if line.startswith("deg bench --parts ")]
    assert len(parts) == len(PARTS)
    (tables,) = (line for line in found if line.startswith("deg bench-tables"))
    assert "--into docs/benchmarks.md" in tables
