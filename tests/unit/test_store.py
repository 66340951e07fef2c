import multiprocessing
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import cv2
import h5py
import numpy as np
import pytest
from videos import counting, moving_square, noise, write_store

from deg_core.data.publish import publish_hdf5
from deg_core.data.store import FrameStore, StoreWriter
from deg_core.errors import StateError


@pytest.fixture(params=["raw", "jpeg"])
def kind(request):
    return request.param


def test_raw_store_returns_what_was_written(tmp_path):
    frames = counting(30)
    with FrameStore(write_store(tmp_path / "m 1 ü.h5", frames, fps=25.0)) as store:
        assert (store.n_frames, store.fps, store.shape) == (30, 25.0, (16, 16))
        assert (store.channels, store.store, store.variable_rate) == (3, "raw", False)
        np.testing.assert_allclose(store.timestamps, np.arange(30) / 25)
        np.testing.assert_array_equal(store.read(range(30)), frames)


def test_jpeg_store_returns_about_what_was_written(tmp_path):
    frames = moving_square(30)
    with FrameStore(write_store(tmp_path / "m.h5", frames, store="jpeg")) as store:
        assert store.store == "jpeg"
        found = store.read(range(30))
    assert found.dtype == np.uint8
    # Averages of whole frames hardly change, in the right channel and for the right frame.
    means = np.mean(np.array(frames), axis=(1, 2))
    np.testing.assert_allclose(found.mean((1, 2)), means, atol=2)
    # The bright square is where it was: 10 frames on, 20 pixels to the right.
    assert found[10, 28, 24].mean() > 150 > 100 > found[10, 28, 40].mean()


def test_jpeg_quality_changes_the_size(tmp_path):
    frames = moving_square(5)
    sizes = [
        write_store(tmp_path / f"{quality}.h5", frames, store="jpeg", jpeg_quality=quality)
        for quality in (20, 95)
    ]
    lengths = []
    for path in sizes:
        with h5py.File(path) as file:
            lengths.append(len(file["blob"]))
            assert file["offsets"].shape == (6,)
            assert file["offsets"][-1] == lengths[-1]
    assert lengths[0] < lengths[1]


@pytest.mark.parametrize(
    "indices",
    [
        [0], [29], [3, 4, 5, 6], [5, 4, 3], [0, 0, 0, 1, 2], [7, 3, 3, 28, 8, 9, 10], [0, 2, 4, 29],
        list(range(30)), [],
    ],
)  # fmt: skip
def test_any_indices_in_any_order(tmp_path, kind, indices):
    frames = np.stack([np.full((16, 16, 3), 8 * number, np.uint8) for number in range(30)])
    with FrameStore(write_store(tmp_path / "m.h5", list(frames), store=kind)) as store:
        found = store.read(indices)
        assert found.shape == (len(indices), 16, 16, 3)
        assert found.dtype == np.uint8
        np.testing.assert_allclose(found, frames[indices], atol=1)  # JPEG rounds single colors
        np.testing.assert_array_equal(found, store.read(np.array(indices, dtype=np.int32)))


@pytest.mark.parametrize("indices", [[-1], [30], [0, 1, 30], [5, -2]])
def test_indices_outside_are_a_mistake(tmp_path, kind, indices):
    store = FrameStore(write_store(tmp_path / "m.h5", counting(30), store=kind))
    with pytest.raises(IndexError, match="frames 0 to 29"):
        store.read(indices)


def test_gray_is_kept_as_one_channel_and_given_as_three(tmp_path, kind):
    frames = [np.full((16, 16, 1), 10 * number, np.uint8) for number in range(10)]
    path = write_store(tmp_path / "m.h5", frames, store=kind)
    with FrameStore(path) as store:
        assert store.channels == 1
        found = store.read([9, 2])
        assert found.shape == (2, 16, 16, 3)
        np.testing.assert_allclose(found[:, 5, 5], [[90] * 3, [20] * 3], atol=1)
    with h5py.File(path) as file:
        if kind == "raw":
            assert file["frames"].shape == (10, 16, 16, 1)
            assert file["frames"].chunks == (1, 16, 16, 1)
        else:
            first = file["blob"][: file["offsets"][1]]
            assert cv2.imdecode(first, cv2.IMREAD_UNCHANGED).ndim == 2


def test_iter_gives_all_frames_once(tmp_path, kind):
    with FrameStore(write_store(tmp_path / "m.h5", counting(10), store=kind)) as store:
        parts = list(store.iter(4))
        assert [start for start, _ in parts] == [0, 4, 8]
        assert [len(frames) for _, frames in parts] == [4, 4, 2]
        np.testing.assert_array_equal(np.concatenate([f for _, f in parts]), store.read(range(10)))


def test_more_frames_than_the_buffer_holds(tmp_path, kind, monkeypatch):
    monkeypatch.setattr("deg_core.data.store._BUFFER_BYTES", 2000)
    frames = [np.full((16, 16, 3), 8 * number, np.uint8) for number in range(25)]
    with FrameStore(write_store(tmp_path / "m.h5", frames, store=kind)) as store:
        np.testing.assert_allclose(store.read(range(25)), frames, atol=1)


def child_reads(store, queue):
    queue.put(store.read([3])[0, 0, 0].tolist())


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_read_the_same_store(tmp_path, kind, method):
    frames = [np.full((16, 16, 3), 8 * number, np.uint8) for number in range(5)]
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    with FrameStore(write_store(tmp_path / "m.h5", frames, store=kind)) as store:
        store.read([0])  # opened here before the other process begins
        children = [context.Process(target=child_reads, args=(store, queue)) for _ in range(2)]
        for child in children:
            child.start()
        found = [queue.get(timeout=60) for _ in children]
        for child in children:
            child.join()
        np.testing.assert_allclose(found, [[24] * 3] * 2, atol=1)
        np.testing.assert_allclose(store.read([4]), [frames[4]], atol=1)


def test_several_threads_read_the_same_store(tmp_path, kind):
    frames = [np.full((16, 16, 3), 2 * number, np.uint8) for number in range(120)]
    store = FrameStore(write_store(tmp_path / "m.h5", frames, store=kind))
    start = threading.Barrier(4)

    def reads(thread):
        start.wait(timeout=60)  # the first to read opens the file
        rng = np.random.default_rng(thread)
        for _ in range(50):
            first = rng.integers(0, 110)
            found = store.read(np.arange(first, first + 10))[:, 0, 0, 0].astype(int)
            assert np.abs(found - 2 * np.arange(first, first + 10)).max() <= 1
            if thread == 3:
                store.close()  # takes nothing away from the others

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(reads, range(4))) == [None] * 4


def test_frames_are_read_into_what_is_given(tmp_path, kind):
    path = write_store(tmp_path / "m.h5", moving_square(10), store=kind)
    with FrameStore(path) as store:
        expected = store.read([7, 8, 2])
        clips = np.full((2, 3, 48, 64, 3), 9, np.uint8)
        assert store.read([7, 8, 2], out=clips[1]).base is clips
        np.testing.assert_array_equal(clips[1], expected)
        assert (clips[0] == 9).all()
        nothing = np.empty((0, 48, 64, 3), np.uint8)
        assert store.read([], out=nothing) is nothing


@pytest.mark.parametrize(
    "out",
    [
        np.empty((3, 16, 16, 3), np.uint8),
        np.empty((2, 16, 16, 3), np.float32),
        np.empty((2, 16, 16, 4), np.uint8)[..., :3],
    ],
)
def test_what_cannot_be_filled(tmp_path, kind, out):
    with (
        FrameStore(write_store(tmp_path / "m.h5", counting(4), store=kind)) as store,
        pytest.raises(ValueError, match=r"expected contiguous uint8 \(2, 16, 16, 3\), got"),
    ):
        store.read([1, 2], out=out)


def test_colors_and_gray_are_decoded_as_opencv_does(tmp_path):
    rng = np.random.default_rng(0)
    for channels in (3, 1):
        frames = list(rng.integers(0, 256, (3, 24, 16, channels), np.uint8))
        path = write_store(tmp_path / f"{channels}.h5", frames, store="jpeg")
        with h5py.File(path) as file:
            ends = file["offsets"][()]
            expected = cv2.imdecode(file["blob"][ends[1] : ends[2]], cv2.IMREAD_COLOR)[..., ::-1]
        with FrameStore(path) as store:
            np.testing.assert_array_equal(store.read([1])[0], expected)


def test_a_store_can_be_pickled_and_closed_and_read_again(tmp_path):
    store = FrameStore(write_store(tmp_path / "m.h5", counting(3)))
    store.read([0])
    copy = pickle.loads(pickle.dumps(store))
    np.testing.assert_array_equal(copy.read([2]), store.read([2]))
    store.close()
    store.close()
    np.testing.assert_array_equal(copy.read([1]), store.read([1]))
    store.close()
    copy.close()


def test_writer_refuses_other_frames(tmp_path):
    with pytest.raises(ValueError, match="expected uint8"), publish_hdf5(tmp_path / "m.h5") as file:
        StoreWriter(file, shape=(4, 4, 3), store="raw").append(np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(ValueError, match="expected uint8"), publish_hdf5(tmp_path / "m.h5") as file:
        StoreWriter(file, shape=(4, 4, 3), store="raw").append(np.zeros((4, 4, 3)))
    with pytest.raises(ValueError, match="1 times for 0"), publish_hdf5(tmp_path / "m.h5") as file:
        StoreWriter(file, shape=(4, 4, 3), store="raw").finish(np.zeros(1), {})
    assert not (tmp_path / "m.h5").exists()


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(StateError, match=r"m\.h5: does not exist"):
        FrameStore(tmp_path / "m.h5")
    with publish_hdf5(tmp_path / "m.h5") as file:
        file.create_dataset("frames", data=np.zeros(3))
    with pytest.raises(StateError, match="damaged or not written by this program"):
        FrameStore(tmp_path / "m.h5")


def test_a_store_shorter_than_it_says(tmp_path, kind):
    path = write_store(tmp_path / "m.h5", counting(10), store=kind)
    with h5py.File(path, "r+") as file:
        file.attrs["n_frames"] = 12
    with pytest.raises(StateError, match="holds 10 frames, but says 12"):
        FrameStore(path)


def test_a_store_cut_off(tmp_path, kind):
    path = write_store(tmp_path / "m.h5", moving_square(40), store=kind)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(StateError, match="damaged"):
        FrameStore(path)


def test_a_store_cut_off_while_it_is_open(tmp_path, kind):
    path = write_store(tmp_path / "m.h5", noise(40), store=kind)
    with h5py.File(path) as file:
        data = file["frames" if kind == "raw" else "blob"]
        length = data.size if kind == "raw" else file["offsets"][-1]
        middle = data.id.get_chunk_info(0).byte_offset + length // 2
    with FrameStore(path) as store:
        before = store.read([0])
        os.truncate(path, middle)
        np.testing.assert_array_equal(store.read([0]), before)
        with pytest.raises(StateError, match=r"m\.h5: damaged .*cut off at byte .*delete it"):
            store.read(range(40))


def test_a_store_that_changes_before_it_is_read(tmp_path, kind):
    path = write_store(tmp_path / "m.h5", noise(40), store=kind)
    store = FrameStore(path)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(StateError, match=r"m\.h5: was replaced while it was in use; run again"):
        store.read([0])


def test_a_store_that_is_replaced(tmp_path, kind):
    """Who has it open reads on; who opens it by what was known of the old one does not."""
    path = write_store(tmp_path / "m.h5", counting(40), store=kind)
    with FrameStore(path) as store:
        before = store.read([39])
        copy = pickle.loads(pickle.dumps(store))
        write_store(path, counting(39), store=kind)
        np.testing.assert_array_equal(store.read([39]), before)
        with pytest.raises(StateError, match="was replaced"):
            copy.read([39])
    with FrameStore(path) as store:
        assert store.n_frames == 39


def test_a_store_compressed_by_another_program(tmp_path):
    path = write_store(tmp_path / "m.h5", counting(4))
    with h5py.File(path, "r+") as file:
        frames = file["frames"][()]
        del file["frames"]
        file.create_dataset("frames", data=frames, chunks=(1, 16, 16, 3), compression="gzip")
    with pytest.raises(StateError, match=r"damaged or not written .*'/frames' is compressed"):
        FrameStore(path)


def test_frames_of_another_size_than_the_file_says(tmp_path):
    path = write_store(tmp_path / "m.h5", counting(4))
    with h5py.File(path, "r+") as file:
        file.attrs["height"] = 8
    with pytest.raises(StateError, match=r"damaged .*'frames' are no \(8, 16, 3\)"):
        FrameStore(path)


@pytest.mark.parametrize(("at", "value"), [(0, 1), (2, 0), (2, 10**12), (4, 10**12)])
def test_offsets_that_do_not_increase(tmp_path, at, value):
    path = write_store(tmp_path / "m.h5", counting(4), store="jpeg")
    with h5py.File(path, "r+") as file:
        file["offsets"][at] = value
    with pytest.raises(StateError, match=r"damaged .*'offsets' do not increase"):
        FrameStore(path)


def test_a_picture_of_another_size(tmp_path):
    path = write_store(tmp_path / "m.h5", noise(4), store="jpeg")
    small = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].ravel()
    with h5py.File(path, "r+") as file:
        low, high = file["offsets"][2:4]
        assert high - low >= len(small)
        file["blob"][low : low + len(small)] = small
    with FrameStore(path) as store, pytest.raises(StateError, match="frame 2 is no picture"):
        store.read([2])


def test_a_picture_that_is_none(tmp_path):
    path = write_store(tmp_path / "m.h5", counting(4), store="jpeg")
    with h5py.File(path, "r+") as file:
        low, high = file["offsets"][2:4]
        file["blob"][low:high] = 0
    with FrameStore(path) as store:
        assert len(store.read([0, 1, 3])) == 3
        with pytest.raises(StateError, match=r"damaged .*frame 2 is no picture"):
            store.read([1, 2])
