"""The doctor looks into every raw video, and into imports whose raw video is gone."""

import json

import h5py
import numpy as np
import pytest
import videos
from projects import make_project, write_video

from deg_core.project.check_videos import Measured, examine_videos
from deg_core.project.folder import open_project
from deg_core.settings import ImportSettings, to_dict


@pytest.fixture
def folder(tmp_path):
    return make_project(tmp_path / "p", n_videos=2)


def examine(folder):
    measured = Measured()
    found = list(examine_videos(open_project(folder), measured))
    return [(finding.serious, finding.text) for finding in found], measured


def raw_of(folder, video):
    return open_project(folder).videos[video].path


def test_good_videos_are_measured(folder):
    found, measured = examine(folder)
    assert found == []
    assert measured.lengths == {"m0": 20, "m1": 20}
    assert measured.rates == pytest.approx({"m0": 30, "m1": 30})
    # Two videos of 20 frames of 128 x 128 pixels in three colors, kept raw.
    assert measured.import_bytes == 2 * 20 * 128 * 128 * 3


def test_what_is_imported_needs_no_more_space(folder):
    store = folder / "results" / "import" / "m0.h5"
    store.parent.mkdir(parents=True)
    store.touch()
    assert examine(folder)[1].import_bytes == 20 * 128 * 128 * 3


def test_every_bad_video_is_found(folder):
    raw_of(folder, 0).write_bytes(b"no video")
    raw_of(folder, 1).unlink()
    found, measured = examine(folder)
    assert [serious for serious, _ in found] == [True, True]
    assert str(raw_of(folder, 0)) in found[0][1]
    assert "video 'm1'" in found[1][1]
    assert "does not exist" in found[1][1]
    assert measured.lengths == {}


def test_a_truncated_video_is_an_error(folder):
    path = raw_of(folder, 0)
    videos.write_video(
        path, videos.noise(40), options={"g": "5"}, container={"movflags": "faststart"}
    )
    videos.truncate(path, 0.6)
    ((serious, text),) = examine(folder)[0][:1]
    assert serious
    assert "truncated" in text
    assert "of 40" in text


def test_a_variable_rate_is_a_warning(folder):
    times = [*np.arange(19) / 30, 1.5]
    write_video(raw_of(folder, 0), timestamps=times)
    (first, *_) = examine(folder)[0]
    assert first[0] is False
    assert "the frame rate varies" in first[1]


def test_different_rates_are_a_warning(folder):
    write_video(raw_of(folder, 1), timestamps=np.arange(20) / 60)
    ((serious, text),) = examine(folder)[0]
    assert not serious
    assert "m0 has 30 per second, m1 60" in text


def write_store(folder, *, n_frames=20, source_bytes=0, **changed):
    path = folder / "results" / "import" / "m0.h5"
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        settings = to_dict(ImportSettings()) | changed
        file.attrs.update(
            n_frames=n_frames, fps=30.0, source_bytes=source_bytes, settings=json.dumps(settings)
        )


@pytest.mark.parametrize(("more", "expected"), [(0, 18), (1, 20)])
def test_an_import_of_the_same_file_knows_the_length_best(folder, more, expected):
    size = raw_of(folder, 0).stat().st_size
    write_store(folder, n_frames=18, source_bytes=size + more)
    found, measured = examine(folder)
    assert found == []
    assert measured.lengths == {"m0": expected, "m1": 20}


def test_an_import_without_raw_video_is_used_with_a_warning(folder):
    raw_of(folder, 0).unlink()
    write_store(folder)
    found, measured = examine(folder)
    ((serious, text),) = found
    assert not serious
    assert "the import is used" in text
    assert measured.lengths["m0"] == 20


def test_import_settings_that_can_no_longer_be_applied_are_an_error(folder):
    raw_of(folder, 0).unlink()
    write_store(folder, size=[64, 64], jpeg_quality=80)
    ((serious, text),) = examine(folder)[0]
    assert serious
    assert "jpeg_quality 80 (now 90)" in text
    assert "size [64, 64] (now [128, 128])" in text


def test_a_damaged_import_without_raw_video_is_an_error(folder):
    raw_of(folder, 0).unlink()
    store = folder / "results" / "import" / "m0.h5"
    store.parent.mkdir(parents=True)
    store.write_bytes(b"no HDF5")
    ((serious, text),) = examine(folder)[0]
    assert serious
    assert "m0.h5: damaged" in text


def test_videos_that_the_example_draws_may_be_missing(folder):
    raw_of(folder, 0).unlink()
    config = folder / "config.yaml"
    config.write_text(f"{config.read_text()}\nexample: {{videos: drawn, seed: 1}}\n")
    table = folder / "videos.tsv"
    table.write_text(table.read_text().replace(str(raw_of(folder, 0)), "drawn/m0.mp4"))
    assert examine(folder)[0] == []
