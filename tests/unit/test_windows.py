"""Windows from the table and from files: the same numbers, wherever the features are."""

import numpy as np
import pytest
import torch

from deg_core.learn import windows
from deg_core.learn.tiling import TILE
from deg_core.learn.windows import Cutter, first_rows, held, place_for

CPU = torch.device("cpu")
D, K, L = 3, 2, 10
LENGTHS = [25, 4, 10, 1]
PADDING = np.array([0.5, -1.0, 2.0], np.float32)
# Video and first frame: whole windows, ends, videos shorter than a window, the same one twice.
CHOSEN = np.array([[0, 0], [2, 0], [0, 15], [0, 16], [0, 24], [1, 0], [3, 0], [1, 3], [0, 0]])
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
PLACES = [
    "memory", "files", pytest.param("gpu", marks=[pytest.mark.gpu, needs_gpu]),
    pytest.param("gpu from memory", marks=[pytest.mark.gpu, needs_gpu]),
    pytest.param("gpu from files", marks=[pytest.mark.gpu, needs_gpu]),
]  # fmt: skip


def videos_of(dtype="float32", lengths=LENGTHS):
    rng = np.random.default_rng(0)
    return [rng.normal(3, 1, (n, D)).astype(dtype) for n in lengths]


def labels_of(lengths=LENGTHS):
    rng = np.random.default_rng(1)
    return [rng.integers(-1, 2, (n, K)).astype(np.int8) for n in lengths]


@pytest.fixture
def room(monkeypatch):
    """Set the free bytes by kind of device."""

    def free(**kinds):
        monkeypatch.setattr(windows, "free_memory", lambda device: kinds.get(device.type, 0))

    free(cpu=10**9, cuda=10**9)
    return free


def slowly_cut(videos, labels, chosen, shifts=None):
    """Cut as one would by hand: (N, D, L) float32 and (N, K, L)."""
    features = np.tile(PADDING[:, None], (len(chosen), 1, L))
    known = np.full((len(chosen), K, L), -1, np.int8)
    for i, (video, start) in enumerate(chosen):
        for j, t in enumerate(range(start, min(start + L, len(videos[video])))):
            features[i, :, j] = videos[video][t].astype(np.float32)
            if shifts is not None:
                features[i, :, j] -= shifts[video]
            known[i, :, j] = labels[video][t]
    return features, known


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("shifted", [False, True])
def test_windows(room, place, dtype, shifted):
    has_room = {"memory": {"cpu": 10**9}, "gpu": {"cuda": 10**9}, "gpu from memory": {"cpu": 10**9}}
    room(**has_room.get(place, {}))
    device = torch.device("cuda" if place.startswith("gpu") else "cpu")
    videos, labels = videos_of(dtype), labels_of()
    cutter = Cutter(held(videos, device), labels, length=L, device=device)
    assert cutter.is_at_once == (place in ("memory", "gpu"))
    shifts = np.random.default_rng(2).normal(size=(4, D)).astype(np.float32) if shifted else None
    if shifted:
        cutter.shift(list(shifts))
    for chosen in (CHOSEN, CHOSEN[:3], CHOSEN[5:6]):  # with and without any padding
        found = cutter.cut(chosen, torch.from_numpy(PADDING).to(device))
        features, known = slowly_cut(videos, labels, chosen, shifts)
        assert (found.features.dtype, found.labels.dtype) == (torch.float32, torch.int8)
        assert found.features.device.type == found.labels.device.type == device.type
        np.testing.assert_array_equal(found.features.cpu(), features)
        np.testing.assert_array_equal(found.labels.cpu(), known)


def test_the_table_is_not_changed_by_what_is_done_to_windows(room):
    videos = videos_of()
    cutter = Cutter(held(videos, CPU), labels_of(), length=L, device=CPU)
    cutter.shift([np.ones(D, np.float32)] * 4)
    first = cutter.cut(CHOSEN, torch.zeros(D))
    first.features.zero_()
    first.labels.zero_()
    again = cutter.cut(CHOSEN[:1], torch.zeros(D))
    np.testing.assert_array_equal(again.features[0], (videos[0][:L] - 1).T)
    np.testing.assert_array_equal(again.labels[0], labels_of()[0][:L].T)


def test_a_video_without_frames(room):
    lengths = [0, 12, 0]
    videos, labels = videos_of(lengths=lengths), labels_of(lengths)
    cutter = Cutter(held(videos, CPU), labels, length=L, device=CPU)
    found = cutter.cut(np.array([[1, 2]]), torch.zeros(D))
    np.testing.assert_array_equal(found.features[0], videos[1][2:12].T)


# --- where features are


def test_first_rows():
    assert first_rows([25, 4, 0, 10]) == [0, 25, 29, 29]


@pytest.mark.parametrize(
    ("device", "free", "expected"),
    [
        ("cuda", {"cuda": 200, "cpu": 200}, "cuda"),  # half of the free memory is enough
        ("cuda", {"cuda": 199, "cpu": 200}, "cpu"),
        ("cuda", {"cuda": 199, "cpu": 199}, None),
        ("cpu", {"cuda": 200, "cpu": 199}, None),
        ("cpu", {"cuda": 0, "cpu": 200}, "cpu"),
    ],
)
def test_the_device_comes_first_and_files_last(room, device, free, expected):
    room(**free)
    place = place_for(100, torch.device(device))
    assert (place and place.type) == expected


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_table_keeps_the_number_format(room, dtype):
    lengths = [TILE + 5, 3]
    videos = videos_of(dtype, lengths)
    found = held(videos, CPU)
    assert found.table.shape == (TILE + 8, D)
    assert str(found.table.dtype) == f"torch.{dtype}"
    assert found.place == "the memory of cpu"
    np.testing.assert_array_equal(found.table, np.concatenate(videos))


def test_what_is_held_are_the_videos(room):
    videos = videos_of("float16")
    for one, part in zip(videos, held(videos, CPU).videos, strict=True):
        assert (len(part), part.shape, part.dtype) == (len(one), one.shape, one.dtype)
        for rows in (slice(0, 1), slice(3, 900), slice(None)):
            np.testing.assert_array_equal(part[rows], one[rows])


def test_formats_that_differ_become_the_wider_one(room):
    narrow, wide = videos_of("float16")[0], videos_of("float32")[0]
    found = held([narrow, wide], CPU)
    assert found.table.dtype == torch.float32
    np.testing.assert_array_equal(found.table[:25], narrow.astype(np.float32))
    room()
    cutter = Cutter(held([narrow, wide], CPU), [labels_of()[0]] * 2, length=L, device=CPU)
    np.testing.assert_array_equal(
        cutter.cut(np.array([[1, 0]]), torch.zeros(D)).features[0], wide[:L].T
    )


class Watched:
    """A video that notes what is read of it."""

    def __init__(self, array):
        self.array, self.asked = array, []
        self.shape, self.dtype = array.shape, array.dtype

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        self.asked.append((rows.start, rows.stop))
        return self.array[rows]


def test_what_fits_is_read_once(room):
    video = Watched(videos_of(lengths=[2 * TILE + 1])[0])
    cutter = Cutter(held([video], CPU), labels_of([2 * TILE + 1]), length=L, device=CPU)
    cutter.cut(np.array([[0, 5]]), torch.zeros(D))
    assert video.asked == [(0, TILE), (TILE, 2 * TILE), (2 * TILE, 3 * TILE)]


def test_what_does_not_fit_is_read_window_by_window(room):
    room()
    video = Watched(videos_of()[0])
    frames = held([video], CPU)
    assert (frames.table, frames.place) == (None, "their files")
    cutter = Cutter(frames, labels_of()[:1], length=L, device=CPU)
    assert video.asked == []
    cutter.cut(np.array([[0, 5], [0, 20]]), torch.zeros(D))
    assert video.asked == [(5, 15), (20, 30)]
