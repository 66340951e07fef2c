"""What an imported video says of the raw one."""

import pytest
import videos

from deg_core.data.source import read_source
from deg_core.errors import StateError
from deg_core.settings import ImportSettings
from deg_core.stages import import_video


def test_size_rate_and_duration_are_those_of_the_raw_video(tmp_path):
    raw = videos.write_video(tmp_path / "größe 1.mp4", videos.noise(12, 36, 48), fps=24)
    import_video.run(raw=raw, out=tmp_path / "s.h5", settings=ImportSettings(size=(16, 16)))
    source = read_source(tmp_path / "s.h5")
    assert (source.name, source.size) == ("größe 1.mp4", raw.stat().st_size)
    assert (source.width, source.height, source.codec) == (48, 36, "h264")
    assert (source.n_frames, source.fps, source.seconds) == (12, 24.0, 0.5)


def test_a_file_that_says_nothing_of_its_source_is_damaged(tmp_path):
    videos.write_store(tmp_path / "s.h5", videos.noise(3))
    with pytest.raises(StateError, match=r"s\.h5: damaged"):
        read_source(tmp_path / "s.h5")
