"""The stages compare_raters and summarize_raters: whose labels of which files are compared."""

import numpy as np
import pandas as pd
import pytest

from deg_core.errors import LabelError, StateError
from deg_core.ethogram.agreement import COLUMNS
from deg_core.ethogram.bouts import ethogram_table
from deg_core.settings import EvaluateSettings, LabelSettings
from deg_core.stages import compare_raters, summarize_raters

HEADER = "kind,behavior,start_frame,stop_frame,annotator\n"
ANNA = "scored,*,0,40,anna\nbout,groom,5,15,anna\nbout,rear,20,30,anna\n"
BOB = "scored,*,0,40,bob\nbout,groom,5,20,bob\nbout,rear,20,30,bob\n"
RUN = "lite/0/all"


def write_ethogram(folder, video, *, n_frames=40):
    present = np.zeros((n_frames, 2), int)
    present[5:18, 0] = 1
    folder.mkdir(parents=True, exist_ok=True)
    table = ethogram_table(present, behaviors=["groom", "rear"], fps=25)
    table.to_csv(folder / f"{video}.csv", index=False)


@pytest.fixture
def compare(tmp_path):
    """Call the stage on label files given as text, one video each; return its table."""

    def call(*texts, **changes):
        files = []
        for number, text in enumerate(texts):
            write_ethogram(tmp_path / "ethograms", f"m{number}")
            files.append(tmp_path / f"labels of {number}.csv")
            files[-1].write_text(text)
        arguments = {
            "videos": [f"m{number}" for number in range(len(texts))], "label_files": files,
            "ethograms": tmp_path / "ethograms", "settings": EvaluateSettings(),
            "labels": LabelSettings(behaviors=("groom", "rear")),
            "out": tmp_path / "raters" / f"{RUN}.csv",
        }  # fmt: skip
        compare_raters.run(**(arguments | changes))
        return pd.read_csv(arguments["out"])

    return call


def f1_of_groom(table, frames="all"):
    chosen = table[(table["behavior"] == "groom") & (table["metric"] == "f1")]
    chosen = chosen[chosen["frames"] == frames]
    return chosen.set_index(["kind", "first", "second"])["value"].to_dict()


def test_annotators_and_the_model(compare):
    table = compare(HEADER + ANNA + BOB)
    assert list(table.columns) == COLUMNS
    assert f1_of_groom(table) == {
        ("human-human", "anna", "bob"): pytest.approx(20 / 25),
        ("model-human", "anna", "sequence"): pytest.approx(20 / 23),
        ("model-human", "bob", "sequence"): pytest.approx(26 / 28),
    }
    assert set(table["metric"]) >= {"kappa", "bout_f1_10", "bout_f1_50", "onset_shift"}


def test_overlaps_are_those_of_the_evaluation(compare):
    table = compare(HEADER + ANNA + BOB, settings=EvaluateSettings(iou=(0.6, 0.7)))
    chosen = table[(table["behavior"] == "groom") & (table["first"] == "anna")]
    found = chosen[chosen["second"] == "bob"].set_index("metric")["value"]
    assert (found["bout_f1_60"], found["bout_f1_70"]) == (1.0, 0.0)  # 10 of 15 frames
    assert found["bout_f1_50"] == 1.0  # always, since verdicts rest on it


def test_frames_that_one_annotator_did_not_score(compare):
    partly = "scored,*,0,10,bob\nbout,groom,5,10,bob\n"
    table = compare(HEADER + ANNA + partly)
    assert set(table.loc[table["behavior"] == "groom", "n_frames"]) == {10, 0}
    assert f1_of_groom(table)["model-human", "anna", "sequence"] == 1.0


def test_videos_of_one_annotator_and_tables_of_frames_have_no_pair(compare):
    frames = "groom,rear\n" + "0,1\n" * 40
    table = compare(HEADER + ANNA, frames, HEADER + ANNA + BOB)
    assert table["n_videos"].max() == 1
    table = compare(HEADER + ANNA, frames)
    assert table.empty
    assert list(table.columns) == COLUMNS


def test_no_test_video(compare):
    assert compare().empty


def test_rows_without_a_name(compare):
    table = compare(HEADER + ANNA + BOB.replace("bob", ""))
    assert set(table["second"]) == {"unnamed", "sequence"}


def test_groups_say_what_is_absent(compare):
    only = "scored,groom,0,40,bob\nbout,groom,5,20,bob\n"  # rear follows where groom is
    assert compare(HEADER + ANNA + only)["behavior"].eq("rear").any()
    table = compare(HEADER + ANNA + only, groups='[["groom","rear"]]')
    rear = table[(table["behavior"] == "rear") & (table["frames"] == "all")]
    assert set(rear["n_frames"]) == {15}
    with pytest.raises(LabelError, match="'groom' and 'rear' are present at once in frame 20"):
        compare(HEADER + ANNA + BOB.replace("5,20", "5,25"), groups='[["groom","rear"]]')


def test_labels_that_do_not_fit(compare):
    with pytest.raises(LabelError, match="ends at frame 41, but the video has 40"):
        compare(HEADER + ANNA + BOB.replace("0,40", "0,41"))


def test_one_label_file_for_each_video(compare, tmp_path):
    with pytest.raises(StateError, match="0 files for 1 videos"):
        compare(HEADER + ANNA, label_files=[])


def test_damaged_ethogram(compare, tmp_path):
    with pytest.raises(StateError, match=r"m0\.csv: cannot be read"):
        compare(HEADER + ANNA + BOB, labels=LabelSettings(behaviors=("groom", "rear", "jump")))


# --- all runs


def test_all_runs_in_one_table(compare, tmp_path):
    compare(HEADER + ANNA + BOB)
    empty = tmp_path / "raters/lite/1/all.csv"
    empty.parent.mkdir()
    empty.write_text(",".join(COLUMNS) + "\n")
    out = tmp_path / "summary.csv"
    summarize_raters.run(runs=[RUN, "lite/1/all"], raters=tmp_path / "raters", out=out)
    table = pd.read_csv(out)
    assert list(table.columns) == ["preset", "split", "n_train", *COLUMNS]
    assert table[["preset", "split", "n_train"]].drop_duplicates().to_numpy().tolist() == [
        ["lite", 0, "all"]
    ]
    one = pd.read_csv(tmp_path / "raters" / f"{RUN}.csv")
    pd.testing.assert_frame_equal(table[COLUMNS], one)


def test_no_runs(tmp_path):
    summarize_raters.run(runs=[], raters=tmp_path, out=tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.csv").empty


@pytest.mark.parametrize(
    ("text", "match"), [(None, "does not exist"), ("", "damaged"), ("a,b\n", "lacks")]
)
def test_damaged_comparison(tmp_path, text, match):
    path = tmp_path / f"{RUN}.csv"
    path.parent.mkdir(parents=True)
    if text is not None:
        path.write_text(text)
    with pytest.raises(StateError, match=match):
        summarize_raters.run(runs=[RUN], raters=tmp_path, out=tmp_path / "out.csv")


def test_name_that_is_no_run(tmp_path):
    (tmp_path / "lite.csv").write_text(",".join(COLUMNS) + "\n")
    with pytest.raises(StateError, match="expected preset/split/n_train, got lite"):
        summarize_raters.run(runs=["lite"], raters=tmp_path, out=tmp_path / "out.csv")
