"""Real raters: agreement equal to what was computed elsewhere, to the printed digits.

Needs the folder `human_labels` in the folder that DEG_CORE_DATA names; skipped otherwise.
"""

import os
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deg_core.ethogram.agreement import Rated, bout_agreement, compare_raters, frame_agreement
from deg_core.ethogram.bouts import UNKNOWN, background_labels, intervals
from deg_core.ethogram.chance import join

TOOL = Path(__file__).parents[2] / "tools" / "human_raters.py"
DATA = Path(os.environ.get("DEG_CORE_DATA", "/nowhere")) / "human_labels"
FPS = 25
SETS = ["sturman_epm", "sturman_fst"]
real = pytest.mark.skipif(not DATA.is_dir(), reason="DEG_CORE_DATA names no folder of labels")

# Column there: name here, unit, printed digits.
FIGURES = {
    "f1": ("f1", 1, 4), "accuracy": ("accuracy", 1, 4), "kappa": ("kappa", 1, 4),
    "bout_f1_iou30": ("bout_f1_30", 1, 4),
    "start_shift_median_s": ("onset_shift", FPS, 2),
    "start_absdiff_median_s": ("onset_error", FPS, 2),
    "stop_shift_median_s": ("offset_shift", FPS, 2),
    "stop_absdiff_median_s": ("offset_error", FPS, 2),
}  # fmt: skip


@pytest.fixture(scope="module")
def tool():
    return runpy.run_path(str(TOOL))


def tracks(labels, behaviors):
    """Join the videos: per rater and behavior (T,) int8, the background included."""
    raters = next(iter(labels.values()))
    found = {}
    for rater in raters:
        tables = [videos[rater] for videos in labels.values()]
        full = [np.column_stack([table, background_labels(table)]) for table in tables]
        columns = join(full, gap=UNKNOWN).T
        found |= {(rater, n): c for n, c in zip([*behaviors, "background"], columns, strict=True)}
    return found


def same(found, printed, digits):
    """Whether a figure rounds to the printed one; halves may go either way."""
    return abs(found - printed) <= 0.5 * 10**-digits + 1e-9


@real
@pytest.mark.parametrize("name", SETS)
def test_rater_pairs_have_the_printed_figures(tool, name):
    behaviors, labels = tool["read_raters"](DATA / name)
    rated = tracks(labels, behaviors)
    printed = pd.read_csv(DATA / name / "rater_agreement.csv")
    wrong, n = [], 0
    for row in printed.itertuples():
        pair = [rated[rater, row.behavior] for rater in (row.rater1, row.rater2)]
        # Those who printed the figures counted edges at the borders of the window, too.
        found = frame_agreement(*pair) | bout_agreement(*pair, iou=(0.3,), cut_edges=True)
        assert sum(x == 1 for x in pair[0]) == row.pos1
        assert [len(intervals(x == 1)) for x in pair] == [row.bouts1, row.bouts2]
        for column, (metric, unit, digits) in FIGURES.items():
            n += 1
            if not same(found[metric] / unit, getattr(row, column), digits):
                wrong.append((row.rater1, row.rater2, row.behavior, column, found[metric] / unit))
    assert wrong == []
    assert n == 8 * len(printed) > 90


@real
@pytest.mark.parametrize("name", SETS)
def test_the_table_has_the_printed_figures_of_frames(tool, name):
    table = tool["compare"](DATA / name, model=None, iou=(0.3,))
    table = table[table["frames"] == "all"].set_index(["first", "second", "behavior", "metric"])
    values = table["value"].to_dict()
    for row in pd.read_csv(DATA / name / "rater_agreement.csv").itertuples():
        for column in ("f1", "accuracy", "kappa", "bout_f1_iou30"):
            metric, _, digits = FIGURES[column]
            found = values[row.rater1, row.rater2, row.behavior, metric]
            assert same(found, getattr(row, column), digits)


@real
def test_f1_of_single_videos(tool):
    behaviors, labels = tool["read_raters"](DATA / "sturman_epm")
    printed = pd.read_csv(DATA / "sturman_epm/rater_agreement.csv")
    (row,) = printed[(printed["rater1"] == "Jin") & (printed["rater2"] == "Sian")
                     & (printed["behavior"] == "rearing")].itertuples()  # fmt: skip
    k = behaviors.index("rearing")
    found = [
        frame_agreement(raters["Jin"][:, k], raters["Sian"][:, k])["f1"]
        for raters in labels.values()
    ]
    assert same(np.median(found), row.f1_video_median, 3)
    assert same(min(found), row.f1_video_min, 3)


# --- the tool, on made-up people


@pytest.fixture
def folder(tmp_path):
    for video in ("v1", "v2"):
        for rater, stop in (("ann", 30), ("bo", 26), ("cy", 24), ("majority", 26)):
            present = (np.arange(60) >= 10) & (np.arange(60) < stop)
            table = pd.DataFrame({"background": ~present, "groom": present}).astype(int)
            table.to_csv(tmp_path / f"{video}__{rater}_labels.csv.gz", index=False)
    return tmp_path


def test_tool_lets_a_person_stand_for_the_model(folder, tool, monkeypatch, capsys):
    out = folder / "raters.csv"
    monkeypatch.setattr(sys, "argv", ["human_raters.py", f"{folder}", f"{out}", "--model", "cy"])
    tool["main"]()
    table = pd.read_csv(out)
    assert f"{len(table)} rows" in capsys.readouterr().out
    assert list(table.columns) == [
        "preset", "split", "n_train", "kind", "first", "second", "frames", "behavior", "metric",
        "value", "n_frames", "n_videos",
    ]  # fmt: skip
    f1 = table[(table["frames"] == "all") & (table["behavior"] == "groom")]
    f1 = f1[f1["metric"] == "f1"].set_index(["kind", "first", "second"])["value"].to_dict()
    assert f1 == {
        ("human-human", "ann", "bo"): pytest.approx(32 / 36),
        ("model-human", "ann", "sequence"): pytest.approx(28 / 34),
        ("model-human", "bo", "sequence"): pytest.approx(28 / 30),
    }


def test_tool_wants_the_same_behaviors_everywhere(folder, tool):
    (folder / "v2__bo_labels.csv").write_text("background,rear\n1,0\n")
    with pytest.raises(SystemExit, match="has \\['rear'\\], the others have \\['groom'\\]"):
        tool["read_raters"](folder)


def test_table_of_made_up_people_by_hand(folder, tool):
    behaviors, labels = tool["read_raters"](folder)
    found = compare_raters([Rated(v, {}) for v in labels.values()], behaviors=behaviors, iou=[0.8])
    pair = found[(found["first"] == "ann") & (found["second"] == "bo") & (found["frames"] == "all")]
    values = pair[pair["behavior"] == "groom"].set_index("metric")["value"]
    # Of 120 frames ann has 40, bo 32, both 32; IoU 16/20, offset 4 frames earlier.
    assert values["accuracy"] == 112 / 120
    by_chance = (40 * 32 + 80 * 88) / 120**2
    assert values["kappa"] == pytest.approx((112 / 120 - by_chance) / (1 - by_chance))
    assert values[["bout_f1_80", "onset_shift", "offset_shift", "offset_error"]].tolist() == [
        1.0, 0.0, -4.0, 4.0
    ]  # fmt: skip
