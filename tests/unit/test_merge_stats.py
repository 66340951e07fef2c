import json

import pytest

from deg_core.errors import ConfigError, StateError
from deg_core.stages.merge_stats import run

ONE = {"frames": 1, "n": 2, "sum": [255, 0, 510], "sum_squares": [65025, 0, 130050]}
TWO = {"frames": 3, "n": 2, "sum": [255, 510, 510], "sum_squares": [65025, 130050, 130050]}


def write(folder, **videos):
    folder.mkdir()
    for video, content in videos.items():
        (folder / f"{video}.json").write_text(json.dumps(content))


def test_merged_by_hand(tmp_path):
    write(tmp_path / "stats", m1=ONE, m2=TWO)
    run(videos=["m1", "m2"], folder=tmp_path / "stats", out=tmp_path / "rgb.json")
    merged = json.loads((tmp_path / "rgb.json").read_text())
    # Of four pixels two are red in full; green in the second video only; blue all.
    assert merged == {
        "frames": 4, "n": 4, "sum": [510, 510, 1020],
        "sum_squares": [130050, 130050, 260100],
        "mean": [0.5, 0.5, 1.0],
        # sqrt(0.5 - 0.25) = 0.5; blue never changes, so it gets one gray level.
        "std": [0.5, 0.5, 1 / 255],
    }  # fmt: skip


def test_the_order_of_videos_does_not_matter(tmp_path):
    write(tmp_path / "stats", m1=ONE, m2=TWO)
    for videos, name in ((["m1", "m2"], "a.json"), (["m2", "m1"], "b.json")):
        run(videos=videos, folder=tmp_path / "stats", out=tmp_path / name)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_nothing_to_merge_and_something_missing(tmp_path):
    write(tmp_path / "stats", m1=ONE)
    with pytest.raises(ConfigError, match="no video has `pretrain` yes"):
        run(videos=[], folder=tmp_path / "stats", out=tmp_path / "rgb.json")
    with pytest.raises(StateError, match=r"m2\.json: does not exist"):
        run(videos=["m1", "m2"], folder=tmp_path / "stats", out=tmp_path / "rgb.json")
    assert not (tmp_path / "rgb.json").exists()
