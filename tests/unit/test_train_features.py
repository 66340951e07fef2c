"""Stage train_features on tiny videos: unknown frames, rare behaviors, wrong inputs, files."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
import videos

from deg_core.data.labels import write_frame_labels
from deg_core.errors import ConfigError, LabelError, ModelError, StateError, VideoError
from deg_core.learn.clips import ClipSource
from deg_core.learn.losses import focal_bce
from deg_core.models import drawn, files
from deg_core.settings import FeatureSettings, from_dict
from deg_core.stages.criterion import count
from deg_core.stages.networks import Motion, load_two_stream
from deg_core.stages.train_features import (
    FeatureTask,
    hand_over,
    known_frames,
    rarity,
)
from deg_core.stages.training import Training

CPU = torch.device("cpu")
PLAIN = {"inputs": ("frame",)}  # no background


def tables():
    return [tiny.labels_of(video) for video in tiny.TRAIN], [tiny.labels_of(v) for v in tiny.VAL]


def task_of(results, labels=None, val_labels=None, **settings):
    motion = Motion.load(results / "models/flow/tiny.pt", CPU)
    train, val = tables()
    parts = []
    for ids, given in ((tiny.TRAIN, labels or train), (tiny.VAL, val_labels or val)):
        stores = [results / "import" / f"{video}.h5" for video in ids]
        mean = motion.normalization["mean"]
        parts.append((ClipSource(stores, length=motion.clip, mean=mean), given))
    chosen = replace(tiny.FEATURES, **PLAIN | settings)
    return FeatureTask(*parts, settings=chosen, motion=motion, device=CPU)


def write_labels(folder, **changed):
    """Write the labels of all videos, some replaced; return the folder."""
    for video in tiny.VIDEOS:
        table = changed.get(video, tiny.labels_of(video))
        names = tiny.BEHAVIORS[: table.shape[1]]
        write_frame_labels(folder / f"{video}.csv", names, table)
    return folder


# --- samples


def test_known_frames():
    labels = [np.array([[0, -1], [-1, -1], [1, 1]]), np.array([[-1, -1], [-1, 0]])]
    # A frame of which one behavior is known takes part.
    assert known_frames(labels).tolist() == [[0, 0], [0, 2], [1, 1]]


def test_rarity_by_hand():
    labels = [np.array([[1, 0], [1, 1], [-1, -1], [0, 0], [0, -1]])]
    samples = known_frames(labels)
    assert rarity(samples, labels, 0.0) is None
    # Of 5 marks, 2 are background, 2 the first behavior, 1 the second: shares 0.4, 0.4, 0.2.
    weights = rarity(samples, labels, 1.0)
    assert weights.tolist() == pytest.approx([2.5, 2.5 + 5.0, 2.5, 2.5])
    assert rarity(samples, labels, 2.0).tolist() == pytest.approx([6.25, 31.25, 6.25, 6.25])


def test_rarity_of_a_behavior_that_never_occurs():
    labels = [np.array([[1, 0], [0, 0]]), np.array([[0, 0]])]
    # Shares: background 2/3, the first behavior 1/3; the second adds nothing, and no NaN.
    assert rarity(known_frames(labels), labels, 1.0).tolist() == pytest.approx([3.0, 1.5, 1.5])


def test_rare_frames_are_drawn_more_often(tiny_project):
    rare = np.zeros((60, 2), np.int8)
    rare[5, 0] = 1
    labels = [rare, np.zeros((48, 2), np.int8)]
    often = task_of(tiny_project, labels, oversampling_exp=1.0, steps_per_epoch=100)
    batches = torch.cat([b.labels for b in often.batches(0, 0)])
    # Background and the one frame weigh alike: about half of 108, where 1 would be its share.
    assert 30 < (batches[:, 0] == 1).sum() < 80


# --- unknown frames


def test_unknown_frames_take_part_in_nothing(tiny_project):
    """Neither in batches and loss, nor in weights, bias and validation."""
    labels, _ = tables()
    cut = [labels[0][: -tiny.N_UNKNOWN], labels[1]]
    task = task_of(tiny_project)
    assert len(task.samples) == 54 + 48
    assert task.samples[:54, 1].max() == 53
    for one, other in zip(count(labels), count(cut), strict=True):
        assert torch.equal(one, other)
    for batch in task.batches(0, 0):
        assert (batch.labels >= 0).all()


def test_partly_unknown_frames_count_for_what_is_known(tiny_project):
    labels, _ = tables()
    for table in labels:
        table[:, 1] = -1
    task = task_of(tiny_project, labels)
    batch = next(task.batches(0, 0))
    clips = batch.clips.clone()
    loss = task.loss(batch, torch.Generator().manual_seed(0))
    loss.backward()
    for head in (task.network.spatial.head, task.network.flow.head):
        assert head.weight.grad[0].abs().sum() > 0
        assert (head.weight.grad[1] == 0).all()
    assert torch.equal(batch.clips, clips)  # bytes are not what augmentation changes
    # Both weights of what is never known are as if there were as many of both.
    assert task.criterion.pos_weight[1] == 1.0


def test_unknown_validation_frames_are_left_out(tiny_project):
    _, val = tables()
    hidden = [val[0].copy()]
    hidden[0][10:30] = -1
    task = task_of(tiny_project, val_labels=hidden, precision="fp32")
    task.network.eval()
    with torch.inference_mode():
        before = task.validate()
    frames = known_frames(hidden)[:, 1]
    assert len(frames) == 20
    clips = task.val_source.batch(np.stack([np.zeros_like(frames), frames], 1)).clips
    with torch.inference_mode():
        logits = task.extractor.score_bytes(clips).logits
    expected = focal_bce(
        logits, torch.from_numpy(hidden[0][frames]), pos_weight=task.criterion.pos_weight
    )
    assert before["loss"] == pytest.approx(expected.item(), rel=1e-5)


# --- what chooses, where things start


def test_f1_chooses_unless_nothing_occurs(tiny_project, capsys):
    absent = [np.zeros((40, 2), np.int8)]
    task = task_of(tiny_project, val_labels=absent)
    assert (task.metric, task.direction) == ("loss", "lower")


def test_the_bias_starts_at_the_log_odds(tiny_project):
    task = task_of(tiny_project)
    labels = np.concatenate(tables()[0])
    expected = [np.log((c == 1).sum() / (c == 0).sum()) for c in labels.T]
    for head in (task.network.spatial.head, task.network.flow.head):
        assert head.bias.tolist() == pytest.approx(expected, rel=1e-5)


def test_a_single_clip_is_a_batch_of_two(tiny_project):
    """Batch norm needs two values, and small pictures shrink to one pixel."""
    one = np.full((60, 2), -1, np.int8)
    one[7] = (1, 0)
    labels = [one, np.full((48, 2), -1, np.int8)]
    task = task_of(tiny_project, labels, backbone="resnet18", width=1.0)
    batches = list(task.batches(0, 0))
    assert [len(b.clips) for b in batches] == [2]
    assert torch.isfinite(task.loss(batches[0], torch.Generator().manual_seed(0)))
    sizes = [len(b.clips) for b in task_of(tiny_project, batch_size=1).batches(0, 0)]
    assert sizes == [2, 2]


def test_batches_are_decided_by_the_epoch(tiny_project):
    task = task_of(tiny_project, steps_per_epoch=3)
    first = [b.clips for b in task.batches(4, 0)]
    again = [b.clips for b in task.batches(4, 2)]
    assert len(first) == task.n_steps() == 3
    assert torch.equal(again[0], first[2])


# --- the whole stage


def test_files(tiny_project):
    model = tiny_project / "models/features/tiny.pt"
    content = files.load(model, stage="train_features")
    assert from_dict(FeatureSettings, content["settings"]) == tiny.FEATURES
    assert content["behaviors"] == list(tiny.BEHAVIORS)
    flow = files.load(tiny_project / "models/flow/tiny.pt", stage="train_flow")
    assert content["flow_sha256"] == flow["sha256"]
    assert content["normalization"] == flow["normalization"]
    history = pd.read_csv(model.with_suffix(".history.csv"))
    assert {"val_loss", "val_f1_macro", "val_average_precision_macro"} <= set(history)
    record = json.loads(model.with_suffix(".run.json").read_text())
    assert (record["train_videos"], record["val_videos"]) == (tiny.TRAIN, tiny.VAL)
    labels = np.concatenate(tables()[0])
    assert record["positives"] == (labels == 1).sum(0).tolist()
    assert record["negatives"] == (labels == 0).sum(0).tolist()
    assert (record["metric"], record["direction"]) == ("val_f1_macro", "higher")


def test_the_model_file_alone_rebuilds_the_network(tiny_project):
    motion = Motion.load(tiny_project / "models/flow/tiny.pt", CPU)
    model = tiny_project / "models/features/tiny.pt"
    network, content = load_two_stream(model, motion, CPU)
    assert not network.training
    assert network.needs_background
    weights = network.state_dict()
    assert all(torch.equal(weights[key], content["state_dict"][key]) for key in weights)


def test_the_motion_network_stays_frozen(tiny_project, monkeypatch):
    task = task_of(tiny_project)
    before = {k: v.clone() for k, v in task.extractor.motion.network.state_dict().items()}
    task.network.train()
    task.loss(next(task.batches(0, 0)), torch.Generator().manual_seed(0)).backward()
    after = task.extractor.motion.network.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)  # batch norms included
    assert not task.extractor.motion.network.training


@pytest.mark.parametrize(
    "settings",
    [
        {"streams": ("spatial",), **PLAIN},
        {"streams": ("flow",)},
        {"fusion": "concatenate", "inputs": ("background_difference",)},
        {"oversampling_exp": 0.5, "schedule": "cosine", "grad_clip": 1.0},
        {"precision": "bf16", "ema": 0.9},
        {"batch_size": "auto", "final_bn": True},
        {"members": 2, "curriculum": True},
        {"curriculum": True, "fusion": "concatenate"},
    ],
)
def test_variants_train(tiny_project, tmp_path, settings):
    model = tiny.train_features(tiny_project, tmp_path / "f.pt", settings=settings)
    motion = Motion.load(tiny_project / "models/flow/tiny.pt", CPU)
    network, _ = load_two_stream(model, motion, CPU)
    assert network is not None


# --- one stream after the other


def test_a_curriculum_trains_each_stream_and_then_both(tiny_project, tmp_path):
    settings = {"curriculum": True, "epochs": 2}
    model = tiny.train_features(tiny_project, tmp_path / "f.pt", settings=settings)
    history = pd.read_csv(model.with_suffix(".history.csv"))
    assert history["phase"].tolist() == ["spatial"] * 2 + ["flow"] * 2 + ["both"] * 2
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    record = json.loads(model.with_suffix(".run.json").read_text())
    assert record["best_epoch"] in (5, 6)
    assert not list(tmp_path.rglob("last.pt"))


def test_streams_go_on_from_what_they_learned_alone(tiny_project, tmp_path, monkeypatch):
    """The best weights of each phase, by the names that the whole network has for them."""
    seen, fit = {}, Training.fit

    def look(self, task, loaded, *, phase=""):
        before = {k: v.clone() for k, v in task.network.state_dict().items()}
        fitted = fit(self, task, loaded, phase=phase)
        seen[phase] = (before, {k: v.clone() for k, v in task.network.state_dict().items()})
        return fitted

    monkeypatch.setattr(Training, "fit", look)
    tiny.train_features(tiny_project, tmp_path / "f.pt", settings={"curriculum": True})
    assert list(seen) == ["spatial", "flow", "both"]
    start = seen["both"][0]
    for stream in ("spatial", "flow"):
        before, after = seen[stream]
        assert all(key.startswith(f"{stream}.") for key in after)
        assert not equal(before, after)
        assert equal(after, {key: start[key] for key in after})
    assert start.keys() == seen["spatial"][1].keys() | seen["flow"][1].keys()


def test_a_killed_curriculum_goes_on_in_its_phase(tiny_project, tmp_path, monkeypatch):
    settings = {"curriculum": True, "epochs": 2}
    whole = tiny.train_features(tiny_project, tmp_path / "whole/f.pt", settings=settings)
    loss, calls = FeatureTask.loss, []

    def die_in_the_second_phase(task, batch, generator):
        calls.append(task.settings.streams)
        if calls.count(("flow",)) == 4:
            raise KeyboardInterrupt
        return loss(task, batch, generator)

    with monkeypatch.context() as patch:
        patch.setattr(FeatureTask, "loss", die_in_the_second_phase)
        with pytest.raises(KeyboardInterrupt):
            tiny.train_features(tiny_project, tmp_path / "cut/f.pt", settings=settings)
    calls.clear()
    monkeypatch.setattr(FeatureTask, "loss", die_in_the_second_phase)
    cut = tiny.train_features(tiny_project, tmp_path / "cut/f.pt", settings=settings)
    assert ("spatial",) not in calls  # that phase is done
    weights = [files.load(m, stage="train_features")["state_dict"] for m in (whole, cut)]
    assert equal(*weights)


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_a_network_is_handed_what_fits(tiny_project):
    both = task_of(tiny_project, fusion="concatenate").network
    alone = task_of(tiny_project, streams=("flow",), seed=1).network
    head = alone.flow.head.weight.clone()
    hand_over(both, alone)
    assert torch.equal(alone.flow.backbone.body[0][0].weight, both.flow.backbone.body[0][0].weight)
    assert torch.equal(alone.flow.head.weight, head)  # the whole has no such layer


# --- weights to start from


def test_weights_of_a_model_file(tiny_project, tmp_path):
    first = tiny_project / "models/features/tiny.pt"
    settings = {"weights": str(first), "epochs": 0}
    model = tiny.train_features(tiny_project, tmp_path / "f.pt", settings=settings)
    found, given = (files.load(m, stage="train_features")["state_dict"] for m in (model, first))
    assert equal(found, given)
    record = json.loads(model.with_suffix(".run.json").read_text())
    assert record["weights"]["loaded"] == str(first)
    assert record["weights"]["sha256"] == files.load(first, stage="train_features")["sha256"]
    assert (record["weights"]["matched"], record["weights"]["missing"]) == (len(given), [])
    assert record["best_epoch"] == 0


def test_weights_used_as_they_are_stay_so_with_a_batch_size_of_auto(tiny_project, tmp_path):
    first = tiny_project / "models/features/tiny.pt"
    settings = {"weights": str(first), "epochs": 0, "batch_size": "auto"}
    model = tiny.train_features(tiny_project, tmp_path / "f.pt", settings=settings)
    assert equal(*(files.load(m, stage="train_features")["state_dict"] for m in (model, first)))


def test_a_batch_size_of_auto_equals_the_number_that_it_becomes(tiny_project, tmp_path):
    auto = tiny.train_features(tiny_project, tmp_path / "a.pt", settings={"batch_size": "auto"})
    size = json.loads(auto.with_suffix(".run.json").read_text())["batch_size"]
    assert size == 64  # the largest power of two of 102 labelled frames
    fixed = tiny.train_features(tiny_project, tmp_path / "b.pt", settings={"batch_size": size})
    assert equal(*(files.load(m, stage="train_features")["state_dict"] for m in (auto, fixed)))


def test_training_from_weights_stays_near_them(tiny_project, tmp_path):
    first = tiny_project / "models/features/tiny.pt"
    key, moved = "spatial.backbone.body.0.0.weight", {}
    given = files.load(first, stage="train_features")["state_dict"][key]
    for strength in (0.0, 1e3):
        settings = {"weights": str(first), "l2_sp": strength, "epochs": 3}
        model = tiny.train_features(tiny_project, tmp_path / f"{strength}.pt", settings=settings)
        found = files.load(model, stage="train_features")["state_dict"][key]
        moved[strength] = (found - given).abs().max().item()
    assert 0 < moved[1e3] < moved[0.0]


@pytest.mark.parametrize("curriculum", [False, True])
def test_training_starts_from_drawn_weights(curriculum, tiny_project, tmp_path):
    """The spatial stream does; the motion of this project is flow, which nobody drew."""
    settings = {"weights": "drawn", "width": 1.0, "lr": 1e-6, "curriculum": curriculum}
    model = tiny.train_features(tiny_project, tmp_path / "f.pt", settings=settings)
    state = files.load(model, stage="train_features")["state_dict"]
    record = json.loads(model.with_suffix(".run.json").read_text())["weights"]
    with np.load(drawn.FILE) as file:
        given = {key: file[key].astype(np.float32) for key in file if key.startswith("spatial")}
    assert record["loaded"] == "deg_core/models/drawn/lite.npz"
    assert record["matched"] == len(given)
    assert any(key.startswith("flow.backbone.") for key in record["missing"])
    for key in (name for name in given if name.endswith("0.weight")):
        np.testing.assert_allclose(state[key].numpy(), given[key], atol=1e-3)
        assert not np.array_equal(state[key].numpy(), given[key])


# --- odd labels


def test_one_behavior(tiny_project, tmp_path):
    only = {video: tiny.labels_of(video)[:, :1] for video in tiny.VIDEOS}
    labels = write_labels(tmp_path / "labels", **only)
    model = tiny.train_features(tiny_project, tmp_path / "f.pt", labels=labels)
    content = files.load(model, stage="train_features")
    assert content["behaviors"] == ["bright"]
    assert content["state_dict"]["spatial.head.weight"].shape[0] == 1


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("part", ["train", "everywhere"])
def test_a_behavior_that_is_never_or_always_there(tiny_project, tmp_path, value, part):
    changed = {}
    for video in tiny.VIDEOS if part == "everywhere" else tiny.TRAIN:
        changed[video] = tiny.labels_of(video)
        changed[video][:, 1] = value
    labels = write_labels(tmp_path / "labels", **changed)
    model = tiny.train_features(tiny_project, tmp_path / "f.pt", labels=labels)
    history = pd.read_csv(model.with_suffix(".history.csv"))
    assert np.isfinite(history[["train_loss", "val_loss", "val_f1_macro"]].to_numpy()).all()
    bias = files.load(model, stage="train_features")["state_dict"]["spatial.head.bias"][1]
    # 0 without any positive, 1 without any negative, and two steps of 1e-3 from there.
    assert bias.item() == pytest.approx(value, abs=3e-3)


def test_nothing_ever_occurs(tiny_project, tmp_path):
    empty = {video: np.zeros((n, 2), np.int8) for video, n in tiny.VIDEOS.items()}
    labels = write_labels(tmp_path / "labels", **empty)
    model = tiny.train_features(tiny_project, tmp_path / "f.pt", labels=labels)
    record = json.loads(model.with_suffix(".run.json").read_text())
    assert (record["metric"], record["direction"]) == ("val_loss", "lower")


# --- trouble


@pytest.mark.parametrize(("rows", "video"), [(50, "m1"), (70, "m1"), (39, "m3"), (41, "m3")])
def test_labels_of_another_length(tiny_project, tmp_path, rows, video):
    labels = write_labels(tmp_path / "labels", **{video: np.ones((rows, 2), np.int8)})
    n = tiny.VIDEOS[video]
    message = rf"{video}\.csv: {rows} frames, but the imported video has {n}; delete it and run"
    with pytest.raises(StateError, match=message):
        tiny.train_features(tiny_project, tmp_path / "f.pt", labels=labels)


def test_different_behaviors(tiny_project, tmp_path):
    labels = write_labels(tmp_path / "labels")
    write_frame_labels(labels / "m2.csv", ("move", "bright"), tiny.labels_of("m2"))
    with pytest.raises(LabelError, match=r"m2\.csv: expected the behaviors .*'bright', 'move'"):
        tiny.train_features(tiny_project, tmp_path / "f.pt", labels=labels)
    write_frame_labels(labels / "m2.csv", tiny.BEHAVIORS, tiny.labels_of("m2"))
    write_frame_labels(labels / "m3.csv", ("move", "bright"), tiny.labels_of("m3"))
    with pytest.raises(LabelError, match="training and validation hold different behaviors"):
        tiny.train_features(tiny_project, tmp_path / "f.pt", labels=labels)


@pytest.mark.parametrize("part", ["training", "validation"])
def test_a_part_without_labels(tiny_project, tmp_path, part):
    ids = tiny.TRAIN if part == "training" else tiny.VAL
    unknown = {video: np.full((tiny.VIDEOS[video], 2), -1, np.int8) for video in ids}
    labels = write_labels(tmp_path / "labels", **unknown)
    with pytest.raises(LabelError, match=f"no frame of the {part} part is labelled; label more"):
        tiny.train_features(tiny_project, tmp_path / "f.pt", labels=labels)


def test_videos_of_different_sizes(tiny_project, tmp_path):
    folder = tmp_path / "import"
    for video, n in tiny.VIDEOS.items():
        frames = videos.noise(n, 32, 40 if video == "m2" else 32)
        videos.write_store(folder / f"{video}.h5", frames)
    with pytest.raises(VideoError, match=r"m2\.h5: 40 x 32 pixels, but m1\.h5 is 32 x 32"):
        tiny.train_features(tiny_project, tmp_path / "f.pt", imports=folder, settings=PLAIN)


def test_a_missing_background_is_asked_for_only_if_needed(tiny_project, tmp_path):
    tiny.train_features(
        tiny_project, tmp_path / "a.pt", backgrounds=tmp_path / "none", settings=PLAIN
    )
    with pytest.raises(StateError, match=r"background\.png"):
        tiny.train_features(tiny_project, tmp_path / "b.pt", backgrounds=tmp_path / "none")


def test_a_width_that_resnet_has_not(tiny_project, tmp_path):
    with pytest.raises(ConfigError, match="width: expected 1 for the backbone resnet18"):
        tiny.train_features(tiny_project, tmp_path / "f.pt", settings={"backbone": "resnet18"})


def test_another_stages_model_as_flow(tiny_project, tmp_path):
    wrong = tiny_project / "models/features/tiny.pt"
    with pytest.raises(ModelError, match="expected a model of train_flow, found train_features"):
        tiny.train_features(tiny_project, tmp_path / "f.pt", flow=wrong)


def test_features_of_another_flow_model(tiny_project, tmp_path):
    other = tiny.train_flow(tiny_project, tmp_path / "flow.pt", settings={"seed": 1})
    motion = Motion.load(other, CPU)
    with pytest.raises(ModelError, match="trained behind another flow model"):
        load_two_stream(tiny_project / "models/features/tiny.pt", motion, CPU)
