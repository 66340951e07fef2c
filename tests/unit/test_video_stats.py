import json

import numpy as np
from videos import write_store

from deg_core.data.statistics import read_background
from deg_core.settings import StatsSettings
from deg_core.stages.video_stats import run


def test_sums_and_background(tmp_path):
    # Red counts frames, green is 3, blue is 0 but for one frame.
    frames = [np.full((2, 5, 3), (number, 3, 0), np.uint8) for number in range(21)]
    frames[20][..., 2] = 100
    store = write_store(tmp_path / "m1.h5", frames)
    out, background = tmp_path / "stats" / "m1.json", tmp_path / "stats" / "m1.background.png"
    settings = StatsSettings(stride=10, background_frames=3)
    run(store=store, out=out, background=background, settings=settings)
    # Frames 0, 10 and 20 of 10 pixels each: red 10 * (0 + 10 + 20), squares 10 * (100 + 400).
    assert json.loads(out.read_text()) == {
        "frames": 3, "n": 30, "sum": [300, 90, 1000], "sum_squares": [5000, 270, 100_000],
    }  # fmt: skip
    # The median of the same three frames.
    assert np.unique(read_background(background).reshape(-1, 3), axis=0).tolist() == [[10, 3, 0]]


def test_a_video_of_one_frame(tmp_path):
    store = write_store(tmp_path / "m1.h5", [np.full((2, 2, 3), 9, np.uint8)])
    out, background = tmp_path / "m1.json", tmp_path / "m1.background.png"
    run(store=store, out=out, background=background, settings=StatsSettings())
    assert json.loads(out.read_text())["frames"] == 1
    assert read_background(background).tolist() == [[[9] * 3] * 2] * 2
