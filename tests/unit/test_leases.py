"""Leases of graphics cards between processes: waiting, sharing, and letting go however one ends."""

import errno
import os
import signal
import stat
import subprocess
import sys

import pytest

from deg_core.learn import leases

HOLD = """
import sys, time
from pathlib import Path
from deg_core.learn import leases
names = sys.argv[3:]
leases.take(names, len(names), shared=sys.argv[2] == "shared", folder=Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def a_process(monkeypatch, tmp_path):
    """Hold nothing yet, ask often, and let go at the end, as the end of a process does."""
    held = {}
    monkeypatch.setattr(leases, "_held", held)
    monkeypatch.setattr(leases, "POLL_S", 0.02)
    yield
    for descriptor in held.values():
        if descriptor is not None:
            os.close(descriptor)


@pytest.fixture
def other(tmp_path):
    """Return a function that starts a process which holds cards, and returns it."""
    started = []

    def start(*names, how="alone"):
        command = [sys.executable, "-c", HOLD, str(tmp_path / "leases"), how, *names]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def take(tmp_path, *names, n=1, shared=False):
    return leases.take(names, n, shared=shared, folder=tmp_path / "leases")


class StillWaiting(Exception):
    """Raised in place of the next wait."""


@pytest.fixture
def impatient(monkeypatch):
    """Wait no more than once."""
    naps = []

    def nap(seconds):
        naps.append(seconds)
        if len(naps) == 2:
            raise StillWaiting

    monkeypatch.setattr(leases.time, "sleep", nap)
    return naps


def test_a_free_card_is_taken_at_once(tmp_path, capsys):
    assert take(tmp_path, "GPU-a", "GPU-b") == ["GPU-a"]
    assert capsys.readouterr().err == ""


def test_a_process_keeps_what_it_has(tmp_path):
    """Several stages in one process do not wait for each other."""
    assert take(tmp_path, "GPU-a", "GPU-b") == ["GPU-a"]
    assert take(tmp_path, "GPU-b", "GPU-a") == ["GPU-a"]
    assert take(tmp_path, "GPU-a", "GPU-b", n=2) == ["GPU-a", "GPU-b"]


def test_another_card_is_taken_where_one_is_in_use(tmp_path, other, capsys):
    other("GPU-a")
    assert take(tmp_path, "GPU-a", "GPU-b") == ["GPU-b"]
    assert "waiting" not in capsys.readouterr().err


def test_a_card_in_use_is_waited_for_and_its_holder_named(tmp_path, other, impatient, capsys):
    holder = other("GPU-a")
    with pytest.raises(StillWaiting):
        take(tmp_path, "GPU-a")
    said = capsys.readouterr().err
    assert f"waiting for 1 of 1 graphics cards: GPU-a is held by process {holder.pid} of" in said
    assert said.count("\n") == 1  # once, as long as nothing changes


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_holder_that_dies_in_any_way_lets_go(tmp_path, other, monkeypatch, how, capsys):
    holder = other("GPU-a")
    monkeypatch.setattr(leases.time, "sleep", lambda _: (holder.send_signal(how), holder.wait()))
    assert take(tmp_path, "GPU-a") == ["GPU-a"]
    said = capsys.readouterr().err
    assert "waiting" in said
    assert said.endswith("got GPU-a\n")
    assert f"process {os.getpid()} of" in leases.holder("GPU-a", tmp_path / "leases")


def test_several_cards_are_taken_all_or_none(tmp_path, other, impatient):
    """Or two jobs that want two cards each could hold one and wait for the other for ever."""
    other("GPU-b")
    with pytest.raises(StillWaiting):
        take(tmp_path, "GPU-a", "GPU-b", n=2)
    other("GPU-a")  # was let go meanwhile


def test_sharing_is_for_those_who_all_ask_for_it(tmp_path, other, impatient):
    other("GPU-a", how="shared")
    assert take(tmp_path, "GPU-a", shared=True) == ["GPU-a"]
    other("GPU-b", how="shared")
    with pytest.raises(StillWaiting):
        take(tmp_path, "GPU-b")  # alone means alone
    other("GPU-c")
    impatient.clear()
    with pytest.raises(StillWaiting):
        take(tmp_path, "GPU-c", shared=True)


def test_cards_of_the_starting_process_are_not_waited_for(tmp_path, other):
    other("GPU-a")
    leases.inherit(["GPU-a"])
    assert take(tmp_path, "GPU-a") == ["GPU-a"]


def test_every_user_may_open_the_files(tmp_path):
    before = os.umask(0o077)
    try:
        take(tmp_path, "MIG-GPU-a/1/0")
    finally:
        os.umask(before)
    folder = tmp_path / "leases"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o1777
    files = list(folder.iterdir())
    assert [path.name for path in files] == ["MIG-GPU-a_1_0.lock"]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o666


@pytest.mark.parametrize("step", ["open", "chmod"])
def test_a_folder_that_another_user_is_making_is_waited_for(tmp_path, monkeypatch, capsys, step):
    """Between mkdir and chmod its mode is that of the other one's umask."""
    room, calls = os if step == "open" else leases.Path, []
    really = getattr(room, step)

    def refused_at_first(*arguments, **options):
        calls.append(arguments)
        if len(calls) <= 2:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        return really(*arguments, **options)

    monkeypatch.setattr(room, step, refused_at_first)
    assert take(tmp_path, "GPU-a") == ["GPU-a"]
    assert leases.held() == ["GPU-a"]
    assert capsys.readouterr().err == ""


def test_a_folder_that_stays_forbidden_is_given_up(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(leases, "OPEN_S", 0.1)
    monkeypatch.setattr(leases.os, "open", refuse)
    assert take(tmp_path, "GPU-a") == ["GPU-a"]
    assert not leases.held()
    assert "leases: cannot be used (Permission denied), so nothing" in capsys.readouterr().err


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path, capsys):
    folder, target = tmp_path / "leases", tmp_path / "precious"
    folder.mkdir()
    target.write_text("mine")
    (folder / "GPU-a.lock").symlink_to(target)
    assert take(tmp_path, "GPU-a") == ["GPU-a"]
    assert target.read_text() == "mine"
    assert "nothing keeps other jobs off" in capsys.readouterr().err


def test_without_a_usable_folder_the_job_goes_on_and_says_so(tmp_path, capsys):
    (tmp_path / "leases").write_text("a file")
    assert take(tmp_path, "GPU-a", "GPU-b", n=2) == ["GPU-a", "GPU-b"]
    said = capsys.readouterr().err
    assert "leases: cannot be used (" in said
    assert "set DEG_LEASES to a folder" in said


def test_an_unreadable_note_names_no_holder(tmp_path):
    folder = tmp_path / "leases"
    folder.mkdir()
    (folder / "GPU-a.lock").write_text("{")
    assert leases.holder("GPU-a", folder) == "another job"
