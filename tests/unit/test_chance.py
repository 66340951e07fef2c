"""Circular shifts of label tracks."""

import numpy as np

from deg_core.ethogram.chance import draw_shifts, join, shifted


def test_join_keeps_videos_apart():
    joined = join([np.array([[1, 0], [1, 1]]), np.array([[0, 1]])], gap=-1)
    assert joined.tolist() == [[1, 0], [1, 1], [-1, -1], [0, 1], [-1, -1]]


def test_shifts_are_seeded_and_never_zero():
    shifts = draw_shifts([1, 2, 5, 100], n=300, seed=3)
    assert shifts.shape == (300, 4)
    assert np.unique(shifts[:, 0]).tolist() == [0]  # one frame cannot be shifted
    assert np.unique(shifts[:, 1]).tolist() == [1]
    assert np.unique(shifts[:, 2]).tolist() == [1, 2, 3, 4]
    assert shifts[:, 3].min() >= 1
    assert shifts[:, 3].max() <= 99
    assert np.array_equal(shifts, draw_shifts([1, 2, 5, 100], n=300, seed=3))
    assert not np.array_equal(shifts, draw_shifts([1, 2, 5, 100], n=300, seed=4))


def test_each_video_is_rolled_by_itself_with_its_unknown_frames():
    rng = np.random.default_rng(0)
    videos = [rng.integers(-1, 2, (n, 3)).astype(np.int8) for n in (7, 1, 12)]
    lengths = [7, 1, 12]
    draws = draw_shifts(lengths, n=20, seed=1)
    rolled = [x.copy() for x in shifted(join(videos, gap=-1), lengths, n=20, seed=1)]
    assert len(rolled) == 20
    for draw, found in zip(draws, rolled, strict=True):
        expected = [np.roll(v, s, axis=0) for v, s in zip(videos, draw, strict=True)]
        assert np.array_equal(found, join(expected, gap=-1))


def test_shifting_leaves_the_labels_alone():
    labels = join([np.array([[1], [0], [-1]], dtype=np.int8)], gap=-1)
    before = labels.copy()
    assert [x[:, 0].tolist() for x in shifted(labels, [3], n=1, seed=0)] != [before[:, 0].tolist()]
    assert np.array_equal(labels, before)
