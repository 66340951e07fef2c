"""Presets that look at files other than the video: every video must have one."""

from pathlib import Path

import pytest

from deg_core.errors import ConfigError
from deg_core.sources import check_sources, source_problems
from deg_core.table import Video

TABLE = Path("videos.tsv")


def video(name, **files):
    return Video(name, Path(f"{name}.mp4"), name, True, None, None, **files)


WITH, WITHOUT = video("a", keypoints=Path("a.csv"), clusters=Path("a.csv")), video("b")


def test_presets_that_look_at_the_video_need_no_more():
    check_sources({"presets": ["lite", "fast"]}, [WITHOUT], TABLE)
    check_sources({}, [WITHOUT], TABLE)
    check_sources({"presets": ["keypoints", "clusters"]}, [WITH], TABLE)


def test_a_preset_of_ones_own_needs_what_its_base_does():
    config = {"presets": ["mine"], "preset_base": {"mine": "keypoints"}}
    with pytest.raises(ConfigError) as caught:
        check_sources(config, [WITH, WITHOUT], TABLE)
    assert str(caught.value) == (
        "videos.tsv: preset mine looks at the column 'keypoints', which is empty for b; name "
        "DeepLabCut's csv or h5 of it, or SLEAP's analysis h5 there for every video, or take mine "
        "out of `presets`."
    )


def test_all_problems_are_told_and_long_lists_are_cut():
    many = [video(f"m{n}") for n in range(8)]
    found = list(source_problems({"presets": ["keypoints", "clusters"]}, many, TABLE))
    assert len(found) == 2
    assert "empty for m0, m1, m2, m3, m4 and 3 more;" in found[1]
