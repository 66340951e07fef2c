import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from deg_core.data import publish
from deg_core.data.publish import (
    identity,
    open_hdf5,
    publish_csv,
    publish_file,
    publish_hdf5,
    publish_json,
    publish_npz,
    publish_text,
    read_json,
    sha256,
)
from deg_core.errors import StateError, VideoError


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_text_is_written_as_given_and_leaves_nothing_else(tmp_path):
    publish_text(tmp_path / "new folder" / "grün.txt", "über\r\n")
    assert (tmp_path / "new folder" / "grün.txt").read_bytes() == b"\xc3\xbcber\r\n"
    assert names_in(tmp_path / "new folder") == ["grün.txt"]


def test_an_error_in_the_block_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    publish_text(target, "old")

    def write_half():
        with publish_file(target) as temporary:
            temporary.write_text("half")
            assert names_in(tmp_path) == [f".a.txt.tmp-{publish._host()}-{os.getpid()}", "a.txt"]
            raise VideoError("broken")

    with pytest.raises(VideoError, match="broken"):
        write_half()
    assert target.read_text() == "old"
    assert names_in(tmp_path) == ["a.txt"]


def test_the_file_appears_at_the_end_of_the_block_only(tmp_path):
    target = tmp_path / "a.txt"
    with publish_file(target) as temporary:
        temporary.write_text("all")
        assert not target.exists()
    assert target.read_text() == "all"


def test_nothing_written_is_an_error(tmp_path):
    with pytest.raises(StateError, match="nothing was written"), publish_file(tmp_path / "a"):
        pass


def test_verification_decides(tmp_path):
    def refuse(path):
        raise StateError(f"{path.read_text()} is no good")

    with (
        pytest.raises(StateError, match="seven is no good"),
        publish_file(tmp_path / "a", verify=refuse) as temporary,
    ):
        temporary.write_text("seven")
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full; free some space"),
        (errno.EDQUOT, "the disk is full; free some space"),
        (errno.EROFS, "no permission to write there"),
        (errno.EIO, "cannot be written"),
    ],
)
def test_errors_of_the_system_become_sentences(tmp_path, monkeypatch, number, words):
    def fail(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(publish.os, "fsync", fail)
    with pytest.raises(StateError, match=words) as caught:
        publish_text(tmp_path / "a.txt", "text")
    assert str(caught.value).startswith(f"{tmp_path / 'a.txt'}: ")
    assert names_in(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_a_sentence(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StateError, match="no permission"):
        publish_text(tmp_path / "a.txt", "text")
    tmp_path.chmod(0o700)


def test_a_file_where_a_folder_should_be_is_a_sentence(tmp_path):
    (tmp_path / "results").write_text("")
    with pytest.raises(StateError, match="cannot be written"):
        publish_text(tmp_path / "results" / "a.txt", "text")


@pytest.fixture
def dead():
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("host", ["", f"{publish._host()}-"], ids=["of an old version", "now"])
def test_leftovers_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path, dead, host):
    ours = os.getppid()
    for process in (dead, ours):
        (tmp_path / f".a.txt.tmp-{host}{process}").write_text("half")
    (tmp_path / f".b.txt.tmp-{host}{dead}").write_text("of another file")
    publish_text(tmp_path / "a.txt", "text")
    assert names_in(tmp_path) == [f".a.txt.tmp-{host}{ours}", f".b.txt.tmp-{host}{dead}", "a.txt"]


def test_what_another_machine_writes_stays_whatever_runs_here(tmp_path, dead, monkeypatch):
    with monkeypatch.context() as there:
        there.setattr("socket.gethostname", lambda: "node-2." + 50 * "cluster.")
        there.setattr(os, "getpid", lambda: dead)
        theirs = publish_file(tmp_path / "a.txt")
        temporary = theirs.__enter__()
    temporary.write_text("theirs")
    publish_text(tmp_path / "a.txt", "ours")
    assert temporary.read_text() == "theirs"
    assert len(temporary.name) < len(".a.txt.tmp-") + 20  # a video's own name may be long
    theirs.__exit__(None, None, None)
    assert (tmp_path / "a.txt").read_text() == "theirs"
    assert names_in(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(("days", "stays"), [(1, True), (8, False)])
def test_what_another_machine_has_given_up_goes(tmp_path, days, stays):
    theirs = tmp_path / ".a.txt.tmp-01234567-1"  # process 1 runs here, but that says nothing
    theirs.write_text("half")
    then = time.time() - days * 86400
    os.utime(theirs, (then, then))
    publish_text(tmp_path / "a.txt", "text")
    assert theirs.exists() == stays


def test_json_is_sorted_and_plain(tmp_path):
    value = {
        "b": np.float32(0.5),
        "a": {"nan": float("nan"), "inf": np.inf, "int": np.int64(3), "name": "ü"},
        "c": (np.array([[1, 2]]), np.array([np.nan]), True, None, np.bool_(False)),
        7: Path("x").name,
    }
    publish_json(tmp_path / "a.json", value)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {
        "7": "x",
        "a": {"inf": None, "int": 3, "name": "ü", "nan": None},
        "b": 0.5,
        "c": [[[1, 2]], [None], True, None, False],
    }
    assert text.startswith('{\n "7": "x",\n "a": {\n  "inf": null,')
    assert text.endswith("}\n")
    assert "ü" in text


def test_csv_has_no_index_and_unix_lines(tmp_path):
    table = pd.DataFrame({"behavior": ["groom", "a,b"], "f1": [0.5, np.nan]})
    publish_csv(tmp_path / "a.csv", table)
    assert (tmp_path / "a.csv").read_bytes() == b'behavior,f1\ngroom,0.5\n"a,b",\n'


def test_npz_returns_what_was_written(tmp_path):
    arrays = {"flow": np.arange(6, dtype=np.float32).reshape(2, 3), "nan": np.array([np.nan])}
    publish_npz(tmp_path / "a.npz", arrays)
    with np.load(tmp_path / "a.npz") as found:
        assert found.files == ["flow", "nan"]
        np.testing.assert_array_equal(found["flow"], [[0, 1, 2], [3, 4, 5]])
    assert names_in(tmp_path) == ["a.npz"]


def test_hdf5_is_published_whole_or_not_at_all(tmp_path):
    with publish_hdf5(tmp_path / "a.h5") as file:
        file.create_dataset("x", data=[1, 2, 3])
        file.create_dataset("empty", data=np.zeros((0, 3)))
        file.create_group("inner").create_dataset("scalar", data=5)
        file.attrs["fps"] = 30.0
    with open_hdf5(tmp_path / "a.h5") as file:
        assert file["x"][()].tolist() == [1, 2, 3]
        assert file["inner/scalar"][()] == 5
        assert file.attrs["fps"] == 30.0
    with pytest.raises(KeyError), publish_hdf5(tmp_path / "a.h5") as file:
        raise KeyError("mistake of the caller")
    assert names_in(tmp_path) == ["a.h5"]
    assert h5py.is_hdf5(tmp_path / "a.h5")


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from deg_core.data.publish import publish_hdf5
from deg_core.errors import StateError

# The system refuses to make a file longer than this, as a full disk would.
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    with publish_hdf5(Path(sys.argv[1])) as file:
        data = file.create_dataset(
            "x", shape=(0, 100, 100), maxshape=(None, 100, 100), chunks=(1, 100, 100), dtype="f4"
        )
        for number in range(1000):
            data.resize(number + 1, axis=0)
            data[number] = number
            if sys.argv[2] == "check":
                file.check()
except StateError as error:
    print(number, error)
"""


@pytest.mark.parametrize("check", ["check", "none"])
def test_hdf5_on_a_full_disk_is_a_sentence_and_no_crash(tmp_path, check):
    # In a process of its own: HDF5 used to bring the interpreter down when it ended.
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "a.h5"), check]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    number, sentence = done.stdout.split(" ", 1)
    # The library keeps some megabytes to itself, but of 40 MB it must have written some.
    assert (int(number) < 999) == (check == "check")
    assert sentence.startswith(f"{tmp_path / 'a.h5'}: cannot be written")
    assert done.stderr == ""
    assert names_in(tmp_path) == []


def test_opening_damaged_hdf5_is_a_sentence(tmp_path):
    path = tmp_path / "a.h5"
    with pytest.raises(StateError, match="does not exist"), open_hdf5(path):
        pass
    for content in (b"", b"no hdf5", b"\x89HDF\r\n\x1a\n" + bytes(100)):
        path.write_bytes(content)
        with pytest.raises(StateError, match="damaged or not written by"), open_hdf5(path):
            pass
    with publish_hdf5(path) as file:
        file.create_dataset("x", data=np.arange(1000))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(StateError, match="damaged"), open_hdf5(path) as file:
        file["x"][()]


def test_what_a_file_lacks_is_damage(tmp_path):
    path = tmp_path / "a.h5"
    with publish_hdf5(path) as file:
        file.create_dataset("x", data=[1])
    with pytest.raises(StateError, match=r"a\.h5: damaged .*fps"), open_hdf5(path) as file:
        file.attrs["fps"]


def test_two_readers_at_once(tmp_path):
    with publish_hdf5(tmp_path / "a.h5") as file:
        file.create_dataset("x", data=[1])
    with open_hdf5(tmp_path / "a.h5") as one, open_hdf5(tmp_path / "a.h5") as other:
        assert one["x"][0] == other["x"][0] == 1


def test_read_json_explains_damage(tmp_path):
    with pytest.raises(StateError, match="does not exist"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text('{"a": ')
    with pytest.raises(StateError, match=r"a\.json: not JSON"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_bytes(b"\xff\xfe")
    with pytest.raises(StateError, match="not JSON"):
        read_json(tmp_path / "a.json")


def test_sha256_of_a_known_text(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    # Example of the standard, FIPS 180-2, appendix B.1.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(tmp_path / "a") == expected
    with pytest.raises(StateError, match="does not exist"):
        sha256(tmp_path / "b")


def test_identity_sees_content_names_and_order_but_not_folders(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a").write_text("aa")
        (tmp_path / folder / "b").write_text("bb")
    one = [tmp_path / "one" / name for name in "ab"]
    two = [tmp_path / "two" / name for name in "ab"]
    assert identity(one) == identity(two)
    assert identity(one) != identity(one[::-1])
    os.utime(two[0], (1, 1))
    assert identity(one) == identity(two)
    two[0].write_text("ab")
    assert identity(one) != identity(two)
    with pytest.raises(StateError, match="does not exist"):
        identity([tmp_path / "none"])


def test_identity_of_large_files_is_size_and_time(tmp_path, monkeypatch):
    monkeypatch.setattr(publish, "CONTENT_BYTES", 3)
    path = tmp_path / "a"
    path.write_text("abcd")
    os.utime(path, (5, 5))
    before = identity([path])
    path.write_text("abce")
    os.utime(path, (5, 5))
    assert identity([path]) == before
    os.utime(path, (6, 6))
    assert identity([path]) != before
