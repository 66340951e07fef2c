"""After a run that was cut off, damaged files go, and only these."""

import base64
import json
import os
import time

import numpy as np
import pytest
from recorded import note

from deg_core.data.publish import publish_hdf5, publish_text
from deg_core.errors import StateError
from deg_core.ledger import Ledger, digest, look
from deg_core.project import recover

NOW = time.time()


@pytest.fixture
def folder(tmp_path):
    """Results of one training and one table, Snakemake's notes on them, two states."""
    results = tmp_path / "results"
    publish_text(results / "labels" / "m1.csv", "rear\n1\n0\n")
    with publish_hdf5(results / "import" / "m1.h5") as file:
        file.create_dataset("x", data=np.arange(5000), chunks=(1000,), fletcher32=True)
    for name in ("results/labels/m1.csv", "results/import/m1.h5"):
        note(tmp_path, name)
    np.savez(tmp_path / "x.npz", x=np.arange(100))
    (tmp_path / "state" / "train_flow" / "lite").mkdir(parents=True)
    (tmp_path / "x.npz").rename(tmp_path / "state/train_flow/lite/last.pt")
    return tmp_path


def left(folder):
    found = {p.relative_to(folder) for p in folder.rglob("*") if p.is_file()}
    return {p.as_posix() for p in found if not p.is_relative_to(recover.REMOVED)}


def recorded(folder, name):
    """Have the ledger know a result as it is now."""
    seen = look(folder / name)
    entry = seen.as_json() | {"sha256": digest(folder / name)}
    Ledger(folder).write({"stage": "x", "inputs": {}, "outputs": {name: entry}})


def spoil(path, content):
    """Change a file's content and keep its date, as a disk does."""
    status = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_where_nothing_is_damaged_nothing_goes(folder, capsys):
    before = left(folder)
    assert recover.put_in_order(folder, since=NOW - 60) == 0
    assert left(folder) == before
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["results/labels/m1.csv", "results/import/m1.h5"])
def test_a_damaged_result_goes_with_a_sentence(folder, capsys, name):
    path = folder / name
    spoil(path, path.read_bytes()[: path.stat().st_size // 2 - 2])
    before = left(folder)
    assert recover.put_in_order(folder, since=NOW - 60) == 1
    assert before - left(folder) == {name}
    said = capsys.readouterr().err.splitlines()
    assert said == [f"deg: {path}: damaged when {recover.CUT}."]
    assert (folder / recover.REMOVED / name).exists()


def test_what_was_written_long_before_is_not_looked_at(folder):
    path = folder / "results/labels/m1.csv"
    path.write_bytes(b"")
    old = NOW - 60 - recover.MARGIN_S - 5
    os.utime(path, (old, old))
    assert recover.put_in_order(folder, since=NOW - 60) == 0
    assert path.exists()


def test_a_table_cut_off_between_two_rows_is_found_by_its_digest(folder):
    path = folder / "results/labels/m1.csv"
    recorded(folder, "results/labels/m1.csv")
    path.touch()  # as Snakemake does once a job is done
    spoil(path, b"rear\n1\n")
    assert recover.put_in_order(folder, since=NOW - 60) == 1
    assert not path.exists()


def test_a_record_of_an_earlier_job_says_nothing_about_a_result(folder):
    path = folder / "results/labels/m1.csv"
    recorded(folder, "results/labels/m1.csv")
    path.write_text("rear\n1\n")
    os.utime(path, (NOW - 3, NOW - 3))
    assert recover.put_in_order(folder, since=NOW - 60) == 0


def test_a_file_that_its_job_does_not_make_any_more_is_not_damaged(folder):
    recorded(folder, "results/labels/m1.csv")
    ledger = Ledger(folder)
    name = "results/import/m1.h5"
    ledger.place_of(name).parent.mkdir(parents=True, exist_ok=True)
    ledger.place_of(name).write_text(json.dumps({"format": 1, "record": "results/labels/m1.csv"}))
    assert recover.put_in_order(folder, since=NOW - 60) == 0


def test_a_damaged_record_vouches_for_nothing(folder):
    recorded(folder, "results/labels/m1.csv")
    Ledger(folder).place_of("results/labels/m1.csv").write_text("{")
    assert recover.put_in_order(folder, since=NOW - 60) == 1
    assert not (folder / "results/labels/m1.csv").exists()


def test_a_result_whose_note_is_lost_goes_too(folder, capsys):
    """Snakemake would keep it whatever changes, for it would not know what it was made with."""
    path = note(folder, "results/import/m1.h5")
    spoil(path, path.read_bytes()[:5])
    before = left(folder)
    assert recover.put_in_order(folder, since=NOW - 60) == 2
    assert before - left(folder) == {
        "results/import/m1.h5",
        path.relative_to(folder).as_posix(),
    }
    result = folder / "results/import/m1.h5"
    said = f"deg: {result}: Snakemake's note on it was damaged when {recover.CUT}."
    assert capsys.readouterr().err.splitlines() == [said]


def test_files_that_no_job_has_made_are_left_alone(folder):
    """An analysis that somebody saved among the results, as Excel writes it."""
    own = folder / "results" / "my analysis.csv"
    own.write_bytes("Männchen;1".encode("latin-1"))
    (folder / "results" / "link.csv").symlink_to(folder / "unmounted")
    assert recover.put_in_order(folder, since=NOW - 60) == 0
    assert own.exists()


def test_long_names_of_notes_are_put_together():
    name = "results/" + "x" * 300
    text = base64.urlsafe_b64encode(name.encode()).decode()
    from pathlib import Path

    assert recover.noted_result(Path(f"@{text[:254]}", text[254:])) == name
    assert recover.noted_result(Path("no base64 é")) == ""


def test_a_damaged_state_goes_with_a_sentence(folder, capsys):
    path = folder / "state/train_flow/lite/last.pt"
    spoil(path, bytes(path.stat().st_size))
    assert recover.put_in_order(folder, since=NOW - 60) == 1
    assert not path.exists()
    assert f"{path}: damaged when the last run was cut off" in capsys.readouterr().err


def test_files_being_written_are_left_alone(folder):
    hidden = folder / "results/labels/.m2.csv.tmp-1"
    hidden.write_bytes(b"")
    assert recover.put_in_order(folder, since=NOW - 60) == 0
    assert hidden.exists()


def test_what_cannot_be_removed_is_said(folder, monkeypatch):
    spoil(folder / "results/labels/m1.csv", b"")

    def refuse(path, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    with pytest.raises(StateError, match="cannot be removed"):
        recover.put_in_order(folder, since=NOW - 60)


def test_a_project_without_results_has_none(tmp_path):
    assert recover.put_in_order(tmp_path, since=NOW) == 0
