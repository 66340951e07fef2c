"""Stage extract_features: every frame once, whatever the batch size, in bounded memory."""

from itertools import pairwise

import numpy as np
import pytest
import tiny
import torch
import videos

from deg_core.data.arrays import read_features
from deg_core.data.statistics import read_background
from deg_core.data.video import FrameStore
from deg_core.errors import ModelError, StateError
from deg_core.learn.clips import ClipSource
from deg_core.stages.extract_features import windows
from deg_core.stages.networks import Extractor, Motion, load_two_stream

CPU = torch.device("cpu")
PAD = np.array([7, 8, 9], np.uint8)


class Store:
    """Frames that tell their number, and note how often each is read."""

    shape = (2, 3)

    def __init__(self, n_frames):
        self.n_frames, self.read = n_frames, []

    def iter(self, batch):
        for start in range(0, self.n_frames, batch):
            numbers = np.arange(start, min(start + batch, self.n_frames))
            self.read.extend(numbers.tolist())
            frames = np.zeros((len(numbers), *self.shape, 3), np.uint8)
            frames[:] = numbers[:, None, None, None]
            yield start, frames


def numbers(run):
    """Tell the frames of a run by their color; -1 is padding."""
    return [-1 if (frame == PAD).all() else int(frame[0, 0, 0]) for frame in run]


# --- streaming


@pytest.mark.parametrize("n_frames", [1, 4, 10, 11, 12, 40])
@pytest.mark.parametrize("clip", [1, 2, 4, 11])
@pytest.mark.parametrize("batch", [1, 3, 10, 64])
def test_windows_hold_the_clip_of_every_frame(n_frames, clip, batch):
    store = Store(n_frames)
    runs = list(windows(store, clip=clip, batch=batch, pad=PAD))
    shown = []
    for run in runs:
        found = numbers(run)
        shown += [found[i : i + clip] for i in range(len(found) - clip + 1)]
    expected = [
        [f if 0 <= f < n_frames else -1 for f in range(t - clip // 2, t - clip // 2 + clip)]
        for t in range(n_frames)
    ]
    assert shown == expected
    assert store.read == list(range(n_frames))  # each frame once
    assert max(map(len, runs)) <= batch + clip - 1  # however long the video is
    assert [len(run) for run in runs[:-1]] == [batch + clip - 1] * (len(runs) - 1)


def test_no_more_is_read_than_the_next_run_needs():
    store = Store(1000)
    runs = windows(store, clip=11, batch=16, pad=PAD)
    read = []
    for _ in range(10):
        next(runs)
        read.append(len(store.read))
    assert read[0] == 32  # 16 + 5 frames, in batches of 16
    assert all(b - a == 16 for a, b in pairwise(read))


# --- the whole stage


def by_clip(results, video):
    """Extract clip by clip, the slow and simple way."""
    motion = Motion.load(results / "models/flow/tiny.pt", CPU)
    network, _ = load_two_stream(results / "models/features/tiny.pt", motion, CPU)
    picture = read_background(results / "stats" / f"{video}.background.png")
    source = ClipSource(
        [results / "import" / f"{video}.h5"], length=motion.clip,
        mean=motion.normalization["mean"], backgrounds=[picture],
    )  # fmt: skip
    extractor, rows = Extractor(motion, network, CPU), []
    with torch.inference_mode():
        for frame in range(source.n_frames[0]):
            out = extractor.score_bytes(source.batch(np.array([[0, frame]])).clips)
            rows.append([x[0].numpy() for x in (out.spatial, out.flow, out.logits)])
    return [np.stack(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("batch_size", [1, 7, 16, 100])
def test_batches_equal_single_clips(tiny_project, tmp_path, batch_size):
    out = tiny.extract(tiny_project, "m3", tmp_path / "m3.h5", settings={"batch_size": batch_size})
    found = read_features(out)
    for array, expected in zip(
        (found.spatial, found.flow, found.logits), by_clip(tiny_project, "m3"), strict=True
    ):
        assert array.shape == expected.shape
        scale = np.abs(expected).max()
        np.testing.assert_allclose(array, expected, atol=1e-5 * scale, rtol=0)
    assert found.logits.std() > 0


def test_what_the_file_says(tiny_project):
    found = read_features(tiny_project / "features/m1.h5")
    assert found.spatial.shape == found.flow.shape == (60, 64)
    assert found.logits.shape == (60, 2)
    assert found.behaviors == tiny.BEHAVIORS
    with FrameStore(tiny_project / "import/m1.h5") as store:
        assert found.fps == store.fps
    assert len(found.digest) == 64
    assert found.digest == read_features(tiny_project / "features/m2.h5").digest


def test_the_digest_names_both_models(tiny_project, tmp_path):
    other = tiny.train_features(tiny_project, tmp_path / "f.pt", settings={"seed": 1})
    out = tiny.extract(tiny_project, "m3", tmp_path / "m3.h5", features=other)
    digests = {read_features(p).digest for p in (out, tiny_project / "features/m3.h5")}
    assert len(digests) == 2


@pytest.mark.parametrize("n_frames", [1, 4, 10, 11, 12])
def test_short_videos(tiny_project, tmp_path, n_frames):
    frames = tiny.frames_of("m1")[:n_frames]
    store = videos.write_store(tmp_path / "short.h5", frames)
    out = tiny.extract(
        tiny_project, "m1", tmp_path / "f.h5", store=store, settings={"batch_size": 4}
    )
    found, whole = read_features(out), read_features(tiny_project / "features/m1.h5")
    assert found.logits.shape == (n_frames, 2)
    assert np.isfinite(found.spatial).all()
    # Frames whose clips of 5 lie within the short video see what they saw in the long one.
    same = slice(0, max(0, n_frames - 2))
    np.testing.assert_allclose(found.logits[same], whole.logits[same], atol=1e-5)


def test_half_precision_on_disk(tiny_project, tmp_path):
    out = tiny.extract(tiny_project, "m3", tmp_path / "m3.h5", settings={"dtype": "float16"})
    found, full = read_features(out), read_features(tiny_project / "features/m3.h5")
    # 11 bits are kept; below 6e-5 numbers lie 6e-8 apart.
    np.testing.assert_allclose(found.spatial, full.spatial, rtol=2**-11, atol=6e-8)
    np.testing.assert_array_equal(found.logits, full.logits)


@pytest.mark.parametrize("stream", ["spatial", "flow"])
def test_a_missing_stream_is_zero(tiny_project, tmp_path, stream):
    settings = {"streams": (stream,), "inputs": ("frame",)}
    model = tiny.train_features(tiny_project, tmp_path / "f.pt", settings=settings)
    # Without a difference to the background, no background has to be there.
    nothing = tmp_path / "none.png"
    out = tiny.extract(tiny_project, "m3", tmp_path / "m3.h5", features=model, background=nothing)
    found = read_features(out)
    other = "flow" if stream == "spatial" else "spatial"
    assert np.abs(getattr(found, stream)).max() > 0
    assert (getattr(found, other) == 0).all()


# --- trouble


def test_a_missing_background(tiny_project, tmp_path):
    with pytest.raises(StateError, match=r"none\.png: does not exist"):
        tiny.extract(tiny_project, "m3", tmp_path / "m3.h5", background=tmp_path / "none.png")
    assert list(tmp_path.iterdir()) == []


def test_models_that_do_not_belong_together(tiny_project, tmp_path):
    other = tiny.train_flow(tiny_project, tmp_path / "flow.pt", settings={"seed": 1})
    with pytest.raises(ModelError, match=r"tiny\.pt: it was trained behind another flow model"):
        tiny.extract(tiny_project, "m3", tmp_path / "m3.h5", flow=other)
    assert not (tmp_path / "m3.h5").exists()


def test_a_damaged_video(tiny_project, tmp_path):
    store = videos.truncate(videos.write_store(tmp_path / "m.h5", videos.noise(30)), 0.5)
    with pytest.raises(StateError, match=r"m\.h5: damaged"):
        tiny.extract(tiny_project, "m3", tmp_path / "out.h5", store=store)
    assert not (tmp_path / "out.h5").exists()
