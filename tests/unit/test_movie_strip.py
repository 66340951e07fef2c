"""The strip below the frame."""

import numpy as np
import pytest
from tracks import make_tracks

from deg_core.ethogram.palette import rgb_of
from deg_core.movie.strip import (
    HATCH,
    INK,
    LANE,
    PAPER,
    PIECE,
    Strip,
    clock,
    draw_labels,
    draw_probability,
    lanes_of,
)  # fmt: skip

ROW, AXIS, WIDTH = 50, 20, 200


def make_strip(tracks, window_s=20.0, width=WIDTH):
    # 20 s of 10 frames in 200 columns: one column per frame
    return Strip(tracks, width=width, row=ROW, axis=AXIS, size=10, window_s=window_s)


def lane(picture, name, behavior=0, *, labeled=True):
    """Return the middle line of a lane, (W, 3)."""
    part = picture[behavior * ROW : (behavior + 1) * ROW][lanes_of(ROW, labeled=labeled)[name]]
    return part[len(part) // 2]


@pytest.mark.parametrize("frame", [0, 99, 150, 450, 999])
def test_the_cursor_points_at_the_frame(frame):
    tracks = make_tracks()
    picture, cursor = make_strip(tracks).window(frame)
    assert picture.shape == (2 * ROW + AXIS, WIDTH, 3)
    for j in range(2):
        expected = rgb_of(j) if tracks.present[frame, j] else LANE
        assert tuple(lane(picture, "model", j)[cursor]) == expected


def test_bouts_are_as_long_as_they_last():
    picture, cursor = make_strip(make_tracks()).window(150)
    filled = (lane(picture, "human") == rgb_of(0)).all(axis=1)
    # frames 100 to 200, of which 50 to 250 are seen
    assert np.flatnonzero(filled).tolist() == list(range(cursor - 50, cursor + 50))


def test_before_the_first_and_after_the_last_frame_is_paper():
    strip = make_strip(make_tracks())
    first, cursor = strip.window(0)
    assert (lane(first, "model")[:cursor] == PAPER).all()
    assert (lane(first, "model")[cursor:] == LANE).all()
    last, cursor = strip.window(999)
    assert (lane(last, "model")[: cursor + 1] == LANE).all()
    assert (lane(last, "model")[cursor + 1 :] == PAPER).all()


def test_sliding_shows_the_same_picture_moved():
    # frame 1100 lies beside the edge of a piece, at column 1024
    strip = make_strip(make_tracks(3000))
    one, _ = strip.window(1050)
    other, _ = strip.window(1060)
    np.testing.assert_array_equal(one[:, 10:], other[:, :-10])
    assert 1060 - WIDTH // 2 < PIECE < 1050 + WIDTH // 2


def test_a_bout_of_one_frame_is_seen_where_a_column_holds_many():
    tracks = make_tracks(100_000, labeled=False)
    tracks.present[50_000] = True
    tracks.probabilities[50_000] = 0.9
    picture, _ = make_strip(tracks, window_s=10_000).window(50_000)  # 500 frames per column
    assert (lane(picture, "model", labeled=False) == rgb_of(0)).all(axis=1).sum() == 1 + 1
    # ... beside the bouts at the beginning, which reach over one column


def test_slow_motion_repeats_columns():
    picture, cursor = make_strip(make_tracks(), window_s=2.0).window(100)  # 10 columns per frame
    filled = (lane(picture, "model") == rgb_of(0)).all(axis=1)
    assert np.flatnonzero(filled).tolist() == list(range(cursor - 5, WIDTH))


def test_what_nobody_scored_is_hatched():
    picture, cursor = make_strip(make_tracks()).window(450)
    line = lane(picture, "human")
    unknown = line[cursor - 50 : cursor + 50]
    assert {tuple(color) for color in unknown.tolist()} == {HATCH, PAPER}
    assert not (line[: cursor - 50] == HATCH).all(axis=1).any()


def test_unlabeled_videos_have_no_lane_of_labels():
    assert "human" not in lanes_of(ROW, labeled=False)
    picture, cursor = make_strip(make_tracks(labeled=False)).window(150)
    assert tuple(lane(picture, "model", labeled=False)[cursor]) == rgb_of(0)


@pytest.mark.parametrize("row", [26, 40, 60, 90])
@pytest.mark.parametrize("labeled", [True, False])
def test_lanes_lie_below_each_other_within_their_row(row, labeled):
    edges = [edge for lane in lanes_of(row, labeled=labeled).values()
             for edge in (lane.start, lane.stop)]  # fmt: skip
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= row


def test_a_probability_fills_its_column_from_below():
    lane = np.zeros((10, 4, 3), np.uint8)
    draw_probability(lane, np.array([0.0, 0.5, 0.55, 1.0], np.float32), (0, 0, 0))
    covered = 1 - lane[..., 0] / 247
    np.testing.assert_allclose(covered.sum(axis=0), [0, 5, 5.5, 10], atol=0.02)
    assert covered[-1].tolist() == [0, 1, 1, 1]


def test_labels_of_one_column():
    lane = np.zeros((3, 3, 3), np.uint8)
    draw_labels(lane, np.array([1, 0, 1], np.int8), np.arange(3), (9, 8, 7))
    assert (lane[:, 0] == (9, 8, 7)).all()
    assert (lane[:, 1] == LANE).all()


def test_the_threshold_is_a_dashed_line():
    picture, _ = make_strip(make_tracks()).window(700)  # nothing present
    curve = picture[:ROW][lanes_of(ROW, labeled=True)["probability"]]
    dark = (curve == INK).all(axis=2)
    assert dark.any(axis=1).sum() == 1
    assert dark.any(axis=1).argmax() == round(len(curve) / 2)
    assert dark.sum() == WIDTH / 2


@pytest.mark.parametrize(
    ("seconds", "step", "text"),
    [(0, 5, "0 s"), (55, 5, "55 s"), (60, 5, "1:00"), (3725, 60, "1:02:05"), (1.5, 0.5, "1.5 s"),
     (61.5, 0.5, "1:01.5"), (0, 60, "0:00")],
)  # fmt: skip
def test_times(seconds, step, text):
    assert clock(seconds, step) == text


def test_a_video_of_one_frame():
    strip = make_strip(make_tracks(1))
    picture, cursor = strip.window(0)
    assert tuple(lane(picture, "model")[cursor]) == LANE
    assert (lane(picture, "model")[cursor + 1] == PAPER).all()


def test_memory_does_not_grow_with_the_video():
    strip = make_strip(make_tracks(60_000))
    for frame in range(0, 60_000, 500):
        strip.window(frame)
    assert strip._piece.cache_info().currsize <= 3
