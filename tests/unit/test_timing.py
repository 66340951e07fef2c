import numpy as np
import pytest

from deg_core.data.timing import measure_timing


def test_constant_rate():
    timing = measure_timing(5 + np.arange(100) / 25, rate=30)
    assert timing.fps == 25.0
    assert not timing.variable
    assert timing.measured
    # The clock of the file started at 5 s; ours starts with the first frame.
    assert timing.timestamps[0] == 0.0
    assert timing.timestamps[-1] == pytest.approx(99 / 25)


@pytest.mark.parametrize("rate", [24, 25, 30000 / 1001, 30, 59.94, 60, 119.88, 120, 200, 333])
def test_times_rounded_to_milliseconds_are_not_variable(rate):
    times = np.round(np.arange(1000) / rate, 3)
    timing = measure_timing(times, rate=rate)
    assert not timing.variable
    # The header's rate explains the times within the rounding, so it is taken as it is.
    assert timing.fps == rate
    # Without the header, the ends are off by up to 0.5 ms each, of 1000 / rate seconds.
    assert measure_timing(times, rate=1.0).fps == pytest.approx(rate, rel=0.001 * rate / 999)


def test_a_wrong_header_is_not_believed():
    # 30 instead of 29.97 would be 33 ms off after 1000 frames.
    assert measure_timing(np.arange(1000) * 1001 / 30000, rate=30).fps == 29.97003


def test_gaps_make_the_rate_variable_and_leave_it_as_it_is():
    times = np.delete(np.arange(100) / 20, [50, 51, 70])
    timing = measure_timing(times, rate=20)
    assert timing.variable
    assert timing.fps == 20.0
    assert timing.longest_gap_s == pytest.approx(0.15)  # two frames are missing between
    assert len(timing.timestamps) == 97


def test_changing_rate():
    times = np.concatenate([np.arange(60) / 30, 2 + np.arange(30) / 10])
    timing = measure_timing(times, rate=30)
    assert timing.variable
    assert timing.fps == 30.0
    np.testing.assert_allclose(timing.timestamps, times)


def test_two_intervals_of_which_neither_is_usual():
    timing = measure_timing(np.array([0.0, 0.1, 0.4]), rate=30)
    assert timing.variable
    assert timing.fps == 5.0  # one over the median, (0.1 + 0.3) / 2


@pytest.mark.parametrize(
    "times",
    [[np.nan] * 4, [0.0, 0.1, np.nan, 0.3], [0.0, 0.1, 0.1, 0.2], [0.3, 0.2, 0.1, 0.0]],
    ids=["none", "one missing", "twice the same", "backward"],
)
def test_unusable_times_give_way_to_the_rate(times):
    timing = measure_timing(np.array(times), rate=10)
    assert not timing.measured
    assert not timing.variable
    assert timing.fps == 10
    np.testing.assert_allclose(timing.timestamps, [0, 0.1, 0.2, 0.3])


def test_one_frame_and_none():
    one = measure_timing(np.array([7.0]), rate=25)
    assert (one.timestamps.tolist(), one.fps, one.variable) == ([0.0], 25, False)
    assert one.longest_gap_s == 0.0
    assert len(measure_timing(np.zeros(0), rate=25).timestamps) == 0
