"""Files of keypoints: every format gives the same points, and what is odd is named."""

import pickle
import tracemalloc

import h5py
import numpy as np
import pytest
from tracker_files import frame_of, points_of, write_csv, write_fixed, write_sleap, write_table

from deg_core.data import trackers
from deg_core.data.keypoints import POINTS
from deg_core.data.trackers import read_points
from deg_core.errors import DegError

PARTS = ("tail", *reversed(POINTS))


def one(path, kind):
    """Write five frames of one animal in a format."""
    points = points_of(5, PARTS)
    if kind == "sleap":
        return write_sleap(path, points[None], PARTS)
    write = {"csv": write_csv, "table": write_table, "fixed": write_fixed}[kind]
    return write(path, frame_of(points, PARTS))


def several(path, kind):
    """Write three frames of two animals in a format."""
    points = points_of(3)
    if kind == "sleap":
        return write_sleap(path, np.stack([points, points - 1000]), names=("anna", "ben"))
    write = {"csv": write_csv, "table": write_table, "fixed": write_fixed}[kind]
    return write(path, frame_of(points, individuals=["anna", "ben"]))


each_kind = pytest.mark.parametrize("kind", ["csv", "table", "fixed", "sleap"])


@each_kind
def test_a_file_gives_the_points_in_the_order_asked_for(tmp_path, kind):
    read = read_points(one(tmp_path / "mouse", kind))
    assert read.shape == (5, 7, 3)
    assert read.dtype == np.float32
    assert read[2, 0].tolist() == [207, -207, 1]  # nose, the last of eight, in the third frame
    assert read[0, 6].tolist() == [1, -1, 1]  # tailtip, the second


@each_kind
def test_another_skeleton_is_named_in_the_settings(tmp_path, kind):
    path = one(tmp_path / "mouse", kind)
    assert read_points(path, points=["tail", "nose", "tail"])[1].tolist() == [
        [100, -100, 1], [107, -107, 1], [100, -100, 1],
    ]  # fmt: skip
    with pytest.raises(DegError, match=r"snout, ear are missing; found tail.*keypoints.points"):
        read_points(path, points=["snout", "ear", "nose"])


@each_kind
def test_of_several_animals_one_must_be_chosen(tmp_path, kind):
    path = several(tmp_path / "mice", kind)
    assert read_points(path, individual="ben")[1, 2].tolist() == [-898, -1102, -999]
    with pytest.raises(DegError, match=r"found those of 2 \(anna, ben\).*keypoints.individual"):
        read_points(path)
    with pytest.raises(DegError, match=r"the animal 'cleo'.*found anna, ben"):
        read_points(path, individual="cleo")


def test_a_name_where_the_file_knows_none_is_refused(tmp_path):
    with pytest.raises(DegError, match=r"'anna'.*found none with a name"):
        read_points(one(tmp_path / "mouse", "csv"), individual="anna")


def test_the_program_is_told(tmp_path):
    assert trackers.read_tracks(one(tmp_path / "a", "table")).program == "DeepLabCut"
    assert trackers.read_tracks(one(tmp_path / "b", "sleap")).program == "SLEAP"


def test_what_is_missing_is_nan(tmp_path):
    points = points_of(3)
    points[1, 0] = np.nan
    in_csv = read_points(write_csv(tmp_path / "a.csv", frame_of(points)))
    np.testing.assert_array_equal(in_csv, points.astype(np.float32))
    no_scores = read_points(write_sleap(tmp_path / "b.h5", points[None], scores=False))
    np.testing.assert_array_equal(no_scores[..., :2], points[..., :2].astype(np.float32))
    assert np.isnan(no_scores[..., 2]).all()


def test_a_file_without_frames_gives_none(tmp_path):
    assert read_points(write_csv(tmp_path / "a.csv", frame_of(points_of(0)))).shape == (0, 7, 3)


def test_points_without_a_likelihood_are_read(tmp_path):
    table = frame_of(points_of(2)).drop(columns="likelihood", level="coords")
    read = read_points(write_csv(tmp_path / "a.csv", table))
    assert read[1, 0, :2].tolist() == [100, -100]
    assert np.isnan(read[..., 2]).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read as a table"),
        ("frame,nose\n0,1\n", "first rows of this text begin with frame, 0"),
        ("scorer,a\nindividuals,b\ncoords,x\n", "begin with scorer, individuals, coords"),
        ("scorer,n,n,n\nbodyparts,a,a,a\ncoords,x,y,likelihood\n0,left,1,1\n", "table of numbers"),
    ],
)
def test_other_texts_are_refused_with_a_reason(tmp_path, text, words):
    path = tmp_path / "mouseDLC.csv"
    path.write_text(text)
    with pytest.raises(DegError, match=words) as caught:
        read_points(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(DegError, match=r"nothere\.csv"):
        read_points(tmp_path / "nothere.csv")


def test_other_hdf5_files_are_refused_with_a_reason(tmp_path):
    path = tmp_path / "labels.slp"
    with h5py.File(path, "w") as file:
        file["frames"] = [1]
    with pytest.raises(DegError, match=r"found an HDF5 file with frames.*slp"):
        read_points(path)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(DegError, match="cannot be read"):
        read_points(path)


def test_tracks_in_another_order_are_refused(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["tracks"], file["node_names"] = np.zeros((9, 7, 2, 1)), [b"p"] * 7
    with pytest.raises(DegError, match=r"\(individuals, 2, 7 points, frames\), found \(9, 7, 2, 1"):
        read_points(path)


def test_columns_of_another_table_are_refused(tmp_path):
    table = frame_of(points_of(2))
    table.columns = table.columns.set_names(["a", "b", "c"])
    for write in (write_table, write_fixed):
        with pytest.raises(DegError, match="columns by scorer, bodyparts, coords, found a, b, c"):
            read_points(write(tmp_path / "a.h5", table))


class Harmful:
    """Would run something when it is unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('it ran')",))


@pytest.mark.parametrize("protocol", [0, 4])
def test_nothing_in_a_file_is_run(tmp_path, protocol):
    path = write_table(tmp_path / "a.h5", frame_of(points_of(2)), protocol=protocol)
    assert read_points(path).shape == (2, 7, 3)  # any protocol of plain values will do
    with h5py.File(path, "r+") as file:
        names = np.void(pickle.dumps(Harmful(), protocol=protocol))
        file["df_with_missing/table"].attrs["values_block_0_kind"] = names
    with pytest.raises(DegError, match=r"cannot be read safely.*exec.*export it to csv"):
        read_points(path)


@pytest.mark.parametrize(
    "info", [2**62, "text", 1.5, np.zeros(3), b"\x80\x04r\xff\xff\xff\x7f.", b"(S'a'\nS'b'\ndb."]
)
def test_names_that_are_no_pickle_of_names(tmp_path, info):
    path = write_table(tmp_path / "k.h5", frame_of(points_of(3)))
    with h5py.File(path, "r+") as file:
        file["df_with_missing"].attrs["info"] = np.void(info) if isinstance(info, bytes) else info
    with pytest.raises(DegError, match=r"k\.h5: .*cannot be read"):
        read_points(path)


@pytest.mark.parametrize("number", ["[]", 4, 10**6])
def test_more_levels_than_there_are(number, tmp_path):
    path = write_fixed(tmp_path / "k.h5", frame_of(points_of(3)))
    with h5py.File(path, "r+") as file:
        file["df_with_missing"].attrs["axis0_nlevels"] = number
    tracemalloc.start()
    try:
        with pytest.raises(DegError, match=r"k\.h5: expected DeepLabCut's .*cannot be read"):
            read_points(path)
        assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
    finally:
        tracemalloc.stop()


def test_a_table_larger_than_its_file(tmp_path):
    path = write_sleap(tmp_path / "k.h5", points_of(3)[None])
    with h5py.File(path, "r+") as file:
        del file["tracks"]
        file.create_dataset("tracks", shape=(1, 2, 7, 2**40), chunks=(1, 2, 7, 64), dtype="f4")
    with pytest.raises(DegError, match="more than the file holds"):
        read_points(path)


def test_points_at_infinity_are_not_there(tmp_path):
    points = points_of(3)
    points[1, 2, 0], points[2, 3, 1] = np.inf, 1e300
    found = read_points(write_table(tmp_path / "k.h5", frame_of(points)))
    assert np.isnan(found[1, 2, 0])
    assert np.isnan(found[2, 3, 1])
    assert np.isfinite(found[0]).all()
