"""Stage import_keypoints: features of any tracker's file, of the right video, or a reason."""

import numpy as np
import pytest
import videos
from tracker_files import frame_of, walking, write_csv, write_sleap, write_table

from deg_core.data.arrays import open_features
from deg_core.data.keypoints import POINTS, expand, interpolate
from deg_core.data.stored import StoredFeatures
from deg_core.errors import DegError
from deg_core.settings import ImportSettings, KeypointSettings
from deg_core.stages import import_keypoints, import_video

N = 12  # frames


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """An imported video that was 80 wide and 100 high, and is half of that now."""
    folder = tmp_path_factory.mktemp("video")
    raw = videos.write_video(folder / "a.mkv", videos.noise(N, 100, 80), codec="ffv1")
    import_video.run(raw=raw, out=folder / "a.h5", settings=ImportSettings(size=(50, 40)))
    return folder / "a.h5"


def run(path, store, **settings):
    out = path.parent / "out.h5"
    chosen = KeypointSettings(**settings)
    import_keypoints.run(keypoints=path, store=store, out=out, settings=chosen)
    return StoredFeatures(out)


def test_features_are_those_of_the_raw_videos_pixels(tmp_path, store):
    points = walking(N)
    rows = run(write_csv(tmp_path / "a.csv", frame_of(points)), store)
    expected = expand(points[..., :2], size=(100, 80))
    assert rows.shape == (N, 44)
    assert rows.behaviors == ()
    np.testing.assert_allclose(rows[0:N], expected, atol=1e-4)
    np.testing.assert_array_equal(rows[3:5], rows[0:N][3:5])
    with open_features(tmp_path / "out.h5") as read:
        np.testing.assert_array_equal(read[0:N], rows[0:N])
        assert read.logits.shape == (N, 0)
        assert read.fps == 30


def test_every_format_gives_the_same_features(tmp_path, store):
    points = walking(N)
    first = run(write_csv(tmp_path / "a.csv", frame_of(points)), store)[0:N]
    for path in (
        write_table(tmp_path / "a.h5", frame_of(points)),
        write_sleap(tmp_path / "s.h5", points[None]),
        write_sleap(tmp_path / "n.h5", points[None], scores=False),
    ):
        np.testing.assert_allclose(run(path, store)[0:N], first, atol=1e-6)


def test_settings_change_the_features_and_their_name(tmp_path, store):
    path = write_csv(tmp_path / "a.csv", frame_of(walking(N)))
    plain = run(path, store)
    raw = run(path, store, standardize=False, scale="each")
    expected = expand(walking(N)[..., :2], size=(100, 80), by="each", standardize=False)
    np.testing.assert_allclose(raw[0:N], expected, atol=1e-5)
    assert raw.digest != plain.digest
    assert run(path, store, min_likelihood=0.5).digest == plain.digest


def test_unsure_points_are_interpolated(tmp_path, store, capsys):
    points = walking(N)
    points[4, 0, :2], points[4, 0, 2] = 5, 0.3  # unlike the nose, and unsure
    points[7, 1] = np.nan
    rows = run(write_csv(tmp_path / "a.csv", frame_of(points)), store)
    sure = points.copy()
    sure[7, 1, 2] = 0
    filled = interpolate(sure.astype(np.float32), threshold=0.9)
    np.testing.assert_allclose(rows[0:N], expand(filled[..., :2], size=(100, 80)), atol=1e-4)
    assert "of DeepLabCut; 2.4% of the points" in capsys.readouterr().err  # 2 of 12 * 7


def test_unsure_ends_hold_the_nearest_sure_place(tmp_path, store):
    """An empty arena at first must not draw the mouse in from wherever the tracker saw it."""
    points = walking(N)
    held = points.copy()
    held[:3, 2, :2], held[-2:, 5, :2] = points[3, 2, :2], points[-3, 5, :2]
    points[:3, 2], points[-2:, 5] = (900, -900, 0.01), (-500, 500, 0.2)
    rows = run(write_csv(tmp_path / "a.csv", frame_of(points)), store)
    np.testing.assert_allclose(rows[0:N], expand(held[..., :2], size=(100, 80)), atol=1e-4)


def test_sleaps_scores_have_a_limit_of_their_own(tmp_path, store):
    points = walking(N)
    points[..., 2] = 0.6
    points[4, 0, :2] = np.nan
    path = write_sleap(tmp_path / "a.h5", points[None])
    assert np.isfinite(run(path, store)[0:N]).all()
    with pytest.raises(DegError, match=r"are in none of 12 frames .* at least 0.7.*min_score"):
        run(path, store, min_score=0.7)


def test_other_skeletons_are_named(tmp_path, store):
    parts = ["snout", "left_hand", "right_hand", "hips", "tail", "tip"]
    points = walking(N)[:, [0, 1, 2, 3, 5, 6]]
    path = write_csv(tmp_path / "a.csv", frame_of(points, parts))
    with pytest.raises(DegError, match=r"nose, .* are missing; found snout, left_hand"):
        run(path, store)
    named = ("snout", "left_hand", "right_hand", "hips", "hips", "tail", "tip")
    rows = run(path, store, points=named)
    same = expand(walking(N)[:, [0, 1, 2, 3, 3, 5, 6], :2], size=(100, 80))
    np.testing.assert_allclose(rows[0:N], same, atol=1e-4)


def test_a_file_may_lack_the_last_frames(tmp_path, store):
    points = walking(N)
    path = write_sleap(tmp_path / "a.h5", points[None, : N - 1])
    held = points.copy()
    held[-1] = held[-2]
    rows = run(path, store, max_missing=0.1)
    np.testing.assert_allclose(rows[0:N], expand(held[..., :2], size=(100, 80)), atol=1e-4)
    with pytest.raises(DegError, match=r"expected 12 frames.*found 11.*max_missing"):
        run(path, store)


def test_frames_beyond_the_video_are_those_of_another(tmp_path, store):
    path = write_csv(tmp_path / "a.csv", frame_of(walking(N + 1)))
    with pytest.raises(DegError, match="expected 12 frames, as the imported video has, found 13"):
        run(path, store)
    assert not (tmp_path / "out.h5").exists()


@pytest.mark.parametrize("unsure", [np.nan, 0.2])
def test_a_point_that_is_never_seen_is_named(tmp_path, store, unsure):
    points = walking(N)
    points[:, 6] *= np.nan if np.isnan(unsure) else [1, 1, unsure]
    with pytest.raises(DegError, match="tailtip is in none of 12 frames there with a likelihood"):
        run(write_csv(tmp_path / "a.csv", frame_of(points)), store)


def test_the_names_of_the_settings_are_those_of_the_features():
    assert KeypointSettings().points == POINTS
