"""Requests to stop: looked at between steps, or answered at once where nothing is kept."""

import signal

import pytest

from deg_core.errors import Interrupted
from deg_core.learn.stopping import StopFlag


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sets_the_flag_and_a_second_one_does_what_it_does_anywhere(number):
    before = signal.signal(number, signal.default_int_handler)
    try:
        with StopFlag() as stop:
            signal.raise_signal(number)
            assert stop.on
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)


def test_within_at_once_a_signal_raises():
    with StopFlag() as stop:
        with pytest.raises(Interrupted, match="asked to"), stop.at_once(asked):
            signal.raise_signal(signal.SIGTERM)
        assert stop.on


def test_a_signal_that_came_before_is_not_forgotten():
    with StopFlag() as stop:
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Interrupted), stop.at_once(asked):
            pytest.fail("it began what takes long")


def test_behind_at_once_a_signal_only_sets_the_flag():
    with StopFlag() as stop:
        with stop.at_once(asked):
            pass
        signal.raise_signal(signal.SIGINT)
        assert stop.on


def asked():
    return Interrupted("asked to")
