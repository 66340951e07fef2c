"""Progress: a bar on a terminal, few plain lines in a log."""

import io
import sys

import pytest

from deg_core import progress
from deg_core.progress import log, track


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Let the time be what the test says: one call per number."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def ticking(clock, n, seconds):
    for number in range(n):
        clock[0] += seconds
        yield number


def test_log_writes_one_line_to_standard_error(capsys):
    log("halfway")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "halfway\n")


def test_quick_work_says_nothing_in_a_log(capsys):
    assert list(track(range(5), total=5, label="x", unit="frames")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().err == ""


def test_long_work_says_something_now_and_then(clock, capsys):
    items = ticking(clock, 12, 5.0)
    assert list(track(items, total=12, label="m1.mp4", unit="frames")) == list(range(12))
    # Every 15 seconds; an item counts when the next is asked for.
    assert capsys.readouterr().err.splitlines() == [
        "m1.mp4: 3/12 frames, 0.2 frames/s, 45 s left",
        "m1.mp4: 6/12 frames, 0.2 frames/s, 30 s left",
        "m1.mp4: 9/12 frames, 0.2 frames/s, 15 s left",
        "m1.mp4: 12/12 frames, 0.2 frames/s, 0 s left",
    ]


def test_work_of_unknown_length(clock, capsys):
    list(track(ticking(clock, 2, 20.0), label="m1", unit="frames"))
    first = capsys.readouterr().err.splitlines()[0]
    assert first == "m1: 1 frames, 0.1 frames/s"


def test_what_was_done_before_does_not_count_as_fast(clock, capsys):
    list(track(ticking(clock, 1, 20.0), total=100, label="epoch 1", unit="steps", initial=50))
    assert capsys.readouterr().err == "epoch 1: 51/100 steps, 0.1 steps/s, 980 s left\n"


def test_a_terminal_gets_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert list(track(range(3), total=3, label="m1.mp4", unit="frames")) == [0, 1, 2]
    assert "m1.mp4: 100%" in terminal.getvalue()
    assert "3/3" in terminal.getvalue()
    assert "frames/s" in terminal.getvalue()
