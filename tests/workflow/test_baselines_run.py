"""Keypoints and clusters through the real graph and the real stages, on a tiny project."""

import json
import os

import pandas as pd
import pytest
from projects import make_project
from tracker_files import frame_of, walking, write_csv, write_sleap, write_table

from deg_core.project.run import run

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

PRESETS = ("keypoints", "clusters")
SETTINGS = """behaviors: [groom, rear]
presets: [keypoints, clusters]
import: {size: [32, 48]}
splits: {val: 0.34, test: 0.34}
sequence: {keypoints: {epochs: 2, window: 10}}
figures: {ethograms: test}
"""


@pytest.fixture
def folder(tmp_path):
    """Three videos of 20 frames, each tracked by another program, clustered by their labels."""
    folder = make_project(tmp_path / "three mice")
    (folder / "config.yaml").write_text(SETTINGS)
    header, *rows = (folder / "videos.tsv").read_text().splitlines()
    written = (
        write_csv(folder / "k0.csv", frame_of(walking(20, size=(32, 48)))),
        write_table(folder / "k1.h5", frame_of(walking(20, size=(32, 48)))),
        write_sleap(folder / "k2.h5", walking(20, size=(32, 48))[None]),
    )
    for n, path in enumerate(written):
        clusters = ["a"] * 5 + ["b"] * 5 + ["c"] * 10
        (folder / f"c{n}.csv").write_text("\n".join(["syllable", *clusters, ""]))
        rows[n] += f"\t{path.name}\tc{n}.csv"
    table = "\n".join([f"{header}\tkeypoints\tclusters", *rows, ""])
    (folder / "videos.tsv").write_text(table)
    return folder


def test_both_are_scored_like_any_other(folder):
    targets = [f"results/metrics/{preset}/0/all.json" for preset in PRESETS]
    targets += ["results/summary/metrics.csv", "results/summary/over_splits.csv"]
    assert run(folder, options=["--cores", "2", *targets], environment=os.environ) == 0
    found = [json.loads((folder / target).read_text()) for target in targets[:2]]
    assert all("feature_extractor" not in metrics for metrics in found)
    # Frames 0 to 4 are groom, and cluster a; 5 to 9 are rear, and b: nothing is easier to map.
    assert found[1]["sequence"]["overall"]["f1_macro"]["value"] == 1.0
    rows = pd.read_csv(folder / "results/summary/metrics.csv")
    assert set(rows["preset"]) == set(PRESETS)
    assert set(rows["model"]) == {"sequence"}
    assert not (folder / "results/models/flow").exists()
