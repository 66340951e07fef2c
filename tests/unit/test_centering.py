"""Centering of a video's features: how much of its shift goes, and that rows are read in parts."""

import numpy as np
import pytest

from deg_core.learn.centering import centered
from deg_core.learn.tiling import TILE

CENTER = np.array([1.0, -2.0, 0.5], np.float32)


def rows_of(n, shift=3.0):
    rng = np.random.default_rng(n)
    return (rng.normal(size=(n, 3)) + shift).astype(np.float32)


def test_nothing_is_moved_unless_asked_for():
    rows = rows_of(10)
    assert centered(rows, CENTER, after=0) is rows


@pytest.mark.parametrize(("n", "after", "share"), [(100, 100, 0.5), (300, 100, 0.75), (1, 1, 0.5)])
def test_the_share_of_the_shift_grows_with_the_video(n, after, share):
    rows = rows_of(n)
    found = centered(rows, CENTER, after=after)
    assert len(found) == n
    expected = rows.mean(0) - share * (rows.mean(0) - CENTER)
    np.testing.assert_allclose(found[0:n].mean(0), expected, atol=1e-5)
    # All frames move alike: what happens within the video stays.
    np.testing.assert_allclose(found[0:n] - rows, (found[0:1] - rows[:1]).repeat(n, 0), atol=1e-6)


def test_half_precision_is_centered_as_if_it_were_single():
    rows = rows_of(50).astype(np.float16)
    found, expected = (centered(x, CENTER, after=10)[3:9] for x in (rows, rows.astype(np.float32)))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def test_a_video_at_the_center_stays():
    rows = np.tile(CENTER, (50, 1))
    np.testing.assert_array_equal(centered(rows, CENTER, after=10)[0:50], rows)


def test_long_videos_are_read_in_parts():
    rows, asked = rows_of(3 * TILE), []

    class Watched:
        def __len__(self):
            return len(rows)

        def __getitem__(self, part):
            asked.append(part.stop - part.start)
            return rows[part]

    found = centered(Watched(), CENTER, after=1)
    assert max(asked) <= TILE
    np.testing.assert_allclose(
        found[5:9], rows[5:9] - (rows.mean(0) - CENTER) * (3 * TILE / (3 * TILE + 1)), atol=1e-4
    )
    assert found[5:9].dtype == np.float32
