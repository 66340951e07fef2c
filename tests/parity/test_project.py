"""Whole-video inference and the sample project beside the original program's."""

import numpy as np
import pytest
import reference
import torch
import yaml

from deg_core.data import original
from deg_core.data.images import find_images
from deg_core.data.labels import read_label_file
from deg_core.data.statistics import moments_of
from deg_core.errors import StateError, VideoError
from deg_core.ethogram import original as decoding
from deg_core.ethogram.bouts import background_labels
from deg_core.learn import original as inference
from deg_core.models import compat
from deg_core.models.compat import checkpoint

INFERENCE = reference.load("inference")
CONTENTS, ARRAYS = reference.load("project_contents")
SEQUENCE_RUN = reference.PROJECT / "models" / "210102_030405_sequence_train"
FLOW_RUN = reference.PROJECT / "models" / "210101_010203_flow_generator_train_note"
VIDEOS = sorted(CONTENTS["records"])
LABELED = [video for video in VIDEOS if CONTENTS["records"][video]["label"]]


def with_behaviors(listing, n):
    """List of (key, shape, dtype) for n behaviors; the stored ones are for five."""
    heads = ("_classifier.1.", "fusion.fc.", "classify1.", "classify2.")
    return [
        (key, [n, *shape[1:]] if shape[:1] == [5] and any(h in key for h in heads) else shape, kind)
        for key, shape, kind in listing
    ]


def network(name, n_behaviors):
    weights = reference.filled(with_behaviors(reference.STATE_DICTS[name], n_behaviors))
    return compat.from_deepethogram(name, weights, K=n_behaviors)


@pytest.fixture(scope="module")
def two_stream():
    return network("hidden_two_stream_fast", 3)


def path_of(video, kind):
    return reference.PROJECT / CONTENTS["records"][video][kind]


def stored_normalization(path, *section):
    content = yaml.safe_load(path.read_text())
    for name in section:
        content = content[name]
    found = content["normalization"]
    return original.Normalization(found["N"], np.array(found["mean"]), np.array(found["std"]))


def project_normalization():
    return stored_normalization(reference.PROJECT / "project_config.yaml", "augs")


@pytest.mark.parametrize("options", INFERENCE[0]["cases"], ids=lambda c: c["prefix"].strip("_"))
def test_whole_videos_give_the_features_and_probabilities_of_the_original(options, two_stream):
    meta, arrays = INFERENCE
    case = reference.case(arrays, options["prefix"])
    assert options["speed"] == "fast"
    assert options["K"] == 3
    scored = inference.extract(
        two_stream, case["frames"], mean=meta["mean"], std=meta["std"], size=options["resize"],
        activation=options["act"],
    )  # fmt: skip
    check_features(scored, case["spatial_features"], case["flow_features"])
    reference.close(scored.logits, case["logits"])
    reference.close(scored.probabilities, case["P"])


def check_features(scored, spatial, flow):
    reference.close(scored.spatial, spatial)
    reference.close(scored.flow, flow)


@pytest.mark.parametrize("n_frames", [1, 3])
def test_the_batch_does_not_matter_nor_does_a_video_shorter_than_a_clip(n_frames, two_stream):
    frames = INFERENCE[1]["c01_frames"][:n_frames]
    options = {"mean": [0.4] * 3, "std": [0.2] * 3}
    whole = inference.extract(two_stream, frames, **options)
    assert whole.logits.shape == (n_frames, 3)
    by_two = inference.extract(two_stream, frames, **options, batch=2)
    reference.close(by_two.logits, whole.logits, rtol=1e-6)
    once = inference.extract(two_stream, frames, **options, activation="softmax")
    np.testing.assert_allclose(once.probabilities.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("video", VIDEOS)
def test_videos_of_a_project_have_the_frames_that_the_original_reads(video):
    frames = np.stack(list(original.frames_of(path_of(video, "rgb"))))
    np.testing.assert_array_equal(frames, ARRAYS[f"{video}_frames"])


def test_videos_without_usable_frames_are_refused(tmp_path):
    import h5py

    path = tmp_path / "video.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("frame", (1,), dtype=h5py.vlen_dtype(np.uint8))
        file["frame"][0] = np.zeros(9, np.uint8)
    with pytest.raises(VideoError, match="image 0 of dataset 'frame' cannot be decoded"):
        list(original.frames_of(path))
    with pytest.raises(StateError, match=r"nothere\.h5"):
        list(original.frames_of(tmp_path / "nothere.h5"))


@pytest.mark.parametrize("video", LABELED)
def test_labels_of_a_project_are_those_that_the_original_reads(video):
    expected = ARRAYS[f"{video}_labels"]
    labels = read_label_file(
        path_of(video, "label"), behaviors=CONTENTS["behaviours"][1:], n_frames=len(expected)
    )
    np.testing.assert_array_equal(labels, expected[:, 1:])
    np.testing.assert_array_equal(background_labels(labels), expected[:, 0])


def test_statistics_of_a_project_are_those_of_its_videos():
    total = original.Normalization(0, np.full(3, 0.5), np.full(3, 0.5))
    for video in VIDEOS:
        moments = moments_of(ARRAYS[f"{video}_frames"][::10])
        stored = stored_normalization(path_of(video, "output").parent / "stats.yaml")
        assert moments.frames == stored.n
        reference.close(moments.mean(), stored.mean, rtol=1e-6)
        reference.close(moments.std(smallest=0), stored.std, rtol=1e-6)
        total = original.add_normalization(total, stored)
    project = project_normalization()
    assert total.n == project.n
    reference.close(total.mean, project.mean, rtol=1e-12)
    reference.close(total.std, project.std, rtol=1e-12)


def test_outputs_of_a_project_are_those_that_the_original_reads():
    for video in VIDEOS:
        for group in ("resnet18", "tgmj"):
            stored = original.read_outputs(path_of(video, "output"), group)
            np.testing.assert_array_equal(stored.probabilities, ARRAYS[f"{video}_{group}_P"])
            assert list(stored.behaviors) == CONTENTS["behaviours"]
            name = {"resnet18": "feature_thresholds", "tgmj": "sequence_thresholds"}[group]
            reference.close(stored.thresholds, CONTENTS[name], rtol=1e-6)
            assert (stored.spatial is None) == (group == "tgmj")
    with pytest.raises(StateError, match="has no group 'resnet50', only resnet18, tgmj"):
        original.read_outputs(path_of(VIDEOS[0], "output"), "resnet50")


@pytest.mark.parametrize("video", VIDEOS)
def test_a_project_gives_its_features_and_probabilities_again(video, two_stream):
    statistics = project_normalization()
    size = yaml.safe_load((reference.PROJECT / "project_config.yaml").read_text())["augs"]["resize"]
    frames = np.stack(list(original.frames_of(path_of(video, "rgb"))))
    scored = inference.extract(
        two_stream, frames, mean=statistics.mean, std=statistics.std, size=size
    )
    stored = original.read_outputs(path_of(video, "output"), "resnet18")
    check_features(scored, stored.spatial, stored.flow)
    reference.close(scored.logits, stored.logits)
    reference.close(scored.probabilities, stored.probabilities)

    weights = next((SEQUENCE_RUN / "lightning_checkpoints").glob("*.ckpt"))
    options = yaml.safe_load((SEQUENCE_RUN / "config.yaml").read_text())["sequence"]
    sequence = compat.from_deepethogram("tgmj", checkpoint.read(weights).state_dict, **options)
    timed = inference.score_sequence(
        sequence, scored.spatial, scored.flow, window=CONTENTS["sequence_length"]
    )
    outputs = original.read_outputs(path_of(video, "output"), "tgmj")
    reference.close(timed.logits, outputs.logits)
    reference.close(timed.probabilities, outputs.probabilities)


@pytest.mark.parametrize("video", VIDEOS)
def test_predictions_of_a_project_follow_from_its_probabilities(video):
    labels = [ARRAYS[f"{name}_labels"] for name in LABELED]
    complete = [table for table in labels if (table >= 0).all()]
    assert len(complete) == CONTENTS["finalized"]
    stored = original.read_outputs(path_of(video, "output"), "tgmj")
    predicted = decoding.predict(
        stored.probabilities,
        thresholds=stored.thresholds,
        lengths=decoding.removal_lengths(labels),
    )
    np.testing.assert_array_equal(predicted, ARRAYS[f"{video}_predictions"])


def test_thresholds_of_a_run_are_those_that_the_original_reads():
    metrics = SEQUENCE_RUN / "classification_metrics.h5"
    first = original.read_thresholds(metrics, epoch=1)
    np.testing.assert_array_equal(first, ARRAYS["thresholds_epoch1"])
    np.testing.assert_array_equal(original.read_thresholds(metrics), ARRAYS["thresholds_last"])
    with pytest.raises(StateError, match="thresholds of 3 epochs, not of epoch 3"):
        original.read_thresholds(metrics, epoch=3)
    with pytest.raises(StateError, match="give the file of a classifier"):
        original.read_thresholds(FLOW_RUN / "opticalflow_metrics.h5")


def test_checkpoints_of_a_project_hold_the_filled_weights():
    files = {
        "tiny_motion_net_3d": FLOW_RUN / "checkpoint.pt",
        "tgmj": next((SEQUENCE_RUN / "lightning_checkpoints").glob("*.ckpt")),
    }
    for name, path in files.items():
        weights = checkpoint.read(path).state_dict
        expected = reference.filled(with_behaviors(reference.STATE_DICTS[name], 3))
        assert list(weights) == list(expected)
        for key, value in expected.items():
            assert torch.equal(weights[key], value), key
        compat.from_deepethogram(name, weights)


def test_folders_of_images_are_those_of_the_project():
    folders = [path_of(v, "rgb") for v in VIDEOS if path_of(v, "rgb").is_dir()]
    assert [len(find_images(folder).paths) for folder in folders] == [31, 18]
