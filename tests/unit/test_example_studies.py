"""The data sets of the study: what is drawn follows from the labels, the labels from a seed."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from deg_core.config import EXAMPLE, load_config
from deg_core.data.clusters import read_clusters
from deg_core.data.labels import annotators
from deg_core.data.trackers import read_points
from deg_core.errors import ConfigError
from deg_core.example import fly, swim
from deg_core.example.render import BEHAVIORS, SCENES, render_video
from deg_core.example.spec import VideoSpec
from deg_core.example.studies import STUDIES, labels_text, table_text, write_studies
from deg_core.example.tracks import clusters_of, keypoints_text, render_tracks, source_of, tracked
from deg_core.splits import plan
from deg_core.table import read_videos

ROOT = Path(__file__).parents[2] / "studies"
# What each study promises: number of splits, and sizes of the training part by preset. A learning
# curve takes three sizes, a test two splits, and there are baselines, a smaller model and another
# sequence model to compare.
SIZES = ["1", "2", "all"]
PROMISED = {
    "arena": (3, {"lite": SIZES, "keypoints": SIZES, "clusters": SIZES}),
    "fly": (2, {"lite": SIZES, "still": ["all"]}),
    "swim": (3, {"lite": SIZES, "tcn": ["all"]}),
}
NAMES = {"mouse": BEHAVIORS, "fly": fly.BEHAVIORS, "swim": swim.BEHAVIORS}
LONG = [VideoSpec(f"long_{i}", seed=1, n_frames=3000) for i in range(3)]
SMALL = VideoSpec("small", seed=1, n_frames=200, size=48)


def bouts(column):
    """Return the (start, stop) of each stretch of ones."""
    change = np.flatnonzero(np.diff(np.asarray(column, int), prepend=0, append=0))
    return change.reshape(-1, 2).tolist()


@pytest.mark.parametrize("scene", [fly, swim])
class TestScenes:
    def test_plans_fill_the_video_and_no_kind_follows_itself(self, scene):
        for n_frames in (1, 30, 600):
            phases = scene.plan(n_frames, seed="any")
            assert sum(phase.length for phase in phases) == n_frames
            kinds = [phase.doing for phase in phases[:-1]]  # the last fills what is left
            assert all(a != b for a, b in pairwise(kinds))

    def test_every_behavior_has_its_share(self, scene):
        share = np.mean([scene.labels_of(spec).mean(axis=0) for spec in LONG], axis=0)
        assert ((share > 0.04) & (share < 0.4)).all()

    def test_the_same_seed_draws_the_same_pictures_and_another_other_ones(self, scene):
        first, again, other = (
            np.stack([frame for frame, _ in zip(scene.frames_of(spec), range(3), strict=False)])
            for spec in (SMALL, SMALL, VideoSpec("small", seed=2, n_frames=200, size=48))
        )
        assert first.shape == (3, 48, 48, 3)
        assert first.dtype == np.uint8
        assert (first == again).all()
        assert (first != other).mean() > 0.5


def test_a_fly_does_one_thing_at_a_time_and_its_wing_goes_along():
    labels = np.concatenate([fly.labels_of(spec) for spec in LONG])
    assert labels[:, :3].sum(axis=1).max() == 1
    wing, walk = labels[:, 3] == 1, labels[:, 0] == 1
    assert (wing & walk).any()
    assert (wing & ~walk).any()
    assert not (wing & (labels[:, 1:3] == 1).any(axis=1)).any()


def test_a_fly_moves_where_it_walks_and_its_legs_where_it_rubs():
    spec = VideoSpec("moving", seed=3, n_frames=600, size=96)
    frames = np.stack(list(fly.frames_of(spec)))[..., 0].astype(float)
    change = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2))
    walk, front, back, wing = (fly.labels_of(spec)[1:] == 1).T
    stand = ~(walk | front | back | wing)
    assert np.median(change[walk]) > np.median(change[front]) > np.median(change[stand])


def test_swimming_moves_more_than_floating_and_dives_are_below_the_surface():
    spec = VideoSpec("moving", seed=3, n_frames=1200, size=96)
    frames = np.stack(list(swim.frames_of(spec)))[..., 0].astype(float)
    struggle, swims, dive = (swim.labels_of(spec) == 1).T
    floats = ~(struggle | swims | dive)
    change = np.abs(np.diff(frames, axis=0, prepend=frames[:1])).mean(axis=(1, 2))
    assert np.median(change[struggle]) > np.median(change[swims]) > np.median(change[floats])
    below = int(swim.SURFACE) + 22
    dark = (frames[:, below : below + 20, 20:76] < 110).mean(axis=(1, 2))
    assert np.median(dark[dive]) > 10 * np.median(dark[floats])


def test_two_people_disagree_as_people_do():
    """Most frames agree; the second one misses more, and is later."""
    truth = np.concatenate([swim.labels_of(spec) for spec in LONG])
    rated = [swim.ratings_of(spec) for spec in LONG]
    anna, ben = (np.concatenate([one[name] for one in rated]) for name in ("anna", "ben"))
    assert (anna.sum(axis=1) <= 1).all()
    assert (ben.sum(axis=1) <= 1).all()
    assert 0.9 < (anna == truth).mean() < 1
    assert 0.8 < (ben == truth).mean() < (anna == truth).mean()
    assert len(bouts(ben[:, 0])) < len(bouts(anna[:, 0]))
    lags = []
    for start, _ in bouts(truth[:, 0]):
        near = [first - start for first, _ in bouts(ben[:, 0]) if abs(first - start) < 10]
        lags += near
    assert 1 < np.mean(lags) < 5  # 3 frames


def test_the_example_names_the_scenes_that_there_are():
    assert EXAMPLE["properties"]["scene"]["enum"] == list(SCENES)


def test_an_unknown_scene_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"no scene 'cat' to draw; take one of mouse, fly, swim"):
        render_video("any", tmp_path / "any.mp4", scene="cat")


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
class TestStudies:
    def test_what_is_committed_is_what_the_seed_gives(self, study):
        folder = ROOT / study.name
        assert (folder / "videos.tsv").read_text() == table_text(study)
        for video in study.videos:
            text = (folder / "labels" / f"{video}.csv").read_text()
            assert text == labels_text(study, video)

    def test_settings_are_of_this_scene_and_seed(self, study):
        config = load_config(ROOT / study.name / "config.yaml")
        assert config["behaviors"] == list(NAMES[study.scene])
        drawn = {"videos": "videos", "seed": study.seed, "n_frames": study.n_frames}
        assert {"scene": "mouse"} | config["example"] == drawn | {"scene": study.scene}

    def test_the_plan_is_what_is_promised(self, study, tmp_path):
        write_studies(tmp_path)
        for video in study.videos if study.tracks else []:
            for kind in ("keypoints", "clusters"):
                file = tmp_path / study.name / "tracks" / f"{video}.{kind}.csv"
                file.parent.mkdir(exist_ok=True)
                file.touch()
        config = load_config(ROOT / study.name / "config.yaml")
        videos = read_videos(tmp_path / study.name / "videos.tsv", project=tmp_path / study.name)
        positive = {
            video: dict(zip(NAMES[study.scene], [1] * 5, strict=False)) for video in study.videos
        }
        runs = plan(config, videos, positive)
        found = {
            preset: sorted({run.n_train for run in runs if run.preset == preset})
            for preset in config["presets"]
        }
        assert (len({run.split for run in runs}), found) == PROMISED[study.name]
        assert all(parts.test and parts.val for parts in runs.values())


def test_the_swimmers_were_labeled_by_two_people():
    for file in (ROOT / "swim" / "labels").iterdir():
        assert annotators(file) == ["anna", "ben"]


class TestTracks:
    def test_keypoints_are_read_as_deeplabcut_writes_them(self, tmp_path):
        points = tracked(SMALL, source_of(SMALL))
        file = tmp_path / "small.csv"
        file.write_text(keypoints_text(points))
        np.testing.assert_allclose(read_points(file), points, atol=5.1e-4)

    def test_a_few_points_are_lost_and_known_to_be(self):
        spec = VideoSpec("any", seed=1, n_frames=1000)
        points = tracked(spec, source_of(spec))
        assert 0.02 < (points[..., 2] < 0.9).mean() < 0.04

    def test_clusters_know_the_posture_but_no_label(self, tmp_path):
        specs = [VideoSpec(f"v{i}", seed=1, n_frames=600) for i in range(2)]
        points = {spec.video: tracked(spec, source_of(spec)) for spec in specs}
        found = clusters_of(points, seed=1)
        assert {len(numbers) for numbers in found.values()} == {600}
        assert len(set(found["v0"])) > 5
        assert found == clusters_of(points, seed=1)

    def test_both_files_are_written_beside_each_other(self, tmp_path):
        render_tracks(videos=["a", "b"], folder=tmp_path, seed=1, n_frames=60)
        names = sorted(path.name for path in tmp_path.iterdir())
        kinds = ("clusters", "keypoints")
        assert names == [f"{video}.{kind}.csv" for video in "ab" for kind in kinds]
        assert len(read_clusters(tmp_path / "a.clusters.csv", column="")) == 60
