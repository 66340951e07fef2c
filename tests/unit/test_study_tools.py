"""The tools of the study: figures without a new Python for each, and all studies side by side."""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from snakemake.exceptions import WorkflowError
from snakemake.rules import InputFiles, Params, Wildcards
from study_tables import Study, write_study

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "workflow" / "scripts" / "figure_performance.py"


@pytest.fixture
def load(monkeypatch):
    """Import a tool by its name."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    return importlib.import_module


def job_of(folder, tables, *, out):
    """What Snakemake would hand over for one figure."""
    return SimpleNamespace(
        local_path=str(SCRIPT), rulename="figure_performance", bench_record=None,
        input=InputFiles(fromdict=tables), output=[str(out)], params=Params(fromdict={}),
        wildcards=Wildcards(fromdict={}), log=[str(folder / "log")], threads=1,
    )  # fmt: skip


class TestDrawFigures:
    def test_a_script_draws_what_it_draws_alone(self, tmp_path, load):
        tool = load("draw_figures")
        tables = write_study(tmp_path, Study(), ["metrics", "raters", "tests"])
        tool.run_script(job_of(tmp_path, tables, out=tmp_path / "forked.svg"))
        load("figure_performance").figure_performance(**tables, out=tmp_path / "alone.svg")
        assert (tmp_path / "forked.svg").read_bytes() == (tmp_path / "alone.svg").read_bytes()

    def test_a_script_that_fails_is_named_with_its_log(self, tmp_path, load):
        tool = load("draw_figures")
        lacking = dict.fromkeys(["metrics", "raters", "tests"], tmp_path / "nowhere.csv")
        with pytest.raises(WorkflowError, match=r"figure_performance failed; see .*log"):
            tool.run_script(job_of(tmp_path, lacking, out=tmp_path / "none.svg"))
        assert not (tmp_path / "none.svg").exists()
        assert "nowhere.csv" in (tmp_path / "log").read_text()

    def test_snakemake_has_what_is_replaced(self, load):
        """These are no promises of Snakemake's; what they are called here, it must have."""
        tool = load("draw_figures")
        names = tool.PythonScript.__init__.__code__.co_names
        assert {
            "output",
            "params",
            "wildcards",
            "log",
            "threads",
            "rulename",
            "bench_record",
        } <= set(names)
        assert callable(tool.PythonScript.evaluate)
        assert isinstance(tool.PythonScript.local_path, property)


def test_studies_stand_side_by_side(tmp_path, load, monkeypatch, capsys):
    tool = load("compare_studies")
    studies = [tmp_path / name for name in ("fly", "swim")]
    for study, presets in zip(studies, (("lite",), ("lite", "tcn")), strict=True):
        folder = study / "results" / "summary"
        write_study(folder, Study(presets=presets), ["metrics", "over_splits", "raters", "tests"])
    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["compare_studies.py", str(out), *map(str, studies)])
    assert tool.main() == 0
    assert "2 studies" in capsys.readouterr().out
    table = pd.read_csv(out / "over_splits.csv")
    kinds = table[["study", "preset"]].drop_duplicates().to_numpy().tolist()
    assert kinds == [["fly", "lite"], ["swim", "lite"], ["swim", "tcn"]]
    own = pd.read_csv(studies[0] / "results" / "summary" / "over_splits.csv")
    pd.testing.assert_frame_equal(table[table["study"] == "fly"].drop(columns="study"), own)
    drawn = (out / "performance.svg").read_text()
    assert all(f"{study}: {preset}" in drawn for study, preset in kinds)
