"""What `lite` starts from: the drawings are what is said of them, and training learns it."""

import ast
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from deg_core.models import drawn

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "pretraining"))
arenas = importlib.import_module("drawn_arenas")
pretrain = importlib.import_module("pretrain_lite")


def clips_of(number, shape=(96, 128), seed=0):
    return [arenas.draw_clip(np.random.default_rng((seed, i)), *shape) for i in range(number)]


@pytest.fixture(scope="module")
def some():
    return clips_of(160)


def silhouette(frame, background):
    """Center of mass and axis (as twice an angle) of what differs from the background."""
    there = np.abs(frame.astype(float) - background) > 30
    y, x = np.nonzero(there)
    cxx, cyy, cxy = np.var(x), np.var(y), np.cov(x, y)[0, 1]
    axis = np.array([cxx - cyy, 2 * cxy])
    return np.array([x.mean(), y.mean()]), axis / np.hypot(*axis), there.sum()


def fact(clips, name):
    names, part = (
        (arenas.POSTURE, "posture") if name in arenas.POSTURE else (arenas.MOVEMENT, "movement")
    )
    return np.array([getattr(clip, part)[names.index(name)] for clip in clips])


@pytest.fixture(scope="module")
def clear(some):
    """Clips whose animal a threshold tells from the arena, away from the picture's edge."""

    def is_clear(clip):
        there = np.abs(clip.frames[[3, 5, 7]].astype(float) - clip.background) > 30
        return (
            there[:, :3].sum() + there[:, :, :3].sum() == 0
            and there[..., -3:].sum() + there[:, -3:].sum() == 0
            and (there.sum((1, 2)) > 60).all()
            and clip.frames.astype(float)[:, :10, :10].std() < 60
        )

    found = [clip for clip in some if is_clear(clip)]
    assert len(found) > 25
    return found


def test_form(some):
    for clip in some[:20]:
        assert clip.frames.shape == (arenas.FRAMES, 96, 128)
        assert clip.frames.dtype == clip.background.dtype == np.uint8
        assert clip.background.shape == (96, 128)
        assert clip.posture.shape == (len(arenas.POSTURE),)
        assert clip.movement.shape == (len(arenas.MOVEMENT),)
        assert np.abs(np.concatenate([clip.posture, clip.movement])).max() <= 3


def test_the_same_seed_draws_the_same(some):
    again = clips_of(2)
    for a, b in zip(some, again, strict=False):
        for one, other in zip(a, b, strict=True):
            np.testing.assert_array_equal(one, other)
    assert not np.array_equal(some[0].frames, some[1].frames)


def test_the_axis_is_the_bodys(clear):
    seen = np.array([silhouette(clip.frames[5], clip.background)[1] for clip in clear])
    said = np.stack([fact(clear, "axis_x"), fact(clear, "axis_y")], axis=1)
    assert np.median((seen * said).sum(1)) > 0.9  # cosine


def test_the_place_is_the_bodys(clear):
    seen = np.array([silhouette(clip.frames[5], clip.background)[0] for clip in clear])
    said = (np.stack([fact(clear, "x"), fact(clear, "y")], 1) + 1) / 2 * (128, 96)
    assert np.median(np.hypot(*(seen - said).T)) < 6  # pixels; a tail draws the mean to itself


def test_speed_is_that_of_the_picture(clear):
    def moved(clip):
        before, after = (silhouette(clip.frames[i], clip.background)[0] for i in (3, 7))
        return np.hypot(*(after - before)) / 4 / 2

    seen, said = np.array([moved(clip) for clip in clear]), fact(clear, "pixels")
    assert np.corrcoef(seen, said)[0, 1] > 0.8


def test_what_is_still_does_not_change(clear):
    def changed(clip):
        return np.abs(clip.frames[7].astype(float) - clip.frames[3]).mean()

    still = fact(clear, "still") > 0.5
    ratio = [changed(clip) for clip in clear]
    assert np.median(np.array(ratio)[still]) < np.median(np.array(ratio)[~still])


def test_both_answers_occur(some):
    for name in arenas.YES_OR_NO:
        assert 0 < fact(some, name).mean() < 1, name


def test_mirrored_clips_have_mirrored_facts(clear):
    """Whatever `shown` mirrors, axis and place are still those of the body that it shows."""
    stacked = arenas.DrawnClip(*(np.stack(part) for part in zip(*clear, strict=True)))
    rows, signs = np.arange(len(clear)), set()
    names = [arenas.POSTURE.index(name) for name in ("axis_x", "axis_y", "x", "y")]
    for seed in range(12):
        clip, still, posture, _ = pretrain.shown(stacked, rows, np.random.default_rng(seed))
        far = (clip[:, arenas.CENTER] - still).abs().mean(1).numpy()
        said = posture[:, names].numpy()
        axes, places = [], []
        for picture in far:
            there = 255 * (picture > 0.5 * picture.max())
            place, axis, _ = silhouette(there, 0 * there)
            axes.append(axis)
            places.append(place / (128, 96) * 2 - 1)
        assert np.median((np.array(axes) * said[:, :2]).sum(1)) > 0.9
        assert np.median(np.abs(np.array(places) - said[:, 2:])) < 0.1
        signs.add(tuple(np.sign(said[0, 1:])))
    assert len(signs) == 4  # neither, one, the other, both


def test_the_picture_of_the_docs():
    picture = arenas.sheet(1, 7)
    assert picture.dtype == np.uint8
    assert picture.shape == (3 * 98, 7 * 130, 3)


def test_shown_normalises_and_mirrors(some):
    stacked = pretrain.draw(4, (96, 96), seed=3)
    rows = np.arange(4)
    clip, background, posture, movement = pretrain.shown(stacked, rows, None)
    assert clip.shape == (4, arenas.FRAMES, 3, 96, 96)
    assert background.shape == (4, 3, 96, 96)
    assert clip.mean((1, 3, 4)).abs().max() < 1e-3
    turn, seen = arenas.MOVEMENT.index("turn"), set()
    for seed in range(20):
        varied = pretrain.shown(stacked, rows, np.random.default_rng(seed))
        seen.add(tuple(torch.sign(varied[3][:, turn] * movement[:, turn]).tolist()))
        assert torch.equal(varied[2].abs(), posture.abs())
    assert len(seen) == 2  # mirrored an odd number of times, or an even one


def test_errors_know_yes_and_no_from_numbers():
    said, true = torch.tensor([[0.0, 3.0]]), torch.tensor([[1.0, 1.0]])
    number, answer = pretrain.errors(said, true, ("speed", "still"))[0]
    assert number == pytest.approx(1 - pretrain.KNEE / 2)
    assert answer == pytest.approx(0.3 * np.log1p(np.exp(-3)), rel=1e-5)


def test_training_learns_and_writes_what_can_be_loaded(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pretrain, "HELD_BACK", 32)
    monkeypatch.setattr(pretrain, "SHAPES", ((24, 32),))
    words = ["pretrain", "--clips", "64", "--steps", "40", "--out", str(tmp_path / "w.npz")]
    monkeypatch.setattr(sys, "argv", words)
    assert pretrain.main() == 0
    last = capsys.readouterr().out.splitlines()[-2]
    assert last.startswith("step 40: loss")
    after = ast.literal_eval(last.partition("unseen ")[2])
    torch.manual_seed(0)
    before = pretrain.judge(pretrain.Pupil(), [pretrain.draw(64, (24, 32), 0)])
    assert sum(after.values()) < 0.9 * sum(before.values())
    first = (tmp_path / "w.npz").read_bytes()
    pupil = pretrain.Pupil()
    monkeypatch.setattr(drawn, "FILE", tmp_path / "w.npz")
    assert drawn.fitting(pupil.network).keys() == drawn.packed(pupil.network).keys()
    assert pretrain.main() == 0
    assert (tmp_path / "w.npz").read_bytes() == first


def test_the_weights_that_come_with_the_program_know_drawn_animals():
    """Of clips they have not seen: a straight line from their features tells speed and place."""
    pupil = pretrain.Pupil().eval()
    pupil.network.load_state_dict(dict(drawn.fitting(pupil.network)), strict=False)
    random = pretrain.Pupil().eval()
    clips = pretrain.draw(240, (96, 96), seed=99)
    found = {}
    with torch.no_grad():
        clip, background, posture, movement = pretrain.shown(clips, np.arange(240), None)
        for name, one in {"drawn": pupil, "random": random}.items():
            net = one.network
            lying = net.spatial.backbone(net.seen(clip, background))
            moving = net.flow.backbone(net.moved(one.motion(clip)[0]))
            place = posture[:, arenas.POSTURE.index("x")]
            speed = movement[:, arenas.MOVEMENT.index("pixels")]
            found[name] = explained(lying, place), explained(moving, speed)
    assert min(found["drawn"]) > 0.6
    assert max(found["random"]) < min(found["drawn"])


def explained(features, fact):
    """Share of a fact's variance that ridge regression on features explains in the other half."""
    x = torch.cat([features, torch.ones(len(features), 1)], dim=1).double()
    y, half = fact.double(), len(x) // 2
    a, b = x[:half], y[:half]
    penalty = 1e-2 * torch.eye(x.shape[1]) * a.pow(2).mean() * half
    weights = torch.linalg.solve(a.T @ a + penalty, a.T @ b)
    left = y[half:] - x[half:] @ weights
    return float(1 - left.pow(2).mean() / y[half:].var())
