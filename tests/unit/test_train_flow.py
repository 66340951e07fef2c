"""Stage train_flow on tiny videos: what it cuts, what it learns from, what it writes."""

import json
import os
import signal
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
import videos

from deg_core.data.statistics import read_moments
from deg_core.errors import ConfigError, Interrupted, ModelError, StateError, VideoError
from deg_core.learn.clips import ClipSource
from deg_core.models import files
from deg_core.settings import FlowSettings, from_dict
from deg_core.stages.networks import Motion
from deg_core.stages.train_flow import FlowTask, split_in_time

CPU = torch.device("cpu")


def task_of(results, **settings):
    chosen = replace(tiny.FLOW, **settings)
    moments = read_moments(results / "stats/rgb.json")
    stores = [results / "import" / f"{video}.h5" for video in tiny.VIDEOS]
    source = ClipSource(stores, length=chosen.clip, mean=moments["mean"])
    task = FlowTask(source, chosen, CPU)
    task.normalize_by(moments)
    return task


# --- the cut


@pytest.mark.parametrize("clip", [2, 4, 5, 11])
@pytest.mark.parametrize("n", [1, 10, 30, 31, 33, 40, 500, 1003])
def test_no_validation_clip_shows_a_training_frame(clip, n):
    settings = FlowSettings(clip=clip, val_clips=10_000)
    train, val = split_in_time([n], settings)

    def shown(rows):
        index = rows[:, 1:] + np.arange(clip) - clip // 2
        return set(index[(index >= 0) & (index < n)].tolist())

    if n <= 2 * clip + clip // 2:  # too short to be cut
        np.testing.assert_array_equal(train, val)
        assert shown(train) == set(range(n))
        return
    assert not shown(train) & shown(val)
    assert max(shown(train)) < min(shown(val))
    # Validation lies within the video; training begins at its first frame.
    inside = val[:, 1:] + np.arange(clip) - clip // 2
    assert inside.min() >= 0
    assert inside.max() < n
    assert train[0, 1] == 0


def test_the_last_tenth_validates():
    train, val = split_in_time([1000, 500], FlowSettings(clip=11, val_clips=10_000))
    # 100 of 1000 frames; 5 to each side belong to the clips at the border.
    assert train[train[:, 0] == 0, 1].tolist() == list(range(895))
    assert val[val[:, 0] == 0, 1].tolist() == list(range(905, 995))
    assert val[val[:, 0] == 1, 1].tolist() == list(range(455, 495))


def test_validation_clips_are_spread_evenly():
    _, val = split_in_time([1000, 1000], FlowSettings(clip=11, val_clips=3))
    assert val.tolist() == [[0, 905], [1, 905], [1, 994]]  # the first, the middle and the last


def test_short_videos_only_train():
    train, val = split_in_time([20, 1000], FlowSettings(clip=11))
    assert (train[:20, 0] == 0).all()
    assert set(val[:, 0]) == {1}


# --- the task


def test_batches_are_decided_by_the_epoch(tiny_project):
    task = task_of(tiny_project, steps_per_epoch=3)
    assert task.n_steps() == 3
    first = [b.clips for b in task.batches(0, 0)]
    assert [len(clips) for clips in first] == [4, 4, 4]
    again = [b.clips for b in task.batches(0, 1)]
    assert len(again) == 2
    assert all(torch.equal(a, b) for a, b in zip(again, first[1:], strict=True))
    other = next(task.batches(1, 0)).clips
    assert not torch.equal(other, first[0])


def test_an_epoch_is_no_longer_than_the_clips(tiny_project):
    task = task_of(tiny_project, steps_per_epoch=1000)
    assert task.n_steps() == -(-len(task.train) // 4)
    assert sum(len(b.clips) for b in task.batches(0, 0)) == len(task.train)


def test_validation_does_not_depend_on_the_batch_size(tiny_project):
    scores = []
    for size in (1, 4, 100):
        task = task_of(tiny_project, batch_size=size)
        task.network.eval()
        with torch.inference_mode():
            scores.append(task.validate())
    assert set(scores[0]) == {"loss", "l1", "ssim", "smoothness", "sparsity"}
    for other in scores[1:]:
        assert other == pytest.approx(scores[0], rel=1e-4)
    parts = [scores[0][name] for name in ("l1", "ssim", "smoothness", "sparsity")]
    assert scores[0]["loss"] == pytest.approx(sum(parts), rel=1e-5)


def test_training_learns_something(tiny_project, tmp_path):
    """Ten steps on 60 frames: the loss on validation falls by a tenth at least."""
    settings = {"epochs": 5, "steps_per_epoch": 10, "lr": 3e-3, "batch_size": 8}
    tiny.train_flow(tiny_project, tmp_path / "f.pt", settings=settings)
    losses = pd.read_csv(tmp_path / "f.history.csv")["val_loss"]
    assert losses.min() < 0.9 * losses[0]


# --- the files


def test_files(tiny_project):
    model = tiny_project / "models/flow/tiny.pt"
    content = files.load(model, stage="train_flow")
    assert from_dict(FlowSettings, content["settings"]) == tiny.FLOW
    moments = read_moments(tiny_project / "stats/rgb.json")
    assert content["normalization"] == {k: moments[k] for k in ("mean", "std")}
    history = pd.read_csv(model.with_suffix(".history.csv"))
    assert history["step"].tolist() == [2]
    assert {"train_loss", "val_loss", "val_l1", "val_ssim", "lr"} <= set(history)
    record = json.loads(model.with_suffix(".run.json").read_text())
    assert record["videos"] == list(tiny.VIDEOS)
    assert (record["metric"], record["direction"]) == ("val_loss", "lower")
    assert record["best"] == pytest.approx(history["val_loss"].min())
    assert record["packages"]["torch"] == torch.__version__
    assert (record["device"], record["threads"], record["seed"]) == ("cpu", 1, 0)
    assert record["settings"]["width"] == 0.1
    assert (record["weights"]["loaded"], record["weights"]["matched"]) == (None, 0)
    assert [path.name for path in (model.parent / "state").iterdir()] == ["finished.pt"]


def test_the_model_file_alone_rebuilds_the_network(tiny_project):
    motion = Motion.load(tiny_project / "models/flow/tiny.pt", CPU)
    assert motion.clip == 5
    assert not motion.network.training
    assert not any(p.requires_grad for p in motion.network.parameters())
    assert motion(torch.zeros(2, 5, 3, 32, 32)).shape == (2, 8, 16, 16)
    with pytest.raises(ModelError, match="expected a model of train_features"):
        files.load(tiny_project / "models/flow/tiny.pt", stage="train_features")


def test_examples(tiny_project):
    with np.load(tiny_project / "models/flow/tiny.examples.npz") as file:
        stored = {name: file[name] for name in file.files}
    n = len(stored["frames"])
    assert 1 <= n <= 4
    assert stored["frames"].shape == (n, 2, 32, 32, 3)
    assert stored["frames"].dtype == np.uint8
    assert stored["flow"].shape == (n, 2, 16, 16)
    assert stored["reconstruction"].shape == (n, 16, 16, 3)
    assert str(stored["kind"]) == "flow"
    # Both frames are of a video: none is the uniform color of padding.
    assert (stored["frames"].reshape(n * 2, -1).std(1) > 5).all()


@pytest.mark.parametrize("clip", [2, 3, 4])
def test_examples_of_short_clips(tiny_project, clip):
    found = task_of(tiny_project, clip=clip).examples()
    assert found["flow"].shape[1:] == (2, 16, 16)
    assert (found["frames"].reshape(len(found["frames"]) * 2, -1).std(1) > 5).all()


def test_examples_show_flow_between_their_two_frames(tiny_project):
    task = task_of(tiny_project)
    task.network.forward = lambda clip: (
        torch.arange(8.0).view(1, 8, 1, 1).expand(len(clip), 8, 16, 16),
    )
    # The pair of frames 2 and 3 of five has the channels 4 and 5.
    assert task.examples()["flow"][:, :, 0, 0].tolist() == [[4.0, 5.0]] * 4


def test_examples_of_a_video_shorter_than_a_clip(tmp_path):
    results = tmp_path / "results"
    videos.write_store(results / "import/s.h5", videos.noise(3))
    (results / "stats").mkdir()
    (results / "stats/rgb.json").write_text(
        json.dumps(
            {"frames": 1, "n": 1, "sum": [1, 1, 1], "sum_squares": [1, 1, 1]}
            | {"mean": [0.5] * 3, "std": [0.3] * 3}
        )
    )
    tiny.train_flow(results, tmp_path / "f.pt", videos=["s"], settings={"clip": 11})
    with np.load(tmp_path / "f.examples.npz") as file:
        assert len(file["frames"]) == 2  # the pairs 0-1 and 1-2
        assert (file["frames"].reshape(4, -1).std(1) > 5).all()


def test_a_single_frame_trains(tmp_path):
    results = tmp_path / "results"
    videos.write_store(results / "import/s.h5", videos.noise(1))
    (results / "stats").mkdir()
    (results / "stats/rgb.json").write_text(
        json.dumps(
            {"frames": 1, "n": 1, "sum": [1, 1, 1], "sum_squares": [1, 1, 1]}
            | {"mean": [0.5] * 3, "std": [0.3] * 3}
        )
    )
    model = tiny.train_flow(results, tmp_path / "f.pt", videos=["s"])
    assert files.load(model, stage="train_flow")["stage"] == "train_flow"


def test_differences_need_no_training(tiny_project, tmp_path):
    settings = {"network": "difference", "epochs": 30}
    model = tiny.train_flow(tiny_project, tmp_path / "d.pt", settings=settings)
    history = pd.read_csv(model.with_suffix(".history.csv"))
    assert len(history) == 1
    assert history["val_loss"].isna().all()
    record = json.loads(model.with_suffix(".run.json").read_text())
    assert (record["best"], record["parameters"]) == (None, 0)
    with np.load(model.with_suffix(".examples.npz")) as file:
        assert set(file.files) == {"frames", "flow", "kind"}
        assert file["flow"].shape[1:] == (1, 16, 16)
        # The picture: brightness of the second frame less that of the first, at half size.
        gray = file["frames"].astype(float).mean(-1) / 255
        small = gray.reshape(*gray.shape[:2], 16, 2, 16, 2).mean((3, 5))
        change = small[:, 1] - small[:, 0]
        std = np.mean(read_moments(tiny_project / "stats/rgb.json")["std"])
        np.testing.assert_allclose(file["flow"][:, 0], change / std, atol=0.1)
    motion = Motion.load(model, CPU)
    assert motion.network.channels == 4


# --- trouble


def test_videos_of_different_sizes(tiny_project, tmp_path):
    folder = tmp_path / "import"
    for video in ("m1", "m2"):
        videos.write_store(
            folder / f"{video}.h5", videos.noise(20, 32, 32 if video == "m1" else 48)
        )
    with pytest.raises(VideoError, match=r"m2\.h5: 48 x 32 pixels, but m1\.h5 is 32 x 32"):
        tiny.train_flow(tiny_project, tmp_path / "f.pt", videos=["m1", "m2"], imports=folder)


def test_a_missing_video(tiny_project, tmp_path):
    with pytest.raises(StateError, match=r"nothing\.h5"):
        tiny.train_flow(tiny_project, tmp_path / "f.pt", videos=["m1", "nothing"])


def test_a_rate_that_is_too_high(tiny_project, tmp_path):
    with pytest.raises(ConfigError, match="the loss became nan"):
        tiny.train_flow(
            tiny_project, tmp_path / "f.pt", settings={"lr": 1e30, "steps_per_epoch": 4}
        )
    assert not (tmp_path / "f.pt").exists()


def test_sigterm_keeps_the_state_and_writes_nothing_else(tiny_project, tmp_path, monkeypatch):
    reference = tiny.train_flow(tiny_project, tmp_path / "whole/f.pt", settings={"epochs": 2})
    score = FlowTask.loss

    def stop(task, batch, generator):
        os.kill(os.getpid(), signal.SIGTERM)
        return score(task, batch, generator)

    monkeypatch.setattr(FlowTask, "loss", stop)
    out = tmp_path / "cut/f.pt"
    with pytest.raises(Interrupted):
        tiny.train_flow(tiny_project, out, settings={"epochs": 2})
    assert [str(p.relative_to(out.parent)) for p in out.parent.rglob("*.*")] == ["state/last.pt"]
    monkeypatch.setattr(FlowTask, "loss", score)
    tiny.train_flow(tiny_project, out, settings={"epochs": 2})
    found, expected = (files.load(p, stage="train_flow")["state_dict"] for p in (out, reference))
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    record = json.loads(out.with_suffix(".run.json").read_text())
    assert record["attempts"] == 2
