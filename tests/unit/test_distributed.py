"""Several processes of one training: the numbers of one alone, and an end for all of them.

Real processes on the processor (Gloo); what a graphics card adds is NCCL in the place of it.
"""

import multiprocessing
import os
import pickle
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import several
import torch
from torch import nn

from deg_core import recording
from deg_core.data.publish import publish_text
from deg_core.errors import ConfigError, Interrupted, StateError
from deg_core.learn import distributed, workers
from deg_core.learn.workers import Died, on_several_devices, together
from deg_core.ledger import Ledger

CPU = torch.device("cpu")
TWO = [CPU, CPU]


def close(found, expected, atol):
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=atol)


def equal(one, other):
    """Compare all but how many batches a norm has seen, on which nothing depends."""
    names = [name for name in one if not name.endswith("num_batches_tracked")]
    return all(torch.equal(one[name], other[name]) for name in names)


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """What both processes hold after all trainings of `several.CASES`."""
    folder = tmp_path_factory.mktemp("cases")
    arguments = {"settings": several.SETTINGS, "folder": folder, "threads": 2}
    together(several.run_cases, arguments, TWO)
    return several.read(folder, 0), several.read(folder, 1)


@pytest.mark.parametrize("case", several.CASES)
def test_both_processes_hold_the_same(cases, case):
    one, other = (found[case] for found in cases)
    assert equal(one["weights"], other["weights"])  # statistics of batch norms, too
    assert one["history"] == other["history"]
    assert one["micro_batch"] == other["micro_batch"]


def test_the_numbers_are_those_of_one_process(cases, tmp_path):
    """But for rounding: sums over 9 samples are added up in another order, eight steps long."""
    alone = several.fit(several.Task(several.SETTINGS), tmp_path)
    found = cases[0]["plain"]
    close(found["weights"], alone["weights"], atol=1e-5)
    assert found["history"]["train_loss"] == pytest.approx(alone["history"]["train_loss"], rel=1e-5)
    assert found["history"]["val_loss"] == pytest.approx(alone["history"]["val_loss"], rel=1e-4)


def test_where_one_runs_out_of_memory_all_divide_their_part(cases):
    one = cases[0]["memory"]
    assert one["micro_batch"] == 3  # half of the five that did not fit
    close(one["weights"], cases[0]["plain"]["weights"], atol=1e-5)


def test_each_gets_its_share_of_the_threads(cases):
    assert [found["threads"] for found in cases] == [1, 1]


def test_sigterm_at_one_stops_all_after_the_same_step_and_loses_nothing(cases):
    for found in cases:
        assert found["stopped after"] == (1, 3)  # the step at which it came was finished
        assert equal(found["stopped"]["weights"], found["plain"]["weights"])
        assert found["stopped"]["history"] == found["plain"]["history"]


def test_a_killed_process_ends_the_training_which_then_goes_on_to_the_same_weights(cases, tmp_path):
    arguments = {"settings": several.SETTINGS, "folder": tmp_path}
    with pytest.raises(StateError, match=r"one of the 2 processes .* was killed \(exit code -9\)"):
        together(several.run_killed, arguments, TWO)
    assert not list(tmp_path.glob("rank*"))
    together(several.run_again, arguments, TWO)
    for rank in (0, 1):
        found = several.read(tmp_path, rank)["killed"]
        assert equal(found["weights"], cases[0]["plain"]["weights"])
        assert found["history"] == cases[0]["plain"]["history"]


# --- without processes


def test_one_device_is_no_other_process(monkeypatch):
    monkeypatch.setattr(workers, "together", None)
    calls = []
    run = on_several_devices(lambda **arguments: calls.append(arguments))
    for settings in (replace(several.SETTINGS, gpus=1), replace(several.SETTINGS, epochs=0)):
        run(settings=settings, threads=3)
        assert calls[-1] == {"settings": settings, "threads": 3}


def test_more_than_one_is_as_many_as_there_are_cards(monkeypatch):
    asked = []
    monkeypatch.setattr(workers, "choose_several", lambda n: [CPU] * n)
    monkeypatch.setattr(workers, "together", lambda run, arguments, devices: asked.append(devices))
    on_several_devices(print)(settings=replace(several.SETTINGS, gpus=3))
    assert asked == [[CPU] * 3]


def test_alone_all_is_as_without_it():
    parameter = nn.Parameter(torch.ones(2))
    assert (distributed.size(), distributed.rank(), distributed.is_first()) == (1, 0, True)
    assert distributed.share(9, 2) == (slice(0, 9), 1.0)
    assert distributed.any_of(True, False) == [True, False]
    assert distributed.from_first(lambda: "made") == "made"
    assert distributed.add_up([parameter], 0.5) == 0.5
    distributed.wait_for_all()


@pytest.mark.parametrize(
    ("n", "fewest", "rows"),
    [
        (9, 1, [slice(0, 4), slice(4, 9)]),
        (4, 2, [slice(0, 2), slice(2, 4)]),
        (3, 2, [slice(0, 3)] * 2),  # too few: both compute all, for half
        (1, 1, [slice(0, 1)] * 2),
    ],
)
def test_shares_hold_every_sample_once_or_all_for_a_part(monkeypatch, n, fewest, rows):
    monkeypatch.setattr(distributed, "size", lambda: 2)
    for rank in (0, 1):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        weight = 0.5 if rows[0] == rows[1] else 1.0
        assert distributed.share(n, fewest) == (rows[rank], weight)


KILLED, SAID, OTHER = Died(-9), ConfigError("lower `lr`"), RuntimeError("connection closed")


@pytest.mark.parametrize(
    ("errors", "stopped", "kind", "text"),
    [
        ([OTHER, KILLED], False, StateError, "one of the 2 processes"),  # which made the other fail
        ([OTHER, SAID], False, ConfigError, "lower `lr`"),
        ([OTHER], False, RuntimeError, "connection closed"),
        ([Died(-15)], True, Interrupted, "before a step was made"),
        ([Interrupted("saved"), OTHER], True, Interrupted, "saved"),
    ],
)
def test_the_first_reason_is_told(errors, stopped, kind, text):
    told = workers._told(errors, 2, stopped=stopped)
    assert type(told) is kind
    assert text in str(told)


def test_what_other_processes_read_and_make_belongs_to_the_job(tmp_path, monkeypatch):
    (tmp_path / "config.yaml").write_text("behaviors: [groom]\n")
    (tmp_path / "videos.tsv").write_text("video\n")
    monkeypatch.chdir(tmp_path)
    assert recording.project_at_work() is None
    with recording.helping(tmp_path) as noted:  # stands for the process that publishes
        assert recording.project_at_work() == tmp_path
        publish_text(Path("results/model.txt"), Path("videos.tsv").read_text())
    words = ["deg", "train-flow"]
    with recording.job("train_flow", version=1, words=words, arguments={}, project=tmp_path):
        recording.add(pickle.loads(pickle.dumps(noted)))  # as it comes through a pipe
        recording.add(None)  # of a process that had nothing to note
    record = Ledger(tmp_path).read("results/model.txt")
    assert list(record["inputs"]) == ["videos.tsv"]
    with recording.helping(None) as noted:
        assert noted is None


class Asked:
    """A process that ends when it has been asked to for the second time, and says why."""

    def __init__(self, times=2):
        self.said, self.here = multiprocessing.Pipe(duplex=False)
        self.times, self.calls, self.process = times, 0, self

    def terminate(self):
        self.calls += 1
        if self.calls == self.times:
            self.here.send(Interrupted("stopped on request"))
            self.here.close()

    def outcome(self):
        return self.said.recv()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_passed_on_until_it_is_heard(monkeypatch, number):
    """The processes hear it once their training loop has begun."""
    monkeypatch.setattr(workers, "GRACE_S", 0.01)
    process = Asked(times=5)
    before = signal.getsignal(number)
    with workers._passing_on([process]) as asked:
        os.kill(os.getpid(), number)
        errors = workers._errors([process], asked)
        assert signal.getsignal(number) is before  # a second one ends this process
    assert [str(error) for error in errors] == ["stopped on request"]
    assert process.calls == 5
    assert signal.getsignal(number) is before


def test_others_that_hang_are_not_waited_for(monkeypatch):
    """Who has lost its partner may wait for it for ever."""
    monkeypatch.setattr(workers, "GRACE_S", 0.01)
    failed, hanging = Asked(times=1), Asked()
    failed.terminate()
    assert len(workers._errors([failed, hanging], threading.Event())) == 1
