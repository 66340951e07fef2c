"""Frames read in order: each once, whatever the batch, padded outside the video."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from deg_core.learn import streaming
from deg_core.learn.streaming import parts, read_padded, stream
from deg_core.models.two_stream import StreamOutput

PAD = np.array([7, 8, 9], np.uint8)


class Store:
    """Frames that tell their number."""

    shape = (2, 3)

    def __init__(self, n_frames):
        self.n_frames = n_frames

    def read(self, indices):
        frames = np.zeros((len(indices), *self.shape, 3), np.uint8)
        frames[:] = np.asarray(indices)[:, None, None, None]
        return frames


def numbers(run):
    """Tell the frames of a run by their color; -1 is padding."""
    return [-1 if (frame == PAD).all() else int(frame[0, 0, 0]) for frame in run]


@pytest.mark.parametrize("n_frames", [1, 4, 10, 11, 12, 40])
@pytest.mark.parametrize("clip", [1, 2, 4, 11])
@pytest.mark.parametrize("batch", [1, 3, 10, 64])
def test_runs_hold_the_window_of_every_frame(n_frames, clip, batch):
    runs = parts(0, n_frames, clip=clip, batch=batch)
    found = [n for run in runs for n in numbers(read_padded(Store(n_frames), run, PAD))]
    shown = [found[i : i + clip] for i in range(len(found) - clip + 1)]
    expected = [
        [f if 0 <= f < n_frames else -1 for f in range(t - clip // 2, t - clip // 2 + clip)]
        for t in range(n_frames)
    ]
    assert shown == expected


@pytest.mark.parametrize(("start", "stop"), [(0, 40), (7, 8), (7, 31), (39, 40)])
def test_every_run_completes_a_batch(start, stop):
    runs = parts(start, stop, clip=11, batch=8)
    assert runs[0].start == start - 5
    assert runs[-1].stop == stop + 5
    assert all(a.stop == b.start for a, b in pairwise(runs))  # each frame once
    assert len(runs) == -(-(stop - start) // 8)
    assert all(len(run) == 8 for run in runs[1:-1])


def test_frames_within_a_video_are_not_padded():
    assert numbers(read_padded(Store(10), range(3, 6), PAD)) == [3, 4, 5]


def test_frames_wholly_outside_are_padding():
    assert numbers(read_padded(Store(10), range(-4, -1), PAD)) == [-1, -1, -1]
    assert numbers(read_padded(Store(10), range(12, 14), PAD)) == [-1, -1]


class Counting:
    """An engine whose answer is the number of the frame in the middle of each window.

    Parameters
    ----------
    holds
        Windows beyond which memory runs out.
    """

    clip = 3

    def __init__(self, holds):
        self.holds, self.scored = holds, []

    def prepare(self, frames, before=None):
        run = torch.from_numpy(frames).permute(1, 2, 0, 3)
        return run if before is None else torch.cat([before, run], dim=2)

    def score(self, ring, background=None):
        n = ring.shape[2] - self.clip + 1
        if n > self.holds:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        self.scored.append(n)
        middle = ring[0, 0, 1 : n + 1, :1].float()
        return StreamOutput(middle, middle, middle)


@pytest.mark.parametrize(("holds", "scored"), [(8, [8, 8, 4]), (3, [2] * 10), (1, [1] * 20)])
def test_where_memory_runs_out_fewer_frames_are_scored_at_once(holds, scored, capsys):
    engine = Counting(holds)
    outputs = list(stream(engine, Store(20), batch=8, pad=PAD))
    assert [len(output.logits) for output in outputs] == [8, 8, 4]
    found = torch.cat([output.logits for output in outputs]).flatten().tolist()
    assert found == list(range(20))
    assert engine.scored == scored
    assert capsys.readouterr().err.count("out of memory") == {8: 0, 3: 2, 1: 3}[holds]  # 8, 4, 2


def test_answers_are_on_their_way_before_the_next_ones_are_computed(monkeypatch):
    """On one stream a copy waits for all before it: it must not stand behind the next batch."""
    done = []

    def noted(tensors):
        number = int(tensors[0][0])
        done.append(f"copy {number}")

        def arrived():
            done.append(f"have {number}")
            return [tensor + 0 for tensor in tensors]

        return arrived

    class Engine(Counting):
        def score(self, ring, background):
            answer = super().score(ring, background)
            done.append(f"score {int(answer.logits[0])}")
            return answer

    monkeypatch.setattr(streaming, "leaving", noted)
    engine = Engine(holds=4)
    given = stream(engine, Store(12), batch=4, pad=PAD, fetch=True)
    found = [answer.logits.flatten().tolist() for answer in given]
    assert [n for each in found for n in each] == list(range(12))
    assert done == [
        "score 0", "copy 0", "score 4", "copy 4", "have 0", "score 8", "copy 8", "have 4", "have 8",
    ]  # fmt: skip
