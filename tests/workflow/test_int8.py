"""Extraction in int8, by the rules and the real stages: from models that are there to features."""

import shutil
import subprocess
import sys

import pytest
import tiny
import yaml
from stub_project import ROOT

from deg_core.data.arrays import read_features
from deg_core.data.publish import read_json
from deg_core.ledger import Ledger

pytestmark = pytest.mark.workflow
RUN = "small/0/all"


@pytest.fixture
def project(tiny_project, tmp_path):
    """A project of the tiny videos whose models are trained, but whose features are not there."""
    for package in ("openvino", "nncf"):
        pytest.importorskip(package)
    folder = tmp_path / "my project"
    results = folder / "results"
    for name in ("import", "labels", "stats"):
        shutil.copytree(tiny_project / name, results / name)
    for name, target in (("flow/tiny", "flow/small"), ("features/tiny", f"features/{RUN}")):
        for end in (".pt", ".history.csv", ".run.json"):
            path = results / "models" / f"{target}{end}"
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(tiny_project / "models" / f"{name}{end}", path)
    raw = tiny_project.parent / "raw"
    rows = [f"{v}\t{raw / v}.mkv\t{raw / v}.csv\tyes" for v in tiny.VIDEOS]
    (folder / "videos.tsv").write_text("\n".join(["video\tpath\tlabels\tpretrain", *rows]) + "\n")
    return folder


def run(folder, **extract):
    settings = {
        "behaviors": list(tiny.BEHAVIORS), "presets": ["small"], "preset_base": {"small": "lite"},
        "labels": {"annotator": "anna"}, "splits": {"count": 1, "final": False},
        "extract": {"precision": "int8", **extract},
    }  # fmt: skip
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    # Only what is missing; the models that lie there were trained with other settings.
    command = [sys.executable, "-m", "snakemake", "-s", ROOT / "Snakefile", "--directory", folder,
               "--cores", "2", "--rerun-triggers", "mtime", "--",
               f"results/features/{RUN}/m1.h5"]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_features_come_from_int8_or_not_at_all(project):
    done = run(project, int8_max_loss=1.0)
    assert done.returncode == 0, done.stderr
    for stage in ("quantize", "extract_features"):
        assert f"\n{stage} " in done.stderr
    assert "train_features " not in done.stderr
    graph = project / f"results/models/quantized/{RUN}.xml"
    record = read_json(graph.with_suffix(".run.json"))
    assert record["max_loss"] == 1.0
    assert {"f1_macro", "average_precision_macro"} == set(record["change"])
    features = project / f"results/features/{RUN}/m1.h5"
    found = read_features(features)
    assert found.logits.shape == (tiny.VIDEOS["m1"], 2)
    assert found.logits.std() > 0
    # Both jobs are recorded, like those of test_recorded_jobs.py.
    graph_files = {f"results/models/quantized/{RUN}{end}" for end in (".xml", ".bin")}
    models = {f"results/models/{part}.pt" for part in ("flow/small", f"features/{RUN}")}
    recorded = Ledger(project).read(f"results/models/quantized/{RUN}.bin")
    assert recorded["stage"] == "quantize"
    assert set(recorded["inputs"]) >= models
    assert graph_files <= set(Ledger(project).read(f"results/features/{RUN}/m1.h5")["inputs"])

    graph.write_bytes(graph.read_bytes()[:1000])
    done = run(project, int8_max_loss=1.0)
    assert done.returncode == 1
    log = (project / f"logs/extract_features/{RUN}/m1.log").read_text()
    assert f"deg: results/models/quantized/{RUN}.xml: damaged, or not written by" in log
    assert "Traceback" not in log
    assert not features.exists()
