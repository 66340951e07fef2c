"""The rendered example: its labels, the movement they cause, its pictures and its files."""

import csv
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import yaml

from deg_core.errors import StateError
from deg_core.example.behaviors import BEHAVIORS, SHORT, Dice, Phase, label, plan
from deg_core.example.motion import LIMIT, follow
from deg_core.example.render import (
    FPS,
    N_FRAMES,
    SEED,
    VIDEOS,
    VideoSpec,
    keypoints_of,
    label_text,
    labels_of,
    render_frames,
    render_video,
    table_text,
    track_of,
    write_labels,
)

EXAMPLE = Path(__file__).parents[2] / "example"
SMALL = VideoSpec("small", seed=1, n_frames=150, size=32)


def runs(column):
    """Return the (start, stop) of each stretch of ones."""
    change = np.flatnonzero(np.diff(np.asarray(column, int), prepend=0, append=0))
    return change.reshape(-1, 2).tolist()


@pytest.fixture(scope="module")
def labels():
    """The labels of all ten videos, (video, frame, behavior)."""
    return np.stack([labels_of(video) for video in VIDEOS])


@pytest.fixture(scope="module")
def small():
    return render_frames(SMALL)


class TestBehaviors:
    def test_a_seed_always_gives_the_same_numbers(self):
        # Literal values: a change of them would change every committed label.
        dice = Dice("7")
        assert [dice.between(1, 100) for _ in range(6)] == [72, 88, 96, 30, 81, 47]

    def test_dice_reach_both_ends_and_nothing_else(self):
        dice = Dice("ends")
        assert {dice.between(3, 5) for _ in range(200)} == {3, 4, 5}

    @pytest.mark.parametrize("n_frames", [1, 29, 150, 800, 3000])
    def test_a_plan_fills_the_video_exactly(self, n_frames):
        phases = plan(n_frames, seed="any")
        assert sum(phase.length for phase in phases) == n_frames
        assert label(phases).shape == (n_frames, 5)

    def test_labels_follow_the_phases(self):
        phases = [
            Phase(4, "still", "rear", groom=(1, 3)),
            Phase(2, "run", forage=True),
            Phase(3, "still", "curl"),
            Phase(1, "leap"),
        ]
        expected = {  # read off the phases: frames 0-3, 4-5, 6-8 and 9
            "rear": "1111000000",
            "curl": "0000001110",
            "groom": "0110000000",
            "forage": "0000110000",
            "jump": "0000000001",
        }
        columns = label(phases).T
        assert {
            name: "".join(map(str, column)) for name, column in zip(BEHAVIORS, columns, strict=True)
        } == expected

    def test_grooming_happens_only_at_rest(self):
        for seed in range(20):
            for phase in plan(800, seed=str(seed)):
                start, stop = phase.groom
                assert 0 <= start <= stop <= phase.length
                assert phase.gait == "still" or stop == 0

    def test_forage_begins_and_ends_with_a_run_that_nothing_lengthens(self):
        for seed in range(20):
            phases = plan(1200, seed=str(seed))
            edges = [None, *phases, None]
            for before, phase, after in zip(edges, phases, edges[2:], strict=False):
                for other in (before, after):
                    if phase.forage and other is not None and not other.forage:
                        assert (phase.gait, other.gait) in {("run", "still"), ("run", "leap")}

    def test_short_runs_also_happen_outside_forage(self):
        # Otherwise a third of a second would be enough to recognize forage.
        phases = [phase for seed in range(20) for phase in plan(800, seed=str(seed))]
        for gait in ("run", "still"):
            short = [p for p in phases if p.gait == gait and p.posture == "flat" and not p.forage]
            assert sum(SHORT[0] <= phase.length <= SHORT[1] for phase in short) >= 10


class TestLabels:
    def test_every_behavior_is_in_every_video(self, labels):
        assert labels.shape == (10, 800, 5)
        bouts = [[len(runs(labels[v, :, k])) for k in range(5)] for v in range(10)]
        # rear, curl, groom, forage; the rare jump at least once
        assert (np.min(bouts, axis=0) >= [2, 2, 3, 2, 1]).all()

    def test_shares_of_the_frames(self, labels):
        share = dict(zip(BEHAVIORS, labels.mean((0, 1)), strict=True))
        assert 0.01 < share.pop("jump") < 0.03  # the rare one
        assert all(0.08 < value < 0.25 for value in share.values())
        assert (labels.sum(2) == 0).mean() > 0.3  # background

    def test_grooming_overlaps_the_postures_in_every_video(self, labels):
        rear, curl, groom = (labels[..., BEHAVIORS.index(n)] for n in ("rear", "curl", "groom"))
        assert ((rear | curl) & groom).any(axis=1).all()
        assert not (rear & curl).any()

    def test_forage_lasts_over_two_seconds_and_jumps_under_half_a_second(self, labels):
        lengths = {
            name: [b - a for video in labels for a, b in runs(video[:, BEHAVIORS.index(name)])]
            for name in ("forage", "jump")
        }
        # three runs and two stops of at least 13 frames; leaps of 10 to 14
        assert min(lengths["forage"]) >= 5 * 13 > 2 * FPS
        assert (min(lengths["jump"]), max(lengths["jump"])) == (10, 14)

    def test_another_name_or_seed_is_another_video(self):
        one = labels_of("demo_01")
        assert (one != labels_of("demo_02")).any()
        assert (one != labels_of("demo_01", seed=SEED + 1)).any()


class TestFiles:
    @pytest.mark.parametrize("video", VIDEOS)
    def test_committed_labels_are_the_renderers(self, video):
        assert (EXAMPLE / "labels" / f"{video}.csv").read_text() == label_text(video)

    def test_committed_table_is_the_renderers(self):
        assert (EXAMPLE / "videos.tsv").read_text() == table_text()

    @pytest.mark.parametrize("folder", [EXAMPLE.parent, EXAMPLE / "proper"])
    def test_the_settings_draw_the_videos_that_the_labels_describe(self, folder):
        settings = yaml.safe_load((folder / "config.yaml").read_text())
        assert settings["example"]["seed"] == SEED
        assert settings["behaviors"] == list(BEHAVIORS)

    def test_the_proper_example_has_the_same_videos(self):
        table = (EXAMPLE / "proper" / "videos.tsv").read_text()
        assert table.replace("../", "example/") == table_text()

    def test_the_table_lists_ten_videos_and_their_labels(self):
        rows = list(csv.DictReader(table_text().splitlines(), delimiter="\t"))
        assert [row["video"] for row in rows] == list(VIDEOS)
        assert rows[9] == {
            "video": "demo_10",
            "path": "example/videos/demo_10.mp4",
            "group": "demo_10",
            "pretrain": "yes",
            "labels": "example/labels/demo_10.csv",
            "split": "",
        }

    def test_intervals_give_the_labels_back(self):
        rows = list(csv.DictReader(label_text("demo_03").splitlines()))
        assert list(rows[0].values()) == ["scored", "*", "0", "800", "renderer"]
        table = np.zeros((N_FRAMES, 5), np.int8)
        for row in rows[1:]:
            start, stop = int(row["start_frame"]), int(row["stop_frame"])
            table[start:stop, BEHAVIORS.index(row["behavior"])] += 1
        np.testing.assert_array_equal(table, labels_of("demo_03"))

    def test_write_labels_makes_the_folder(self, tmp_path):
        write_labels(tmp_path / "new", seed=SEED)
        names = sorted(p.relative_to(tmp_path / "new").as_posix() for p in tmp_path.rglob("*.*"))
        assert names == [*(f"labels/demo_{i:02d}.csv" for i in range(1, 11)), "videos.tsv"]


class TestMotion:
    def test_the_animal_stays_in_the_arena(self):
        for seed in range(10):
            track = follow(plan(800, seed=str(seed)), rng=np.random.default_rng(seed))
            away = np.hypot(track.x - 48, track.y - 48)
            assert away.max() <= LIMIT + 1e-9
            # The widest that an animal reaches: neck 10.5 + head 8, a tenth larger: 20.4 pixels.
            assert LIMIT + 20.4 < 48

    def test_still_phases_do_not_move_and_runs_do(self):
        phases = [Phase(30, "still"), Phase(30, "run"), Phase(30, "still")]
        track = follow(phases, rng=np.random.default_rng(0))
        step = np.hypot(np.diff(track.x), np.diff(track.y))
        assert step[:28].max() == 0  # up to the smoothed start of the run
        assert 0.7 < step[32:57].min() <= step[32:57].max() < 2.1  # pace: 0.8 to 2.0 pixels
        assert step[61:].max() == 0

    def test_grooming_is_fast_and_else_looks_the_same(self):
        # Over many videos the place of the head is distributed alike, but not its speed.
        groomed = [Phase(60, "still", groom=(0, 60))]
        rng = np.random.default_rng(0)
        fast = np.array([follow(groomed, rng=rng).sway for _ in range(400)])
        slow = np.array([follow([Phase(60, "still")], rng=rng).sway for _ in range(400)])
        levels = np.linspace(0.1, 0.9, 5)
        # 400 independent starts: the standard error of a quantile of a sine is below 0.08.
        np.testing.assert_allclose(
            np.quantile(fast[:, 30], levels), np.quantile(slow[:, 30], levels), atol=0.25
        )
        # A sine of f Hz has a mean step of 4 f / 30: 0.8 or more at 6 Hz, 0.06 or less at 0.4 Hz.
        assert np.abs(np.diff(fast)).mean() > 0.75
        assert np.abs(np.diff(slow)).mean() < 0.06

    def test_postures_change_over_a_few_frames_around_the_boundary(self):
        phases = [Phase(20, "still"), Phase(20, "still", "rear"), Phase(20, "still", "curl")]
        track = follow(phases, rng=np.random.default_rng(0))
        assert track.rear[16] == 0 < track.rear[17] < track.rear[22] < track.rear[23] + 1e-9
        assert 0.8 <= track.rear[30] <= 1
        assert 0.8 <= abs(track.curl[50]) <= 1
        assert abs(track.curl[36]) < 1e-9 < abs(track.curl[37])


class TestPictures:
    def test_frames_and_labels_of_the_asked_size(self, small):
        frames, labels = small
        assert (frames.shape, frames.dtype) == ((150, 32, 32, 3), np.uint8)
        assert (labels.shape, labels.dtype) == ((150, 5), np.int8)

    def test_the_same_spec_gives_the_same_frames(self, small):
        again, _ = render_frames(SMALL)
        np.testing.assert_array_equal(again, small[0])

    def test_frames_are_neither_black_nor_saturated(self, small):
        assert 100 < small[0].mean() < 200
        assert ((small[0] == 0) | (small[0] == 255)).mean() < 0.01

    def test_the_camera_is_noisy_but_the_arena_stands_still(self):
        frames, _ = render_frames(VideoSpec("noise", n_frames=40, size=96))
        corner = frames[:, 88:, 88:, 0].astype(float)
        # noise of 4 to 6, a little more with the flicker of up to 5 % of a dark wall
        assert 3.5 < np.median(corner.std(axis=0)) < 8
        assert np.corrcoef(frames[0, ..., 0].ravel(), frames[39, ..., 0].ravel())[0, 1] > 0.7

    def test_the_animal_is_darker_than_the_arena_and_where_the_track_says(self):
        spec = VideoSpec("demo_01", n_frames=300)
        frames, _ = render_frames(spec)
        gray = frames.mean(3)
        darker = np.median(gray[::5], axis=0) - gray[250] > 35
        y, x = np.nonzero(darker)
        track = track_of(spec)
        # The head and the tail pull the center of mass by some pixels.
        assert abs(x.mean() - track.x[250]) < 6
        assert abs(y.mean() - track.y[250]) < 6
        # About 21 x 12 pixels of body and 8 x 7 of head.
        assert 120 < len(x) < 420

    def test_postures_are_visible_in_one_frame(self):
        # Pixels of animal: a reared one is short, one in flight is close to the camera.
        frames, labels = render_frames(VideoSpec("demo_02"))
        gray = frames[..., 0].astype(np.float32)
        area = (np.median(gray[::10], axis=0) - gray > 35).sum((1, 2))
        rear, jump, flat = (
            area[on].mean() for on in (labels[:, 0] == 1, labels[:, 4] == 1, labels.sum(1) == 0)
        )
        assert rear < 0.85 * flat
        assert jump > 1.15 * flat


class TestVideo:
    def test_two_renders_have_the_same_bytes(self, tmp_path):
        # In processes of their own whose fresh memory differs (glibc fills it with ~85 or ~255),
        # since x264's macroblock tree lets what happens to be there decide: it shows in demo_09.
        code = (
            "import sys; from pathlib import Path; from deg_core.example import render;"
            "render.render_video('demo_09', Path(sys.argv[1]), seed=120)"
        )
        sums = set()
        for fill in ("85", "255"):
            out = tmp_path / f"{fill}.mp4"
            subprocess.run(
                [sys.executable, "-c", code, str(out)],
                env={**os.environ, "MALLOC_PERTURB_": fill},
                check=True,
            )
            sums.add(hashlib.sha256(out.read_bytes()).hexdigest())
        assert len(sums) == 1

    def test_the_file_decodes_to_the_drawn_frames(self, tmp_path, small):
        out = tmp_path / "folder" / "small.mp4"
        render_video("small", out, seed=1, n_frames=150, size=32)
        with av.open(str(out)) as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.average_rate) == ("h264", FPS)
            decoded = np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])
        assert decoded.shape == (150, 32, 32, 3)
        # Compression smooths the camera's noise of 4 to 6 away and little else.
        assert np.abs(decoded.astype(int) - small[0]).mean() < 6

    def test_only_the_finished_file_is_left(self, tmp_path):
        render_video("small", tmp_path / "small.mp4", seed=1, n_frames=5, size=32)
        assert [path.name for path in tmp_path.iterdir()] == ["small.mp4"]

    def test_a_file_in_place_of_the_folder_is_said(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(StateError, match="file"):
            render_video("small", tmp_path / "file" / "small.mp4", seed=1, n_frames=5, size=32)


def test_keypoints_are_where_the_animal_is_drawn():
    spec = VideoSpec("small", seed=1, n_frames=60, size=96)
    frames, points = render_frames(spec)[0], keypoints_of(spec)
    assert points.shape == (60, 7, 2)
    assert ((points > 0) & (points < 96)).all()
    track = track_of(spec)
    middle = np.stack([track.x, track.y], axis=1)[:, None]
    assert (np.linalg.norm(points - middle, axis=-1) < 40).all()
    # Left is left: seen along the body, from tailbase to nose, with y pointing down.
    nose, forepaws, tailbase = points[:, 0], points[:, 1:3], points[:, 5]
    ahead, side = nose - tailbase, forepaws - tailbase[:, None]
    turn = ahead[:, None, 0] * side[..., 1] - ahead[:, None, 1] * side[..., 0]
    straight = np.abs(track.curl) < 0.1
    assert (turn[straight, 0] < 0).all()
    assert (turn[straight, 1] > 0).all()
    # The rump is dark fur on a light floor; half of all pixels of the picture are lighter by far.
    at = frames[
        np.arange(60), tailbase[:, 1].round().astype(int), tailbase[:, 0].round().astype(int)
    ]
    assert (at.mean(axis=1) < 0.75 * np.median(frames, axis=(1, 2, 3))).mean() > 0.9
