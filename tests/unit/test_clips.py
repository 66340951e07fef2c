"""Clips: which frames they show, in which order they come, and the threads that read ahead."""

import threading
from contextlib import closing

import numpy as np
import psutil
import pytest
import torch
import videos

from deg_core.errors import StateError, VideoError
from deg_core.learn import clips as clips_module
from deg_core.learn.clips import (
    AHEAD,
    MOST_WORKERS,
    ClipSource,
    ahead,
    cut,
    epoch_order,
    normalize,
    padding_color,
    to_unit,
)

MEAN = (0.5, 0.2, 0.9)
PAD = (127, 51, 229)  # floor(255 * mean)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Two videos of 9 and 4 frames whose colors tell their number: (n, n // 2, 255 - n)."""
    folder = tmp_path_factory.mktemp("stores")
    return [
        videos.write_store(folder / "a.h5", videos.counting(9)),
        videos.write_store(folder / "b.h5", videos.counting(4)),
    ]


def numbers(clip):
    """Tell the frames of a clip by their color; -1 is padding."""
    pixels = clip[:, 0, 0].astype(int)
    assert (clip == clip[:, :1, :1]).all()
    return [-1 if tuple(p) == PAD else int(p[0]) for p in pixels]


# --- clips


@pytest.mark.parametrize(
    ("length", "frame", "expected"),
    [
        (5, 4, [2, 3, 4, 5, 6]),
        (5, 0, [-1, -1, 0, 1, 2]),
        (5, 8, [6, 7, 8, -1, -1]),
        (4, 0, [-1, -1, 0, 1]),  # of an even number, the one more frame lies before
        (4, 8, [6, 7, 8, -1]),
        (2, 3, [2, 3]),
        (1, 3, [3]),
        (13, 4, [-1, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, -1, -1]),
    ],
)
def test_frames_of_a_clip(stores, length, frame, expected):
    source = ClipSource(stores, length=length, mean=MEAN)
    clip = source.clip(0, frame)
    assert clip.dtype == np.uint8
    assert clip.shape == (length, 16, 16, 3)
    assert numbers(clip) == expected
    assert expected[length // 2] == frame


def test_videos_do_not_run_into_each_other(stores):
    source = ClipSource(stores, length=5, mean=MEAN)
    assert source.n_frames == [9, 4]
    assert numbers(source.clip(1, 3)) == [1, 2, 3, -1, -1]


def test_a_background_is_one_more_frame(stores):
    pictures = [np.full((16, 16, 3), value, np.uint8) for value in (200, 250)]
    source = ClipSource(stores, length=3, mean=MEAN, backgrounds=pictures)
    clip = source.clip(1, 0)
    assert clip.shape == (4, 16, 16, 3)
    assert numbers(clip) == [-1, 0, 1, 250]


def test_batches(stores):
    source = ClipSource(stores, length=3, mean=MEAN)
    samples = np.array([[1, 2], [0, 7]])
    labels = [np.arange(18, dtype=np.int8).reshape(9, 2), np.arange(8, dtype=np.int8).reshape(4, 2)]
    batch = source.batch(samples, labels)
    assert batch.clips.dtype == torch.uint8
    assert [numbers(clip) for clip in batch.clips.numpy()] == [[1, 2, 3], [6, 7, 8]]
    assert batch.labels.tolist() == [[4, 5], [14, 15]]
    assert source.batch(samples).labels is None


def test_a_clip_is_read_into_what_is_given(stores):
    picture = np.full((16, 16, 3), 200, np.uint8)
    source = ClipSource(stores, length=3, mean=MEAN, backgrounds=[picture, picture])
    clips = np.zeros((2, 4, 16, 16, 3), np.uint8)
    assert source.clip(0, 8, out=clips[1]).base is clips
    assert numbers(clips[1]) == [7, 8, -1, 200]
    assert (clips[0] == 0).all()


@pytest.mark.parametrize(("most", "open_after"), [(1, 0), (2, 2)])
def test_readers_stay_open_unless_they_are_too_many(stores, monkeypatch, most, open_after):
    monkeypatch.setattr(clips_module, "MOST_OPEN", most)
    source = ClipSource(stores, length=1, mean=MEAN)
    for video in (0, 1, 0):
        assert numbers(source.clip(video, 2)) == [2]
    paths = {str(path) for path in stores}
    mine = [file.path for file in psutil.Process().open_files() if file.path in paths]
    assert len(mine) == open_after


@pytest.mark.parametrize("kind", ["raw", "jpeg"])
def test_any_number_of_workers_reads_the_same(tmp_path, kind):
    path = videos.write_store(tmp_path / "m.h5", videos.noise(60), store=kind)
    source = ClipSource([path], length=5, mean=MEAN)
    frames = np.random.default_rng(0).integers(0, 60, 64)
    orders = cut(np.stack([np.zeros(64, int), frames], axis=1), size=5)
    expected = [np.stack([source.clip(0, f) for _, f in rows]) for rows in orders]
    for workers in (1, 2, 5):
        found = list(ahead(source.batch, orders, workers=workers))
        assert len(found) == 13
        for batch, clips in zip(found, expected, strict=True):
            np.testing.assert_array_equal(batch.clips.numpy(), clips)


def test_a_store_cut_off_meanwhile_is_told_by_the_caller(tmp_path):
    path = videos.write_store(tmp_path / "m.h5", videos.noise(60))
    source = ClipSource([path], length=1, mean=MEAN)
    orders = cut(np.array([[0, n] for n in range(60)]), size=1)
    with closing(ahead(source.batch, orders)) as batches:
        next(batches)
        with path.open("r+b") as file:
            file.truncate(60 * 1500)  # of 60 frames of 3072 bytes
        with pytest.raises(StateError, match=r"m\.h5: damaged .*cut off"):
            list(batches)


def test_videos_of_different_sizes(tmp_path, stores):
    other = videos.write_store(tmp_path / "other.h5", videos.counting(3, 16, 24))
    with pytest.raises(VideoError, match=r"other\.h5: 24 x 16 pixels, but a\.h5 is 16 x 16"):
        ClipSource([*stores, other], length=3, mean=MEAN)


def test_padding_color():
    assert padding_color(MEAN).tolist() == list(PAD)
    assert padding_color((0.0, 1.0, 1.5)).tolist() == [0, 255, 255]


# --- on the device


def test_to_unit():
    clips = torch.tensor([0, 51, 255], dtype=torch.uint8).expand(2, 4, 5, 6, 3)
    found = to_unit(clips, torch.device("cpu"))
    assert found.shape == (2, 4, 3, 5, 6)
    assert found.dtype == torch.float32
    assert found.is_contiguous()
    torch.testing.assert_close(found[1, 2, :, 3, 4], torch.tensor([0.0, 0.2, 1.0]))


def test_normalize():
    clips = torch.full((1, 2, 3, 2, 2), 0.5)
    found = normalize(clips, torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.1, 0.1, 0.4]))
    torch.testing.assert_close(found[0, 1, :, 0, 0], torch.tensor([0.0, 1.0, 0.5]))
    assert (clips == 0.5).all()  # the caller's clips are the target of the flow's loss


def test_padding_is_nearly_zero_once_normalised():
    pad = torch.from_numpy(padding_color(MEAN)).view(1, 1, 1, 1, 3)
    found = normalize(to_unit(pad, torch.device("cpu")), torch.tensor(MEAN), torch.ones(3))
    assert (found.abs() < 1 / 255).all()


# --- order


SAMPLES = np.stack([np.zeros(50, int), np.arange(50)], axis=1)


def test_order_depends_on_seed_and_epoch_only():
    first = epoch_order(SAMPLES, seed=1, epoch=2, limit=50)
    np.random.default_rng(0).random(10)
    np.testing.assert_array_equal(epoch_order(SAMPLES, seed=1, epoch=2, limit=50), first)
    assert sorted(first[:, 1]) == list(range(50))
    for seed, epoch in ((1, 3), (2, 2), (2, 1)):
        assert (epoch_order(SAMPLES, seed=seed, epoch=epoch, limit=50) != first).any()


def test_order_up_to_a_limit():
    few = epoch_order(SAMPLES, seed=1, epoch=2, limit=7)
    np.testing.assert_array_equal(few, epoch_order(SAMPLES, seed=1, epoch=2, limit=50)[:7])
    assert len(epoch_order(SAMPLES, seed=1, epoch=2, limit=500)) == 50


def test_weighted_order():
    weights = np.zeros(50)
    weights[[3, 4]] = (1.0, 3.0)
    drawn = epoch_order(SAMPLES, seed=0, epoch=0, limit=1000, weights=weights)[:, 1]
    assert len(drawn) == 50  # as many as there are
    assert set(drawn) == {3, 4}
    assert (drawn == 4).sum() > 25  # 37.5 expected, standard deviation 3
    assert len(epoch_order(SAMPLES, seed=0, epoch=0, limit=6, weights=weights)) == 6


def test_cut():
    order = np.arange(7)
    assert [batch.tolist() for batch in cut(order, size=3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [batch.tolist() for batch in cut(order, size=3, start=2)] == [[6]]
    assert cut(order, size=3, start=3) == []
    assert cut(order[:0], size=3) == []


# --- reading ahead


def running():
    return {t for t in threading.enumerate() if t is not threading.main_thread()}


def test_ahead_keeps_the_order():
    assert list(ahead(lambda n: n * n, range(20))) == [n * n for n in range(20)]
    assert list(ahead(lambda n: n, [])) == []


@pytest.mark.parametrize("workers", [1, 2, AHEAD + 2])
def test_ahead_works_while_the_caller_computes(workers):
    made = threading.Semaphore(0)

    def make(n):
        made.release()
        return n

    batches = ahead(make, range(100), workers=workers)
    assert next(batches) == 0
    # One is with the caller, the others wait. The minute is for a broken thread: a test that
    # waits for ever says less than one that fails.
    assert all(made.acquire(timeout=60) for _ in range(1 + max(AHEAD, workers)))
    assert not made.acquire(blocking=False)
    assert next(batches) == 1
    assert made.acquire(timeout=60)
    batches.close()


@pytest.mark.parametrize(("threads", "expected"), [(1, 1), (2, 1), (4, 3), (64, MOST_WORKERS)])
def test_workers_follow_the_threads_of_the_job(monkeypatch, threads, expected):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    together = threading.Barrier(expected)
    lock, at_work, most = threading.Lock(), [], []

    def make(n):
        with lock:
            at_work.append(n)
            most.append(len(at_work))
        if n < expected:
            together.wait(timeout=60)  # fails where fewer work at once
        with lock:
            at_work.remove(n)
        return n

    assert list(ahead(make, range(40))) == list(range(40))
    assert max(most) == expected


def test_a_slow_batch_is_not_overtaken():
    later = threading.Event()

    def make(n):
        if n == 0:
            assert later.wait(timeout=60)
        if n == 3:
            later.set()
        return n

    assert list(ahead(make, range(9), workers=2)) == list(range(9))


@pytest.mark.parametrize("workers", [1, 3])
def test_ahead_raises_what_happens_in_its_threads_after_what_came_before(workers):
    def make(n):
        if n >= 3:
            raise VideoError(f"m{n}.h5: damaged")
        return n

    before, seen = running(), []
    with pytest.raises(VideoError, match=r"m3\.h5: damaged"):
        seen.extend(ahead(make, range(10), workers=workers))
    assert seen == [0, 1, 2]
    assert running() == before


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("taken", [1, 3])
def test_ahead_stops_its_threads_when_it_is_abandoned(taken, workers):
    before = running()
    batches = ahead(lambda n: n, range(10**9), workers=workers)
    for _ in range(taken):
        next(batches)
    assert 1 <= len(running()) - len(before) <= workers
    batches.close()
    assert running() == before


def test_ahead_stops_after_what_is_being_made():
    begun, go, made = threading.Event(), threading.Event(), []

    def make(n):
        if n:
            begun.set()
            assert go.wait(timeout=60)
        made.append(n)
        return n

    before, batches = running(), ahead(make, range(100), workers=1)
    assert next(batches) == 0
    assert begun.wait(timeout=60)
    threading.Timer(0.05, go.set).start()
    batches.close()
    assert made == [0, 1]
    assert all(thread.name.startswith("Thread") for thread in running() - before)  # the timer


def test_ahead_starts_nothing_before_it_is_asked():
    made, before = [], running()
    batches = ahead(made.append, range(3))
    assert running() == before
    batches.close()
    assert made == []


# --- on a GPU


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_pinned_batches_arrive_whole(stores):
    source = ClipSource(stores, length=5, mean=MEAN, pinned=True)
    orders = cut(np.array([[0, n % 9] for n in range(200)]), size=4)
    device = torch.device("cuda")
    for batch in ahead(source.batch, orders, workers=3):
        assert batch.clips.is_pinned()
        expected = to_unit(batch.clips, torch.device("cpu"))
        torch.testing.assert_close(to_unit(batch.clips, device).cpu(), expected)
