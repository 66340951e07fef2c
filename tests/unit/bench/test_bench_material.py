"""What is measured on: cut imports, repeated videos, settled models."""

import av
import numpy as np
import pytest
import torch
import videos
from torch import nn

from deg_core.bench import material, run, untrained
from deg_core.data.video import FrameStore, decode, probe
from deg_core.errors import ModelError, VideoError
from deg_core.example.motion import FPS
from deg_core.models import files
from deg_core.settings import ImportSettings
from deg_core.stages import import_video


def test_rendered_videos_have_the_rate_that_lengths_are_counted_by(tmp_path):
    assert run.FPS == FPS
    material.draw(out=str(tmp_path / "v.mp4"), n_frames=5, size=64)
    info = probe(tmp_path / "v.mp4")
    assert (info.fps, info.header_frames, info.height) == (FPS, 5, 64)


# --- stores


def test_a_store_is_the_beginning_of_an_import(tmp_path):
    video = videos.write_video(tmp_path / "v.mkv", videos.moving_square(20), codec="ffv1")
    settings = ImportSettings(size=(32, 40))
    import_video.run(raw=video, out=tmp_path / "whole.h5", settings=settings)
    found = material.make_store(
        video=str(video), out=str(tmp_path / "cut.h5"), size=[32, 40], n_frames=7, settings={}
    )
    assert (found["frames"], found["store"]) == (7, "raw")
    with FrameStore(tmp_path / "whole.h5") as whole, FrameStore(tmp_path / "cut.h5") as cut:
        assert cut.n_frames == 7
        assert cut.fps == whole.fps
        np.testing.assert_array_equal(cut.read(range(7)), whole.read(range(7)))


def test_a_short_video_gives_what_it_has(tmp_path):
    video = videos.write_video(tmp_path / "v.mkv", videos.counting(3), codec="ffv1")
    found = material.make_store(
        video=str(video), out=str(tmp_path / "s.h5"), size=[32, 32], n_frames=600,
        settings={"store": "jpeg", "jpeg_quality": 70},
    )  # fmt: skip
    assert (found["frames"], found["store"]) == (3, "jpeg")


def test_no_frames_make_no_store(tmp_path):
    assert material.write_store(tmp_path / "s.h5", iter([]), store="raw", fps=30) == 0
    assert not (tmp_path / "s.h5").exists()


def test_a_broken_video_is_told(tmp_path):
    (tmp_path / "v.mp4").write_bytes(b"no video at all")
    with pytest.raises(VideoError):
        material.make_store(
            video=str(tmp_path / "v.mp4"), out=str(tmp_path / "s.h5"), size=[32, 32], n_frames=3,
            settings={},
        )  # fmt: skip


# --- repetition


@pytest.mark.parametrize("times", [1, 3])
def test_a_video_is_repeated_frame_by_frame(tmp_path, times):
    material.draw(out=str(tmp_path / "v.mp4"), n_frames=31, size=64)
    long = tmp_path / "long.mp4"
    material.repeat(video=str(tmp_path / "v.mp4"), out=str(long), times=times)
    once = [frame.image for frame in decode(probe(tmp_path / "v.mp4"))]
    frames = list(decode(probe(long)))
    assert len(frames) == 31 * times == probe(long).header_frames
    for i, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.image, once[i % 31])
    gaps = np.diff([frame.time for frame in frames])
    np.testing.assert_allclose(gaps, 1 / FPS, atol=1e-4)  # the container counts in ticks
    with av.open(str(long)) as container:
        assert container.streams.video[0].average_rate == FPS


# --- models


def test_models_are_files_of_the_trainings(measured_on):
    assert measured_on.about == {"weights": "untrained, seed 0", "n_features": 128}
    flow = files.load(measured_on.flow, stage="train_flow")
    features = files.load(measured_on.features, stage="train_features")
    assert features["flow_sha256"] == flow["sha256"]
    assert len(features["behaviors"]) == 5


def test_models_are_told_by_their_digest(measured_on):
    found = untrained.read_models(flow=str(measured_on.flow), features=str(measured_on.features))
    sha256 = files.load(measured_on.flow, stage="train_flow")["sha256"]
    assert found == {"weights": f"trained, SHA-256 {sha256[:8]}", "n_features": 128}


def test_models_that_do_not_belong_together_are_told(measured_on):
    with pytest.raises(ModelError):
        untrained.read_models(flow=str(measured_on.features), features=str(measured_on.features))


def test_settling_gives_batch_norms_the_moments_of_their_inputs():
    torch.manual_seed(0)
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))
    x = 5 + 2 * torch.randn(8, 3, 6, 6)
    untrained.settle(network, x)
    assert not network.training
    torch.testing.assert_close(network[0].running_mean, x.mean((0, 2, 3)))
    torch.testing.assert_close(network[0].running_var, x.var((0, 2, 3)))
    assert [network[0].momentum, network[2].momentum] == [0.1, 0.1]
    answer = network(x)
    # Biased and unbiased variance differ by 1 in 288 values.
    torch.testing.assert_close(answer.var((0, 2, 3)), torch.ones(2), atol=0.01, rtol=0)
