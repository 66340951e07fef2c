"""Odd projects go through every stage: one behavior, none of it, very short, odd sizes, gray."""

import numpy as np
import odd
import pandas as pd
import pytest
import tiny
import videos

from deg_core.data.arrays import read_features, read_predictions

LITE = {
    "flow": {"network": "difference", "clip": 5},
    "features": vars(tiny.FEATURES),
    "sequence": vars(tiny.SEQUENCE),
}
PAPER = {
    "flow": vars(tiny.FLOW),
    "features": vars(tiny.FEATURES)
    | {"backbone": "resnet18", "width": 1.0, "inputs": ("frame",), "steps_per_epoch": 1,
       "batch_size": 4},
    "sequence": vars(tiny.SEQUENCE),
}  # fmt: skip
VOLUME = {
    "flow": vars(tiny.FLOW) | {"network": "tiny_motion_net_3d", "width": 0.25},
    "features": vars(tiny.FEATURES),
    "sequence": vars(tiny.SEQUENCE) | {"network": "transformer", "n_heads": 2},
}
KINDS = {"lite": LITE, "paper": PAPER, "volume": VOLUME}
N = {"m1": 40, "m2": 36, "m3": 30, "m4": 34}


def frames_of(lengths, height=32, width=32):
    return {
        video: videos.moving_square(n, height, width, color=(200, 180, 20 * k))
        for k, (video, n) in enumerate(lengths.items())
    }


def labels_of(lengths, k=2, period=16):
    """Return (T, K) labels: bouts of 7 frames, each behavior 5 frames later than the one before."""
    return {
        video: np.stack(
            [(np.arange(n) - 5 * b + 3 * i) % period < 7 for b in range(k)], axis=1
        ).astype(int)
        for i, (video, n) in enumerate(lengths.items())
    }


def check(results, metrics, lengths, behaviors):
    """Every frame has a finite probability and a place in the ethogram."""
    for video, n in lengths.items():
        found = read_predictions(results / "predictions" / f"{video}.h5")
        assert found.probabilities.shape == (n, len(behaviors))
        assert np.isfinite(found.probabilities).all()
        table = pd.read_csv(results / "ethograms" / f"{video}.csv")
        assert list(table) == ["frame", "time_s", "background", *behaviors]
        assert (table["background"] == (table[behaviors].sum(axis=1) == 0)).all()
    assert metrics["behaviors"] == list(behaviors)
    assert metrics["n_frames"] == lengths["m4"]


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


def test_one_behavior(tmp_path, kind):
    results = tmp_path / "results"
    found = odd.run(results, frames_of(N), labels_of(N, 1), behaviors=["groom"], **kind)
    check(results, found, N, ["groom"])
    assert set(found["sequence"]["behaviors"]) >= {"groom"}


@pytest.mark.parametrize("value", [0, 1])
def test_a_behavior_that_never_changes_in_training(tmp_path, kind, value):
    labels = labels_of(N)
    for video in odd.TRAIN:
        labels[video][:, 1] = value
    results, names = tmp_path / "results", ["groom", "rear"]
    found = odd.run(results, frames_of(N), labels, behaviors=names, **kind)
    check(results, found, N, names)
    # What was never seen otherwise is predicted so, nearly everywhere.
    mean = read_predictions(results / "predictions/m4.h5").probabilities[:, 1].mean()
    assert (mean > 0.5) == (value == 1)


def test_videos_shorter_than_a_clip_and_a_window(tmp_path, kind):
    lengths = {"m1": 3, "m2": 2, "m3": 3, "m4": 1}
    labels = {v: np.array([[1, 0], [0, 1], [0, 0]][:n]) for v, n in lengths.items()}
    results, names = tmp_path / "results", ["groom", "rear"]
    found = odd.run(results, frames_of(lengths), labels, behaviors=names, **kind)
    check(results, found, lengths, names)


@pytest.mark.parametrize("size", [(33, 47), (17, 64)])
def test_odd_sizes(tmp_path, kind, size):
    results, names = tmp_path / "results", ["groom", "rear"]
    frames = frames_of(N, *size)
    found = odd.run(results, frames, labels_of(N), behaviors=names, size=size, **kind)
    check(results, found, N, names)


def test_one_channel_repeated(tmp_path, kind):
    frames = {
        video: [np.repeat(frame[..., :1], 3, axis=2) for frame in pictures]
        for video, pictures in frames_of(N).items()
    }
    results, names = tmp_path / "results", ["groom", "rear"]
    found = odd.run(results, frames, labels_of(N), behaviors=names, **kind)
    check(results, found, N, names)


def test_two_exclusive_behaviors(tmp_path, kind):
    labels = labels_of(N)
    for table in labels.values():
        table[table[:, 0] == 1, 1] = 0
    results, names = tmp_path / "results", ["groom", "rear"]
    found = odd.run(results, frames_of(N), labels, behaviors=names, groups=[names], **kind)
    check(results, found, N, names)
    for video in N:
        probabilities = read_predictions(results / "predictions" / f"{video}.h5").probabilities
        assert (probabilities.sum(axis=1) < 1).all()  # the background has the rest
        table = pd.read_csv(results / "ethograms" / f"{video}.csv")
        assert (table[names].sum(axis=1) <= 1).all()


def test_features_without_a_stream_are_zero(tmp_path):
    lite = LITE | {"features": LITE["features"] | {"streams": ("spatial",)}}
    results = tmp_path / "results"
    odd.run(results, frames_of(N), labels_of(N), behaviors=["groom", "rear"], **lite)
    assert not read_features(results / "features/m4.h5").flow.any()
