"""The training loop on a task of a few numbers: choosing, stopping, and going on after a kill."""

import errno
import os
import re
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from deg_core.errors import ConfigError, Interrupted, StateError
from deg_core.learn.device import Precision
from deg_core.learn.fit import Fit
from deg_core.learn.state import FORMAT, read_state, write_state
from deg_core.settings import TrainSettings

SETTINGS = TrainSettings(epochs=3, batch_size=2, lr=0.1, weight_decay=0.0)
N_STEPS = 4


class Task:
    """A linear layer with dropout behind batch norm; ``values`` are the metric of each epoch."""

    metric = "score"
    precision = Precision(torch.device("cpu"), torch.float32)

    def __init__(self, values=(), direction="higher"):
        torch.manual_seed(7)
        self.network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
        self.values, self.direction = list(values), direction
        self.epochs, self.n_made, self.weights, self.rates = [], 0, [], []
        self.before = lambda epoch, step: None
        self.closed = 0

    def n_steps(self):
        return N_STEPS

    def batches(self, epoch, start):
        rng = np.random.default_rng(epoch)
        data = torch.tensor(rng.normal(size=(N_STEPS, 5, 3)), dtype=torch.float32)
        try:
            for step in range(start, N_STEPS):
                self.before(epoch, step)
                yield data[step]
        finally:
            self.closed += 1

    def loss(self, batch, generator):
        noise = torch.randn(batch.shape, generator=generator)
        return (self.network(batch + 0.1 * noise) - 1).square().mean()

    def validate(self):
        assert not self.network.training
        assert torch.is_inference_mode_enabled()
        self.weights.append({k: v.clone() for k, v in self.network.state_dict().items()})
        score = self.values[len(self.weights) - 1] if self.values else len(self.weights) / 10
        return {"loss": 1.5, "score": score}


def train(task, folder, *, settings=SETTINGS, fingerprint="a", **more):
    return Fit(task, settings=settings, state=folder, fingerprint=fingerprint, **more).run()


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def without_seconds(history):
    return history.drop(columns="seconds")


# --- choosing the best epoch


@pytest.mark.parametrize(
    ("direction", "values", "best"),
    [
        ("higher", [0.1, 0.5, 0.3], 2),
        ("lower", [0.1, 0.5, 0.3], 1),
        ("lower", [0.5, 0.3, 0.4], 2),
        ("higher", [-3.0, -1.0, -2.0], 2),
        ("higher", [0.5, 0.5, 0.5], 1),  # of equals the first
        ("lower", [0.0, 0.0, -1e-9], 3),
    ],
)
def test_the_best_epoch_by_the_declared_direction(tmp_path, direction, values, best):
    task = Task(values, direction)
    fitted = train(task, tmp_path)
    assert fitted.record["best_epoch"] == best
    assert fitted.record["best"] == values[best - 1]
    assert fitted.record["direction"] == direction
    assert fitted.record["metric"] == "val_score"
    assert equal(task.network.state_dict(), task.weights[best - 1])
    assert not equal(task.weights[0], task.weights[1])


@pytest.mark.parametrize(
    ("share", "values", "best"),
    [
        (0.5, [0.9, 0.2, 0.3, 0.5], 4),
        (0.5, [0.1, 0.9, 0.3, 0.5], 2),  # the last of those that are passed over can be the best
        (0.25, [0.9, 0.8, 0.3, 0.5], 1),
        (0.75, [0.1, 0.9, 0.3, 0.2], 3),
        (1.0, [0.9, 0.8, 0.3, 0.2], 4),
        (0.5, [0.9, float("nan"), 0.3, 0.2], 1),  # a number that there is, is kept
        (0.5, [float("nan"), 0.9, float("nan"), 0.2], 2),
    ],
)
def test_no_epoch_is_chosen_before_a_share_of_them(tmp_path, share, values, best):
    settings = replace(SETTINGS, epochs=4, choose_after=share, schedule="cosine")
    task = Task(values)
    fitted = train(task, tmp_path, settings=settings)
    assert fitted.record["best_epoch"] == best
    assert equal(task.network.state_dict(), task.weights[best - 1])


def test_without_an_end_that_is_known_every_epoch_counts(tmp_path):
    settings = replace(SETTINGS, epochs=4, choose_after=1.0, schedule="plateau")
    assert train(Task([0.1, 0.9, 0.3, 0.2]), tmp_path, settings=settings).record["best_epoch"] == 2


def test_passing_over_epochs_is_no_lack_of_progress(tmp_path):
    settings = replace(SETTINGS, epochs=6, choose_after=0.5, stop_after=2, schedule="cosine")
    fitted = train(Task([0.9, 0.5, 0.4, 0.3, 0.2, 0.1]), tmp_path, settings=settings)
    assert len(fitted.history) == 5
    assert fitted.record["best_epoch"] == 3


NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "best"), [([NAN, 0.2, NAN], 2), ([0.2, NAN, 0.1], 1), ([NAN, NAN, 0.2], 3)]
)
@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_a_metric_that_is_not_a_number_is_never_better(tmp_path, direction, values, best):
    if direction == "lower" and values[2] == 0.1:
        best = 3
    fitted = train(Task(values, direction), tmp_path)
    assert fitted.record["best_epoch"] == best


def test_a_metric_that_never_was_a_number_gives_no_model(tmp_path):
    """It counts as no progress, and weights that went astray are not handed on."""
    task, settings = Task([NAN] * 9), replace(SETTINGS, epochs=9, stop_after=2)
    with pytest.raises(ConfigError, match="val_score was never a number; lower `lr`"):
        train(task, tmp_path, settings=settings)
    assert len(task.weights) == 3


def test_a_loss_that_is_not_finite_stops_with_a_sentence(tmp_path):
    task = Task()
    task.loss = lambda batch, generator: task.network(batch).sum() * float("inf")
    with pytest.raises(ConfigError, match=r"loss became (inf|-inf|nan) in epoch 1, step 1; lower"):
        train(task, tmp_path / "run")
    assert task.closed == 1


# --- history and record


def test_history_and_record(tmp_path):
    task = Task()
    fitted = train(task, tmp_path)
    assert fitted.history["epoch"].tolist() == [1, 2, 3]
    assert fitted.history["step"].tolist() == [4, 8, 12]
    assert fitted.history["lr"].tolist() == [0.1] * 3
    assert fitted.history["val_loss"].tolist() == [1.5] * 3
    assert fitted.history["val_score"].tolist() == [0.1, 0.2, 0.3]
    assert list(fitted.history) == [
        "epoch", "step", "lr", "train_loss", "val_loss", "val_score", "seconds"
    ]  # fmt: skip
    assert fitted.history["train_loss"].is_monotonic_decreasing
    record = fitted.record
    assert (record["epochs"], record["attempts"]) == (3, 1)
    assert record["parameters"] == 24  # 3 * 4 + 4 and 2 * 4
    assert record["peak_memory_mb"] > 10
    assert record["seconds"] >= 0


def test_train_loss_is_the_mean_over_the_steps(tmp_path):
    task = Task()
    task.loss = lambda batch, generator: task.network(batch).sum() * 0 + batch[0, 0]
    fitted = train(task, tmp_path)
    expected = [
        np.random.default_rng(e).normal(size=(N_STEPS, 5, 3))[:, 0, 0].mean() for e in (0, 1)
    ]
    assert fitted.history["train_loss"][:2].tolist() == pytest.approx(expected, rel=1e-6)


# --- schedules and stop rules


def test_a_plateau_lowers_the_rate_and_stops(tmp_path):
    settings = replace(SETTINGS, epochs=50, lr=1e-2, patience=1, reduction_factor=0.1, min_lr=1e-4)
    fitted = train(Task([0.5] * 50), tmp_path, settings=settings)
    # The first epoch is the best; two without progress (more than patience) lower the rate.
    assert fitted.history["lr"].tolist() == pytest.approx([1e-2] * 3 + [1e-3] * 2)
    assert len(fitted.history) == 5  # the rate is at its floor after that


@pytest.mark.parametrize(("direction", "sign"), [("higher", 1), ("lower", -1)])
def test_progress_keeps_the_rate(tmp_path, direction, sign):
    settings = replace(SETTINGS, epochs=6, patience=0)
    values = [sign * v for v in (1, 2, 3, 4, 5, 6)]
    assert train(Task(values, direction), tmp_path, settings=settings).history["lr"].nunique() == 1
    wrong = train(Task(values[::-1], direction), tmp_path / "b", settings=settings)
    assert wrong.history["lr"].nunique() > 1


def test_cosine(tmp_path):
    task = Task()
    settings = replace(SETTINGS, epochs=10, schedule="cosine")
    run = Fit(task, settings=settings, state=tmp_path, fingerprint="a")
    rates = []
    task.loss = lambda batch, _: (
        rates.append(run.optimizer.param_groups[0]["lr"]) or task.network(batch).square().mean()
    )
    run.run()
    # 40 steps, 2 of them to warm up: half of the full rate first, then 0.5 * (1 + cos).
    expected = [0.1 * 0.5 * (1 + np.cos(np.pi * t / 40)) for t in range(40)]
    expected[0] = 0.05
    assert rates == pytest.approx([max(rate, 1e-4) for rate in expected])
    assert rates[-1] == pytest.approx(1.54e-4, rel=0.01)  # 0.1 * 0.5 * (1 - cos(pi / 40))


def test_stop_after(tmp_path):
    settings = replace(SETTINGS, epochs=20, stop_after=3)
    values = [0.1, 0.2, 0.15, 0.25, 0.2, 0.2, 0.2, 0.9, 0.9, 0.9]
    fitted = train(Task(values), tmp_path, settings=settings)
    assert len(fitted.history) == 7  # three after the fourth
    assert fitted.record["best_epoch"] == 4


def test_weight_decay_pulls_weights_only(tmp_path):
    settings = replace(SETTINGS, epochs=8, weight_decay=1.0)
    task = Task()
    task.loss = lambda batch, generator: task.network(batch).sum() * 0
    before = {k: v.clone() for k, v in task.network.named_parameters()}
    fitted = train(task, tmp_path, settings=settings)
    after = dict(task.network.named_parameters())
    assert after["0.weight"].abs().sum() < 0.6 * before["0.weight"].abs().sum()
    for name in ("0.bias", "1.weight", "1.bias"):
        assert torch.equal(after[name], before[name])
    assert (fitted.history["train_loss"] == 0).all()  # the curves show the data's loss alone


def test_gradients_are_clipped(tmp_path):
    steepest = []
    task = Task()
    task.loss = lambda batch, generator: 100 * task.network(batch).square().mean()
    run = Fit(
        task, settings=replace(SETTINGS, epochs=1, grad_clip=0.5), state=tmp_path, fingerprint="a"
    )
    step = run.optimizer.step

    def look():
        grads = [p.grad.square().sum() for p in task.network.parameters()]
        steepest.append(torch.stack(grads).sum().sqrt().item())
        step()

    run.optimizer.step = look
    run.run()
    assert steepest == pytest.approx([0.5] * N_STEPS, rel=1e-3)


def test_loaded_weights_hold_what_was_loaded(tmp_path):
    """A weight with an anchor is pulled to it and not to zero; one without goes to zero."""
    settings = replace(SETTINGS, epochs=40, weight_decay=1.0, l2_sp=1.0)
    task = Task()
    task.network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    task.loss = lambda batch, generator: task.network(batch).sum() * 0
    anchor = torch.full((4, 3), 0.7)
    train(task, tmp_path, settings=settings, anchors={"0.weight": anchor})
    assert (task.network[0].weight - anchor).abs().max() < 0.05
    assert task.network[1].weight.abs().max() < 0.05


# --- running average


def test_the_running_average_is_judged_and_kept(tmp_path):
    plain, average = Task(), {}
    loss = plain.loss

    def note(batch=None, generator=None):
        """Average what the steps so far have left; the first is made by no step."""
        kept = min(0.3, plain.n_made / (9 + plain.n_made))
        for name, value in plain.network.state_dict().items():
            if plain.n_made and value.is_floating_point():
                average[name] = kept * average.get(name, value) + (1 - kept) * value
        plain.n_made += 1
        return loss(batch, generator) if batch is not None else None

    plain.loss = note
    train(plain, tmp_path / "plain", settings=replace(SETTINGS, epochs=1))
    note()  # what the last step left
    task = Task()
    train(task, tmp_path, settings=replace(SETTINGS, epochs=1, ema=0.3))
    found = task.network.state_dict()
    assert equal(task.weights[0], found)  # validation saw the average
    assert len(average) == 6
    for name, value in average.items():
        torch.testing.assert_close(found[name], value)


def test_training_goes_on_from_the_weights_and_not_from_their_average(tmp_path):
    kept = {}
    for ema in (0.0, 0.9):
        task = Task()
        losses = kept.setdefault(ema, [])
        loss = task.loss
        task.loss = lambda b, g, loss=loss, losses=losses: losses.append(loss(b, g)) or losses[-1]
        train(task, tmp_path / str(ema), settings=replace(SETTINGS, ema=ema))
    assert kept[0.0] == kept[0.9]


# --- number formats


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_training_in_another_number_format(tmp_path, dtype):
    task = Task()
    task.precision = Precision(torch.device("cpu"), dtype)
    seen = set()

    def loss(batch, generator):
        with task.precision.autocast():
            out = task.network[0](batch)
        seen.add(out.dtype)
        return (out.float() - 1).square().mean()

    task.loss = loss
    fitted = train(task, tmp_path)
    assert seen == {dtype}
    assert fitted.history["train_loss"].is_monotonic_decreasing
    assert all(p.dtype == torch.float32 for p in task.network.parameters())


# --- nothing to train


def test_no_epochs_leave_loaded_weights_as_they_are(tmp_path):
    task = Task([0.4])
    before = {k: v.clone() for k, v in task.network.state_dict().items()}
    fitted = train(task, tmp_path, settings=replace(SETTINGS, epochs=0))
    assert equal(task.network.state_dict(), before)
    assert (fitted.record["best"], fitted.record["best_epoch"]) == (0.4, 0)
    assert fitted.history["epoch"].tolist() == [0]
    assert task.closed == 0


def test_a_network_without_weights_is_validated_once(tmp_path):
    task = Task([NAN], "lower")
    task.network = nn.AvgPool2d(2)
    fitted = train(task, tmp_path)
    assert len(fitted.history) == 1
    assert fitted.history["lr"].tolist() == [0.0]
    assert fitted.history["train_loss"].isna().all()
    assert fitted.record["parameters"] == 0
    assert task.closed == 0


def test_frozen_weights_stay_as_they_are(tmp_path):
    task = Task()
    task.network.requires_grad_(False)
    before = {k: v.clone() for k, v in task.network.state_dict().items()}
    train(task, tmp_path)
    assert equal(task.network.state_dict(), before)


# --- going on after a kill


class Killed(Exception):
    """Stands for a kill: nothing after it runs."""


@pytest.fixture
def whole(tmp_path):
    """A training that nothing interrupted: its weights and its history."""
    task = Task([0.1, 0.3, 0.2])
    fitted = train(task, tmp_path / "whole")
    return task.network.state_dict(), fitted


def check_same(task, fitted, whole):
    weights, uninterrupted = whole
    assert equal(task.network.state_dict(), weights)
    pd.testing.assert_frame_equal(
        without_seconds(fitted.history), without_seconds(uninterrupted.history), check_exact=True
    )
    assert fitted.record["best_epoch"] == uninterrupted.record["best_epoch"]


def resumed(values, done):
    """Return the task of a new process, which has ``done`` epochs behind it."""
    task = Task(values)
    torch.nn.init.ones_(task.network[0].weight)  # a new process may start anywhere
    task.weights = [None] * done
    return task


@pytest.mark.parametrize(("schedule", "ema"), [("plateau", 0), ("cosine", 0), ("cosine", 0.8)])
@pytest.mark.parametrize(("epoch", "step"), [(0, 2), (1, 0), (1, 3), (2, 3)])
def test_sigterm_saves_and_the_next_call_ends_up_the_same(tmp_path, schedule, ema, epoch, step):
    settings = replace(SETTINGS, schedule=schedule, patience=0, ema=ema)
    values = [0.1, 0.3, 0.2]
    first = Task(values)
    reference = train(first, tmp_path / "whole", settings=settings)

    def terminate(e, s):
        if (e, s) == (epoch, step):
            os.kill(os.getpid(), signal.SIGTERM)

    task, before = Task(values), signal.getsignal(signal.SIGTERM)
    task.before = terminate
    with pytest.raises(Interrupted, match="stopped on request; run again to continue"):
        train(task, tmp_path / "cut", settings=settings)
    assert signal.getsignal(signal.SIGTERM) is before
    assert task.closed == epoch + 1
    again = resumed(values, done=epoch)
    made = []
    again.before = lambda e, s: made.append((e, s))
    fitted = train(again, tmp_path / "cut", settings=settings)
    check_same(again, fitted, (first.network.state_dict(), reference))
    assert fitted.record["attempts"] == 2
    # The step at which the signal came was finished; none is done twice.
    rest = [(e, s) for e in range(3) for s in range(N_STEPS) if (e, s) > (epoch, step)]
    assert made == rest


def test_sigterm_during_validation_ends_it_at_once_and_no_step_is_lost(
    tmp_path, monkeypatch, whole
):
    monkeypatch.setattr("deg_core.learn.fit.SAVE_BEFORE_VALIDATION_S", -1.0)
    task, done = Task([0.1, 0.3, 0.2]), []

    def terminated():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
        done.append("the rest of a validation that takes an hour")

    task.validate = terminated
    with pytest.raises(Interrupted, match="stopped on request"):
        train(task, tmp_path / "cut")
    assert not done
    again, made = resumed([0.1, 0.3, 0.2], done=0), []
    again.before = lambda e, s: made.append((e, s))
    check_same(again, train(again, tmp_path / "cut"), whole)
    assert made[0] == (1, 0)  # validation is what comes first


def test_sigterm_after_validation_ends_before_the_next_step(tmp_path, monkeypatch, whole):
    """The flag may be set while the state is being written."""
    monkeypatch.setattr("deg_core.learn.fit.write_state", lambda *_: stop_after(*_))
    made, written = [], []

    def stop_after(path, content):
        write_state(path, content)
        written.append(path)
        os.kill(os.getpid(), signal.SIGTERM)

    task = Task([0.1, 0.3, 0.2])
    task.before = lambda e, s: made.append((e, s))
    with pytest.raises(Interrupted):
        train(task, tmp_path / "cut")
    assert (len(written), made[-1]) == (1, (0, N_STEPS - 1))
    monkeypatch.undo()
    again = resumed([0.1, 0.3, 0.2], done=1)
    check_same(again, train(again, tmp_path / "cut"), whole)


@pytest.mark.parametrize(("epoch", "step"), [(0, 1), (1, 0), (2, 2)])
def test_a_kill_loses_no_more_than_the_epoch(tmp_path, whole, epoch, step):
    def die(e, s):
        if (e, s) == (epoch, step):
            raise Killed

    task = Task([0.1, 0.3, 0.2])
    task.before = die
    with pytest.raises(Killed):
        train(task, tmp_path / "cut")
    # In the first epoch nothing has been saved yet, and a fresh start it is.
    again = resumed([0.1, 0.3, 0.2], done=epoch) if epoch else Task([0.1, 0.3, 0.2])
    fitted = train(again, tmp_path / "cut")
    check_same(again, fitted, whole)


def test_long_epochs_are_saved_in_between(tmp_path, monkeypatch, whole):
    monkeypatch.setattr(
        "deg_core.learn.fit.SAVE_EVERY_S", -1.0
    )  # as if ten minutes passed with each step

    def die(e, s):
        if (e, s) == (1, 2):
            raise Killed

    task = Task([0.1, 0.3, 0.2])
    task.before = die
    with pytest.raises(Killed):
        train(task, tmp_path / "cut")
    again, made = resumed([0.1, 0.3, 0.2], done=1), []
    again.before = lambda e, s: made.append((e, s))
    fitted = train(again, tmp_path / "cut")
    assert made[0] == (1, 2)
    check_same(again, fitted, whole)


def test_a_finished_training_is_not_repeated(tmp_path, whole):
    """The state stays until the model is published, and says that nothing is left to do."""
    again, made = resumed([], done=0), []
    again.before = lambda e, s: made.append((e, s))
    fitted = train(again, tmp_path / "whole")
    assert made == []
    check_same(again, fitted, whole)


def test_seconds_add_up(tmp_path, whole):
    _, uninterrupted = whole
    fitted = train(resumed([], done=0), tmp_path / "whole")
    assert fitted.record["seconds"] >= uninterrupted.record["seconds"]


def test_ctrl_c_saves_too_and_a_second_one_stops_at_once(tmp_path, whole):
    def interrupt(e, s):
        if (e, s) == (1, 2):
            signal.raise_signal(signal.SIGINT)

    task = Task([0.1, 0.3, 0.2])
    task.before = interrupt
    with pytest.raises(Interrupted, match="stopped on request"):
        train(task, tmp_path / "cut")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    again = resumed([0.1, 0.3, 0.2], done=1)
    check_same(again, train(again, tmp_path / "cut"), whole)

    def insist(e, s):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    task = Task([0.1])
    task.before = insist
    with pytest.raises(KeyboardInterrupt):
        train(task, tmp_path / "insisted")


@pytest.mark.parametrize("dtypes", [(torch.float32, torch.float16), (torch.float16, torch.float32)])
def test_a_training_goes_on_where_the_number_format_is_another(tmp_path, dtypes):
    """As on another device, where `auto` is another format: one of both has a loss scaler."""
    first, second = (Precision(torch.device("cpu"), dtype) for dtype in dtypes)

    def die(e, s):
        if (e, s) == (1, 1):
            raise Killed

    task = Task([0.1, 0.3, 0.2])
    task.precision, task.before = first, die
    with pytest.raises(Killed):
        train(task, tmp_path)
    again = resumed([0.1, 0.3, 0.2], done=1)
    again.precision = second
    fitted = train(again, tmp_path)
    assert fitted.record["attempts"] == 2
    assert fitted.history["epoch"].tolist() == [1, 2, 3]


def test_a_state_of_other_settings_is_not_continued(tmp_path, whole, capsys):
    other = Task([0.1, 0.3, 0.2])
    fitted = train(other, tmp_path / "whole", fingerprint="b")
    assert fitted.record["attempts"] == 1
    check_same(other, fitted, whole)  # from the start, with the same outcome
    said = capsys.readouterr().err
    assert "last.pt: settings or inputs have changed since; training starts again" in said


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "OSError"),
        (b"not a state", "OSError"),
        ("half", "BadZipFile"),
        ("other format", "format deg-core state 0"),
        ("a list", "TypeError"),
    ],
)
def test_a_damaged_state_is_said_and_not_used(tmp_path, whole, capsys, content, reason):
    path = tmp_path / "whole" / "last.pt"
    if content == "half":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif content == "other format":
        torch.save({"format": "deg-core state 0"}, path)
    elif content == "a list":
        torch.save([1, 2], path)
    else:
        path.write_bytes(content)
    path.with_name("previous.pt").unlink()
    task = Task([0.1, 0.3, 0.2])
    check_same(task, train(task, tmp_path / "whole"), whole)
    said = capsys.readouterr().err
    assert re.search(rf"last\.pt: the saved state cannot be used \(({reason})\); training", said)


@pytest.mark.parametrize("cut", [0, 0.5])
def test_the_state_before_a_damaged_one_is_continued(tmp_path, whole, capsys, cut):
    path = tmp_path / "whole" / "last.pt"
    path.write_bytes(path.read_bytes()[: int(cut * path.stat().st_size)])
    again = resumed([0.1, 0.3, 0.2], done=2)
    check_same(again, train(again, tmp_path / "whole"), whole)
    said = capsys.readouterr().err
    assert re.search(r"last\.pt: .* cannot be used .*; the state before it is continued", said)
    assert "continuing from epoch 3, step 0" in said


def test_numbers_that_are_not_what_was_saved_are_noticed(tmp_path, whole, capsys):
    path = tmp_path / "whole" / "last.pt"
    content = bytearray(path.read_bytes())
    place = content.index(whole[0]["0.weight"].numpy().tobytes())
    content[place : place + 4] = bytes(4)  # zeros, as a disk returns for what was never written
    path.write_bytes(content)
    assert read_state(path, log=print) is None
    assert "cannot be used (OSError)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"optimizer": None}, "AttributeError|TypeError"),
        ({"network": {"w": torch.zeros(1)}}, "RuntimeError"),
        ({"progress": {"epoch": "2"}}, "TypeError"),
        ({"progress": {"epochs": 2}}, "TypeError"),
        ({"progress": {"best": 1.0, "best_weights": {}}}, "RuntimeError"),
        ({"progress": {"history": [0.5]}}, "ValueError"),
        ({"progress": {"finished": True}}, "ValueError"),
    ],
)
def test_a_state_that_holds_something_else_is_one_sentence(tmp_path, whole, changes, kind):
    path = tmp_path / "whole" / "last.pt"
    content = torch.load(path, weights_only=True)
    torch.save(content | changes, path)
    with pytest.raises(StateError, match=rf"last\.pt: expected .* does not fit it \(({kind})\)"):
        train(Task(), tmp_path / "whole")


def test_a_state_without_its_fingerprint_counts_as_none(tmp_path, whole, capsys):
    path = tmp_path / "whole" / "last.pt"
    path.with_name("previous.pt").unlink(missing_ok=True)
    content = torch.load(path, weights_only=True)
    del content["fingerprint"]
    torch.save(content, path)
    train(Task(), tmp_path / "whole")
    assert "settings or inputs have changed since; training starts" in capsys.readouterr().err


def test_a_state_executes_nothing(tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "trapped"),))

    torch.save({"format": FORMAT, "x": Trap()}, tmp_path / "last.pt")
    assert read_state(tmp_path / "last.pt", log=print) is None
    assert not (tmp_path / "trapped").exists()


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StateError, match=r"last\.pt: the disk is full"):
        train(Task(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_no_folder_is_one_sentence(tmp_path):
    (tmp_path / "s").write_text("a file where the folder should be")
    with pytest.raises(StateError, match=r"last\.pt"):
        train(Task(), tmp_path / "s")


def test_randomness_of_a_step_depends_on_nothing_before(tmp_path):
    """Dropout and augmentation are seeded by (seed, epoch, step): no state of generators."""
    one, other = Task(), Task()
    other.before = lambda e, s: torch.rand(3 * s + e)  # draws of someone else in between
    first, second = train(one, tmp_path / "a"), train(other, tmp_path / "b")
    assert equal(one.network.state_dict(), other.network.state_dict())
    third = Task()
    train(third, tmp_path / "c", settings=replace(SETTINGS, seed=1))
    assert not equal(third.network.state_dict(), one.network.state_dict())
    pd.testing.assert_frame_equal(without_seconds(first.history), without_seconds(second.history))


def on_a_card(task):
    """What is left of a card where there is none: its name."""
    task.precision = Precision(torch.device("cuda"), torch.float32)
    return task


def test_a_loss_that_a_card_tells_after_its_gradients_is_the_same(tmp_path, whole):
    task = on_a_card(Task([0.1, 0.3, 0.2]))
    check_same(task, train(task, tmp_path / "card"), whole)


def test_a_loss_that_is_no_number_changes_no_weight_on_a_card_either(tmp_path):
    task = on_a_card(Task())
    before = {k: v.clone() for k, v in task.network.named_parameters()}
    task.loss = lambda batch, generator: task.network(batch).mean() * float("nan")
    with pytest.raises(ConfigError, match="the loss became nan in epoch 1, step 1"):
        train(task, tmp_path)
    assert equal(dict(task.network.named_parameters()), before)
