"""Stage extract_features: every frame once, whatever the batch size, in bounded memory."""

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
from deg_core.stages.networks import Extractor, Motion, load_two_stream

CPU = torch.device("cpu")


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
    settings = {"batch_size": batch_size, "precision": "fp32"}
    out = tiny.extract(tiny_project, "m3", tmp_path / "m3.h5", settings=settings)
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


def test_fewer_digits_give_nearly_the_same_features(tiny_project, tmp_path):
    full, fewer = (
        read_features(
            tiny.extract(tiny_project, "m3", tmp_path / f"{name}.h5", settings={"precision": name})
        )
        for name in ("fp32", "bf16")
    )
    for name in ("spatial", "flow"):
        a, b = getattr(full, name), getattr(fewer, name)
        cosine = (a * b).sum(1) / np.maximum(
            np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-9
        )
        assert cosine.min() > 0.999
        assert not np.array_equal(a, b)
