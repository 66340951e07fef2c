"""Tables of a run's test videos: bouts, edges, time spent, transitions, examples."""

import numpy as np
import pandas as pd
import pytest

from deg_core.stages.described import (
    BOUTS,
    EDGES,
    EXAMPLES,
    STATISTICS,
    TRANSITIONS,
    Seen,
    bouts,
    edges,
    examples,
    statistics,
    transition_table,
)

NAMES = ["groom", "rear"]


def seen(labels, present, *, video="m1", fps=10.0, alone=None):
    """Read '01?' per behavior as labels, '01' as what the models see."""
    truth = np.array([["01".find(c) for c in text] for text in labels], np.int8).T
    found = np.array([[c == "1" for c in text] for text in present]).T
    other = found if alone is None else np.array([[c == "1" for c in text] for text in alone]).T
    return Seen(video, fps, truth, {"sequence": found, "feature_extractor": other})


@pytest.fixture
def videos():
    """A video of which the end was not scored, and one in which nobody scored rear."""
    return [
        seen(["0111000???", "0000110???"], ["0011100111", "0000010111"]),
        seen(["00110011", "????????"], ["00110000", "11110000"], video="m2", fps=5.0),
    ]


def rows(table, **where):
    for column, value in where.items():
        table = table[table[column] == value]
    return table.to_dict("records")


def test_bouts_are_those_of_scored_frames(videos):
    table = bouts(videos, NAMES)
    assert list(table.columns) == BOUTS
    found = [tuple(row.values()) for row in rows(table, source="labels")]
    assert found == [
        ("labels", "groom", "m1", 0.1, 0.3),
        ("labels", "rear", "m1", 0.4, 0.2),
        ("labels", "groom", "m2", 0.4, 0.4),
        ("labels", "groom", "m2", 1.2, 0.4),
    ]
    # What is predicted where nobody scored is no bout.
    found = [(r["behavior"], r["video"], r["start_s"]) for r in rows(table, source="sequence")]
    assert found == [("groom", "m1", 0.2), ("rear", "m1", 0.5), ("groom", "m2", 0.4)]


def test_edges_have_signs_and_seconds(videos):
    table = edges(videos, NAMES, iou=0.1)
    assert list(table.columns) == EDGES
    own = [tuple(row.values())[2:] for row in rows(table, model="sequence", behavior="groom")]
    assert own == [
        ("m1", "onset", 1, 0.1), ("m1", "offset", 1, 0.1),
        ("m2", "onset", 0, 0.0), ("m2", "offset", 0, 0.0),
    ]  # fmt: skip
    own = [tuple(row.values())[2:] for row in rows(table, model="sequence", behavior="rear")]
    assert own == [("m1", "onset", 1, 0.1), ("m1", "offset", 0, 0.0)]
    assert table["error_frames"].dtype.kind == "i"


def test_edges_follow_the_overlap(videos):
    # groom of the first video overlaps in 2 of 4 frames.
    assert len(rows(edges(videos, NAMES, iou=0.5), model="sequence", video="m1")) == 4
    assert len(rows(edges(videos, NAMES, iou=0.6), model="sequence", video="m1")) == 0


def test_statistics_by_hand(videos):
    table = statistics(videos, NAMES)
    assert list(table.columns) == STATISTICS
    own = {(r["video"], r["behavior"]): r for r in rows(table, source="labels")}
    assert own["m1", "groom"] == {
        "source": "labels", "video": "m1", "behavior": "groom", "n_frames": 7, "seconds": 0.3,
        "share": pytest.approx(3 / 7, abs=1e-6), "n_bouts": 1, "mean_duration_s": 0.3,
        "scored_s": 0.7,
    }  # fmt: skip
    assert own["m1", "background"]["seconds"] == 0.2
    assert own["m2", "groom"]["mean_duration_s"] == 0.4
    assert (own["m2", "groom"]["scored_s"], own["m2", "rear"]["scored_s"]) == (1.6, 0.0)
    # Nobody scored rear: neither it nor the absence of all is known, but where groom is.
    assert own["m2", "rear"]["n_frames"] == 0
    assert np.isnan([own["m2", "rear"]["share"], own["m2", "rear"]["mean_duration_s"]]).all()
    assert (own["m2", "background"]["n_frames"], own["m2", "background"]["seconds"]) == (4, 0.0)
    model = {(r["video"], r["behavior"]): r for r in rows(table, source="sequence")}
    assert (model["m1", "groom"]["seconds"], model["m1", "groom"]["n_bouts"]) == (0.3, 1)
    assert model["m1", "background"]["n_bouts"] == 2
    assert model["m2", "background"]["seconds"] == 0.4  # two labeled frames that it missed


def test_transitions_count_videos_in_which_all_is_known(videos):
    table = transition_table(videos, NAMES)
    assert list(table.columns) == TRANSITIONS
    counts = {(r["from"], r["to"]): r["count"] for r in rows(table, source="labels") if r["count"]}
    # background, groom, rear, background; the second video says nothing of what follows.
    assert counts == {("background", "groom"): 1, ("groom", "rear"): 1, ("rear", "background"): 1}
    without = {
        (r["from"], r["to"]): r["count_without_background"] for r in rows(table, source="labels")
    }
    assert without["groom", "rear"] == 1
    assert pd.isna(without["rear", "background"])
    row = rows(table, source="labels", **{"from": "rear", "to": "groom"})[0]
    assert (row["count"], row["probability"]) == (0, 0.0)
    assert np.isnan(row["probability_without_background"])  # nothing follows rear


def test_sources_are_the_models_that_there_are():
    alone = seen(["0110", "0000"], ["0110", "0000"])
    alone = alone._replace(present={"sequence": alone.present["sequence"]})
    for make in (bouts, statistics, transition_table):
        assert set(make([alone], NAMES)["source"]) == {"labels", "sequence"}
    assert set(edges([alone], NAMES, iou=0.1)["model"]) == {"sequence"}


def test_nothing_labeled_and_nothing_predicted():
    silent = [seen(["0000", "0000"], ["0000", "0000"])]
    assert bouts(silent, NAMES).empty
    assert edges(silent, NAMES, iou=0.1).empty
    assert examples(silent, NAMES, f1=0.5).empty
    assert statistics(silent, NAMES)["n_bouts"].max() == 1  # the background
    assert transition_table(silent, NAMES)["probability"].isna().all()


def test_example_is_the_minute_nearest_to_the_average():
    # Three minutes at 2 frames per second: F1 is 1, 2/3 and 0; 2/3 is asked for.
    labels = np.zeros((360, 1), np.int8)
    labels[[*range(10, 30), *range(130, 150), *range(250, 270)]] = 1
    present = labels == 1
    present[140:150] = present[250:270] = False
    video = Seen("m1", 2.0, labels, {"sequence": present})
    table = examples([video], ["groom"], f1=0.7)
    assert list(table.columns) == EXAMPLES
    # The first window that has the second bout, and no other.
    assert table["window_start_s"].unique().tolist() == [15.0]
    assert table["window_stop_s"].unique().tolist() == [75.0]
    assert table["f1"].unique() == pytest.approx([2 / 3], abs=1e-6)
    found = [(r["source"], r["start_s"], r["stop_s"]) for r in table.to_dict("records")]
    assert found == [("labels", 65.0, 75.0), ("sequence", 65.0, 70.0)]


@pytest.mark.parametrize("seed", range(5))
def test_what_is_predicted_where_nobody_scored_is_in_no_table(seed):
    rng = np.random.default_rng(seed)
    labels = np.repeat(rng.integers(0, 2, (40, 2)), 5, axis=0).astype(np.int8)
    labels[rng.random(200) < 0.2] = -1
    present = (labels == 1) ^ (rng.random((200, 2)) < 0.1)
    other = present ^ (labels < 0)  # all of what is predicted there is turned round
    one, turned = ([Seen("m1", 10.0, labels, {"sequence": x})] for x in (present, other))
    for make, options in (
        (bouts, {}), (statistics, {}), (transition_table, {}), (edges, {"iou": 0.1}),
        (examples, {"f1": 0.5}),
    ):  # fmt: skip
        assert make(one, NAMES, **options).equals(make(turned, NAMES, **options))
        assert len(make(one, NAMES, **options)) > 5
