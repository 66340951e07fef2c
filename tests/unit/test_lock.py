"""One run at a time; a killed one is told from one at work."""

import errno
import json
import os
import socket
import subprocess
import sys

import pytest

from deg_core.errors import StateError
from deg_core.project import lock, machine


def leave_locks(folder, record=None):
    locks = folder / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").touch()
    if record:
        (folder / ".snakemake" / "deg.lock").write_text(json.dumps(record))


def test_a_fresh_folder_is_claimed(tmp_path):
    with lock.claim(tmp_path) as claimed:
        lock.write_record(claimed)
        assert not claimed.stale
        record = json.loads((tmp_path / ".snakemake" / "deg.lock").read_text())
        assert record == {"host": socket.gethostname(), "pid": os.getpid()}
    assert (tmp_path / ".snakemake" / "deg.lock").read_text() == ""


def test_two_runs_at_once_are_refused(tmp_path):
    with lock.claim(tmp_path) as claimed:
        lock.write_record(claimed)
        with pytest.raises(StateError, match=f"another `deg run` .*process {os.getpid()} on"):
            lock.claim(tmp_path).__enter__()
    with lock.claim(tmp_path) as claimed:
        assert not claimed.stale


def test_the_claim_lasts_as_long_as_the_child_that_inherited_it(tmp_path):
    # As if `deg run` had been killed and Snakemake lived on.
    with lock.claim(tmp_path) as claimed:
        process = subprocess.Popen(
            [sys.executable, "-c", "print(flush=True); input()"],
            pass_fds=[claimed.descriptor], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        process.stdout.readline()
    with process:
        with pytest.raises(StateError, match="another `deg run`"):
            lock.claim(tmp_path).__enter__()
        process.stdin.close()
    with lock.claim(tmp_path) as claimed:
        assert not claimed.stale


def test_locks_of_a_killed_run_of_ours_are_stale(tmp_path):
    leave_locks(tmp_path, {"host": socket.gethostname(), "pid": 1})
    with lock.claim(tmp_path) as claimed:
        assert claimed.stale


def test_the_record_stays_while_locks_do(tmp_path):
    with lock.claim(tmp_path) as claimed:
        lock.write_record(claimed)
        leave_locks(tmp_path)  # Snakemake was killed and left them
    with lock.claim(tmp_path) as claimed:
        assert claimed.stale


@pytest.mark.parametrize("record", [None, {"host": "another", "pid": 1}])
def test_locks_that_may_belong_to_another_machine_are_left_alone(tmp_path, record):
    leave_locks(tmp_path, record)
    with pytest.raises(StateError, match=f"`deg run {tmp_path} --unlock`"):
        lock.claim(tmp_path).__enter__()
    assert lock.snakemake_locks(tmp_path)


def test_a_damaged_record_says_nothing(tmp_path):
    leave_locks(tmp_path)
    (tmp_path / ".snakemake" / "deg.lock").write_text("{nonsense")
    with pytest.raises(StateError, match="--unlock"):
        lock.claim(tmp_path).__enter__()


def test_jobs_that_still_run_are_waited_for(tmp_path, monkeypatch):
    leave_locks(tmp_path, {"host": socket.gethostname(), "pid": 1})
    monkeypatch.setattr(machine, "workers", lambda _: [41, 42])
    with pytest.raises(StateError, match=r"process 41, 42\).*`kill 41 42`"):
        lock.claim(tmp_path).__enter__()


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / ".snakemake").write_text("a file in its place")
    with pytest.raises(StateError, match="cannot be written"):
        lock.claim(tmp_path).__enter__()


def test_a_run_that_ended_well_was_not_cut_off(tmp_path):
    with lock.claim(tmp_path) as claimed:
        lock.write_record(claimed)
        assert claimed.cut_off is None
    with lock.claim(tmp_path) as claimed:
        assert claimed.cut_off is None


def test_all_is_on_the_disk_before_a_run_has_ended_well(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(lock, "_keep", lambda _: seen.append((tmp_path / lock.LOCK).read_text()))
    with lock.claim(tmp_path) as claimed:
        lock.write_record(claimed)
    assert [json.loads(text)["pid"] for text in seen] == [os.getpid()]


def test_a_disk_without_locks_is_told(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    with lock.claim(tmp_path):
        assert "lies on a disk without locks" in capsys.readouterr().err


def test_a_run_that_was_cut_off_is_known_by_when_it_began(tmp_path):
    (tmp_path / ".snakemake").mkdir()
    path = tmp_path / ".snakemake" / "deg.lock"
    path.write_text(json.dumps({"host": socket.gethostname(), "pid": 1}))
    os.utime(path, (1e9, 1e9))
    with lock.claim(tmp_path) as claimed:
        assert claimed.cut_off == 1e9
        assert not claimed.stale
    with lock.claim(tmp_path) as claimed:
        assert claimed.cut_off is None


def test_until_all_is_in_order_a_run_counts_as_cut_off(tmp_path):
    (tmp_path / ".snakemake").mkdir()
    (tmp_path / ".snakemake" / "deg.lock").write_text("\0\0\0")  # as a power cut leaves it

    def clear_up():
        with lock.claim(tmp_path) as claimed:
            assert claimed.cut_off is not None
            raise RuntimeError("while clearing up")

    with pytest.raises(RuntimeError):
        clear_up()
    with lock.claim(tmp_path) as claimed:
        assert claimed.cut_off is not None


def test_locks_of_another_machine_can_be_removed(tmp_path):
    leave_locks(tmp_path, {"host": "another", "pid": 1})
    with lock.claim(tmp_path, unlocking=True) as claimed:
        assert claimed.stale
    # Nobody has looked for damage yet.
    assert (tmp_path / lock.LOCK).read_text()


def test_a_full_disk_is_a_sentence(tmp_path, monkeypatch):
    def full(descriptor, text):
        raise OSError(28, "No space left on device")

    with lock.claim(tmp_path) as claimed:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(StateError, match=r"deg\.lock: cannot be written \(No space"):
            lock.write_record(claimed)
        monkeypatch.undo()
