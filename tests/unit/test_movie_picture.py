"""Pictures of the movie: text, places, frames."""

from pathlib import Path

import numpy as np
import pytest
from tracks import make_tracks

from deg_core.ethogram.palette import rgb_of
from deg_core.movie import lettering
from deg_core.movie.layout import LEAST_WIDTH, arrange, frame_scale
from deg_core.movie.picture import Picture, dark, fitted, lightness, readable
from deg_core.movie.strip import INK, PAPER

# --- text


def test_the_usual_font_comes_with_matplotlib():
    for text in ("groom", "größe", "naïve Ωμ", ""):
        assert lettering.font_file(text).name == "DejaVuSans.ttf"
    assert lettering.font_file("groom", bold=True).name == "DejaVuSans-Bold.ttf"


def test_a_font_is_looked_for_that_has_all_letters(monkeypatch):
    class Entry:
        def __init__(self, fname, name, style="normal"):
            self.fname, self.name, self.style = fname, name, style

    entries = [Entry("/f/z.ttf", "Z"), Entry("/f/all.ttf", "Last Resort X"),
               Entry("/f/a.ttf", "A", "italic"), Entry("/f/b.ttf", "B")]  # fmt: skip
    has = {"/f/z.ttf": "站立", "/f/all.ttf": "站立x", "/f/a.ttf": "站立", "/f/b.ttf": "站"}
    monkeypatch.setattr(lettering.font_manager.fontManager, "ttflist", entries)
    monkeypatch.setattr(
        lettering, "_letters", lambda path: frozenset(map(ord, has.get(str(path), "abc")))
    )
    lettering.font_file.cache_clear()
    assert lettering.font_file("站立") == Path("/f/z.ttf")
    assert lettering.font_file("站") == Path("/f/b.ttf")
    assert lettering.font_file("x") is None
    lettering.font_file.cache_clear()


def test_names_without_a_font_become_numbers_and_are_told(monkeypatch, capsys):
    monkeypatch.setattr(lettering, "font_file", lambda text: None if text == "站立" else Path("f"))
    assert readable(["groom", "站立"]) == ["groom", "behavior 2"]
    assert "'站立', so the movie calls it 'behavior 2'" in capsys.readouterr().err


def test_text_is_placed_and_cut_at_the_edges():
    canvas = np.full((40, 60, 3), 255, np.uint8)
    lettering.write(canvas, "H", 30, 20, size=20, color=(0, 0, 0), align=0.5)
    rows, columns = np.nonzero(canvas[..., 0] < 128)
    assert columns.mean() == pytest.approx(30, abs=1.5)
    assert rows.mean() == pytest.approx(20, abs=4)
    before = canvas.copy()
    for x, middle in ((-5, -5), (58, 39), (200, 20), (20, 200), (-200, 20)):
        lettering.write(canvas, "Hg", x, middle, size=20, color=(0, 0, 0))
    assert canvas.shape == before.shape


def test_long_text_is_shortened_to_its_room():
    room = lettering.width_of("eating the", 13)
    short = lettering.shorten("eating the pellet\nfrom the hopper", 13, room)
    assert short.endswith("…")
    assert short.startswith("eating")
    assert lettering.width_of(short, 13) <= room
    assert lettering.shorten("rear", 13, room) == "rear"
    assert lettering.shorten("rear", 13, 0) == "…"


# --- places


@pytest.mark.parametrize(
    ("size", "scale"),
    [((96, 96), 5), ((128, 96), 5), ((320, 240), 2), ((640, 480), 1), ((1920, 1080), 0.5),
     ((1080, 1920), 540 / 1920), ((16, 16), 33)],
)  # fmt: skip
def test_frames_fit_the_screen(size, scale):
    assert frame_scale(*size) == pytest.approx(scale)


@pytest.mark.parametrize("n", [1, 5, 12, 30])
@pytest.mark.parametrize("size", [(96, 96), (1920, 1080), (33, 101)])
@pytest.mark.parametrize("scale", [None, 0.31])
def test_nothing_overlaps_and_all_is_inside(n, size, scale):
    names = [f"a behavior with a rather long name {k}" for k in range(n)]
    layout = arrange(frame_size=size, scale=scale, behaviors=names)
    assert layout.width % 2 == layout.height % 2 == 0
    assert layout.width >= LEAST_WIDTH
    left, top, width, height = layout.frame
    assert left >= 0
    assert left + width <= layout.width
    strip_left, strip_top, strip_width, strip_height = layout.strip
    assert top >= layout.header
    assert strip_top >= top + height
    assert strip_height > n * layout.row
    assert strip_top + strip_height <= layout.legend
    assert layout.legend < layout.height
    assert strip_left < strip_left + strip_width < layout.values < layout.width
    assert strip_width > layout.width / 3  # whatever the names
    assert layout.size >= 13
    assert layout.row >= 2 * layout.size


# --- pictures


def make_picture(size=(96, 96), **changes):
    options = {"scale": None, "title": "m1 (test) · lite/0/all", "window_s": 20.0}
    return Picture(make_tracks(), frame_size=size, **(options | changes))


def test_the_frame_is_shown_pixel_by_pixel():
    image = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    picture = make_picture()
    left, top, width, height = picture.layout.frame
    shown = picture.draw(0, image)[top : top + height, left : left + width]
    np.testing.assert_array_equal(shown[2::5, 2::5], image)  # 5 times as large
    assert (shown[:5, :5] == image[0, 0]).all()


def test_gray_frames_and_large_ones():
    gray = np.full((480, 640, 1), 77, np.uint8)
    assert fitted(gray, 320, 240).shape == (240, 320, 1)
    picture = make_picture((640, 480))
    left, top, width, height = picture.layout.frame
    shown = picture.draw(0, gray)[top : top + height, left : left + width]
    assert (shown == 77).all()
    stripes = np.zeros((4, 4, 3), np.uint8)
    stripes[::2] = 200
    assert (fitted(stripes, 2, 2) == 100).all()  # by areas


def test_each_picture_is_drawn_afresh():
    picture = make_picture()
    image = np.zeros((96, 96, 3), np.uint8)
    first = picture.draw(150, image)
    picture.draw(151, image + 9)
    np.testing.assert_array_equal(picture.draw(150, image), first)


def test_the_probability_stands_on_its_color_where_the_model_sees_the_behavior():
    picture = make_picture()
    image = np.zeros((96, 96, 3), np.uint8)
    layout = picture.layout
    corner = layout.strip[1] + 2, layout.width - 2
    assert tuple(picture.draw(150, image)[corner]) == rgb_of(0)
    assert tuple(picture.draw(50, image)[corner]) == PAPER


def test_the_cursor_is_a_box_in_the_middle_of_the_strip():
    picture = make_picture()
    shown = picture.draw(700, np.zeros((96, 96, 3), np.uint8))
    left, top, width, _ = picture.layout.strip
    line = shown[top + 5, left : left + width]
    dark_columns = np.flatnonzero((line == INK).all(axis=1))
    assert len(dark_columns) == 4
    assert dark_columns.mean() == pytest.approx(width // 2 + 0.5, abs=1)


def test_names_are_dark_enough_to_be_read():
    for k in range(24):
        assert lightness(dark(rgb_of(k))) < 130
    assert dark((0, 0, 0)) == (0, 0, 0)
