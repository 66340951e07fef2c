"""One process at a time for one piece of work; the others leave it, or wait."""

import errno
import multiprocessing
import os
import signal
import stat
import time

import pytest

from deg_core.errors import StateError
from deg_core.project import claims
from deg_core.project.claims import claimed


def hold(path, ready, go):
    with claimed(path) as ours:
        ready.put(ours)
        go.wait()


@pytest.fixture
def holder(tmp_path):
    """Start a process that has claimed ``tmp_path / "lock"``."""
    context = multiprocessing.get_context("fork")
    ready, go = context.Queue(), context.Event()
    process = context.Process(target=hold, args=(tmp_path / "lock", ready, go))
    process.start()
    assert ready.get()
    yield process
    process.kill()
    process.join()


def kill(process):
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def test_a_killed_process_lets_go(tmp_path, holder):
    with claimed(tmp_path / "lock") as ours:
        assert not ours
    kill(holder)
    with claimed(tmp_path / "lock") as ours:
        assert ours
    assert not (tmp_path / "lock").exists()


def test_one_that_is_waited_for_is_told_once(tmp_path, holder, monkeypatch, capsys):
    naps = []

    def nap(seconds):
        naps.append(seconds)
        if len(naps) == 3:
            kill(holder)

    monkeypatch.setattr(claims.time, "sleep", nap)
    with claimed(tmp_path / "lock", patience_s=600, waiting="a, by another.") as ours:
        assert ours
    assert len(naps) == 3
    assert capsys.readouterr().err == "a, by another.\n"


def test_patience_ends(tmp_path, holder, monkeypatch):
    monkeypatch.setattr(claims, "POLL_S", 0.01)
    begun = time.monotonic()
    with claimed(tmp_path / "lock", patience_s=0.1) as ours:
        assert not ours
    assert time.monotonic() - begun >= 0.1
    assert (tmp_path / "lock").exists()  # it is not ours to remove


def test_what_nobody_has_is_not_waited_for(tmp_path, capsys):
    with claimed(tmp_path / "lock", patience_s=600, waiting="never said") as ours:
        assert ours
    assert capsys.readouterr().err == ""


def test_who_may_write_the_folder_may_claim_in_it(tmp_path):
    tmp_path.chmod(0o775)  # of a group
    before = os.umask(0o077)
    try:
        with claimed(tmp_path / ".locks/lock"):
            file, folder = (tmp_path / name for name in (".locks/lock", ".locks"))
            assert stat.S_IMODE(folder.stat().st_mode) == 0o775
            assert stat.S_IMODE(file.stat().st_mode) == 0o664
    finally:
        os.umask(before)


def test_a_lock_that_another_machine_has_removed_is_made_again(tmp_path, monkeypatch):
    """NFS tells so of an open file with an error of its own."""
    whole, calls = os.fstat, []

    def gone_once(descriptor):
        calls.append(descriptor)
        if len(calls) == 1:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return whole(descriptor)

    monkeypatch.setattr(claims.os, "fstat", gone_once)
    with claimed(tmp_path / "lock") as ours:
        assert ours
    assert len(calls) == 2


def test_a_lock_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be written"), claimed(tmp_path / "file" / "lock"):
        pass
