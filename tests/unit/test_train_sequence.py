"""Stage train_sequence on tiny features: windows, padding, unknown frames, files, trouble."""

import json
import threading
from contextlib import closing
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tiny
import torch

from deg_core.data.arrays import feature_writer, read_features
from deg_core.data.labels import write_frame_labels
from deg_core.errors import LabelError, StateError
from deg_core.learn import windows
from deg_core.learn.losses import focal_bce
from deg_core.models import files
from deg_core.settings import SequenceSettings, from_dict
from deg_core.stages.networks import load_sequence
from deg_core.stages.train_sequence import (
    SequenceTask,
    moments,
    read_part,
    window_starts,
)

CPU = torch.device("cpu")
D, K = 4, 2


def labels_of(n, known):
    """Return (n, 2) labels, unknown outside the half-open stretches ``known``."""
    labels = np.full((n, K), -1, np.int8)
    for a, b in known:
        labels[a:b] = np.arange(b - a)[:, None] % 2
    return labels


@pytest.fixture
def no_room(monkeypatch):
    """Leave no memory for features."""
    monkeypatch.setattr(windows, "free_memory", lambda device: 0)


def task_of(labels, **settings):
    """Make a task whose features tell video and frame: video + frame / 1000."""
    features = []
    for video, table in enumerate(labels):
        x = video + np.arange(len(table))[:, None] / 1000 + np.zeros(D)
        features.append(x.astype(np.float32))
    chosen = replace(tiny.SEQUENCE, **settings)
    return SequenceTask((features, labels), (features, labels), settings=chosen, device=CPU)


def starts(batch):
    """Tell (video, first frame) of the windows of a batch."""
    first = batch.features[:, 0, 0].double()
    return [(int(x + 1e-4), round((x.item() % 1 if x > 0 else x.item()) * 1000)) for x in first]


# --- windows


@pytest.mark.parametrize(
    ("n", "known", "random", "expected"),
    [
        (50, [(0, 50)], 0, [0, 20, 40]),  # neighbors; the last reaches beyond the end
        (60, [(0, 60)], 0, [0, 20, 40]),
        (50, [(25, 30)], 0, [20]),
        (50, [(19, 21)], 0, [0, 20]),
        (50, [], 0, []),
        (7, [(0, 7)], 0, [0]),
        (1, [(0, 1)], 5, [0]),
        (7, [(3, 4)], 5, [0]),  # shorter than a window: the only one there is
        (20, [(0, 20)], 5, [0]),
        (24, [(0, 24)], 5, [0, 1, 2, 3, 4]),
        (50, [(2, 3)], 5, [0, 1, 2]),
        (50, [(25, 26)], 5, list(range(6, 26))),
        (50, [(49, 50)], 5, [30]),
        (50, [], 5, []),
    ],
)
def test_windows_hold_known_labels(n, known, random, expected):
    settings = replace(tiny.SEQUENCE, window=20, windows_per_video=random)
    assert window_starts(labels_of(n, known), settings).tolist() == expected


def test_one_behavior_known_is_enough():
    labels = labels_of(40, [])
    labels[33, 1] = 0
    assert window_starts(labels, tiny.SEQUENCE).tolist() == [20]


def test_an_epoch_holds_every_neighbor_once():
    task = task_of([labels_of(50, [(0, 50)]), labels_of(30, [(0, 30)])])
    assert task.n_steps() == 2  # five windows in batches of four
    batches = list(task.batches(3, 0))
    assert [len(b.features) for b in batches] == [4, 1]
    found = [place for b in batches for place in starts(b)]
    assert sorted(found) == [(0, 0), (0, 20), (0, 40), (1, 0), (1, 20)]
    assert [starts(b) for b in task.batches(3, 1)] == [found[4:]]  # a resumed epoch goes on
    again = [place for b in task.batches(4, 0) for place in starts(b)]
    assert sorted(again) == sorted(found)
    assert again != found


def test_random_windows_differ_between_epochs():
    task = task_of([labels_of(90, [(0, 90)])] * 2, windows_per_video=6, batch_size=100)
    assert task.n_steps() == 1
    first, again, other = (next(task.batches(epoch, 0)) for epoch in (0, 0, 1))
    assert starts(first) == starts(again) != starts(other)
    assert sorted(video for video, _ in starts(first)) == [0] * 6 + [1] * 6
    assert all(0 <= start <= 70 for _, start in starts(first))


def test_random_windows_find_the_few_labelled_frames():
    """A minute scored in a video of hours: windows drawn anywhere would never meet it."""
    task = task_of(
        [labels_of(100_000, [(70_000, 70_050)]), labels_of(500, [])], windows_per_video=8
    )
    assert task.n_steps() == 2
    for epoch in range(3):
        for batch in task.batches(epoch, 0):
            assert (batch.labels >= 0).any((1, 2)).all()


def test_padding_is_unknown_and_zero_once_standardised():
    task = task_of([labels_of(50, [(0, 50)])], batch_size=8)
    batch = next(task.batches(0, 0))
    last = starts(batch).index((0, 40))
    assert batch.features.shape == (3, D, 20)
    assert batch.labels.shape == (3, K, 20)
    assert (batch.labels[last, :, 10:] == -1).all()
    assert (batch.labels[last, :, :10] >= 0).all()
    scaled = (batch.features - task.network.mean) * task.network.scale
    assert (scaled[last, :, 10:] == 0).all()


def test_features_and_labels_of_a_window_belong_together():
    task = task_of([labels_of(50, [(0, 50)])], batch_size=8)
    for batch in task.batches(0, 0):
        for (_, start), x, y in zip(starts(batch), batch.features, batch.labels, strict=True):
            n = min(20, 50 - start)
            frames = start + np.arange(n)
            np.testing.assert_allclose(x[0, :n].numpy(), frames / 1000, atol=1e-6)
            assert y[0, :n].tolist() == (frames % 2).tolist()


@pytest.mark.parametrize("center_after", [0, 10])
def test_windows_show_what_validation_would(center_after):
    """Cut from the table and shifted there, or read from the video and centered: one number."""
    labels = [labels_of(50, [(0, 50)]), labels_of(30, [(0, 30)])]
    task = task_of(labels, center_after=center_after, batch_size=8)
    rows = np.array([[1, 0], [0, 7], [0, 30]])
    found = task.read(rows).features
    for x, (video, start) in zip(found, rows, strict=True):
        np.testing.assert_array_equal(x.T, task.features[video][start : start + 20])
    assert (center_after == 0) == (found[0, 0, 0] == 1.0)


def test_windows_from_files_are_made_ahead_and_the_same(no_room, monkeypatch):
    labels = [labels_of(50, [(0, 50)]), labels_of(30, [(0, 30)])]
    from_files = task_of(labels)
    monkeypatch.undo()
    from_memory = task_of(labels)
    before = threading.active_count()
    with closing(from_files.batches(2, 0)) as batches:
        first = next(batches)
        assert threading.active_count() == before + 1
    assert threading.active_count() == before  # closed in the middle of an epoch
    assert torch.equal(first.features, next(from_memory.batches(2, 0)).features)
    every = zip(from_files.batches(2, 0), from_memory.batches(2, 0), strict=True)
    for one, other in every:
        assert torch.equal(one.features, other.features)
        assert torch.equal(one.labels, other.labels)


# --- the task


def test_moments():
    rng = np.random.default_rng(0)
    parts = [rng.normal(100, 3, (n, D)).astype(np.float32) for n in (9000, 1, 5)]
    mean, std = moments(parts)
    whole = np.concatenate(parts).astype(np.float64)
    np.testing.assert_allclose(mean, whole.mean(0), rtol=1e-7)
    np.testing.assert_allclose(std, whole.std(0), rtol=1e-6)
    assert mean.dtype == torch.float32


def test_half_precision_gives_the_moments_of_the_widened():
    rng = np.random.default_rng(0)
    parts = [rng.normal(1, 3, (n, D)).astype(np.float16) for n in (9000, 5)]
    for narrow, wide in zip(
        moments(parts), moments([x.astype(np.float32) for x in parts]), strict=True
    ):
        assert torch.equal(narrow, wide)


def test_videos_are_centered_anew_only_around_another_center():
    task = task_of([labels_of(50, [(0, 50)])], center_after=10)
    features, shifts = task.features, task.cutter.shifts
    task.center(task.network.mean[:, 0].numpy())
    assert task.features is features
    task.center(task.network.mean[:, 0].numpy() + 1)
    assert task.features is not features
    assert not torch.equal(task.cutter.shifts, shifts)


def test_unknown_frames_have_no_gradient():
    labels = labels_of(60, [(0, 60)])
    labels[20:40, 1] = -1
    task = task_of([labels], network="linear", dropout=0.0, batch_size=8)
    batch = next(task.batches(0, 0))
    logits = []
    task.network.network.register_forward_hook(lambda *args: logits.append(args[2]))
    loss = task.loss(batch, torch.Generator())
    (gradient,) = torch.autograd.grad(loss, logits)
    unknown = batch.labels < 0
    assert unknown.sum() == 20
    assert (gradient[unknown] == 0).all()
    assert (gradient[~unknown] != 0).all()


def test_validation_scores_whole_videos():
    labels = [labels_of(50, [(0, 30)]), labels_of(25, [(0, 25)])]
    task = task_of(labels)
    task.network.eval()
    with torch.inference_mode():
        found = task.validate()
        scores = [task.network(torch.from_numpy(x[:].T)[None])[0].T for x in task.val_features]
    truth, weight = torch.from_numpy(np.concatenate(labels)), task.criterion.pos_weight
    expected = focal_bce(torch.cat(scores), truth, pos_weight=weight)
    assert found["loss"] == pytest.approx(expected.item(), rel=1e-5)
    assert set(found) == {"loss", "f1_macro", "average_precision_macro"}


def test_the_loss_chooses_where_nothing_occurs():
    nothing = [np.zeros((30, K), np.int8)]
    assert (task_of(nothing).metric, task_of(nothing).direction) == ("loss", "lower")
    assert task_of([labels_of(30, [(0, 30)])]).metric == "f1_macro"


@pytest.mark.parametrize("network", ["tgm_late", "tgm", "linear"])
def test_networks_learn_what_the_features_show(tiny_project, tmp_path, network):
    settings = {"network": network, "epochs": 25, "lr": 1e-2, "input_dropout": 0.0}
    model = tiny.train_sequence(tiny_project, tmp_path / "s.pt", settings=settings)
    history = pd.read_csv(model.with_suffix(".history.csv"))
    assert history["train_loss"].iloc[-1] < 0.8 * history["train_loss"][0]


# --- the files


def test_files(tiny_project):
    model = tiny_project / "models/sequence/tiny.pt"
    content = files.load(model, stage="train_sequence")
    assert from_dict(SequenceSettings, content["settings"]) == tiny.SEQUENCE
    assert (content["behaviors"], content["n_features"]) == (list(tiny.BEHAVIORS), 128)
    history = pd.read_csv(model.with_suffix(".history.csv"))
    assert history["step"].tolist() == [2, 4]  # six windows in batches of four
    record = json.loads(model.with_suffix(".run.json").read_text())
    assert (record["train_videos"], record["val_videos"]) == (tiny.TRAIN, tiny.VAL)
    assert record["behaviors"] == list(tiny.BEHAVIORS)


def test_the_model_file_alone_rebuilds_the_network(tiny_project):
    network, _ = load_sequence(tiny_project / "models/sequence/tiny.pt", CPU)
    assert not network.training
    parts = [tiny.joined(read_features(tiny_project / f"features/{v}.h5")) for v in tiny.TRAIN]
    mean, _ = moments(parts)
    torch.testing.assert_close(network.mean[:, 0], mean)


def test_the_same_training_gives_the_same_weights(tiny_project, tmp_path):
    weights = []
    for name in ("a", "b"):
        model = tiny.train_sequence(tiny_project, tmp_path / name / "s.pt")
        weights.append(files.load(model, stage="train_sequence")["state_dict"])
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_features_stay_as_narrow_as_they_are(tiny_project, tmp_path, dtype):
    for video in tiny.VIDEOS:
        out = tmp_path / f"features/{video}.h5"
        tiny.extract(tiny_project, video, out, settings={"dtype": dtype})
    _, videos, tables, _ = read_part(
        tiny.TRAIN, tmp_path / "features", tiny_project / "labels", "training"
    )
    task = SequenceTask((videos, tables), (videos, tables), settings=tiny.SEQUENCE, device=CPU)
    assert str(task.frames.table.dtype) == f"torch.{dtype}"
    assert {str(rows.dtype) for rows in task.val_features} == {dtype}
    found = read_features(tmp_path / "features/m1.h5")
    batch = task.read(np.array([[0, 40]]))
    np.testing.assert_array_equal(batch.features[0].T, tiny.joined(found)[40:60])


@pytest.mark.parametrize(
    "settings",
    [{}, {"dtype": "float16"}, {"center_after": 20}, {"network": "rnn", "windows_per_video": 3}],
)
def test_no_memory_for_features_changes_nothing(tiny_project, tmp_path, monkeypatch, settings):
    features, settings = tiny_project / "features", dict(settings)
    if dtype := settings.pop("dtype", None):
        features = tmp_path / "features"
        for video in tiny.VIDEOS:
            out = features / f"{video}.h5"
            tiny.extract(tiny_project, video, out, settings={"dtype": dtype})
    models = {}
    for free in (10**9, 0):
        monkeypatch.setattr(windows, "free_memory", lambda device, free=free: free)
        out = tmp_path / str(free) / "s.pt"
        tiny.train_sequence(tiny_project, out, settings=settings, features=features)
        models[free] = files.load(out, stage="train_sequence")["state_dict"]
    assert all(torch.equal(models[0][key], models[10**9][key]) for key in models[0])


# --- trouble


def write_labels(folder, **changed):
    for video in tiny.VIDEOS:
        table = changed.get(video, tiny.labels_of(video))
        write_frame_labels(folder / f"{video}.csv", tiny.BEHAVIORS, table)
    return folder


@pytest.mark.parametrize(("rows", "video"), [(50, "m1"), (70, "m1"), (39, "m3")])
def test_labels_of_another_length(tiny_project, tmp_path, rows, video):
    labels = write_labels(tmp_path / "labels", **{video: np.ones((rows, 2), np.int8)})
    n = tiny.VIDEOS[video]
    message = rf"{video}\.h5: expected {rows} frames of .*, found {n} of .*; run extract_features"
    with pytest.raises(StateError, match=message):
        tiny.train_sequence(tiny_project, tmp_path / "s.pt", labels=labels)


def test_features_for_other_behaviors(tiny_project, tmp_path):
    folder = tmp_path / "features"
    for video in tiny.TRAIN:
        n = tiny.VIDEOS[video]
        about = {"n_frames": n, "fps": 30.0, "n_features": 2, "digest": "d"}
        with feature_writer(folder / f"{video}.h5", behaviors=["a", "b"], **about) as writer:
            writer.write(0, *[np.zeros((n, 2), np.float32)] * 3)
    with pytest.raises(StateError, match=r"m1\.h5: expected 60 frames of \['bright', 'move'\]"):
        read_part(tiny.TRAIN, folder, tiny_project / "labels", "training")


def test_missing_features(tiny_project, tmp_path):
    with pytest.raises(StateError, match=r"m1\.h5: does not exist"):
        tiny.train_sequence(tiny_project, tmp_path / "s.pt", features=tmp_path)


@pytest.mark.parametrize("part", ["training", "validation"])
def test_a_part_without_labels(tiny_project, tmp_path, part):
    ids = tiny.TRAIN if part == "training" else tiny.VAL
    unknown = {video: np.full((tiny.VIDEOS[video], 2), -1, np.int8) for video in ids}
    labels = write_labels(tmp_path / "labels", **unknown)
    with pytest.raises(LabelError, match=f"no frame of the {part} part is labelled"):
        tiny.train_sequence(tiny_project, tmp_path / "s.pt", labels=labels)
