"""What the figures of a study show: each from the tables of an invented study, and of odd ones."""

import importlib
import inspect
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import study_tables
from matplotlib.figure import Figure
from study_tables import Study

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))
style = importlib.import_module("style")
tables = importlib.import_module("tables")
marks = importlib.import_module("marks")
OF_STUDY = [
    "advice", "behaviors", "bouts", "calibration", "comparison", "data", "edges", "examples",
    "models", "performance", "postprocessing", "raters", "sequence_gain", "training_size",
    "transitions",
]  # fmt: skip
ODD = ("_rest", "cost $5 & <more>", "毛づくろい（顔）", "NA", "1")
LONG = tuple(f"sniffs the {i}th part of the other animal's tail" for i in range(20))
SIZES = {"sizes": (1, 4), "raters": ("anna", "ben")}
STUDIES = {
    "one": Study(behaviors=("groom",), presets=("lite",), splits=1, videos=1),
    "several": Study(presets=("fast", "lite", "keypoints"), **SIZES),
    "odd": Study(behaviors=ODD, presets=("fast", "毛" * 30), splits=2, **SIZES),
    "long": Study(behaviors=LONG, presets=("fast", "lite"), splits=2, videos=2, **SIZES),
}
EMPTY = {  # what a figure says where its tables have a header only
    "advice": "No learning curve could be fitted; train with fewer videos, too (sweep).",
    "behaviors": "not in the test labels",
    "bouts": "not scored in test videos",
    "calibration": "not in the test labels",
    "comparison": "not in the test labels",
    "data": "not scored",
    "edges": "no match",
    "examples": "No test video holds a labeled bout.",
    "models": "No model is trained yet.",
    "performance": "no run has a test part",
    "postprocessing": "Nothing to choose from: one method named, or too few bouts in validation.",
    "raters": "No test video was labeled by two people.",
    "sequence_gain": "no run has both models",
    "training_size": "Every model was trained on all training videos.",
    "transitions": "The test labels hold no transition.",
}


def draw(name, folder, study, *, change=None, preset=None):
    """Draw one figure of a study; return its texts. ``change`` maps names to new tables."""
    draws = getattr(importlib.import_module(f"figure_{name}"), f"figure_{name}")
    wanted = [key for key in inspect.signature(draws).parameters if key != "out"]
    given = {"preset": preset or study.presets[0], "behaviors": list(study.behaviors)}
    paths = study_tables.write_study(folder, study, [key for key in wanted if key not in given])
    for table, edit in (change or {}).items():
        edit(pd.read_csv(paths[table], dtype=str, keep_default_na=False)).to_csv(
            paths[table], index=False
        )
    out = folder / f"{name}.svg"
    draws(out=out, **{key: (given | paths)[key] for key in wanted})
    texts = ElementTree.parse(out).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(text.itertext()) for text in texts]


# --- all of them


@pytest.mark.parametrize("name", OF_STUDY)
@pytest.mark.parametrize("study", STUDIES)
def test_every_behavior_is_named(name, study, tmp_path):
    made = STUDIES[study]
    texts = draw(name, tmp_path, made)
    if name in ("models", "performance"):
        assert {style.short(preset, 28) for preset in made.presets} <= set(texts)
    elif texts != [EMPTY[name]] and name != "calibration":
        longest = {"comparison": 20, "transitions": 20, "training_size": 22, "examples": 24}
        shown = {style.short(behavior, longest.get(name, 28)) for behavior in made.behaviors}
        assert shown <= set(texts)


@pytest.mark.parametrize("name", OF_STUDY)
def test_empty_tables(name, tmp_path):
    wanted = inspect.signature(
        getattr(importlib.import_module(f"figure_{name}"), f"figure_{name}")
    ).parameters
    nothing = {table: lambda rows: rows[:0] for table in wanted if table in study_tables.TABLES}
    assert EMPTY[name] in draw(name, tmp_path, Study(), change=nothing)


@pytest.mark.parametrize("name", sorted(set(OF_STUDY) - {"data", "examples", "raters"}))
def test_undefined_values(name, tmp_path):
    """Cells that hold a number become empty, which is what undefined scores are."""
    numbers = {
        "metrics": ["value", "low", "high", "chance", "n_bouts"],
        "calibration": ["mean_probability", "share_positive"],
        "statistics": ["share", "seconds", "mean_duration_s", "scored_s"],
        "learning": ["f1", "bout_f1_50"],
        "advice": ["expected_f1", "low", "high"],
        "models": ["parameters", "megabytes", "seconds", "frames_per_second"],
        "postprocessing": ["frame_f1", "bout_f1_50"],
    }
    empty = {
        table: lambda rows, columns=columns: rows.assign(**dict.fromkeys(columns, ""))
        for table, columns in numbers.items()
    }
    wanted = inspect.signature(
        getattr(importlib.import_module(f"figure_{name}"), f"figure_{name}")
    ).parameters
    change = {table: edit for table, edit in empty.items() if table in wanted}
    texts = draw(name, tmp_path, STUDIES["several"], change=change)
    assert not [text for text in texts if "nan" in text.lower()]


@pytest.mark.parametrize("name", OF_STUDY)
def test_figures_are_small(name, tmp_path):
    draw(name, tmp_path, STUDIES["long"])
    assert (tmp_path / f"{name}.svg").stat().st_size < 1_500_000


# --- tables and marks


def test_scores_of_all_behaviors_are_found_under_both_names():
    rows = [("overall", "f1_macro"), ("overall", "bout_f1_50"), ("groom", "f1")]
    table = pd.DataFrame(rows, columns=["behavior", "metric"])
    assert len(tables.scores(table, "f1", "overall")) == 1
    assert len(tables.scores(table, "bout_f1_50", "overall")) == 1
    assert len(tables.scores(table, "f1", "groom")) == 1
    assert tables.scores(table, "precision", "groom").empty


def test_systems_are_presets_and_other_models():
    rows = [("fast", "sequence"), ("fast", "feature_extractor"), ("fast", "clusters")]
    table = pd.DataFrame(rows, columns=["preset", "model"])
    assert tables.systems(table[:2]) == {"fast": ("fast", "sequence")}
    assert tables.systems(table) == {
        "fast": ("fast", "sequence"), "fast, clusters": ("fast", "clusters")
    }  # fmt: skip


def test_spread():
    # Standard deviation 0.1414 over the root of 2.
    assert tables.spread(pd.Series([0.4, 0.6, np.nan])) == pytest.approx((0.5, 0.1))
    assert np.isnan(tables.spread(pd.Series([0.4]))[1])
    assert np.isnan(tables.spread(pd.Series([], dtype=float))[0])


def test_range_of_raters():
    table = study_tables.raters(Study(raters=("anna", "ben", "cleo")))
    assert np.isfinite(tables.rater_range(table, "f1", "overall")).all()
    assert np.isnan(tables.rater_range(table[:0], "f1", "groom")).all()


def test_range_of_raters_is_of_pairs_not_of_rows():
    rows = [
        ("fast", "0", "all", "ben", 0.6), ("fast", "1", "all", "ben", 0.8),  # mean 0.7
        ("fast", "0", "all", "cleo", 0.5), ("fast", "1", "all", "cleo", np.nan),
        ("lite", "0", "all", "ben", 0.1),  # of another preset
        ("fast", "0", "4", "ben", 0.9),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["preset", "split", "n_train", "second", "value"])
    table = table.assign(
        kind="human-human", first="anna", frames="all", behavior="groom", metric="f1"
    )
    assert tables.rater_range(table, "f1", "groom") == pytest.approx((0.5, 0.7))


def test_names_stay_text(tmp_path):
    path = study_tables.write_study(tmp_path, Study(behaviors=ODD), ["advice"])["advice"]
    assert tables.read_summary(path)["behavior"].unique().tolist() == list(ODD)
    assert tables.names_in('["NA", "毛"]') == ["NA", "毛"]


def score_marks(rows):
    """Draw one score; return the x of its marks by marker, and those of the line."""
    axes = Figure().subplots()
    marks.draw_score(axes, 0.0, pd.DataFrame(rows), color="#000000")
    lines = {line.get_marker(): line.get_xdata() for line in axes.lines}
    return {marker: np.asarray(x, float).tolist() for marker, x in lines.items()}


def test_marks_of_several_splits():
    found = score_marks(
        {"value": [0.4, 0.6, np.nan], "low": 0.0, "high": 1.0, "chance": [0.1, 0.3, 0.9]}
    )
    assert found["o"] == [0.5]
    assert found["."] == [0.4, 0.6]
    assert found["|"] == pytest.approx([0.2])  # of the splits that have a value
    assert found["None"] == pytest.approx([0.4, 0.6])  # 0.5 ± 0.1, not the bootstrap


def test_marks_of_one_split():
    found = score_marks({"value": [0.4], "low": [0.3], "high": [0.7], "chance": [0.1]})
    assert found["None"] == [0.3, 0.7]  # the bootstrap
    assert "." not in found


def test_brackets_stand_side_by_side_where_they_overlap():
    pairs = [(0, 2, "*"), (0, 1, "**"), (1, 2, "*")]
    found = {pair: place for place, pair in marks.packed(pairs)}
    assert found == {(0, 1, "**"): 0, (1, 2, "*"): 0, (0, 2, "*"): 1}
    assert marks.room_for_stars(pairs) == pytest.approx(2 * marks.BRACKET)
    assert marks.room_for_stars([]) == 0


def test_only_significant_pairs_have_stars():
    rows = [("f1_macro", "a", "b", "**"), ("f1_macro", "a", "c", "ns"), ("f1_macro", "", "", "*")]
    table = pd.DataFrame(rows, columns=["metric", "first", "second", "stars"])
    assert marks.stars_of(table, "f1", ["a", "b", "c"]) == [(0, 1, "**")]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ((0.3, 6), ["0.5", "1", "2", "5"]),
        ((0.5, 200), ["1", "10", "100"]),
        ((0.2, 6), ["0.2", "1", "5"]),
        ((60, 90), []),
        ((300, 900), ["500"]),
        ((1500, 40_000), ["2k", "5k", "10k", "20k"]),
    ],
)
def test_log_ticks(limits, words):
    axes = Figure().subplots()
    axes.set(xscale="log", xlim=limits)
    style.log_ticks(axes)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == words


# --- single figures


def test_stars_and_raters_of_the_performance(tmp_path):
    texts = draw("performance", tmp_path, STUDIES["several"])
    assert texts.count("**") == 6  # three pairs of presets, F1 and bout F1
    assert "between raters" in texts
    assert "3 splits" in " ".join(texts)
    assert "between raters" not in draw("performance", tmp_path, STUDIES["one"])
    assert marks.ONE_SPLIT in draw("performance", tmp_path, STUDIES["one"])


def test_behaviors_count_test_bouts(tmp_path):
    few = {"metrics": lambda rows: rows.assign(n_bouts="3")}
    texts = draw("behaviors", tmp_path, STUDIES["several"], change=few)
    assert texts.count("9") == 3  # three splits, three behaviors


def test_a_behavior_that_tests_lack(tmp_path):
    def without(rows):
        rows.loc[rows["behavior"] == "groom", ["value", "chance"]] = ""
        return rows

    texts = draw("behaviors", tmp_path, Study(), change={"metrics": without})
    assert texts.count("not in the test labels") == 5  # metrics


def test_labels(tmp_path):
    texts = draw("data", tmp_path, Study(videos=1))
    rows = study_tables.data(Study(videos=1))
    groom = rows[rows["behavior"] == "groom"]
    assert {f"{groom['n_positive'].sum():,}", f"{groom['n_bouts'].sum():,}"} <= set(texts)
    # Three videos of 9000 frames at 30 per second; two videos are not labeled.
    assert "Labels: 3 videos, 15.0 min scored" in texts


def test_a_rater_is_the_reference_of_all_others(tmp_path):
    texts = draw("raters", tmp_path, Study(raters=("anna", "ben")))
    assert texts.count("with anna") == 3  # F1, kappa, bouts
    assert {"anna", "ben", "model where raters disagree"} <= set(texts)


def test_the_model_is_marked_where_the_table_says(tmp_path):
    """As far from a person as another person is: the marks lie at the same place."""
    module = importlib.import_module("figure_raters")
    rows = [("human-human", "anna", "ben", 0.7), ("model-human", "anna", "sequence", 0.7)]
    table = pd.DataFrame(rows, columns=["kind", "first", "second", "value"])
    table = table.assign(split="0", frames="all", behavior="groom", metric="f1")
    axes = Figure().subplots()
    module._draw_reference(axes, table, "f1", "anna", ["anna", "ben"], ["groom"])
    found = {line.get_marker(): np.asarray(line.get_xdata()).tolist() for line in axes.lines}
    assert found["s"] == [0.7]  # ben
    assert found["D"] == [0.7]  # the model
    assert "o" not in found  # anna agrees with herself


def test_gain_is_sequence_minus_features(tmp_path):
    module = importlib.import_module("figure_sequence_gain")
    rows = [("0", "sequence", 0.8), ("0", "feature_extractor", 0.5), ("1", "sequence", 0.9)]
    table = pd.DataFrame(rows, columns=["split", "model", "value"])
    gains = module._gains(table.assign(behavior="groom", metric="f1"), "f1", ["groom"])
    assert gains.loc["groom", "0"] == pytest.approx(0.3)
    assert np.isnan(gains.loc["groom", "1"])  # has no other model


def test_windows_are_those_nearest_to_the_mean():
    module = importlib.import_module("figure_examples")
    scores = {"m1": [0.5, 0.61], "m2": [0.9, 0.2], "m3": [0.79]}  # mean 0.6
    rows = [
        {"split": "0", "video": video, "window_start_s": 60.0 * i, "window_stop_s": 60.0 * i + 60,
         "f1": f1}
        for video, all_f1 in scores.items()
        for i, f1 in enumerate(all_f1)
    ]  # fmt: skip
    chosen, mean = module._windows(pd.DataFrame(rows), 3)
    assert mean == pytest.approx(0.6)
    # The nearest of each video first, though the second of m1 is nearer than those of others.
    assert [float(window["f1"].iloc[0]) for window in chosen] == [0.61, 0.79, 0.9]


def test_transitions_are_shares_of_rows(tmp_path):
    module = importlib.import_module("figure_transitions")
    shares = module._shares(np.array([[1.0, 3.0], [0.0, 0.0]]))
    assert shares[0].tolist() == [0.25, 0.75]
    assert np.isnan(shares[1]).all()
    counts = module._counts(study_tables.transitions(Study()), ["groom", "rear"], "count")
    assert counts.shape == (2, 2)
    assert counts[0, 0] == 0


def test_a_single_behavior_is_followed_by_the_background(tmp_path):
    assert "background" in draw("transitions", tmp_path, STUDIES["one"])
    assert "background" not in draw("transitions", tmp_path, STUDIES["several"])


def test_bins_of_all_splits_are_pooled_by_frames():
    module = importlib.import_module("figure_calibration")
    rows = pd.DataFrame(
        {"low": 0.0, "high": 0.1, "n_frames": [30, 10, 0], "mean_probability": [0.04, 0.08, np.nan],
         "share_positive": [0.0, 0.4, np.nan]}
    )  # fmt: skip
    (row,) = module._pooled(rows).itertuples()
    assert (row.n, row.probability, row.share) == pytest.approx((40, 0.05, 0.1))


def test_speed_is_of_all_stages_together():
    module = importlib.import_module("figure_models")
    speed = module._speed(pd.DataFrame({"frames_per_second": [100.0, 100.0, np.nan]}))
    assert speed == pytest.approx(50)  # 1 / (1/100 + 1/100)
    assert np.isnan(module._speed(pd.DataFrame({"frames_per_second": [np.nan]})))


@pytest.mark.parametrize(("seconds", "words"), [(20, "20 s"), (90, "1.5 min"), (5400, "1.5 h")])
def test_duration(seconds, words):
    assert importlib.import_module("figure_models")._duration(seconds) == words


def test_the_choice_of_postprocessing_is_written(tmp_path):
    texts = draw("postprocessing", tmp_path, Study(behaviors=("groom", "rear")))
    assert "percentile filter 3/3" in texts
    assert "stitching, minimum length 3/3" in texts


def test_sizes_that_would_touch_are_left_out():
    spaced = importlib.import_module("figure_training_size")._spaced
    assert spaced([1.0, 2.0, 4.0, 8.0, 16.0]) == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert spaced([1.0, 2.0, 15.0, 16.0]) == [1.0, 2.0, 16.0]


def pieces(metric, values, *, predicted):
    """Return how long the bar of splits or merges is; 20 and 40 labeled bouts in two splits."""
    axes = Figure().subplots()
    rows = {"split": ["0", "1"], "metric": metric, "value": values, "n_bouts": [20, 40]}
    counts = pd.Series(predicted, index=["0", "1"])
    importlib.import_module("figure_edges")._draw_pieces(
        axes, 0, pd.DataFrame(rows), counts, "#000000"
    )
    return axes.dataLim.x1 if axes.patches else None


def test_splits_are_of_labeled_bouts_and_merges_of_predicted_ones():
    assert pieces("split_count", [1.0, 2.0], predicted=[5, 5]) == pytest.approx(5)  # 3 of 60
    assert pieces("merge_count", [1.0, 2.0], predicted=[10, 5]) == pytest.approx(20)  # 3 of 15
    assert pieces("merge_count", [10.0, 5.0], predicted=[10, 5]) == pytest.approx(100)
    # The second split has no labeled bout, so nothing is said of its predicted ones.
    assert pieces("merge_count", [1.0, np.nan], predicted=[10, 90]) == pytest.approx(10)
    assert pieces("merge_count", [0.0, 0.0], predicted=[0, 0]) is None


def test_predicted_bouts_are_those_of_the_statistics(tmp_path):
    few = {"statistics": lambda rows: rows.assign(n_bouts="1"), "metrics": only_merges}
    draw("edges", tmp_path, Study(splits=1, videos=4), change=few)
    module = importlib.import_module("figure_edges")
    statistics = tables.read_summary(tmp_path / "statistics.csv", preset="fast", n_train="all")
    assert module._predicted(statistics, "groom").to_dict() == {"0": 4}  # a bout per video


def only_merges(rows):
    return rows[rows["metric"] == "merge_count"]


def rates(rows):
    """Return the bouts per minute that are drawn of one behavior, human then model."""
    axes = Figure().subplots()
    module = importlib.import_module("figure_bouts")
    columns = ["video", "source", "n_bouts", "scored_s"]
    table = pd.DataFrame(rows, columns=columns).assign(split="0")
    module._draw_videos(axes, 0, module._with_rate(table), "rate", "#000000")
    return axes.lines[0].get_xdata() if axes.lines else None


def test_a_scored_video_without_bouts_has_none_per_minute():
    rows = [("m1", "labels", 0, 120.0), ("m1", "sequence", 4, 120.0)]
    assert rates(rows)[:2].tolist() == [0, 2]
    rows += [("m2", "labels", 0, 60.0), ("m2", "sequence", 0, 60.0)]
    assert rates(rows)[[0, 1, 3, 4]].tolist() == [0, 2, 0, 0]


def test_a_video_that_nobody_scored_has_no_rate():
    rows = [("m1", "labels", 0, 0.0), ("m1", "sequence", 0, 0.0)]
    assert rates(rows) is None
    rows += [("m2", "labels", 1, 60.0), ("m2", "sequence", 2, 60.0)]
    assert rates(rows)[:2].tolist() == [1, 2]
    assert len(rates(rows)) == 3  # one video
