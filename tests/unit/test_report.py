"""`deg report` and `deg demo`."""

import os
from pathlib import Path

import pytest
from projects import make_project

from deg_core.errors import ConfigError, StateError
from deg_core.project import demo, report, scores, workflow


@pytest.fixture
def folder(tmp_path):
    return make_project(tmp_path / "p", n_videos=3)


@pytest.fixture
def asked(monkeypatch):
    asked = []
    monkeypatch.setattr(workflow, "ask", lambda folder, options, environment: asked.append(options))
    monkeypatch.setattr(scores, "full", lambda results: [f"scores of {results.parent.name}"])
    return asked


def write_tables(folder, *, flag="look"):
    summary = folder / "results" / "summary"
    summary.mkdir(parents=True)
    (summary / "verdicts.csv").write_text(
        "preset,split,n_train,behavior,verdict,reason\n"
        "lite,0,all,groom,usable,Fine.\nlite,0,all,站立,not tested,None.\n"
        'fast,0,all,groom,usable,"Good, too."\n'
    )
    rows = f"lite,0,all,m1,size,{flag}\nlite,0,all,m1,contrast,{flag}\nlite,0,all,m2,size,ok\n"
    (summary / "quality.csv").write_text(f"preset,split,n_train,video,check,flag\n{rows}")


def test_verdicts_and_flags_are_printed(folder, asked, capsys):
    write_tables(folder)
    report.report(folder, out=None, environment=os.environ)
    assert capsys.readouterr().out.splitlines() == [
        "scores of p",
        "",
        "lite/0/all: what to trust",
        "  groom  usable: Fine.",
        "  站立     not tested: None.",
        "  videos unlike those of the training: m1",
        "",
        "fast/0/all: what to trust",
        "  groom  usable: Good, too.",
    ]


def test_without_a_flag_no_video_is_named(folder, asked, capsys):
    write_tables(folder, flag="ok")
    report.report(folder, out=None, environment=os.environ)
    assert "unlike" not in capsys.readouterr().out


def test_a_damaged_table_is_told(folder, asked):
    write_tables(folder)
    (folder / "results" / "summary" / "quality.csv").write_text("video\nm1\n")
    with pytest.raises(StateError, match=r"quality\.csv: damaged"):
        report.report(folder, out=None, environment=os.environ)


@pytest.mark.parametrize("name", [None, "deep/er/my page.html"])
def test_a_page_is_written_and_scores_printed(folder, tmp_path, asked, capsys, name):
    out = tmp_path / name if name else None
    assert report.report(folder, out=out, environment=os.environ) == 0
    page = out or folder / "report.html"
    assert asked == [["--report", str(page)]]
    assert page.parent.is_dir()
    said = capsys.readouterr()
    assert said.out == "scores of p\n"
    assert f"{page}: written" in said.err


def test_the_page_is_relative_to_where_the_user_is(folder, tmp_path, asked, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report.report(folder, out=Path("x.html"), environment=os.environ)
    assert asked == [["--report", str(tmp_path / "x.html")]]


def test_other_forms_of_report_are_refused(folder, tmp_path, asked):
    with pytest.raises(ConfigError, match=r"must end in \.html"):
        report.report(folder, out=tmp_path / "x.zip", environment=os.environ)
    assert asked == []


@pytest.mark.parametrize(
    ("complaint", "expected"),
    [
        ("File x.svg marked for report but does not exist.", "`deg run .*` computes them"),
        ("something else", "something else"),
    ],
)
def test_missing_results_are_told_with_the_remedy(folder, monkeypatch, complaint, expected):
    def ask(*_, **__):
        raise StateError(complaint)

    monkeypatch.setattr(workflow, "ask", ask)
    with pytest.raises(StateError, match=expected):
        report.report(folder, out=None, environment=os.environ)


@pytest.fixture
def example(folder, monkeypatch):
    """Let the demo run in a small project, by a Snakemake that does nothing."""
    codes = []
    monkeypatch.setattr(demo, "repository", lambda: folder)
    monkeypatch.setattr(demo, "run", lambda root, options, environment: codes.pop())
    return codes


def test_the_demo_ends_with_where_to_look(folder, asked, example, capsys):
    example.append(0)
    (folder / "results" / "figures").mkdir(parents=True)
    (folder / "results" / "figures" / "ethogram.svg").touch()
    assert demo.demo(options=[], environment=os.environ) == 0
    said = capsys.readouterr().out
    for name in ("report.html", "results/figures/ethogram.svg", "results/metrics"):
        assert f"  {folder / name}: " in said


def test_a_failed_or_dry_demo_has_no_report(asked, example, capsys):
    example.append(1)
    assert demo.demo(options=[], environment=os.environ) == 1
    example.append(0)
    assert demo.demo(options=["-n"], environment=os.environ) == 0
    assert asked == []
    assert "Where to look" not in capsys.readouterr().out


def test_an_installed_package_has_no_example(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "repository", lambda: tmp_path)
    with pytest.raises(ConfigError, match="clone the repository"):
        demo.demo(options=[], environment=os.environ)
