"""tools/compare_postprocessing.py: what it simulates, and that it runs from tables to a report."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deg_core.ethogram.bouts import intervals

TOOL = Path(__file__).parents[2] / "tools" / "compare_postprocessing.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("compare_postprocessing", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def labels(seed, n_bouts=30):
    rng = np.random.default_rng(seed)
    trace = np.zeros(n_bouts * 150, dtype=np.int8)
    for k in range(n_bouts):
        start = k * 150 + int(rng.integers(50))
        # A few short ones, so that the percentile filter leaves almost everything.
        trace[start : start + (4 if k % 10 == 0 else 60)] = 1
    return trace


def f1(trace, found):
    hits = (trace & found).sum()
    return 2 * hits / (trace.sum() + found.sum())


def test_more_noise_is_further_from_the_labels(tool):
    trace = labels(0) == 1
    scores, bouts = [], []
    for noise in tool.LEVELS.values():
        values = tool.simulate(trace, noise, np.random.default_rng(0))
        assert values.shape == trace.shape
        assert ((values > 0) & (values < 1)).all()
        scores.append(f1(trace, values > 0.5))
        bouts.append(len(intervals(values > 0.5)))
    assert scores[0] > 0.9 > scores[2]
    assert scores == sorted(scores, reverse=True)
    assert bouts[1] > 1.5 * 30  # realistic: bouts break up, and false ones come


def test_no_noise_gives_the_labels(tool, monkeypatch):
    monkeypatch.setattr(tool, "SHIFT", 0.0)
    trace = labels(0) == 1
    nothing = tool.Noise(0, 0, 0, 0, 0, 0)
    values = tool.simulate(trace, nothing, np.random.default_rng(0))
    assert np.array_equal(values > 0.5, trace)
    seen = tool.simulate(np.zeros(50, dtype=bool), nothing, np.random.default_rng(0))
    assert (seen < 0.1).all()


@pytest.mark.parametrize("rater", [False, True])
def test_from_tables_to_a_report(tool, tmp_path, monkeypatch, capsys, rater):
    folder = tmp_path / "cage"
    folder.mkdir()
    for seed in range(4):
        for name in ("anna", "ben") if rater else ("",):
            moved = np.roll(labels(seed), 3 if name == "ben" else 0)
            table = pd.DataFrame({"background": 1 - moved, "groom": moved})
            table.to_csv(folder / f"m{seed}{name and '__'}{name}_labels.csv.gz", index=False)
    out = tmp_path / "found.json"
    arguments = ["tool", str(folder), "--seeds", "1", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", arguments)
    tool.main()
    rows = json.loads(out.read_text())
    kinds = [*tool.LEVELS, *([tool.RATER] if rater else [])]
    assert [row["noise"] for row in rows] == kinds
    assert all(row["behavior"] == "groom" and row["data"] == "cage" for row in rows)
    assert all(row["n_val_bouts"] == row["n_test_bouts"] == 30 for row in rows)
    high = rows[2]["scores"]
    assert high["auto"]["bout_f1_50"] > high["percentile"]["bout_f1_50"] + 0.1
    for row in rows:
        lost = row["scores"]["percentile"]["frame_f1"] - row["scores"]["auto"]["frame_f1"]
        assert lost <= tool.LIMIT
    printed = capsys.readouterr().out
    assert "| cage | medium | 1 |" in printed
    assert "| auto |" in printed


def test_too_few_videos(tool, tmp_path):
    with pytest.raises(SystemExit, match="0 videos; expected at least three"):
        tool.read_folder(tmp_path, leave_out=[], raters=[], part_frames=0)
