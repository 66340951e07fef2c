"""Augmentation: one draw per clip, the same for its frames, and nothing outside its range."""

from dataclasses import replace

import pytest
import torch
from kornia import enhance
from kornia.color import rgb_to_grayscale
from kornia.geometry.transform import rotate

from deg_core.learn import augment as module
from deg_core.learn.augment import augment, augment_bytes
from deg_core.learn.clips import to_unit
from deg_core.settings import AugmentSettings

NONE = AugmentSettings(
    flip_lr=0, flip_ud=0, rotate_p=0, color_p=0, grayscale=0
)  # magnitudes stay as they are
ALWAYS = AugmentSettings(flip_lr=1, flip_ud=1, degrees=30, rotate_p=1, color_p=1, grayscale=1)
STEPS = {
    "flip_lr": {"flip_lr": 1.0},
    "flip_ud": {"flip_ud": 1.0},
    "rotation": {"rotate_p": 1.0},
    "brightness": {"color_p": 1.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0},
    "contrast": {"color_p": 1.0, "brightness": 0.0, "saturation": 0.0, "hue": 0.0},
    "saturation": {"color_p": 1.0, "brightness": 0.0, "contrast": 0.0, "hue": 0.0},
    "hue": {"color_p": 1.0, "brightness": 0.0, "contrast": 0.0, "saturation": 0.0},
    "grayscale": {"grayscale": 1.0},
}


def clips_of(n=4, t=3, h=12, w=16, *, seed=0):
    return torch.rand(n, t, 3, h, w, generator=torch.Generator().manual_seed(seed))


def still(n=4, t=3, h=12, w=16):
    """Return clips whose frames, and which among each other, are the same."""
    return clips_of(1, 1, h, w).expand(n, t, 3, h, w).contiguous()


def changed(clips, settings, *, seed=0):
    return augment(clips.clone(), settings, torch.Generator().manual_seed(seed))


def test_probability_zero_changes_nothing():
    clips = clips_of()
    assert torch.equal(changed(clips, NONE), clips)


def test_magnitude_zero_changes_nothing_but_rounding():
    sizes = dict.fromkeys(("degrees", "brightness", "contrast", "saturation", "hue"), 0.0)
    settings = replace(NONE, rotate_p=1.0, color_p=1.0, **sizes)
    assert torch.equal(changed(clips_of(), settings), clips_of())


@pytest.mark.parametrize("step", STEPS)
def test_every_step_changes_something(step):
    assert not torch.equal(changed(clips_of(), replace(NONE, **STEPS[step])), clips_of())


@pytest.mark.parametrize("step", STEPS)
def test_all_frames_of_a_clip_change_alike(step):
    found = changed(still(), replace(NONE, **STEPS[step]))
    for t in (1, 2):
        assert torch.equal(found[:, t], found[:, 0])


def test_all_steps_together_change_all_frames_alike():
    found = changed(still(), ALWAYS)
    torch.testing.assert_close(found[:, 1], found[:, 0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("step", ["rotation", "brightness", "contrast", "saturation", "hue"])
def test_clips_change_differently(step):
    found = changed(still(), replace(NONE, **STEPS[step]))
    for n in (1, 2, 3):
        assert not torch.equal(found[n], found[0])


def test_a_probability_between_chooses_clips():
    found = changed(still(n=200), replace(NONE, flip_lr=0.25))
    flipped = (found != still(n=200)).flatten(1).any(1).sum().item()
    assert 30 <= flipped <= 70  # 50 expected; more than 3 standard deviations (6.1) away is a bug


def test_the_generator_decides_everything():
    first = changed(clips_of(), ALWAYS, seed=5)
    torch.manual_seed(99)
    assert torch.equal(changed(clips_of(), ALWAYS, seed=5), first)
    assert not torch.equal(changed(clips_of(), ALWAYS, seed=6), first)


def test_what_one_step_draws_depends_on_no_other_setting():
    """Switching steps off leaves the draws of the last one, so that runs stay comparable."""

    def gray(settings):
        found = changed(clips_of(40), replace(settings, grayscale=0.5))
        return (found[:, :, 0] == found[:, :, 1]).flatten(1).all(1)

    assert torch.equal(gray(NONE), gray(ALWAYS))
    assert 0 < gray(NONE).sum() < 40


@pytest.mark.parametrize("size", [0.5, 1.0, 3.0])
def test_values_stay_within_range(size):
    settings = replace(
        ALWAYS, grayscale=0.0, degrees=180.0, brightness=size, contrast=size, saturation=size,
        hue=size,
    )  # fmt: skip
    clips = clips_of(6)
    clips[0], clips[1], clips[2, :, 0] = 0.0, 1.0, 0.0  # black, white, without red
    for seed in range(5):
        found = changed(clips, settings, seed=seed)
        assert torch.isfinite(found).all()
        assert found.min() >= -1e-6
        assert found.max() <= 1 + 1e-6


def test_flips_by_hand():
    clips = clips_of()
    assert torch.equal(changed(clips, replace(NONE, flip_lr=1.0)), clips.flip(-1))
    assert torch.equal(changed(clips, replace(NONE, flip_ud=1.0)), clips.flip(-2))


def test_a_turn_keeps_the_middle_and_is_bounded():
    """A bar turns by at most `degrees`: its end lies on a circle around the center."""
    clips = torch.zeros(8, 1, 3, 33, 33)
    clips[..., 15:18, 16:] = 1.0  # from the center to the right
    found = changed(clips, replace(NONE, rotate_p=1.0, degrees=20.0))
    y, x = torch.meshgrid(torch.arange(33.0) - 16, torch.arange(33.0) - 16, indexing="ij")
    mass = found[:, 0, 0] * (x > 8)
    angle = torch.rad2deg(torch.atan2((mass * y).sum((1, 2)), (mass * x).sum((1, 2))))
    assert angle.abs().max() <= 20.5  # half a degree for the pixels
    assert angle.abs().max() > 5  # some of eight draws are large
    assert (angle > 0).any()
    assert (angle < 0).any()
    assert (found[..., 16, 16] > 0.99).all()


def test_what_turns_in_is_black():
    found = changed(torch.ones(4, 1, 3, 16, 16), replace(NONE, rotate_p=1.0, degrees=45.0))
    assert found.min() == 0.0


def test_brightness_by_hand():
    clips = torch.full((50, 2, 3, 4, 4), 0.4)
    settings = replace(NONE, **STEPS["brightness"] | {"brightness": 0.25})
    factor = changed(clips, settings)[:, 0, 0, 0, 0] / 0.4
    assert 0.75 <= factor.min() < 0.8
    assert 1.2 < factor.max() <= 1.25


def test_contrast_keeps_the_mean_brightness():
    clips = clips_of() * 0.4 + 0.3
    found = changed(clips, replace(NONE, **STEPS["contrast"]))
    weights = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    before, after = ((x * weights).sum(2).mean((2, 3)) for x in (clips, found))
    torch.testing.assert_close(after, before, atol=1e-5, rtol=0)


def test_grayscale_makes_channels_equal():
    found = changed(clips_of(), replace(NONE, grayscale=1.0))
    assert torch.equal(found[:, :, 0], found[:, :, 1])
    assert torch.equal(found[:, :, 0], found[:, :, 2])
    red = torch.zeros(1, 1, 3, 2, 2)
    red[:, :, 0] = 1.0
    assert changed(red, replace(NONE, grayscale=1.0)).mean().item() == pytest.approx(0.299)


def test_gray_clips_keep_their_color():
    """A video of one channel is read as three equal ones, and stays so."""
    clips = clips_of()[:, :, :1].expand(-1, -1, 3, -1, -1).contiguous()
    found = changed(clips, replace(ALWAYS, grayscale=0.0))
    torch.testing.assert_close(found[:, :, 1], found[:, :, 0], atol=1e-6, rtol=0)
    torch.testing.assert_close(found[:, :, 2], found[:, :, 0], atol=1e-6, rtol=0)


@pytest.mark.parametrize(("n", "t"), [(1, 1), (1, 12), (5, 1)])
def test_shapes(n, t):
    clips = clips_of(n, t, 8, 10)
    found = changed(clips, ALWAYS)
    assert found.shape == clips.shape
    assert found.dtype == torch.float32


# --- against kornia's functions, which know nothing of clips


def drawn(seed, *, step):
    """Draw as `augment` does, for one clip of which one step changes; its magnitude is 1."""
    generator = torch.Generator().manual_seed(seed)
    values = [torch.rand(1, generator=generator) for _ in range(5)]
    if step == "degrees":
        return values[3] * 2 - 1
    names = ["brightness", "contrast", "saturation", "hue"]
    order = torch.randperm(4, generator=generator)
    factors = [torch.rand(1, generator=generator) * 2 - 1 for _ in order]
    return factors[order.tolist().index(names.index(step))]


def odd_colors():
    """Return a clip (1, T, 3, H, W) with black, white, gray, pure and equal channels among it."""
    colors = torch.cartesian_prod(*[torch.tensor([0.0, 0.25, 0.5, 1.0])] * 3)  # (64, 3)
    patches = colors.T.reshape(1, 1, 3, 8, 8)
    return torch.cat([patches, clips_of(1, 2, 8, 8)], dim=1)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [0.1, 0.4, 1.0])
def test_hue_is_shifted_as_by_kornia(seed, size):
    clip = odd_colors()
    found = changed(clip, replace(NONE, **STEPS["hue"] | {"hue": size}), seed=seed)
    turns = drawn(seed, step="hue") * size
    expected = enhance.adjust_hue(clip[0], turns * 2 * torch.pi)
    torch.testing.assert_close(found[0], expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [0.1, 0.9, 2.0])
def test_saturation_is_changed_as_by_kornia(seed, size):
    clip = odd_colors()
    found = changed(clip, replace(NONE, **STEPS["saturation"] | {"saturation": size}), seed=seed)
    factor = 1 + drawn(seed, step="saturation") * size
    expected = enhance.adjust_saturation(clip[0], factor)
    torch.testing.assert_close(found[0], expected, atol=2e-6, rtol=0)


@pytest.mark.parametrize("gray", [0.0, 1.0])
@pytest.mark.parametrize("lr", [0.0, 1.0])
@pytest.mark.parametrize("ud", [0.0, 1.0])
@pytest.mark.parametrize(("h", "w"), [(12, 17), (16, 9), (1, 8), (5, 1)])
def test_flips_and_turns_and_gray_together_as_one_by_one(gray, lr, ud, h, w):
    clip = clips_of(1, 2, h, w)
    settings = replace(NONE, rotate_p=1.0, degrees=60.0, flip_lr=lr, flip_ud=ud, grayscale=gray)
    found = changed(clip, settings, seed=3)
    expected = clip.flip([d for d, flipped in ((-1, lr), (-2, ud)) if flipped])
    angle = drawn(3, step="degrees") * 60
    expected = rotate(expected[0], angle.expand(2))
    if gray:
        expected = rgb_to_grayscale(expected).expand(-1, 3, -1, -1)
    torch.testing.assert_close(found[0], expected, atol=5e-5, rtol=0)


# --- however the clips come


@pytest.mark.parametrize("settings", [AugmentSettings(), ALWAYS, replace(ALWAYS, hue=0.9)])
def test_all_at_once_as_clip_by_clip(settings):
    """A processor takes one clip after the other, a graphics card all of them step by step."""
    clips = clips_of(9)
    steps = module.plan(clips.shape, settings, torch.Generator().manual_seed(2))
    together = module._together(clips.clone(), steps)
    torch.testing.assert_close(changed(clips, settings, seed=2), together, atol=1e-6, rtol=0)


def test_bytes_as_numbers():
    pixels = torch.randint(0, 256, (5, 3, 12, 16, 3), dtype=torch.uint8)
    cpu, settings = torch.device("cpu"), AugmentSettings()
    expected = changed(to_unit(pixels, cpu), settings, seed=4)
    generator = torch.Generator().manual_seed(4)
    before = pixels.clone()
    assert torch.equal(augment_bytes(pixels, settings, generator, device=cpu), expected)
    assert torch.equal(pixels, before)
    generator.manual_seed(4)
    assert len(augment_bytes(pixels[:0], settings, generator, device=cpu)) == 0
