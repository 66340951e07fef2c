import cv2
import numpy as np
import pytest
from videos import write_store

from deg_core.data.publish import publish_json
from deg_core.data.statistics import (
    SMALLEST_STD,
    Moments,
    from_plain,
    median_background,
    merge,
    moments_of,
    moments_of_store,
    read_background,
    read_moments,
    to_plain,
    write_background,
)
from deg_core.data.store import FrameStore
from deg_core.errors import StateError


def random_frames(n_frames, seed=0, height=5, width=7):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n_frames, height, width, 3), dtype=np.uint8)


def test_moments_by_hand():
    # One frame of two pixels: red 0 and 255, green 10 and 20, blue 7 and 7.
    moments = moments_of(np.array([[[[0, 10, 7], [255, 20, 7]]]], np.uint8))
    assert moments == Moments(frames=1, n=2, sum=(255, 30, 14), sum_squares=(65025, 500, 98))
    # Means 127.5, 15 and 7 of 255; deviations 127.5, 5 and 0, of which the last is raised to 1.
    assert moments.mean() == pytest.approx([0.5, 15 / 255, 7 / 255])
    assert moments.std() == pytest.approx([0.5, 5 / 255, 1 / 255])
    assert moments.std()[2] == SMALLEST_STD


def test_mean_and_std_agree_with_numpy():
    frames = random_frames(20)
    moments = moments_of(frames)
    values = frames.astype(np.float64) / 255
    np.testing.assert_allclose(moments.mean(), values.mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(moments.std(), values.std((0, 1, 2)), rtol=1e-12)


def test_merging_is_exact_in_any_order():
    frames = random_frames(30)
    parts = [moments_of(frames[start:stop]) for start, stop in ((0, 1), (1, 18), (18, 30))]
    assert merge(parts) == merge(parts[::-1]) == moments_of(frames)
    assert merge([]) == Moments()
    assert moments_of(frames[:0]) == Moments()


def test_many_pixels_do_not_overflow():
    # Two thousand videos of ten hours, 256 x 256 at 60 per second: squares add up beyond 2 ** 63.
    one = moments_of(np.full((1, 256, 256, 3), 255, np.uint8))
    n = 2000 * 60 * 3600 * 10
    many = Moments(n, n * one.n, *(tuple(n * v for v in s) for s in (one.sum, one.sum_squares)))
    assert many.sum_squares[0] == n * 65536 * 65025 > 2**63
    assert many.mean() == [1.0, 1.0, 1.0]
    assert many.std() == [SMALLEST_STD] * 3


@pytest.mark.parametrize("stride", [1, 3, 10, 200])
def test_every_so_many_frames_of_a_store(tmp_path, stride):
    frames = random_frames(150)
    with FrameStore(write_store(tmp_path / "m.h5", list(frames))) as store:
        assert moments_of_store(store, stride) == moments_of(frames[::stride])


def test_gray_counts_in_all_three_channels(tmp_path):
    frames = random_frames(4)[..., :1]
    with FrameStore(write_store(tmp_path / "m.h5", list(frames))) as store:
        assert moments_of_store(store, 1) == moments_of(np.repeat(frames, 3, axis=-1))


def test_moments_survive_json(tmp_path):
    moments = moments_of(random_frames(3))
    publish_json(tmp_path / "m.json", to_plain(moments))
    assert from_plain(read_moments(tmp_path / "m.json")) == moments


@pytest.mark.parametrize(
    "change",
    [{"n": 1.5}, {"sum": [1, 2]}, {"sum": [1, 2, 0.5]}, {"sum_squares": None}, {"frames": "3"}],
)
def test_damaged_moments(tmp_path, change):
    publish_json(tmp_path / "m.json", to_plain(moments_of(random_frames(3))) | change)
    with pytest.raises(StateError, match=r"m\.json: no channel statistics"):
        read_moments(tmp_path / "m.json")
    publish_json(tmp_path / "m.json", [1])
    with pytest.raises(StateError, match="no channel statistics"):
        read_moments(tmp_path / "m.json")


def test_background_is_what_is_there_most_of_the_time(tmp_path):
    # An animal that is in each place for less than half of the time leaves no trace.
    arena = random_frames(1, height=70, width=40)[0]
    frames = [arena.copy() for _ in range(9)]
    for number, frame in enumerate(frames):
        frame[5 * number : 5 * number + 15] = 0
    with FrameStore(write_store(tmp_path / "m.h5", frames)) as store:
        np.testing.assert_array_equal(median_background(store, 50), arena)


@pytest.mark.parametrize(
    ("values", "n_frames", "expected"),
    [
        ([10, 20, 90], 3, 20),
        ([10, 21], 2, 16),  # 15.5 is rounded up
        ([10, 20, 30, 40], 50, 25),
        ([7, 200, 200, 200, 9], 2, 8),  # two evenly spaced frames: the first and the last
        ([7, 8, 9], 1, 7),
    ],
)
def test_background_by_hand(tmp_path, values, n_frames, expected):
    frames = [np.full((4, 4, 3), value, np.uint8) for value in values]
    with FrameStore(write_store(tmp_path / "m.h5", frames)) as store:
        background = median_background(store, n_frames)
    assert background.dtype == np.uint8
    assert np.unique(background).tolist() == [expected]


def test_backgrounds_are_written_as_ordinary_pictures(tmp_path):
    image = np.zeros((6, 8, 3), np.uint8)
    image[:, :4] = (200, 100, 50)
    write_background(tmp_path / "m.background.png", image)
    np.testing.assert_array_equal(read_background(tmp_path / "m.background.png"), image)
    # OpenCV gives blue first.
    assert cv2.imread(str(tmp_path / "m.background.png"))[0, 0].tolist() == [50, 100, 200]


def test_missing_and_damaged_backgrounds(tmp_path):
    with pytest.raises(StateError, match="does not exist"):
        read_background(tmp_path / "m.png")
    (tmp_path / "m.png").write_bytes(b"no picture")
    with pytest.raises(StateError, match=r"m\.png: damaged"):
        read_background(tmp_path / "m.png")


def test_a_background_that_claims_more_than_there_is(tmp_path):
    write_background(tmp_path / "b.png", np.zeros((4, 5, 3), np.uint8))
    content = (tmp_path / "b.png").read_bytes()
    (tmp_path / "b.png").write_bytes(content[:33] + b"\x40\0\0\0tEXt" + content[33:])
    with pytest.raises(StateError, match=r"b\.png: damaged; delete it"):
        read_background(tmp_path / "b.png")
