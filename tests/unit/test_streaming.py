"""Frames read in order: each once, whatever the batch, padded outside the video."""

from itertools import pairwise

import numpy as np
import pytest

from deg_core.learn.streaming import parts, read_padded

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
