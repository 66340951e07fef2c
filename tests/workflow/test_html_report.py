"""The report: one file with every figure, which opens without a network."""

import re

import pytest

pytestmark = pytest.mark.workflow


def test_report(project):
    done = project.snakemake("--report", "report.html")
    assert done.returncode == 0, done.stdout + done.stderr
    figures = list((project.folder / "results" / "figures").rglob("*.svg"))
    # 7 of the study, 6 of each preset, 3 confusions, 5 + 5 curves, 2 ethograms, 2 flows.
    assert len(figures) == 7 + 2 * 6 + 3 + 10 + 2 + 2
    assert len(re.findall(r"^Adding \w+\.svg ", done.stdout + done.stderr, re.M)) == len(figures)
    pages = re.findall(r"^Adding (\w+)\.html ", done.stdout + done.stderr, re.M)
    assert sorted(pages) == ["setup", "verdicts", "videos"]
    page = (project.folder / "report.html").read_text(encoding="utf-8")
    assert "Ethograms of 2 behaviors" in page
    assert not re.search(r"<(script|link|img)[^>]* (src|href)=.https?://", page)
