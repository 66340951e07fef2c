"""Frames, statistics, clips, windows and splits beside the original program's."""

import numpy as np
import pytest
import reference
import torch
from videos import write_store

from deg_core.data import flow_colors, original
from deg_core.data.statistics import moments_of, moments_of_store
from deg_core.data.store import FrameStore
from deg_core.division import cumulative_sizes
from deg_core.learn import original as windows
from deg_core.learn import streaming
from deg_core.learn.clips import ClipSource, clip_frames, denormalize
from deg_core.settings import SequenceSettings
from deg_core.stages.train_sequence import SequenceTask

CPU = torch.device("cpu")
STATISTICS = reference.load("channel_stats")
TRANSFORMS = reference.load("transforms")
WINDOWS = reference.load("windows")
SEQUENCES = reference.load("sequence_windows")
SPLITS = reference.load("split_sizes")[1]
COLORS = reference.load("flow_colour")[1]


def cases(fixture):
    meta, arrays = fixture
    return [
        pytest.param(reference.case(arrays, c["prefix"]), c, id=c["prefix"].strip("_"))
        for c in meta["cases"]
    ]


@pytest.fixture
def store(tmp_path):
    """Make a store of given frames (T, H, W, 3)."""

    def make(frames):
        write_store(path := tmp_path / "video.h5", np.ascontiguousarray(frames))
        return path

    return make


@pytest.mark.parametrize(("case", "_"), cases(STATISTICS))
def test_statistics_of_batches_merge_as_in_the_original(case, _):
    mean, std = original.channel_moments(case["data"])
    reference.close(mean, case["mean"], rtol=1e-12)
    reference.close(std, case["std"], rtol=1e-12)


@pytest.mark.parametrize(("batches", "channels"), [([], 3), ([np.zeros((0, 4))], 4)])
def test_without_a_pixel_every_channel_is_undefined(batches, channels):
    for moments in original.channel_moments(batches):
        assert moments.shape == (channels,)
        assert np.isnan(moments).all()


def test_statistics_of_a_video_are_those_of_the_original():
    meta, arrays = STATISTICS
    moments = moments_of(arrays["video_frames"][:: meta["stride"]])
    assert moments.frames == arrays["video_N"]
    reference.close(moments.mean(), arrays["video_mean"], rtol=1e-6)
    reference.close(moments.std(smallest=0), arrays["video_std"], rtol=1e-6)


def test_a_channel_that_never_changes_has_no_deviation_in_the_original():
    gray = np.full((2, 4, 4, 3), 100, np.uint8)
    assert moments_of(gray).std(smallest=0) == [0, 0, 0]
    assert min(moments_of(gray).std()) > 0


def test_statistics_of_a_project_grow_as_in_the_original():
    arrays = STATISTICS[1]

    def stored(name):
        return original.Normalization(int(arrays[f"{name}_N"]), *arrays[name])

    project = stored("project_start")
    for number in range(3):
        project = original.add_normalization(project, stored(f"add{number}"))
        expected = stored(f"project_after{number}")
        assert project.n == expected.n
        reference.close(project.mean, expected.mean, rtol=1e-12)
        reference.close(project.std, expected.std, rtol=1e-12)


@pytest.mark.parametrize(("case", "options"), cases(TRANSFORMS))
def test_frames_are_resized_and_normalised_as_in_the_original(case, options):
    meta, frames = TRANSFORMS[0], case["frames"]
    resized = np.stack([original.resize(frame, options["resize"]) for frame in frames])
    np.testing.assert_array_equal(resized.transpose(3, 0, 1, 2), case["resized_clip"])

    center = len(frames) // 2
    clips = list(
        windows.network_clips(
            frames, mean=meta["mean"], std=meta["std"], size=options["resize"],
            length=len(frames), batch=1,
        )
    )  # fmt: skip
    clip = clips[center]  # the one clip that reaches over no end
    stacked = windows.stack_frames(clip, volume=options["mode"] == "3d")
    reference.close(stacked, case["network_input"], rtol=1e-6)
    again = denormalize(clip, torch.tensor(meta["mean"]), torch.tensor(meta["std"]))
    reference.close(again.transpose(1, 2), case["denormalized"], rtol=1e-6)


@pytest.mark.parametrize(("case", "options"), cases(WINDOWS))
def test_clips_show_the_frames_of_the_original(case, options):
    shown = [
        clip_frames(t, length=options["clip"], n_frames=options["frames"])
        for t in range(options["frames"])
    ]
    np.testing.assert_array_equal(shown, case["training_clip_frames"])
    np.testing.assert_array_equal(shown, case["inference_clip_frames"])
    assert (case["times_seen"] == 1).all()


@pytest.mark.parametrize(("case", "options"), cases(WINDOWS))
def test_clips_of_training_and_inference_show_these_frames(case, options, store):
    numbers = np.arange(1, options["frames"] + 1, dtype=np.uint8)
    path = store(np.broadcast_to(numbers[:, None, None, None], (len(numbers), 8, 8, 3)))
    source = ClipSource([path], length=options["clip"], mean=[0.0] * 3)
    read = [source.clip(0, t)[:, 0, 0, 0].astype(int) - 1 for t in range(options["frames"])]
    np.testing.assert_array_equal(read, case["training_clip_frames"])

    clip, shown = options["clip"], FrameStore(path)
    runs = streaming.parts(0, shown.n_frames, clip=clip, batch=4)
    pad = np.zeros(3, np.uint8)
    frames = np.concatenate([streaming.read_padded(shown, run, pad) for run in runs])
    numbered = frames[:, 0, 0, 0].astype(int) - 1
    streamed = [numbered[t : t + clip] for t in range(shown.n_frames)]
    np.testing.assert_array_equal(streamed, case["inference_clip_frames"])


@pytest.mark.parametrize(("case", "options"), cases(SEQUENCES))
def test_windows_of_sequences_are_those_of_the_original(case, options):
    values, labels = windows.sequence_windows(
        counting(options["frames"]),
        case["labels"],
        length=options["length"],
        overlapping=not options["nonoverlapping"],
    )
    np.testing.assert_array_equal(values, case["features"])
    np.testing.assert_array_equal(labels, case["window_labels"])


@pytest.mark.parametrize(
    ("case", "options"), [c for c in cases(SEQUENCES) if c.values[1]["nonoverlapping"]]
)
def test_our_training_sees_the_neighboring_windows_of_the_original(case, options):
    features, labels = counting(options["frames"]), case["labels"].astype(np.int8)
    settings = SequenceSettings(
        network="linear", window=options["length"], standardize=False, batch_size=1
    )
    task = SequenceTask(
        ([features], [labels]), ([features], [labels]), settings=settings, device=CPU
    )
    batches = sorted(task.batches(0, 0), key=lambda batch: float(batch.features[0, 0, 0]))
    np.testing.assert_array_equal(
        np.concatenate([batch.features for batch in batches]), case["features"]
    )
    np.testing.assert_array_equal(
        np.concatenate([batch.labels for batch in batches]), case["window_labels"]
    )


def counting(n_frames):
    """Features (T, 4): two count up from 1, two count down from -1."""
    numbers = np.arange(1, n_frames + 1, dtype=np.float32)[:, None]
    return numbers * np.array([1, 1, -1, -1], np.float32)


@pytest.mark.parametrize("overlapping", [False, True])
def test_a_video_without_frames_has_no_window(overlapping):
    values, labels = windows.sequence_windows(
        np.empty((0, 4)), np.empty((0, 2)), length=5, overlapping=overlapping
    )
    assert values.shape == (0, 4, 5)
    assert labels.shape == (0, 2, 5)


@pytest.mark.parametrize("shares", sorted(SPLITS))
def test_parts_have_the_sizes_of_the_original(shares):
    fractions = [float(share) for share in shares.split("_")]
    for n, *expected in SPLITS[shares].tolist():
        assert list(cumulative_sizes(n, fractions)) == expected


@pytest.mark.parametrize("longest", [5, 20])
def test_flow_has_the_colors_of_the_original(longest):
    for name in ("polar", "linear"):
        picture = getattr(flow_colors, name)(COLORS["flow"], longest=longest)
        np.testing.assert_array_equal(picture, COLORS[f"{name}_{longest}"])


def test_no_flow_is_white_or_gray():
    still = np.zeros((2, 3, 2))
    assert (flow_colors.polar(still, longest=5) == 255).all()
    assert (flow_colors.linear(still, longest=5) == 127).all()


def test_stores_of_the_same_frames_have_the_same_statistics(store):
    arrays = STATISTICS[1]
    path = store(arrays["video_frames"])
    moments = moments_of_store(FrameStore(path), stride=STATISTICS[0]["stride"])
    assert moments == moments_of(arrays["video_frames"][:: STATISTICS[0]["stride"]])
