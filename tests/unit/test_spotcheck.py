"""A quick look finds what an import would stumble over."""

import numpy as np
import pytest
import videos
from projects import write_video

from deg_core.data.spotcheck import spot_check
from deg_core.data.video import probe
from deg_core.errors import VideoError


def check(path):
    return spot_check(probe(path))


def test_a_whole_video(tmp_path):
    spots = check(write_video(tmp_path / "m.mp4", n_frames=20))
    assert spots.n_frames == 20
    assert spots.timing.fps == pytest.approx(30)
    assert not spots.timing.variable
    assert spots.end == pytest.approx(20 / 30, abs=1e-3)
    assert spots.broken is None


def test_a_single_frame(tmp_path):
    spots = check(write_video(tmp_path / "m.mp4", n_frames=1))
    assert (spots.n_frames, spots.broken) == (1, None)


def test_pictures_shown_in_another_order_than_stored(tmp_path):
    # Frames between two others are stored after both: their times must be sorted.
    frames = videos.moving_square(20)
    path = videos.write_video(tmp_path / "m.mp4", frames, options={"bf": "3"})
    spots = check(path)
    assert spots.n_frames == 20
    assert np.all(np.diff(spots.timing.timestamps) > 0)
    assert not spots.timing.variable


def test_a_variable_rate_is_noticed(tmp_path):
    times = [0, 0.1, 0.2, 0.5, 0.6, 0.7]
    spots = check(write_video(tmp_path / "m.mp4", n_frames=6, timestamps=times))
    assert spots.timing.variable
    assert spots.timing.longest_gap_s == pytest.approx(0.3, abs=1e-3)


def test_an_end_that_is_missing_is_counted(tmp_path):
    # With the index in front, as of files made for the web, a cut file still opens.
    frames = videos.noise(40)
    path = videos.write_video(
        tmp_path / "m.mp4", frames, options={"g": "5"}, container={"movflags": "faststart"}
    )
    videos.truncate(path, 0.6)
    info = probe(path)
    assert info.header_frames == 40
    spots = spot_check(info)
    assert 10 < spots.n_frames < 40


def test_damage_in_the_middle_is_found(tmp_path):
    path = videos.write_video(tmp_path / "m.avi", videos.noise(20), codec="ffv1")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle - 20_000 : middle + 20_000] = bytes(40_000)
    path.write_bytes(content)
    spots = check(path)
    assert spots.broken is not None or spots.n_frames < 20


def test_a_folder_of_images(tmp_path):
    folder = videos.write_images(tmp_path / "m", videos.counting(5))
    spots = check(folder)
    assert (spots.n_frames, spots.broken) == (5, None)
    assert spots.end == pytest.approx(5 / 30)


@pytest.mark.parametrize("number", [2, 4])
def test_an_image_of_another_size_is_refused(tmp_path, number):
    folder = videos.write_images(tmp_path / "m", videos.counting(5))
    videos.write_images(folder, videos.counting(1, height=20), start=number)
    with pytest.raises(VideoError, match=f"frame_000{number}.png.*alike"):
        check(folder)
