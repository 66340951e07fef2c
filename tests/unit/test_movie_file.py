"""Movies that play everywhere."""

import av
import numpy as np
import pytest

from deg_core.data.movie_file import publish_movie
from deg_core.data.video import decode, probe
from deg_core.errors import StateError

COLORS = [(200, 30, 40), (20, 160, 60), (30, 60, 210)]


def picture(color, size=(64, 48)):
    return np.full((size[1], size[0], 3), color, np.uint8)


def test_an_mp4_of_h264_with_the_right_colors(tmp_path):
    path = tmp_path / "new folder" / "m.mp4"
    with publish_movie(path, size=(64, 48), rate=25.0) as write:
        for color in COLORS:
            write(picture(color))
        assert not path.exists()
    info = probe(path)
    assert (info.codec, info.width, info.height, info.fps) == ("h264", 64, 48, 25.0)
    shown = [frame.image[24, 32].astype(int) for frame in decode(info)]
    # 4:2:0 in 219 levels, and one flat color per picture: a few levels are lost
    np.testing.assert_allclose(shown, COLORS, atol=6)
    with av.open(str(path)) as video:
        context = video.streams.video[0].codec_context
        assert (context.pix_fmt, context.colorspace) == ("yuv420p", 1)  # BT.709


def test_the_index_stands_before_the_pictures(tmp_path):
    with publish_movie(tmp_path / "m.mp4", size=(64, 48), rate=30.0) as write:
        write(picture(COLORS[0]))
    content = (tmp_path / "m.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize("rate", [0.5, 29.97, 60.0])
def test_odd_rates(tmp_path, rate):
    with publish_movie(tmp_path / "m.mp4", size=(64, 48), rate=rate) as write:
        for _ in range(3):
            write(picture(COLORS[1]))
    assert probe(tmp_path / "m.mp4").fps == pytest.approx(rate, rel=1e-4)


def fail_after_one_picture(path):
    with publish_movie(path, size=(64, 48), rate=30.0) as write:
        write(picture(COLORS[0]))
        raise ZeroDivisionError


def test_nothing_is_left_of_a_movie_that_fails(tmp_path):
    with pytest.raises(ZeroDivisionError):
        fail_after_one_picture(tmp_path / "m.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(StateError, match=r"file/m\.mp4: cannot be written"),
        publish_movie(tmp_path / "file" / "m.mp4", size=(64, 48), rate=30.0),
    ):
        pass


def test_a_missing_encoder_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    with (
        pytest.raises(StateError, match=r"has no encoder of H\.264 \(libx264\); install"),
        publish_movie(tmp_path / "m.mp4", size=(64, 48), rate=30.0),
    ):
        pass
    assert list(tmp_path.iterdir()) == []
