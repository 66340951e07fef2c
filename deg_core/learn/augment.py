"""Augmentation of clips on the device: drawn once per clip, the same for all its frames."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from kornia.color import rgb_to_grayscale
from torch import Tensor
from torch.nn.functional import grid_sample

from deg_core.learn.clips import ClipBatch, to_unit
from deg_core.settings import AugmentSettings

CPU = torch.device("cpu")


class Step(NamedTuple):
    """One change of some clips of a batch.

    Parameters
    ----------
    chosen
        (N,) bool: the clips that it concerns.
    change
        Takes (n, T, 3, H, W) float32, which it overwrites, and what was drawn for these clips.
    drawn
        Tensors (N, ...) that can be broadcast against clips.
    """

    chosen: Tensor
    change: Callable[..., object]
    drawn: tuple[Tensor, ...] = ()


def augment(
    clips: Tensor,
    settings: AugmentSettings,
    generator: torch.Generator,
    *,
    first: int = 0,
    total: int | None = None,
) -> Tensor:
    """Flip, turn and recolor clips, in place.

    Parameters
    ----------
    clips
        (N, T, 3, H, W) float32 in 0..1, overwritten; a background that goes with a clip is one
        more frame.
    settings
        Probabilities and magnitudes.
    generator
        Source of randomness, on the processor, so that every device draws the same.
    first, total
        Number of the first clip in its batch, and clips of the batch: what is drawn for a clip
        does not depend on how the batch is divided. By default these are all.

    Returns
    -------
    Tensor
        Same shape and range.
    """
    steps = _plan_of_part(clips.shape, settings, generator, first=first, total=total)
    if clips.device.type != "cpu":
        return _together(clips, steps)
    for _ in _one_by_one(clips, steps):
        pass
    return clips


def augment_bytes(
    clips: Tensor,
    settings: AugmentSettings,
    generator: torch.Generator,
    *,
    device: torch.device,
    first: int = 0,
    total: int | None = None,
) -> Tensor:
    """Move (N, T, H, W, 3) uint8 to the device and `augment` them.

    Returns
    -------
    Tensor
        (N, T, 3, H, W) float32 in 0..1.
    """
    if device.type != "cpu":
        return augment(to_unit(clips, device), settings, generator, first=first, total=total)
    n, t, height, width, channels = clips.shape
    unit = torch.empty(n, t, channels, height, width)
    steps = _plan_of_part(unit.shape, settings, generator, first=first, total=total)
    for i, clip in enumerate(_one_by_one(unit, steps)):
        to_unit(clips[i : i + 1], CPU, out=clip)
    return unit


def augment_part(
    batch: ClipBatch,
    rows: slice | None,
    settings: AugmentSettings,
    generator: torch.Generator,
    *,
    device: torch.device,
) -> Tensor:
    """Do so with some clips of a batch, or all: they change as they do with the whole batch."""
    rows = rows or slice(0, len(batch))
    return augment_bytes(
        batch.of(rows), settings, generator, device=device, first=rows.start, total=len(batch)
    )


def _one_by_one(clips: Tensor, steps: list[Step]) -> Iterator[Tensor]:
    """Give each clip and change it afterwards: a processor's cache holds one, but no batch."""
    chosen = [step.chosen.tolist() for step in steps]
    for i in range(len(clips)):
        clip = clips[i : i + 1]
        yield clip
        for step, which in zip(steps, chosen, strict=True):
            if which[i]:
                step.change(clip, *(d[i : i + 1] for d in step.drawn))


def _together(clips: Tensor, steps: list[Step]) -> Tensor:
    """Change all clips step by step, as suits a device that is the faster the more it is given."""
    for step in steps:
        if step.chosen.any():
            where = step.chosen.nonzero()[:, 0]
            drawn = [d[where].to(clips.device) for d in step.drawn]
            where = where.to(clips.device)
            some = clips[where]
            step.change(some, *drawn)
            clips[where] = some
    return clips


def _plan_of_part(
    shape: torch.Size,
    settings: AugmentSettings,
    generator: torch.Generator,
    *,
    first: int,
    total: int | None,
) -> list[Step]:
    """Draw for the whole batch, and return what concerns the clips from ``first`` on."""
    n = shape[0]
    if total in (None, n):
        return plan(shape, settings, generator)
    steps = plan(torch.Size([total, *shape[1:]]), settings, generator)
    part = slice(first, first + n)
    return [Step(s.chosen[part], s.change, tuple(d[part] for d in s.drawn)) for s in steps]


def plan(shape: torch.Size, settings: AugmentSettings, generator: torch.Generator) -> list[Step]:
    """Draw what happens to clips of a ``shape`` (N, T, 3, H, W), in the order in which it does.

    How much is drawn depends on no setting, so that runs stay comparable.
    """
    n, s = shape[0], settings

    def chosen(probability: float) -> Tensor:
        return torch.rand(n, generator=generator) < probability

    def between(middle: float, size: float) -> Tensor:
        drawn = torch.rand(n, generator=generator) * (2 * size) + (middle - size)
        return drawn.view(n, 1, 1, 1, 1)

    flips = chosen(s.flip_lr), chosen(s.flip_ud)
    turned, angle = chosen(s.rotate_p if s.degrees else 0.0), between(0.0, s.degrees)
    recolored, recoloring = chosen(s.color_p), []
    for i in torch.randperm(len(RECOLORING), generator=generator).tolist():
        name = list(RECOLORING)[i]
        size = getattr(s, name)
        factor = between(0.0 if name == "hue" else 1.0, size)
        if size > 0:
            recoloring += RECOLORING[name](recolored, factor)
    grayed = chosen(s.grayscale)
    # Where nothing comes between, color is dropped first: one channel turns faster than three.
    early = grayed & turned & ~recolored
    placing = _placing(shape, *flips, turned, early, torch.deg2rad(angle))
    return [*placing, *recoloring, Step(grayed & ~early, _drop_color)]


def _placing(
    shape: torch.Size, lr: Tensor, ud: Tensor, turned: Tensor, gray: Tensor, angle: Tensor
) -> Iterator[Step]:
    """Flip and turn; turning picks every pixel anew, and does its clip's flips with it."""
    yield Step(lr & ~turned, lambda x: x.copy_(x.flip(-1)))
    yield Step(ud & ~turned, lambda x: x.copy_(x.flip(-2)))
    size = torch.tensor([shape[-1], shape[-2]])
    # Places of grid_sample go from -1 to 1 between the centers of the outermost pixels.
    sign = 1 - 2 * torch.stack([lr, ud], dim=-1).float()
    scale = (sign * 2 / (size - 1).clamp_min(1)).view(-1, 1, 1, 2)
    cos, sin = angle.cos()[..., 0], angle.sin()[..., 0]  # (N, 1, 1, 1)
    across, down = torch.cat([cos, sin], -1) * scale, torch.cat([-sin, cos], -1) * scale
    columns, rows = (torch.arange(n) - (n - 1) / 2 for n in size.tolist())
    drawn = across * columns.view(-1, 1), down * rows.view(-1, 1, 1)
    yield Step(turned & ~gray, _turn, drawn)
    yield Step(gray, lambda x, *places: _turn(x, *places, dropping_color=True), drawn)


def _turn(x: Tensor, across: Tensor, down: Tensor, *, dropping_color: bool = False) -> None:
    """Turn about the center; black comes in.

    Parameters
    ----------
    x
        (n, T, 3, H, W).
    across, down
        (n, 1, W, 2) and (n, H, 1, 2), whose sum is the place that a pixel comes from.
    dropping_color
        Whether to turn and give the brightness only.
    """
    seen = rgb_to_grayscale(x) if dropping_color else x
    # Frames are channels here: one turn for all of them.
    turned = grid_sample(seen.flatten(1, 2), across + down, align_corners=True)
    x.copy_(turned.view_as(seen))


def _drop_color(x: Tensor) -> None:
    x.copy_(rgb_to_grayscale(x))


def _brighten(x: Tensor, factor: Tensor) -> None:
    x.mul_(factor).clamp_(0, 1)


def _stretch(x: Tensor, factor: Tensor) -> None:
    """Change the contrast around each picture's mean brightness."""
    mean = rgb_to_grayscale(x.mean((-2, -1), keepdim=True))  # (n, T, 1, 1, 1)
    x.mul_(factor).add_(mean * (1 - factor)).clamp_(0, 1)


def _saturate(x: Tensor, factor: Tensor) -> None:
    """Scale the saturation of HSV, up to 1: the distance of each channel from the largest."""
    most = x.amax(2, keepdim=True)
    # A saturation of 1 is reached where the smallest channel becomes 0.
    largest = most / (most - x.amin(2, keepdim=True)).clamp_min_(1e-12)
    x.sub_(most).mul_(torch.minimum(largest, factor.clamp_min(0))).add_(most)


def _shift_hue(chosen: Tensor, turns: Tensor) -> Iterator[Step]:
    """Shift the hue of HSV by full circles (N, 1, 1, 1, 1): by thirds, and what is left of them."""
    thirds = (3 * turns).round()
    sixths = 6 * turns - 2 * thirds  # at most one, in either direction
    for n in (1, 2):
        yield Step(chosen & (thirds.flatten() % 3 == n), partial(_swap, n=n))
    for way in (1, -1):
        size = way * sixths
        yield Step(chosen & (size.flatten() > 0), partial(_shift, way=way), (size,))


def _swap(x: Tensor, *, n: int) -> None:
    """Shift the hue by ``n`` thirds of the circle."""
    x.copy_(x.roll(n, dims=2))


def _shift(x: Tensor, size: Tensor, *, way: int) -> None:
    """Shift the hue by ``size`` sixths of the circle, 0 to 1, towards green or towards blue.

    Notes
    -----
    Let d be, for each channel, the one before it minus the one behind it as the shift goes, and w
    the largest value minus the smallest. The shift adds to the channel what of d lies beyond
    (1 - size) w to either side of 0, and leaves it between smallest and largest.
    """
    most, least = x.amax(2, keepdim=True), x.amin(2, keepdim=True)  # (n, T, 1, H, W)
    limit = (most - least).mul_(1 - size)
    excess = x.roll(way, dims=2).sub_(x.roll(-way, dims=2))
    excess.sub_(excess.clamp(-limit, limit))
    torch.clamp(x.add_(excess), least, most, out=x)


def _simple(change: Callable[[Tensor, Tensor], None]) -> Callable[[Tensor, Tensor], list[Step]]:
    return lambda chosen, factor: [Step(chosen, change, (factor,))]


# Named as the magnitudes among the settings; drawn in this order.
RECOLORING = {
    "brightness": _simple(_brighten),
    "contrast": _simple(_stretch),
    "saturation": _simple(_saturate),
    "hue": _shift_hue,
}
