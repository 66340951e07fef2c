import json
from collections import namedtuple

import cv2
import h5py
import numpy as np
import pytest
from videos import (
    counting,
    moving_square,
    noise,
    trim,
    truncate,
    write_images,
    write_video,
)

from deg_core.data.timing import measure_timing
from deg_core.data.video import FrameStore, VideoInfo, probe
from deg_core.errors import StateError, VideoError
from deg_core.settings import ImportSettings
from deg_core.stages import import_video
from deg_core.stages.import_video import choose_store, count_missing, resize, run
from deg_core.versions import VERSIONS


def imported(raw, out, **settings):
    run(raw=raw, out=out, settings=ImportSettings(**{"size": (16, 16), **settings}))
    return FrameStore(out)


def test_a_lossless_video_at_its_own_size_comes_through_exactly(tmp_path):
    raw = write_video(tmp_path / "Mäuse 1" / "m 1.mkv", counting(40), codec="ffv1", fps=25)
    with imported(raw, tmp_path / "results" / "m1.h5") as store:
        assert (store.n_frames, store.fps, store.shape) == (40, 25.0, (16, 16))
        assert (store.channels, store.store, store.variable_rate) == (3, "raw", False)
        np.testing.assert_array_equal(store.read(range(40)), counting(40))
        np.testing.assert_allclose(store.timestamps, np.arange(40) / 25, atol=1e-3)


def test_what_the_store_says_of_its_source(tmp_path):
    raw = write_video(tmp_path / "m.mp4", moving_square(10, 48, 64))
    imported(raw, tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        facts = dict(file.attrs)
        assert file["frames"].chunks == (1, 16, 16, 3)
        assert file["timestamps"].shape == (10,)
    assert json.loads(facts.pop("settings"))["size"] == [16, 16]
    assert facts.pop("store") == b"raw"
    assert facts == {
        "n_frames": 10, "fps": 30.0, "height": 16, "width": 16, "channels": 3,
        "variable_rate": False, "header_frames": 10, "source": "m.mp4",
        "source_bytes": raw.stat().st_size, "source_height": 48, "source_width": 64,
        "codec": "h264", "version": VERSIONS["import_video"],
    }  # fmt: skip


def test_shrinking_averages_and_growing_interpolates():
    image = np.zeros((4, 4, 3), np.uint8)
    image[:, ::2] = 200
    # Each new pixel covers as many bright as dark ones; picking pixels would give 200 or 0.
    assert np.unique(resize(image, (2, 2))).tolist() == [100]
    large = resize(image[:, :2], (4, 8))
    assert large.shape == (4, 8, 3)
    assert large[0, :, 0].tolist() == [200, 200, 175, 125, 75, 25, 0, 0]
    assert resize(image[..., :1], (2, 3)).shape == (2, 3, 1)
    assert resize(image, (4, 4)) is image


@pytest.mark.parametrize("size", [(2, 3), (9, 2), (9, 12)])
def test_linear_is_linear_even_where_it_shrinks(size):
    image = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    expected = cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(resize(image, size, method="linear"), expected)
    assert (resize(image, size) == expected).all() == (size != (2, 3))


def test_the_setting_chooses_how_frames_shrink(tmp_path):
    raw = write_video(tmp_path / "m.mkv", noise(2, 32, 48), codec="ffv1")
    found = {}
    for method in ("area", "linear"):
        with imported(raw, tmp_path / f"{method}.h5", resize=method) as store:
            found[method] = store.read([0, 1])
    with imported(raw, tmp_path / "default.h5") as store:
        np.testing.assert_array_equal(store.read([0, 1]), found["area"])
    assert found["linear"].std() > found["area"].std()  # an average of four pixels is smoother


def test_sizes_are_height_first_and_need_not_keep_the_shape(tmp_path):
    raw = write_video(tmp_path / "m.mp4", moving_square(3, 48, 64))
    with imported(raw, tmp_path / "m.h5", size=(20, 32)) as store:
        assert store.shape == (20, 32)
        assert store.read([0]).shape == (1, 20, 32, 3)


@pytest.mark.parametrize("kind", ["raw", "jpeg"])
def test_gray_videos_take_a_third(tmp_path, kind):
    frames = [np.full((24, 32), level, np.uint8) for level in (20, 120, 220)]
    raw = write_video(tmp_path / "m.mkv", frames, codec="ffv1", pix_fmt="gray")
    with imported(raw, tmp_path / "m.h5", store=kind) as store:
        assert store.channels == 1
        np.testing.assert_allclose(store.read([0, 1, 2]).mean((1, 2, 3)), [20, 120, 220], atol=1)


def test_folder_of_images_with_transparency(tmp_path):
    frames = [np.dstack([f, np.full(f.shape[:2], 100, np.uint8)]) for f in counting(12)]
    raw = write_images(tmp_path / "frames of m1", frames, pattern="{}.png")
    with imported(raw, tmp_path / "m.h5", image_fps=50.0) as store:
        assert (store.n_frames, store.fps) == (12, 50.0)
        np.testing.assert_array_equal(store.read(range(12)), counting(12))


def test_variable_rate_is_told_and_kept(tmp_path, capsys):
    times = np.array([0, 1, 2, 3, 4, 9, 10, 11]) / 20
    raw = write_video(tmp_path / "m.mp4", moving_square(8), timestamps=times)
    with imported(raw, tmp_path / "m.h5") as store:
        assert store.variable_rate
        assert store.fps == pytest.approx(20)
        np.testing.assert_allclose(store.timestamps, times, atol=1e-3)
    assert "m.mp4: the frame rate varies (20 per second usually, longest gap 0.250 s)" in (
        capsys.readouterr().err
    )


def test_a_bare_stream_gets_times_from_its_rate(tmp_path, capsys):
    raw = write_video(tmp_path / "m.h264", moving_square(12), fps=20)
    with imported(raw, tmp_path / "m.h5") as store:
        assert store.n_frames == 12
        assert store.fps == 20
        np.testing.assert_allclose(store.timestamps, np.arange(12) / 20)
        assert not store.variable_rate
    assert "no usable times; 20 frames per second by the header" in capsys.readouterr().err


def test_one_frame(tmp_path):
    raw = write_video(tmp_path / "m.mp4", moving_square(1), fps=25)
    with imported(raw, tmp_path / "m.h5") as store:
        assert (store.n_frames, store.fps, store.timestamps.tolist()) == (1, 25.0, [0.0])


def broken(tmp_path, share, n_frames=60):
    """Write a video whose header is whole and whose end is cut off."""
    path = write_video(tmp_path / "m.mp4", noise(n_frames), container={"movflags": "faststart"})
    return truncate(path, share)


def test_a_truncated_video_is_refused_and_leaves_nothing(tmp_path):
    raw = broken(tmp_path, 0.5)
    with pytest.raises(VideoError, match=r"truncated or damaged, only [0-9]+ of 60 frames") as e:
        imported(raw, tmp_path / "out" / "m.h5")
    assert "import.max_missing allows a share of 0.02" in str(e.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_few_frames_may_be_missing(tmp_path, capsys):
    raw = broken(tmp_path, 0.97)
    with imported(raw, tmp_path / "m.h5", max_missing=0.1) as store:
        assert 55 <= store.n_frames < 60
        words = f"m.mp4: {store.n_frames} frames decoded, 0 of them damaged, "
        assert words + f"{60 - store.n_frames} missing, header says 60." in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["mkv", "avi", "flv"])
def test_truncated_files_of_other_kinds(tmp_path, suffix):
    codec = {"avi": "mjpeg"}.get(suffix, "libx264")
    raw = truncate(write_video(tmp_path / f"m.{suffix}", noise(60), codec=codec), 0.6)
    with pytest.raises(VideoError, match=r"truncated or damaged, only [0-9]+ of (59|60) frames"):
        imported(raw, tmp_path / "m.h5")


def test_frames_hidden_on_purpose_are_not_missing(tmp_path, capsys):
    frames = [np.full((32, 32, 3), 4 * number, np.uint8) for number in range(60)]
    whole = write_video(tmp_path / "w.mp4", frames, options={"g": "20", "bf": "0"})
    raw = trim(whole, tmp_path / "m.mp4", key_frame=20, first=30)
    with imported(raw, tmp_path / "m.h5") as store:
        assert store.n_frames == 30
    assert "30 frames decoded, 0 of them damaged, 0 missing, header says 40" in (
        capsys.readouterr().err
    )


def test_missing_images_count_as_missing_frames(tmp_path):
    raw = write_images(tmp_path / "frames", counting(20))
    for number in (7, 8):
        (raw / f"frame_{number:04d}.png").unlink()
    with pytest.raises(VideoError, match="only 18 of 20 frames are whole"):
        imported(raw, tmp_path / "m.h5")
    with imported(raw, tmp_path / "m.h5", max_missing=0.1) as store:
        assert store.n_frames == 18


def info_of(**facts):
    about = {
        "path": None, "height": 4, "width": 4, "channels": 3, "fps": 10.0, "header_frames": -1,
        "duration": float("nan"), "codec": "x", "size": 1,
    }  # fmt: skip
    return VideoInfo(**(about | facts))


@pytest.mark.parametrize(
    ("facts", "end", "expected"),
    [
        ({}, 5.0, 0),  # nothing promised, nothing missing
        ({"header_frames": 60}, 5.0, 10),
        ({"header_frames": 40}, 5.0, 0),
        ({"header_frames": 60, "duration": 5.0}, 5.0, 10),  # of an avi, the count is right
        ({"header_frames": 60, "duration": 5.0, "trimmed": True}, 5.0, 0),
        ({"header_frames": 60, "duration": 6.0, "trimmed": True}, 5.0, 10),
        ({"header_frames": 51, "duration": 6.0, "trimmed": True}, 5.0, 1),
        ({"duration": 6.0}, 5.0, 10),
        ({"duration": 6.0}, 6.0, 0),  # the clock began at 1 s
        ({"duration": 6.0}, float("nan"), 10),
        ({"duration": 5.04}, 5.0, 0),  # less than half a frame
    ],
)
def test_missing_frames_by_hand(facts, end, expected):
    # 50 frames at 10 per second cover 5 s.
    timing = measure_timing(np.arange(50) / 10, rate=10)
    assert count_missing(info_of(**facts), timing, end=end) == expected


@pytest.mark.parametrize(
    ("limit", "channels", "expected"),
    # 100 frames of 16 x 16 x 3 bytes are 76,800 bytes.
    [(76_800, 3, "raw"), (76_799, 3, "jpeg"), (25_600, 1, "raw"), (25_599, 1, "jpeg")],
)
def test_auto_keeps_raw_up_to_the_limit(limit, channels, expected):
    info = info_of(header_frames=100, channels=channels)
    settings = ImportSettings(size=(16, 16), raw_limit_gb=limit / 1e9)
    assert choose_store(info, settings) == expected


def test_auto_counts_what_no_header_tells(tmp_path):
    info = probe(write_video(tmp_path / "m.h264", moving_square(10)))
    for limit, expected in ((7680, "raw"), (7679, "jpeg")):
        settings = ImportSettings(size=(16, 16), raw_limit_gb=limit / 1e9)
        assert choose_store(info, settings) == expected


def test_jpeg_by_limit_and_by_choice(tmp_path):
    raw = write_video(tmp_path / "m.mp4", moving_square(10))
    for number, settings in enumerate(({"raw_limit_gb": 0.0}, {"store": "jpeg"})):
        with imported(raw, tmp_path / f"{number}.h5", **settings) as store:
            assert store.store == "jpeg"
            assert store.n_frames == 10


@pytest.mark.parametrize("free", [10 * 16 * 16 * 3 - 1, 0])
def test_a_raw_store_that_the_disk_cannot_hold_is_not_begun(tmp_path, monkeypatch, free):
    raw, out = write_video(tmp_path / "m.mp4", moving_square(10)), tmp_path / "new" / "m.h5"
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(import_video.shutil, "disk_usage", lambda _: usage(free))
    with pytest.raises(StateError, match=r"m\.h5: the frames need .* GB.*store: jpeg"):
        imported(raw, out, store="raw")
    assert not out.parent.exists()
    with imported(raw, out, store="jpeg") as store:  # whose size nobody knows before
        assert store.n_frames == 10


def test_a_raw_store_that_just_fits_is_written(tmp_path, monkeypatch):
    raw = write_video(tmp_path / "m.mp4", moving_square(10))
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(import_video.shutil, "disk_usage", lambda _: usage(10 * 16 * 16 * 3))
    with imported(raw, tmp_path / "m.h5", store="raw") as store:
        assert store.n_frames == 10


def test_importing_twice_gives_the_same_bytes(tmp_path):
    raw = write_video(tmp_path / "m.mp4", moving_square(20))
    for name in ("a.h5", "b.h5"):
        imported(raw, tmp_path / name)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_an_output_that_cannot_be_written(tmp_path):
    raw = write_video(tmp_path / "m.mp4", moving_square(3))
    (tmp_path / "results").write_text("a file, not a folder")
    with pytest.raises(StateError, match="cannot be written"):
        imported(raw, tmp_path / "results" / "m.h5")


def test_a_broken_video_leaves_the_older_import(tmp_path):
    raw = write_video(tmp_path / "m.mp4", moving_square(5))
    imported(raw, tmp_path / "m.h5")
    raw.write_bytes(b"")
    with pytest.raises(VideoError, match="empty"):
        imported(raw, tmp_path / "m.h5")
    with FrameStore(tmp_path / "m.h5") as store:
        assert store.n_frames == 5


def test_no_folder_is_made_for_files_that_are_no_video(tmp_path):
    (tmp_path / "m.mp4").write_text("text")
    with pytest.raises(VideoError, match="no video that FFmpeg can open"):
        imported(tmp_path / "m.mp4", tmp_path / "out" / "m.h5")
    assert not (tmp_path / "out").exists()
