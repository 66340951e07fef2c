"""Every product of every rule can tell how it came to be, from what the rule declares as input."""

import json
import os
import runpy
import shutil
from types import SimpleNamespace

import pytest
from in_process import plan
from projects import make_project
from snakemake.iocontainers import Namedlist
from stub_project import ROOT
from test_lint import BODIES, SHARED
from tracker_files import frame_of, walking, write_csv

from deg_core.cli import main
from deg_core.ledger import Ledger
from deg_core.project.lineage import SAME, trace
from deg_core.project.run import run
from deg_core.versions import VERSIONS

pytestmark = pytest.mark.workflow

SETTINGS = """behaviors: [groom, rear]
presets: [lite, keypoints, clusters]
import: {size: [32, 48]}
splits: {val: 0.34, test: 0.34}
features: {lite: {epochs: 1, steps_per_epoch: 1, width: 0.25, batch_size: 2}}
sequence:
  common: {epochs: 1, steps_per_epoch: 1, window: 10, hidden: 8}
evaluate: {shuffles: 2, bootstrap: 10}
figures: {ethograms: test}
"""
# Not part of any project: int8 is chosen, measurements are asked for, examples are drawn.
ELSEWHERE = {"quantize", "bench", "bench_tables", "render_example"}


def small_project(folder):
    """Three videos of 20 frames with labels, keypoints and clusters."""
    folder = make_project(folder)
    (folder / "config.yaml").write_text(SETTINGS)
    header, *rows = (folder / "videos.tsv").read_text().splitlines()
    for n in range(3):
        write_csv(folder / f"k{n}.csv", frame_of(walking(20, size=(32, 48))))
        clusters = ["a"] * 5 + ["b"] * 5 + ["c"] * 10
        (folder / f"c{n}.csv").write_text("\n".join(["syllable", *clusters, ""]))
        rows[n] += f"\tk{n}.csv\tc{n}.csv"
    table = "\n".join([f"{header}\tkeypoints\tclusters", *rows, ""])
    (folder / "videos.tsv").write_text(table)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The project with all that its stages make, and the jobs that made it."""
    folder = small_project(tmp_path_factory.mktemp("provenance") / "three mice")
    jobs = [job for job in plan(folder) if job.command.startswith("deg ")]
    before = os.environ.copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for job in jobs:
            job.run()
            os.environ.update(before)
    return folder, jobs


def test_all_rules_are_here(made):
    rules = {job.rule for job in made[1]}
    stages = {rule for rule in BODIES if not rule.startswith("figure_")}
    assert rules == stages - ELSEWHERE


def test_every_product_has_the_record_of_its_job(made):
    folder, jobs = made
    ledger = Ledger(folder)
    for job in jobs:
        for name in job.outputs:
            record = ledger.read(name)
            assert record is not None, name
            stage = SHARED.get(job.rule, job.rule)
            assert record["stage"] == stage
            assert record["version"] == VERSIONS[stage]
            assert record["command"].startswith(f"deg {stage.replace('_', '-')} ")
            assert set(record["outputs"]) >= set(job.outputs)


def test_records_and_rules_agree_on_the_inputs(made):
    """An input that is not declared never makes stale; one that is not read does so in vain."""
    folder, jobs = made
    ledger = Ledger(folder)
    for job in jobs:
        record = ledger.read(job.outputs[0])
        read, declared = set(record["inputs"]), set(job.inputs)
        if job.rule == "describe":
            read.discard("videos.tsv")  # a parameter tells its content
        if job.rule == "compare_raters":
            # With one annotator there is nobody to compare the model with.
            read |= {name for name in declared if name.startswith("results/ethograms/")}
        assert (job.rule, read ^ declared) == (job.rule, set())
        assert all(entry["sha256"] for entry in record["inputs"].values())


def test_everything_leads_back_to_what_people_made(made):
    folder, _ = made
    ledger = Ledger(folder)
    found = trace(ledger, folder / "results" / "report" / "verdicts.html")
    assert {node.state for node in found.nodes.values()} == {SAME}
    sources = {node.name.rpartition("/")[2] for node in found.behind() if node.record is None}
    labels = {f"m{n}.csv" for n in range(3)}
    assert sources >= {f"m{n}.mp4" for n in range(3)} | labels
    assert sources >= {"k0.csv", "c0.csv"}


def test_seeds_are_told(made):
    folder, _ = made
    for stage in ("features", "sequence"):
        record = Ledger(folder).read(f"results/models/{stage}/lite/0/all.pt")
        assert record["seed"] == 0


def test_nothing_is_of_unknown_origin(made, capsys):
    folder, _ = made
    assert main(["provenance", "--check", str(folder)]) == 0
    said = capsys.readouterr()
    assert said.out == ""


def test_a_figure_has_its_record(made, monkeypatch, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(made[0], folder)
    monkeypatch.chdir(folder)
    out = "results/figures/data.svg"
    (folder / "logs").mkdir(exist_ok=True)
    script = SimpleNamespace(
        rule="figure_data", log=["logs/figure_data.log"], threads=1,
        input=Namedlist(fromdict={"data": "results/summary/data.csv"}),
        output=Namedlist(fromdict={"figure": out}), wildcards=Namedlist(),
        params=Namedlist(fromdict={"behaviors": '["groom", "rear"]', "version": 1}),
    )  # fmt: skip
    monkeypatch.syspath_prepend(ROOT / "workflow" / "scripts")
    program = str(ROOT / "workflow" / "scripts" / "figure_data.py")
    runpy.run_path(program, init_globals={"snakemake": script}, run_name="__main__")
    record = Ledger(folder).read(out)
    assert (record["stage"], record["version"]) == ("figure_data", VERSIONS["figures"])
    assert record["settings"]["behaviors"] == '["groom", "rear"]'
    assert set(record["inputs"]) == {"results/summary/data.csv"}


@pytest.mark.slow
def test_the_same_through_snakemake(tmp_path):
    """All products, figures too, as Snakemake's own notes have it; and the study is exported."""
    folder = small_project(tmp_path / "three mice")
    assert run(folder, options=["--cores", "2"], environment=os.environ) == 0
    ledger, jobs = Ledger(folder), plan(folder)
    for job in jobs:
        for name in job.outputs:
            record = ledger.read(name)
            assert record is not None, name
            assert record["stage"] == SHARED.get(job.rule, job.rule)
            if job.rule.startswith("figure_"):
                inside = {name for name in job.inputs if not name.startswith("/")}
                assert set(record["inputs"]) >= inside
    assert main(["report", str(folder)]) == 0
    for name in ("results/figures/performance.svg", "report.html"):
        assert main(["provenance", str(folder / name)]) == 0
    assert main(["movie", str(folder), "m0", "--run", "clusters/0/all"]) == 0
    record = ledger.read("m0.mp4")
    assert "results/import/m0.h5" in record["inputs"]
    assert any(name.endswith("m0.mp4") for name in record["inputs"])
    crate = tmp_path / "crate"
    assert main(["export-study", str(folder), "--out", str(crate)]) == 0
    graph = json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]
    actions = [entity for entity in graph if entity["@type"] == "CreateAction"]
    assert len(actions) > 60
