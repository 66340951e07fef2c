"""Pieces of a video that are scored as the average."""

import numpy as np
import pytest

from deg_core.ethogram.frame_metrics import count, frame_scores
from deg_core.ethogram.windows import nearest_window

# Four windows of ten frames: F1 1, 0, 2/3 (5 of 10 frames found), 1/3 (2 of 10).
LABELS = np.ones((40, 1), np.int8)
PRESENT = np.zeros((40, 1), bool)
PRESENT[0:10] = PRESENT[20:25] = PRESENT[30:32] = True


def nearest(target, labels=LABELS, present=PRESENT, length=10, step=10):
    return nearest_window(labels, present, length=length, step=step, target=target)


@pytest.mark.parametrize(
    ("target", "start", "f1"), [(1, 0, 1), (0.1, 10, 0), (0.6, 20, 2 / 3), (0.3, 30, 1 / 3)]
)
def test_nearest_is_found(target, start, f1):
    found = nearest(target)
    assert (found.start, found.stop) == (start, start + 10)
    assert found.f1 == pytest.approx(f1)


def test_first_of_equals():
    assert nearest(0.5, present=LABELS == 1).start == 0


def test_a_short_video_is_one_window():
    assert nearest(0.5, length=100)[:2] == (0, 40)


def test_f1_is_the_mean_over_behaviors_that_are_labeled():
    labels = np.column_stack([LABELS, np.zeros_like(LABELS), LABELS])
    present = np.column_stack([PRESENT, ~PRESENT, np.zeros_like(PRESENT)])
    found = nearest(1.0, labels=labels, present=present)
    assert found == (0, 10, 0.5)  # 1 and 0; the second is not labeled


def test_windows_that_were_hardly_scored_are_passed_over():
    labels = LABELS.copy()
    labels[4:20] = -1
    assert nearest(1.0, labels=labels).start == 20
    labels[5:40] = -1
    assert nearest(1.0, labels=labels) is None
    assert nearest(float("nan")) is None
    assert nearest(0.5, labels=0 * LABELS) is None


def test_scores_are_those_of_the_frames():
    rng = np.random.default_rng(0)
    labels = rng.integers(-1, 2, (200, 3)).astype(np.int8)
    present = rng.random((200, 3)) < 0.5
    found = nearest(0.4, labels=labels, present=present, length=30, step=7)
    piece = slice(found.start, found.stop)
    f1 = frame_scores(count(labels[piece], present[piece]))["f1"]
    assert found.f1 == pytest.approx(f1.mean())
    assert abs(found.f1 - 0.4) < 0.1
    assert found.start % 7 == 0
