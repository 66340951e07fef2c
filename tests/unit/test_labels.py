import subprocess
import sys

import numpy as np
import pytest

from deg_core.data.labels import (
    annotators,
    positive_frames,
    read_frame_labels,
    read_label_file,
    unknown_names,
    write_frame_labels,
    write_intervals,
)
from deg_core.errors import LabelError, StateError

HEADER = "kind,behavior,start_frame,stop_frame,annotator"
NAMES = ("groom", "rear")


@pytest.fixture
def label_file(tmp_path):
    """Give a function that writes a label file of some lines and returns its path."""

    def write(*lines, content=None, name="m1.csv"):
        path = tmp_path / name
        path.write_bytes(("\n".join(lines) + "\n").encode() if content is None else content)
        return path

    return write


def read(path, n_frames=10, behaviors=NAMES, annotator=None):
    return read_label_file(path, behaviors=behaviors, n_frames=n_frames, annotator=annotator)


def test_intervals_become_frames(label_file):
    path = label_file(
        HEADER,
        "scored,*,0,8,anna",
        "bout,groom,1,3,anna",
        "bout,rear,2,8,anna",
        "bout,groom,3,4,anna",  # touches the first, which is no overlap
    )
    labels = read(path)
    assert labels.dtype == np.int8
    assert labels[:, 0].tolist() == [0, 1, 1, 1, 0, 0, 0, 0, -1, -1]
    assert labels[:, 1].tolist() == [0, 0, 1, 1, 1, 1, 1, 1, -1, -1]
    assert positive_frames(path, behaviors=NAMES) == {"groom": 3, "rear": 6}
    assert annotators(path) == ["anna"]
    assert unknown_names(path, NAMES) == []


def test_behaviors_scored_apart(label_file):
    path = label_file(
        HEADER,
        "scored,groom,0,4,anna",
        "scored,groom,4,6,anna",  # joins the one before: a bout may cross from one to the other
        "scored,rear,5,10,anna",
        "bout,groom,3,5,anna",
    )
    labels = read(path)
    assert labels[:, 0].tolist() == [0, 0, 0, 1, 1, 0, -1, -1, -1, -1]
    assert labels[:, 1].tolist() == [-1, -1, -1, -1, -1, 0, 0, 0, 0, 0]


def test_nothing_seen_in_what_was_scored_is_negative(label_file):
    path = label_file(HEADER, "scored,*,0,10,anna")
    assert (read(path) == 0).all()
    assert positive_frames(path, behaviors=NAMES) == {"groom": 0, "rear": 0}


def test_columns_in_another_order_and_without_annotator(label_file):
    path = label_file("stop_frame,kind,start_frame,behavior", "10,scored,0,*", "3,bout,1,rear")
    assert read(path)[:, 1].tolist() == [0, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert annotators(path) == [""]


def test_retired_behaviors_stay_in_the_file_and_are_told(label_file):
    path = label_file(HEADER, "scored,*,0,10,a", "bout,sniff,0,5,a", "bout,groom,0,1,a")
    assert read(path).sum(axis=0).tolist() == [1, 0]
    assert unknown_names(path, NAMES) == ["sniff"]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffkind,behavior,start_frame,stop_frame,annotator\r\n"
        "scored,*,0,10,anna\r\nbout,groom,1,3,anna\r\n",
        "kind;behavior;start_frame;stop_frame;annotator\nscored;*;0;10;anna\nbout;groom;1;3;anna",
        "kind\tbehavior\tstart_frame\tstop_frame\tannotator\n"
        "scored\t*\t0\t10\tanna\nbout\tgroom\t1\t3\tanna\n",
        '"kind","behavior","start_frame","stop_frame","annotator"\n'
        '"scored","*","0","10","anna"\n"bout", "groom" ,"1","3","anna"\n',
        "Kind, Behavior, Start_frame, stop_frame , annotator\n\n"
        "Scored, *, 0, 10, anna\n\n BOUT , 'groom', 1, 3.0, anna\n\n\n",
        "kind,behavior,start_frame,stop_frame,annotator\rscored,*,0,10,anna\rbout,groom,1,3,anna",
    ],
    ids=["bom and crlf", "semicolons", "tabs", "quotes", "spaces and blank lines", "cr"],
)
def test_intervals_as_programs_write_them(label_file, content):
    path = label_file(content=content.encode())
    assert read(path)[:, 0].tolist() == [0, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert annotators(path) == ["anna"]


SCORED = "scored,*,0,10,anna"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["bout,groom,1,3,anna"], "no row of kind 'scored'.*add"),
        ([], "no row of kind 'scored'"),
        ([SCORED, "bout,groom,5,3,anna"], "line 3: interval 5-3 does not stop after its start"),
        ([SCORED, "bout,groom,5,5,anna"], "line 3: interval 5-5 does not stop after its start"),
        ([SCORED, "bout,groom,-1,3,anna"], "line 3: interval -1-3 starts before frame 0"),
        ([SCORED, "bout,groom,8,11,anna"], "line 3.*not inside a scored interval|line 3: ends at"),
        (["scored,*,0,11,anna"], "line 2: ends at frame 11, but the video has 10 frames"),
        (
            [SCORED, "bout,groom,1,4,anna", "bout,rear,0,9,anna", "bout,groom,3,6,anna"],
            "lines 3 and 5: bouts of 'groom' overlap .1-4 and 3-6.",
        ),
        ([SCORED, "bout,groom,1.5,4,anna"], "line 3: start_frame '1.5'; expected a whole number"),
        ([SCORED, "bout,groom,1,nan,anna"], "line 3: stop_frame 'nan'; expected a whole number"),
        ([SCORED, "bout,groom,1,inf,anna"], "line 3: stop_frame 'inf'"),
        ([SCORED, "bout,groom,1,,anna"], "line 3: stop_frame ''"),
        ([SCORED, "bout,groom,one,4,anna"], "line 3: start_frame 'one'"),
        ([SCORED, "event,groom,1,4,anna"], "line 3: kind 'event'; expected 'scored' or 'bout'"),
        ([SCORED, "bout,,1,4,anna"], "line 3: behavior ''"),
        ([SCORED, "bout,*,1,4,anna"], "line 3: behavior '\\*'; expected the name of one"),
        ([SCORED, "bout,background,1,4,anna"], "line 3: 'background' is no behavior"),
        (["scored,Background,0,10,anna"], "line 2: 'background' is no behavior"),
        ([SCORED, "bout,groom,1,4"], "line 3: 4 cells, but the header has 5"),
        ([SCORED, "bout,groom,1,4,anna,5"], "line 3: 6 cells, but the header has 5"),
        ([SCORED, 'bout,"groom,1,4,anna'], "line [34]: a stray quote"),
        (
            ["scored,rear,0,10,anna", "scored,groom,0,4,anna", "bout,groom,3,5,anna"],
            "line 4: bout of 'groom', frames 3-5, is not inside a scored interval",
        ),
        (
            ["scored,rear,0,10,anna", "bout,groom,3,5,anna"],
            "line 3: bout of 'groom', frames 3-5, is not inside a scored interval",
        ),
        (
            ["scored,*,0,4,anna", "scored,*,5,10,anna", "bout,groom,3,7,anna"],
            "line 4: bout of 'groom', frames 3-7, is not inside a scored interval",
        ),
        ([SCORED, "bout,sniff,1,4,anna"], "none of the behaviors groom, rear .it has sniff."),
        ([SCORED, "bout,Groom,1,4,anna", "bout,rear,1,4,anna"], "'Groom' is 'groom' in config"),
    ],
)
def test_intervals_that_make_no_sense(label_file, lines, words):
    path = label_file(HEADER, *lines)
    with pytest.raises(LabelError, match=words) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "header",
    [
        "kind,behavior,start_frame,stop_frame,anotator",
        "kind,behavior,start,stop,annotator",
        "kind,behaviour,start_frame,stop_frame,annotator",
        "kind,behavior,start_frame,annotator",
        "kind,kind,behavior,start_frame,stop_frame",
    ],
)
def test_wrong_headers_of_intervals(label_file, header):
    with pytest.raises(LabelError, match=f"header '{header}'; expected '{HEADER}'"):
        read(label_file(header, "scored,*,0,10,anna"))


def test_several_annotators(label_file):
    path = label_file(
        HEADER,
        "scored,*,0,10,anna",
        "bout,groom,0,4,anna",
        "scored,*,0,5,ben",
        "bout,groom,2,5,ben",
    )
    assert annotators(path) == ["anna", "ben"]
    with pytest.raises(LabelError, match=r"several annotators \('anna', 'ben'\); choose one"):
        read(path)
    with pytest.raises(LabelError, match=r"of annotator 'carl' \(it has 'anna', 'ben'\)"):
        read(path, annotator="carl")
    assert read(path, annotator="anna")[:, 0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert read(path, annotator="ben")[:, 0].tolist() == [0, 0, 1, 1, 1, -1, -1, -1, -1, -1]
    assert positive_frames(path, behaviors=NAMES, annotator="ben") == {"groom": 3, "rear": 0}


def test_frames_of_deepethogram_with_index(label_file):
    path = label_file(",background,rear,groom", "0,1,0,0", "1,0,1,1", "2,-1,-1,-1")
    labels = read(path, n_frames=3)
    assert labels.dtype == np.int8
    assert labels.tolist() == [[0, 0], [1, 1], [-1, -1]]
    assert positive_frames(path, behaviors=NAMES) == {"groom": 1, "rear": 1}
    assert annotators(path) == []
    assert unknown_names(path, ["groom"]) == ["rear"]
    # A table of frames does not say who made it, so the choice does not concern it.
    assert read(path, n_frames=3, annotator="anna").tolist() == labels.tolist()


@pytest.mark.parametrize(
    "content",
    [
        "background,groom,rear\n1,0,0\n0,1,1\n-1,-1,-1\n",
        "groom,rear\n0,0\n1,1\n-1,-1",
        "groom;rear\r\n0;0\r\n1;1\r\n-1;-1\r\n",
        "groom;rear\n0,0;0,0\n1,0;1\n-1,0;-1\n",
        "\ufeffgroom,rear\n0.0,0\n1.0,1\n-1.0,-1\n\n",
        '"groom","rear"\n"0","0"\n"1","1"\n"-1","-1"\n',
        " groom , 'rear'\n 0, 0\n\n 1, 1\n +1e0, -1\n".replace("+1e0", "-1e0"),
        "frame,groom,rear\n1,0,0\n2,1,1\n3,-1,-1\n",
        "Unnamed: 0,groom,background,rear\n0,0,1,0\n1,1,0,1\n2,-1,-1,-1\n",
    ],
    ids=[
        "no index", "no background", "semicolons", "decimal commas", "floats", "quotes", "spaces",
        "index from 1", "background in between",
    ],
)  # fmt: skip
def test_frames_as_programs_write_them(label_file, content):
    path = label_file(content=content.encode())
    assert read(path, n_frames=3).tolist() == [[0, 0], [1, 1], [-1, -1]]


def test_one_behavior_and_one_column(label_file):
    path = label_file("groom", "0", "1", "-1")
    assert read(path, n_frames=3).tolist() == [[0, -1], [1, -1], [-1, -1]]


def test_a_behavior_without_a_column_is_unknown(label_file):
    path = label_file("background,rear", "1,0", "0,1")
    assert read(path, n_frames=2).tolist() == [[-1, 0], [-1, 1]]
    assert positive_frames(path, behaviors=NAMES) == {"groom": 0, "rear": 1}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["groom,rear", "0,0", "0,1"], "2 rows, but the video has 3 frames"),
        (["groom,rear", "0,0", "0,1", "0,1", "0,1"], "4 rows, but the video has 3 frames"),
        (["groom,rear"], "0 rows, but the video has 3 frames"),
        (["groom,rear", "0,0", "0,2", "0,1"], "line 3, column 'rear': 2; expected 1"),
        (["groom,rear", "0,0", "0.5,0", "0,1"], "line 3, column 'groom': 0.5; expected 1"),
        (["background,groom", "7,0", "0,0", "0,1"], "line 2, column 'background': 7"),
        (["groom,rear", "0,0", "0,", "0,1"], "line 3, column 'rear': ''; expected 1"),
        (["groom,rear", "0,0", "0,nan", "0,1"], "line 3, column 'rear': 'nan'"),
        (["groom,rear", "0,0", "0,NaN", "0,1"], "line 3, column 'rear': 'NaN'"),
        (["groom,rear", "0,0", "0,[1]", "0,1"], "line 3, column 'rear': '\\[1\\]'"),
        (["groom,rear", "0,0", "0,true", "0,1"], "line 3, column 'rear': 'true'"),
        (["groom,rear", "0,0", "0,1e999", "0,1"], "line 3, column 'rear': '1e999'"),
        (["groom,rear", "0,0", "0,0,0", "0,1"], "line 3: 3 cells, but the header has 2"),
        (["groom,rear", "0,0", '0,"0', "0,1"], "line 4: a stray quote on this line or before it"),
        (["groom,rear,groom", "0,0,0"], "column 'groom' occurs twice"),
        ([",groom,", "0,0,0"], "column 3 has no name"),
        (["groom,,rear", "0,0,0"], "column 2 has no name"),
        ([",groom", "0,0", "1,0", "3,0"], "line 4: row is numbered 3; expected rows numbered"),
        ([",groom", "2,0", "3,0", "4,0"], "line 2: row is numbered 2"),
        (["time,groom", "0,0", "0.03,1", "0.07,0"], "column 'time': 0.03"),
        (["0,1", "0,0", "1,0"], "first line is '0,1'; expected the header"),
        (
            ["sniff,dig", "0,0", "1,0", "0,0"],
            "none of the behaviors groom, rear .it has sniff, dig",
        ),
        (["background", "0", "1", "0"], "none of the behaviors groom, rear .it has no names"),
        (["groom,Rear", "0,0", "1,0", "0,0"], "behavior 'Rear' is 'rear' in config.yaml"),
    ],
)
def test_frames_that_make_no_sense(label_file, lines, words):
    path = label_file(*lines)
    with pytest.raises(LabelError, match=words) as caught:
        read(path, n_frames=3)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"PK\x03\x04 an excel file", "a spreadsheet, not text"),
        ("groom\nüber\n".encode("latin-1"), "not UTF-8 text"),
        ("groom\n0\n".encode("utf-16"), "not UTF-8 text"),
        (b"groom\n\x00\n", "holds binary data"),
    ],
)
def test_files_that_are_no_tables(label_file, content, words):
    with pytest.raises(LabelError, match=words):
        read(label_file(content=content))


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(LabelError, match=r"m9\.csv: does not exist; correct `labels`"):
        read(tmp_path / "m9.csv")
    with pytest.raises(LabelError, match="cannot be read"):
        read(tmp_path)


def test_background_is_never_a_behavior(label_file):
    path = label_file("background,groom", "0,1")
    with pytest.raises(LabelError, match="'background' is derived"):
        read(path, n_frames=1, behaviors=("groom", "background"))


@pytest.mark.parametrize("seed", range(5))
def test_intervals_written_are_read_again(tmp_path, seed):
    rng = np.random.default_rng(seed)
    labels = np.repeat(rng.integers(-1, 2, (40, 3)), rng.integers(1, 6, 40), axis=0)
    path = tmp_path / "m1.csv"
    write_intervals(path, labels, behaviors=("a", "b, too", "c"), annotator="Anna Ü")
    found = read(path, n_frames=len(labels), behaviors=("a", "b, too", "c"))
    np.testing.assert_array_equal(found, labels)
    assert annotators(path) == ["Anna Ü"]


def test_intervals_are_written_in_order_of_time(tmp_path):
    labels = np.array([[0, 1], [0, 1], [1, 1], [1, 0], [-1, -1]])
    write_intervals(tmp_path / "m1.csv", labels, behaviors=NAMES, annotator="anna")
    assert (tmp_path / "m1.csv").read_text().splitlines() == [
        HEADER,
        "scored,*,0,4,anna",
        "bout,rear,0,3,anna",
        "bout,groom,2,4,anna",
    ]


def test_what_cannot_be_written(tmp_path):
    path = tmp_path / "m1.csv"
    with pytest.raises(ValueError, match="no frame is labelled"):
        write_intervals(path, np.full((3, 2), -1), behaviors=NAMES, annotator="anna")
    with pytest.raises(ValueError, match="expected labels"):
        write_intervals(path, np.zeros((3, 3)), behaviors=NAMES, annotator="anna")
    with pytest.raises(ValueError, match="other than -1, 0 and 1"):
        write_frame_labels(path, NAMES, np.full((3, 2), 2))
    assert not path.exists()


def test_frame_labels_written_are_read_again(tmp_path):
    labels = np.array([[0, 1], [-1, -1], [1, 0]], np.int8)
    write_frame_labels(tmp_path / "m1.csv", NAMES, labels)
    assert (tmp_path / "m1.csv").read_text() == "frame,groom,rear\n0,0,1\n1,-1,-1\n2,1,0\n"
    names, found = read_frame_labels(tmp_path / "m1.csv")
    assert names == ["groom", "rear"]
    assert found.dtype == np.int8
    assert found.tolist() == labels.tolist()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "the file is empty"),
        ("groom,rear\n0,1\n", "header 'groom,rear'; expected 'frame,...'"),
        ("frame,groom\n0,1\n1,", "line 3, column 'groom': ''"),
        ("frame,groom\n0,1\n2,0\n", "row is numbered 2"),
        ("frame,groom\n0,5\n", "column 'groom': 5"),
    ],
)
def test_damaged_frame_labels_are_a_damaged_result(tmp_path, content, words):
    path = tmp_path / "m1.csv"
    path.write_text(content)
    with pytest.raises(StateError, match=words) as caught:
        read_frame_labels(path)
    assert str(caught.value).endswith("; delete it and import the labels again.")


def test_importing_labels_is_light():
    # Snakemake imports this module each time it parses the workflow.
    code = (
        "import sys, deg_core.data.labels;"
        "print(sorted({'h5py', 'pandas', 'cv2', 'av', 'torch', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
