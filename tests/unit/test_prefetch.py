"""Copies one batch ahead: order, what waits for what, and nothing of it without a CUDA device."""

from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from deg_core.learn import streaming
from deg_core.learn.clips import ClipBatch, clips_ahead
from deg_core.learn.prefetch import leaving, prefetched

CPU, CUDA = torch.device("cpu"), SimpleNamespace(type="cuda")


class Moved:
    """A batch on the device, whose memory notes which stream uses it."""

    def __init__(self, batch, done):
        self.batch, self.done = batch, done

    def record_stream(self, stream):
        self.done.append(f"{self.batch} belongs to {stream.name}")


@pytest.fixture
def done(monkeypatch):
    """Note what is asked of CUDA, in order."""
    done, on = [], ["computing"]

    class Stream:
        def __init__(self, device=None, name="side"):
            self.name = name

        def record_event(self):
            done.append(f"mark {done[-1]}")
            return done[-1]

        def wait_event(self, event):
            done.append(f"{self.name} waits for {event}")

    @contextmanager
    def within(stream):
        on.append(stream.name)
        yield
        on.pop()

    def move(batch):
        done.append(f"copy {batch} on {on[-1]}")
        return Moved(batch, done)

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", within)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream(name="computing"))
    return SimpleNamespace(list=done, move=move)


def make(names, closed):
    try:
        yield from names
    finally:
        closed.append(True)


def test_the_next_batch_is_copied_before_this_one_is_computed_on(done):
    closed = []
    batches = prefetched(make("abc", closed), CUDA, move=done.move, tensors=lambda moved: [moved])
    for moved in batches:
        done.list.append(f"compute {moved.batch}")
    assert closed == [True]
    assert done.list == [
        "copy a on side", "mark copy a on side",
        "copy b on side", "mark copy b on side",
        # It waits for its own copy, and not for that of the next one.
        "computing waits for mark copy a on side", "a belongs to computing", "compute a",
        "copy c on side", "mark copy c on side",
        "computing waits for mark copy b on side", "b belongs to computing", "compute b",
        "computing waits for mark copy c on side", "c belongs to computing", "compute c",
    ]  # fmt: skip


def test_left_early_it_closes_what_reads_ahead(done):
    closed = []
    batches = prefetched(make("abc", closed), CUDA, move=done.move, tensors=lambda moved: [])
    next(batches)
    batches.close()
    assert closed == [True]


@pytest.mark.parametrize("device", [CPU, torch.device("mps")])
def test_elsewhere_batches_go_through_as_they_are(device):
    closed, batches = [], [object(), object()]
    found = list(prefetched(make(batches, closed), device, move=None, tensors=None))
    assert found == batches
    assert closed == [True]


def test_clips_are_moved_whole():
    clips, labels = torch.ones(2, 3, 4, 4, 3, dtype=torch.uint8), torch.ones(5, 2)
    batch = ClipBatch(clips, labels, first=3, total=5).to(torch.device("meta"))
    assert [x.device.type for x in batch.tensors()] == ["meta", "meta"]
    assert (batch.first, len(batch)) == (3, 5)
    assert ClipBatch(clips, None).to(torch.device("meta")).labels is None


def test_clips_of_a_part_are_found_by_their_place_in_the_batch():
    clips = torch.arange(4)[:, None]
    assert ClipBatch(clips, None, first=5, total=9).of(slice(6, 8)).flatten().tolist() == [1, 2]
    assert len(ClipBatch(clips, None)) == 4


def test_training_and_extraction_read_through_it(done, monkeypatch):
    """On a CUDA device; frames are pinned first."""
    monkeypatch.setattr(ClipBatch, "to", lambda batch, device: done.move(len(batch)))
    monkeypatch.setattr(ClipBatch, "tensors", lambda batch: [])
    read = clips_ahead(lambda n: ClipBatch(torch.zeros(n, 1), None), [2, 1], CUDA)
    assert [moved.batch for moved in read] == [2, 1]
    assert done.list[0] == "copy 2 on side"
    pinned = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda x: pinned.append(len(x)) or x)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda x, stream: None)
    monkeypatch.setattr(torch.Tensor, "to", lambda x, device, non_blocking: x)
    frames = list(streaming._on(CUDA, lambda run: np.zeros(len(run)), [range(3), range(2)]))
    assert [len(x) for x in frames] == [3, 2]
    assert sorted(pinned) == [2, 3]


def test_without_a_card_what_leaves_is_there():
    tensors = [torch.ones(2), torch.zeros(3)]
    assert all(a is b for a, b in zip(leaving(tensors)(), tensors, strict=True))
    assert leaving([])() == []
