"""Steps of the trainings: the stages' own tasks in the real loop, cut short."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from measuring import check_figures

from deg_core.bench import training
from deg_core.bench.figures import Cost
from deg_core.presets import resolve
from deg_core.stages.networks import Extractor
from deg_core.stages.train_features import FeatureTask
from deg_core.stages.train_flow import FlowTask
from deg_core.stages.train_sequence import SequenceTask

FLOW = {"network": "tiny_motion_net", "width": 0.1, "clip": 5}
FEATURES = {"backbone": "small_cnn", "width": 0.25}
SEQUENCE = {"window": 20, "filter_length": 5, "n_layers": 1, "c_out": 2, "hidden": 8}
LIMITS = {"seconds": 1e-6, "batch": 4}


@pytest.fixture
def tasks(monkeypatch):
    """The tasks that are trained."""
    seen = []
    whole = training.steps_of
    monkeypatch.setattr(
        training, "steps_of", lambda task, *rest: seen.append(task) or whole(task, *rest)
    )
    return seen


def check_steps(found, n=training.FEWEST):
    assert found["learns"]
    assert found["batch"] == 4
    assert found["precision"] in ("fp32", "bf16")  # as the processor is fast at
    assert check_figures(found) == 2
    assert found["steps_per_s"]["n"] == found["cpu_s"]["n"] == n
    assert found["steps_per_s"]["median"] > 0


def flow_steps(measured_on, folder, **settings):
    return training.measure_flow(
        store=str(measured_on.store), statistics=str(measured_on.folder), settings=FLOW | settings,
        limits=LIMITS, folder=str(folder), threads=1,
    )  # fmt: skip


def feature_steps(measured_on, folder, **settings):
    return training.measure_features(
        store=str(measured_on.store), statistics=str(measured_on.folder),
        flow=str(measured_on.flow), settings=FEATURES | settings, limits=LIMITS,
        folder=str(folder), threads=1,
    )  # fmt: skip


def test_flow_steps_are_those_of_the_stage(measured_on, tmp_path, tasks):
    check_steps(flow_steps(measured_on, tmp_path))
    assert [type(task) for task in tasks] == [FlowTask]


def test_a_motion_network_without_weights_learns_nothing(measured_on, tmp_path):
    assert flow_steps(measured_on, tmp_path, network="difference") == {"learns": False}


@pytest.mark.parametrize("inputs", [["frame"], ["frame", "background_difference"]])
def test_feature_steps_are_those_of_the_stage(measured_on, tmp_path, tasks, inputs):
    check_steps(feature_steps(measured_on, tmp_path, inputs=inputs, weights="imagenet"))
    (task,) = tasks
    assert type(task) is FeatureTask
    assert (task.val_labels[0] >= 0).any(1).sum() == training.VAL_FRAMES
    assert task.settings.weights == "none"


class Opened(Exception):
    """Raised once the videos are open."""


@pytest.fixture
def memory(monkeypatch):
    """Note where clips would lie, and go no further: memory is pinned by a card's driver alone."""
    pinned = []

    def opened(*_, **options):
        pinned.append(options.get("pinned", False))
        return SimpleNamespace(n_frames=[40])

    def stop(*_, **__):
        raise Opened

    for name, stand_in in {
        "ClipSource": opened, "clip_source": opened, "FlowTask": stop, "FeatureTask": stop,
    }.items():  # fmt: skip
        monkeypatch.setattr(training, name, stand_in)
    monkeypatch.setattr(training.Motion, "load", lambda *_: None)
    return pinned


@pytest.mark.parametrize(("device", "expected"), [("cpu", False), ("cuda", True)])
def test_clips_lie_where_those_of_the_stages_do(
    measured_on, tmp_path, monkeypatch, memory, device, expected
):
    monkeypatch.setattr(training, "choose", lambda _: torch.device(device))
    for steps in (flow_steps, feature_steps):
        with pytest.raises(Opened):
            steps(measured_on, tmp_path)
    assert memory == [expected] * 3  # of flow, and both parts of features


def test_feature_steps_are_compared_with_plain_ones_on_the_same_clips(measured_on, monkeypatch):
    seen, whole = [], training.step

    def step(task, optimizer, rows):
        seen.append((task, rows))
        whole(task, optimizer, rows)

    monkeypatch.setattr(training, "step", step)
    found = training.compare_features(
        store=str(measured_on.store), statistics=str(measured_on.folder),
        flow=str(measured_on.flow), settings=FEATURES, batch=4, pairs=3, threads=1,
    )  # fmt: skip
    assert check_figures(found) == 2
    assert found["cpu_ratio"]["n"] == 3
    tasks = [task for task, _ in seen]
    assert tasks == tasks[:2] * 4  # in turn, and once to warm up
    assert len({rows.tobytes() for _, rows in seen}) == 1
    plain, _ = tasks[:2]
    assert type(plain.extractor) is Extractor
    assert plain.extractor.motion is plain.motion
    assert plain.extractor.precision.dtype == torch.float32


def test_a_plain_step_learns_what_the_other_learns(measured_on):
    """In fp32 both are the same numbers, but for rounding."""
    made = measured_on.store, measured_on.folder, measured_on.flow
    settings = training.from_dict(
        training.FeatureSettings, FEATURES | {"precision": "fp32", "dropout": 0.0}
    )
    tasks = [training.feature_task(*made, settings, torch.device("cpu")) for _ in range(2)]
    training.make_plain(tasks[0])
    for task in tasks:
        training.step(task, training.adam(task), task.samples[:6])
    one, other = (dict(task.network.named_parameters()) for task in tasks)
    for name, weight in one.items():
        # Adam's first step is the rate times the gradient's sign: up to 2 x 1e-4 where it is 0.
        torch.testing.assert_close(weight, other[name], atol=2.1e-4, rtol=0)
    losses = [
        task.loss(task.source.batch(task.samples[:6], task.labels), torch.Generator()).item()
        for task in tasks
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)


def test_sequence_steps_are_those_of_the_stage(tmp_path, tasks, monkeypatch):
    monkeypatch.setattr(training, "FRAMES", 200)
    found = training.measure_sequence(
        n_features=6, settings=SEQUENCE, limits=LIMITS, folder=str(tmp_path), threads=1
    )
    check_steps(found)
    assert type(tasks[0]) is SequenceTask
    assert tasks[0].n_features == 6


@pytest.mark.parametrize("preset", ["fast", "medium", "slow", "lite"])
def test_windows_are_enough_for_the_presets_batches(preset):
    settings = resolve({}, "sequence", preset)
    per_video = settings["windows_per_video"] or training.FRAMES // settings["window"]
    steps = training.VIDEOS * per_video // settings["batch_size"]
    assert steps >= training.WARM + training.FEWEST


# --- the batch


def task_of(n_batch, *, keeps=1000):
    """A task of whose samples each keeps so many floats for the backward pass."""

    def trial(n):
        return (weight * torch.ones(n, keeps)).square().sum()

    weight = torch.ones(1, requires_grad=True)
    settings = training.short(training.from_dict(training.FlowSettings, {"batch_size": n_batch}))
    network = torch.nn.Linear(1, 1)
    return SimpleNamespace(
        settings=settings, trial=trial, network=network, device=torch.device("cpu")
    )


@pytest.mark.parametrize(
    ("wanted", "limit", "samples", "free", "expected"),
    [
        (32, 512, 1000, 2**30, 32),  # as the settings say
        (32, 4, 1000, 2**30, 4),  # as the user says
        (32, 512, 40, 2**30, 8),  # four steps at least, of a power of two
        (32, 512, 2, 2**30, 1),
        (32, 512, 1000, 10 * 2**10, 8),  # what fits
        ("auto", 512, 1000, 2**30, 128),
    ],
)
def test_batches_are_what_was_asked_for_or_what_is_possible(
    wanted, limit, samples, free, expected, monkeypatch, tmp_path
):
    class Done(Exception):
        pass

    def stop(*_, **__):
        raise Done

    monkeypatch.setattr(training, "free_memory", lambda _: free)
    monkeypatch.setattr(training, "Fit", stop)
    task = task_of(wanted)
    with pytest.raises(Done):
        training.steps_of(task, samples, {"batch": limit, "seconds": 1}, tmp_path)
    assert task.settings.batch_size == expected


# --- timing


def watched(seconds, times, monkeypatch):
    """Go through ten batches, at the given times of the clock."""
    clock = iter(times)
    monkeypatch.setattr(training, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(training, "process_time", lambda: 0.0)
    task = SimpleNamespace(batches=lambda epoch, start: (i for i in range(10)), metric="f1")
    found = training.Watched(task, seconds)
    return found, list(found.batches(0, 0))


def test_steps_end_when_they_took_long_enough(monkeypatch):
    found, batches = watched(30, [0, 100, 110, 120, 130, 140], monkeypatch)
    assert batches == [0, 1, 2, 3]  # one to warm up, 100 s, and three of 10 s
    assert found.steps() == [Cost(10, 0)] * 3
    assert found.metric == "f1"


def test_a_few_steps_are_made_however_long_they_take(monkeypatch):
    _, batches = watched(1, [0, 100, 200, 300, 400, 500], monkeypatch)
    assert batches == [0, 1, 2, 3]


def test_the_last_step_of_an_epoch_counts(monkeypatch):
    found, batches = watched(1000, range(11), monkeypatch)
    assert batches == list(range(10))
    assert found.steps() == [Cost(1, 0)] * 9


def test_leaving_early_closes_the_tasks_batches():
    closed = []

    def batches(epoch, start):
        try:
            yield from range(10)
        finally:
            closed.append(True)

    generator = training.Watched(SimpleNamespace(batches=batches), 1).batches(0, 0)
    next(generator)
    generator.close()
    assert closed == [True]


def test_made_up_labels_hold_both_values_of_each_behavior():
    labels = training.made_up_labels(100)
    assert labels.dtype == np.int8
    assert (labels.min(0) == 0).all()
    assert (labels.max(0) == 1).all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_cards_memory_is_told(measured_on, tmp_path, monkeypatch):
    monkeypatch.setenv("DEG_DEVICE", "cuda")
    assert flow_steps(measured_on, tmp_path)["card_mb"] > 0
