import math
import os

import numpy as np
import pytest
from videos import counting, moving_square, noise, trim, truncate, write_images, write_video

from deg_core.data.video import BrokenVideo, FrameStore, count_packets, decode, probe
from deg_core.errors import VideoError


def means(info):
    """Mean color of each frame: (T, C)."""
    return np.array([frame.image.mean((0, 1)) for frame in decode(info)])


def test_probe_tells_what_the_header_says(tmp_path):
    path = write_video(tmp_path / "m 1 ü.mp4", moving_square(12, 48, 64), fps=25)
    info = probe(path)
    assert (info.height, info.width, info.channels) == (48, 64, 3)
    assert (info.fps, info.header_frames, info.n_expected) == (25.0, 12, 12)
    assert info.duration == pytest.approx(12 / 25)
    assert info.codec == "h264"
    assert info.size == path.stat().st_size


def test_colons_in_a_relative_path_are_no_protocol(tmp_path, monkeypatch):
    write_video(tmp_path / "12:30.mp4", moving_square(3))
    monkeypatch.chdir(tmp_path)
    assert probe("12:30.mp4").header_frames == 3


def test_lossless_frames_are_decoded_exactly_and_in_order(tmp_path):
    frames = counting(20)
    info = probe(write_video(tmp_path / "m.mkv", frames, codec="ffv1"))
    decoded = list(decode(info))
    np.testing.assert_array_equal([frame.image for frame in decoded], frames)
    # Matroska rounds times to milliseconds.
    np.testing.assert_allclose([frame.time for frame in decoded], np.arange(20) / 30, atol=6e-4)
    np.testing.assert_allclose([frame.stop for frame in decoded], np.arange(1, 21) / 30, atol=2e-3)
    assert not any(frame.damaged for frame in decoded)


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        ("libx264", "mp4"), ("libx264", "mkv"), ("libx264", "mov"), ("libx264", "ts"),
        ("mpeg4", "avi"), ("mpeg4", "mp4"), ("mjpeg", "avi"), ("libvpx-vp9", "webm"),
    ],
)  # fmt: skip
def test_codecs_and_containers(tmp_path, codec, suffix):
    # Gray levels far apart, so that a codec's losses cannot hide a lost or repeated frame.
    levels = [10 * number for number in range(25)]
    frames = [np.full((48, 64, 3), level, np.uint8) for level in levels]
    info = probe(write_video(tmp_path / f"m.{suffix}", frames, codec=codec))
    assert info.n_expected == 25
    assert info.fps == 30
    np.testing.assert_allclose(means(info), np.repeat(levels, 3).reshape(25, 3), atol=4)


def test_b_frames_come_in_order_of_time(tmp_path):
    frames = [np.full((32, 32, 3), 10 * number, np.uint8) for number in range(20)]
    path = write_video(tmp_path / "m.avi", frames, codec="mpeg4", options={"bf": "2"})
    decoded = list(decode(probe(path)))
    levels = np.array([frame.image.mean() for frame in decoded])
    # Two frames in the wrong order would be off by 10 each.
    np.testing.assert_allclose(levels, np.arange(0, 200, 10), atol=6)
    assert (np.diff([frame.time for frame in decoded]) > 0).all()


def test_colors_are_red_green_blue(tmp_path):
    frames = [np.full((32, 32, 3), (200, 100, 50), np.uint8)] * 3
    for codec in ("libx264", "ffv1"):
        info = probe(write_video(tmp_path / f"{codec}.mkv", frames, codec=codec))
        # H.264 halves the resolution of colors and rounds; it does not swap them.
        np.testing.assert_allclose(means(info), [(200, 100, 50)] * 3, atol=4)


@pytest.mark.parametrize("pix_fmt", ["gray", "gray10le", "gray16le"])
def test_gray_has_one_channel(tmp_path, pix_fmt):
    frames = [np.full((16, 16), level, np.uint8) for level in (0, 77, 255)]
    info = probe(write_video(tmp_path / "m.mkv", frames, codec="ffv1", pix_fmt=pix_fmt))
    assert info.channels == 1
    # Ten bits hold 77 as 308 or 309, which may round to a neighbor.
    np.testing.assert_allclose(means(info), [[0], [77], [255]], atol=1)


@pytest.mark.parametrize(
    ("codec", "pix_fmt"),
    [("libx264", "yuv420p10le"), ("ffv1", "yuva444p"), ("ffv1", "bgra"), ("ffv1", "yuv422p")],
)
def test_ten_bits_and_transparency(tmp_path, codec, pix_fmt):
    frames = [np.full((32, 32, 3), (200, 100, 50), np.uint8)] * 3
    info = probe(write_video(tmp_path / "m.mkv", frames, codec=codec, pix_fmt=pix_fmt))
    assert info.channels == 3
    np.testing.assert_allclose(means(info), [(200, 100, 50)] * 3, atol=4)


@pytest.mark.parametrize("size", [(47, 63), (33, 48), (5, 7)])
def test_odd_sizes(tmp_path, size):
    frames = [np.full((*size, 3), level, np.uint8) for level in (50, 150)]
    info = probe(write_video(tmp_path / "m.mp4", frames, codec="mpeg4"))
    assert (info.height, info.width) == size
    np.testing.assert_allclose(means(info), [[50] * 3, [150] * 3], atol=4)


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_rotation_is_applied(tmp_path, rotation):
    frame = np.zeros((32, 48, 3), np.uint8)
    frame[:16, :24] = 200  # upper left quarter
    path = write_video(tmp_path / "m.mp4", [frame] * 3, rotation=rotation)
    info = probe(path)
    image = next(iter(decode(info))).image
    # A quarter turn to the left brings the upper left corner to the lower left, and so on.
    bright = {90: np.s_[24:, :16], -90: np.s_[:24, 16:], 180: np.s_[16:, 24:]}[rotation]
    assert image.shape == ((32, 48, 3) if rotation == 180 else (48, 32, 3))
    assert (info.height, info.width) == image.shape[:2]
    assert image[bright].mean() == pytest.approx(200, abs=8)
    assert image.mean() == pytest.approx(50, abs=4)


def test_variable_rate_keeps_times(tmp_path):
    times = [0.0, 0.05, 0.2, 0.25, 0.6]
    info = probe(write_video(tmp_path / "m.mp4", moving_square(5), timestamps=times))
    found = np.array([frame.time for frame in decode(info)])
    np.testing.assert_allclose(found - found[0], times, atol=1e-3)


def test_frames_that_an_edit_list_hides_are_not_decoded(tmp_path):
    frames = [np.full((32, 32, 3), 4 * number, np.uint8) for number in range(60)]
    whole = write_video(tmp_path / "w.mp4", frames, options={"g": "20", "bf": "0"})
    info = probe(trim(whole, tmp_path / "m.mp4", key_frame=20, first=30))
    assert info.trimmed
    assert info.header_frames == 40
    # Frames 20 to 29 are there for decoding only.
    np.testing.assert_allclose(means(info)[:, 0], np.arange(120, 240, 4), atol=4)
    assert info.duration == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty; copy it again"),
        (b"frame,groom\n" * 500, "no video that FFmpeg can open"),
        (b"hello", "no video that FFmpeg can open"),
        (bytes(5000), "no video that FFmpeg can open"),
    ],
)
def test_files_that_are_no_video(tmp_path, content, words):
    path = tmp_path / "m.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=words) as caught:
        probe(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_text_is_not_drawn_as_a_video(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("The mouse sat in the corner.\n" * 50)
    with pytest.raises(VideoError, match="a text file; expected a video"):
        probe(path)


def test_missing_and_forbidden_files(tmp_path):
    with pytest.raises(VideoError, match=r"m\.mp4: does not exist; correct `path` in videos\.tsv"):
        probe(tmp_path / "m.mp4")
    path = write_video(tmp_path / "m.mp4", moving_square(3))
    path.chmod(0)
    if os.geteuid():
        with pytest.raises(VideoError, match="no permission to read it"):
            probe(path)


def test_sound_without_pictures(tmp_path):
    import av

    with av.open(str(tmp_path / "m.wav"), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.sample_rate = 8000
        output.mux(stream.encode(frame))
    with pytest.raises(VideoError, match="holds sound but no pictures"):
        probe(tmp_path / "m.wav")


def test_one_image_is_no_video(tmp_path):
    folder = write_images(tmp_path, counting(2))
    with pytest.raises(VideoError, match="a single image; give the folder"):
        probe(folder / "frame_0000.png")


def test_an_mp4_without_its_end_cannot_be_opened(tmp_path):
    path = truncate(write_video(tmp_path / "m.mp4", noise(20)), 0.6)
    with pytest.raises(VideoError, match="or its end is missing"):
        probe(path)


def test_decoding_stops_where_the_file_is_broken(tmp_path):
    path = tmp_path / "m.mp4"
    write_video(path, noise(60), container={"movflags": "faststart"})
    info = probe(truncate(path, 0.7))
    assert info.header_frames == 60
    # Frames of noise are of about the same length, so about 42 of them are left.
    frames = []
    with pytest.raises(BrokenVideo) as caught:
        frames.extend(decode(info))
    # What came before the error is kept.
    count = len(frames)
    assert 35 < count < 50
    assert f"decoding stopped after {count} frames" in str(caught.value)


def test_count_packets_needs_no_decoding(tmp_path):
    path = write_video(tmp_path / "m.h264", moving_square(30))
    info = probe(path)
    # A bare stream has neither a count nor a duration nor times.
    assert (info.header_frames, info.n_expected) == (-1, -1)
    assert math.isnan(info.duration)
    assert count_packets(path) == 30
    assert all(math.isnan(frame.time) for frame in decode(info))


def test_matroska_has_a_duration_and_no_count(tmp_path):
    info = probe(write_video(tmp_path / "m.mkv", moving_square(45)))
    assert info.header_frames == -1
    assert info.duration == pytest.approx(1.5, abs=2e-3)
    assert info.n_expected == 45


def test_folder_of_images(tmp_path):
    folder = write_images(tmp_path / "bilder 1", counting(11), pattern="f{}.png")
    info = probe(folder, image_fps=10)
    assert (info.height, info.width, info.channels) == (16, 16, 3)
    assert (info.fps, info.header_frames, info.codec) == (10, 11, "png")
    assert info.size == sum(path.stat().st_size for path in folder.iterdir())
    np.testing.assert_array_equal([f.image for f in decode(info)], counting(11))
    np.testing.assert_allclose([f.time for f in decode(info)], np.arange(11) / 10)


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (np.zeros((16, 20, 3), np.uint8), "frame 2 is 20 x 16 pixels in color, the first is 16 x"),
        (np.zeros((16, 16), np.uint8), "frame 2 is 16 x 16 pixels in gray, the first is 16 x 16"),
    ],
)
def test_images_must_be_alike(tmp_path, odd, words):
    folder = write_images(tmp_path, [*counting(2), odd])
    with pytest.raises(VideoError, match=words):
        list(decode(probe(folder)))


def test_a_damaged_image_stops_decoding(tmp_path):
    folder = write_images(tmp_path, counting(3))
    (folder / "frame_0001.png").write_bytes(b"nothing")
    with pytest.raises(VideoError, match=r"frame_0001\.png: cannot be decoded"):
        list(decode(probe(folder)))


def test_the_store_is_offered_from_here():
    assert FrameStore.__module__ == "deg_core.data.store"


@pytest.mark.parametrize("folder", [False, True])
def test_some_frames_are_given_by_their_numbers(tmp_path, folder):
    frames = counting(10)
    path = (
        write_images(tmp_path / "images", frames)
        if folder
        else write_video(tmp_path / "v.mkv", frames, codec="ffv1")
    )
    given = [int(f.image[0, 0, 0]) for f in decode(probe(path), first=3, step=4)]
    assert given == [3, 7]
    assert list(decode(probe(path), first=10)) == []
