"""What the trainings share: which changes start them anew, batch sizes, and what they publish."""

import json
import math
from dataclasses import replace

import pandas as pd
import pytest
import tiny
import torch
from torch import nn

from deg_core import versions
from deg_core.learn.device import Precision
from deg_core.learn.fit import Fitted
from deg_core.models import files
from deg_core.models.weights import Loaded
from deg_core.stages.training import Training, chained, paths

CPU = torch.device("cpu")


class Task:
    """A linear layer behind batch norm and dropout, whose step keeps little memory."""

    precision = Precision(CPU, torch.float32)

    def __init__(self, settings):
        torch.manual_seed(5)
        self.settings = settings
        self.network = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Linear(3, 2))
        self.trials = []

    def trial(self, n):
        self.trials.append(n)
        return self.network(torch.randn(n, 3)).exp().sum()


@pytest.fixture
def inputs(tmp_path):
    found = [tmp_path / "a.h5", tmp_path / "b.csv"]
    for path in found:
        path.write_text(path.name)
    return found


def training(inputs, *ids, stage="train_flow", settings=tiny.FLOW, state="state"):
    folder = inputs[0].parent / state
    return Training(stage, settings, tuple(inputs), ids or ("m1", "m2"), folder, CPU, 3)


def test_the_same_training_has_the_same_fingerprint(inputs, tmp_path):
    first = training(inputs).fingerprint
    assert training(inputs, settings=replace(tiny.FLOW)).fingerprint == first
    moved = tmp_path / "moved"  # a project's folder may move while a training waits
    moved.mkdir()
    others = [path.rename(moved / path.name) for path in inputs]
    assert training(others).fingerprint == first


def test_any_change_makes_another(inputs, monkeypatch):
    found = {
        training(inputs).fingerprint,
        training(inputs, stage="train_features").fingerprint,
        training(inputs, settings=replace(tiny.FLOW, lr=2e-3)).fingerprint,
        training(inputs, settings=replace(tiny.FLOW, seed=1)).fingerprint,
        training(inputs, "m2", "m1").fingerprint,
        training(inputs, "m1").fingerprint,
        training(inputs[::-1]).fingerprint,
    }
    inputs[0].write_text("other")
    found.add(training(inputs).fingerprint)
    monkeypatch.setitem(versions.VERSIONS, "train_flow", 99)
    found.add(training(inputs).fingerprint)
    assert len(found) == 9


def test_what_is_published(inputs, tmp_path):
    history = pd.DataFrame({"epoch": [1], "val_loss": [math.nan], "train_loss": [0.5]})
    fitted = Fitted(history, {"best": math.nan, "best_epoch": 1})
    about, task = training(inputs), Task(tiny.FLOW)
    (tmp_path / "state" / "flow").mkdir(parents=True)
    for name in ("last.pt", "flow/last.pt", "batch.json"):
        (tmp_path / "state" / name).touch()
    about.publish(
        task, fitted, Loaded(), model=tmp_path / "m.pt", history=tmp_path / "h.csv",
        record=tmp_path / "r.json", in_record={"videos": ["m1"]},
        in_model={"behaviors": ["rear"], "normalization": {"mean": [0.5] * 3, "std": [0.2] * 3}},
    )  # fmt: skip
    assert (tmp_path / "h.csv").read_text() == "epoch,val_loss,train_loss\n1,,0.5\n"
    record = json.loads((tmp_path / "r.json").read_text())
    assert record["best"] is None  # JSON knows no NaN
    assert record["settings"]["augment"]["flip_lr"] == 0.5
    assert (record["threads"], record["device"], record["videos"]) == (3, "cpu", ["m1"])
    assert (record["precision"], record["batch_size"]) == ("fp32", tiny.FLOW.batch_size)
    assert record["weights"]["loaded"] is None
    assert set(record["packages"]) >= {"deg-core", "torch", "numpy"}
    assert {"python", "platform", "seed"} <= set(record)
    model = files.load(tmp_path / "m.pt", stage="train_flow")
    assert (model["behaviors"], model["version"]) == (["rear"], versions.VERSIONS["train_flow"])
    # Kept until the run has ended: Snakemake may delete what it could not note as done.
    left = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.glob("state/**/*.*"))
    assert left == ["state/batch.json", "state/finished.pt", "state/flow/finished.pt"]


# --- batch size


def test_a_number_is_left_as_it_is(inputs):
    task = Task(tiny.FLOW)
    training(inputs).with_batch_size(task, 100)
    assert task.settings is tiny.FLOW
    assert task.trials == []


def test_auto_becomes_a_number_and_stays_it(inputs):
    auto = replace(tiny.FLOW, batch_size="auto")
    task, about = Task(auto), training(inputs, settings=auto)
    about.with_batch_size(task, 100)
    assert task.settings.batch_size == 64  # the largest power of two of 100 samples
    again = Task(auto)
    about.with_batch_size(again, 1000)  # less memory may be free when a training goes on
    assert again.settings.batch_size == 64
    assert again.trials == []
    other = Task(auto)
    training(inputs, "m3", settings=auto).with_batch_size(other, 1000)
    assert other.settings.batch_size == 512
    (inputs[0].parent / "state" / "batch.json").write_text("{")
    about.with_batch_size(again := Task(auto), 100)
    assert again.settings.batch_size == 64


def test_several_processes_take_what_each_of_them_holds(inputs, monkeypatch):
    monkeypatch.setattr("deg_core.learn.distributed.size", lambda: 2)
    monkeypatch.setattr("deg_core.learn.distributed.from_first", lambda make: make())
    auto = replace(tiny.FLOW, batch_size="auto", gpus=2)
    task = Task(auto)
    training(inputs, settings=auto).with_batch_size(task, 12)
    assert task.settings.batch_size == 12  # six each; one process would take eight


def test_trying_batches_changes_nothing(inputs):
    """A kill right after it, and a number that was given, lead to the same training."""
    auto = replace(tiny.FLOW, batch_size="auto")
    task, random = Task(auto), torch.get_rng_state()
    before = {key: value.clone() for key, value in task.network.state_dict().items()}
    training(inputs, settings=auto).with_batch_size(task, 100)
    assert task.trials == [2, 4]
    after = task.network.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)
    assert torch.equal(torch.get_rng_state(), random)


def test_without_steps_no_batch_is_tried(inputs):
    settings = replace(tiny.FLOW, batch_size="auto", epochs=0)
    task = Task(settings)
    training(inputs, settings=settings).with_batch_size(task, 100)
    assert task.trials == []
    assert task.settings.batch_size == 32
    assert not (inputs[0].parent / "state").exists()


def test_another_device_keeps_the_number_only_where_steps_were_made(inputs, monkeypatch, capsys):
    auto = replace(tiny.FLOW, batch_size="auto")
    about, state = training(inputs, settings=auto), inputs[0].parent / "state"
    about.with_batch_size(Task(auto), 100)
    monkeypatch.setattr("deg_core.stages.training.describe", lambda _: "cuda: a large one")
    again = Task(auto)
    about.with_batch_size(again, 1000)
    assert again.settings.batch_size == 512
    (state / "both").mkdir()
    (state / "both" / "last.pt").touch()
    monkeypatch.undo()
    last = Task(auto)
    about.with_batch_size(last, 100)
    assert (last.settings.batch_size, last.trials) == (512, [])
    said = "goes on with batches of 512, which fitted the memory of cuda: a large one"
    assert said in capsys.readouterr().err


# --- small things


def test_phases_are_counted_on_and_the_last_one_is_the_result():
    epochs = {"spatial": [1, 2, 3], "flow": [1], "both": [1, 2]}
    facts = {
        "spatial": {"seconds": 1.5, "attempts": 1, "peak_memory_mb": 30, "micro_batch": 8},
        "flow": {"seconds": 0.5, "attempts": 3, "peak_memory_mb": 20},
        "both": {"seconds": 4.1, "attempts": 2, "peak_memory_mb": 10},
    }
    phases = {}
    for name, e in epochs.items():
        columns = {"epoch": e, "step": [10 * i for i in e], "seconds": [0.5 * i for i in e]}
        record = {"best_epoch": 1, "best": name} | facts[name]
        phases[name] = Fitted(pd.DataFrame(columns), record)
    found = chained(phases)
    assert found.history["phase"].tolist() == ["spatial"] * 3 + ["flow"] + ["both"] * 2
    assert found.history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert found.history["step"].tolist() == [10, 20, 30, 40, 50, 60]
    assert found.history["seconds"].tolist() == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    assert found.history.index.tolist() == list(range(6))
    assert found.record == {
        "best": "both", "best_epoch": 5, "epochs": 6,
        "seconds": 6.1, "attempts": 3, "peak_memory_mb": 30, "micro_batch": 8,
    }  # fmt: skip


def test_paths(tmp_path):
    assert paths(tmp_path, ["m1", "m2"], ".h5") == [tmp_path / "m1.h5", tmp_path / "m2.h5"]
