import numpy as np

from deg_core.data.intervals import runs


def test_runs_at_both_ends_and_in_between():
    mask = np.array([1, 1, 0, 1, 0, 0, 1], bool)
    assert runs(mask) == [(0, 2), (3, 4), (6, 7)]


def test_runs_of_all_and_of_nothing():
    assert runs(np.ones(3, bool)) == [(0, 3)]
    assert runs(np.zeros(3, bool)) == []
    assert runs(np.zeros(0, bool)) == []
