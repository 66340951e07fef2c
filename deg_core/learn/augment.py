"""Augmentation of clips on the device: drawn once per clip, the same for all its frames."""

from collections.abc import Callable

import torch
from kornia import enhance
from kornia.color import rgb_to_grayscale
from kornia.geometry.transform import rotate
from torch import Tensor

from deg_core.settings import AugmentSettings

Change = Callable[..., Tensor]


def augment(clips: Tensor, settings: AugmentSettings, generator: torch.Generator) -> Tensor:
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

    Returns
    -------
    Tensor
        Same shape and range.
    """
    clips = _flip(clips, settings, generator)
    clips = _turn(clips, settings, generator)
    clips = _jitter(clips, settings, generator)
    return _on(clips, _chosen(len(clips), settings.grayscale, generator), _drop_color)


def _chosen(n: int, probability: float, generator: torch.Generator) -> Tensor:
    return torch.rand(n, generator=generator) < probability


def _between(n: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(n, generator=generator) * (high - low) + low


def _on(clips: Tensor, chosen: Tensor, change: Change, *drawn: Tensor) -> Tensor:
    """Apply ``change`` to the chosen clips only; most steps concern a part of the batch."""
    if not chosen.any():
        return clips
    where = chosen.nonzero()[:, 0].to(clips.device)
    values = [d[chosen].to(clips.device) for d in drawn]
    clips[where] = change(clips[where], *values)
    return clips


def _flip(clips: Tensor, settings: AugmentSettings, generator: torch.Generator) -> Tensor:
    n = len(clips)
    clips = _on(clips, _chosen(n, settings.flip_lr, generator), lambda x: x.flip(-1))
    return _on(clips, _chosen(n, settings.flip_ud, generator), lambda x: x.flip(-2))


def _turn(clips: Tensor, settings: AugmentSettings, generator: torch.Generator) -> Tensor:
    n = len(clips)
    chosen = _chosen(n, settings.rotate_p if settings.degrees else 0.0, generator)
    angle = _between(n, -settings.degrees, settings.degrees, generator)

    def change(x: Tensor, degrees: Tensor) -> Tensor:
        return rotate(x.flatten(1, 2), degrees).view_as(x)  # frames are channels: one turn each

    return _on(clips, chosen, change, angle)


def _jitter(clips: Tensor, settings: AugmentSettings, generator: torch.Generator) -> Tensor:
    n = len(clips)
    chosen = _chosen(n, settings.color_p, generator)
    steps = [
        (settings.brightness, 1.0, lambda x, f: (x * _per_frame(f, x)).clamp(0, 1)),
        (settings.contrast, 1.0, _contrast),
        (settings.saturation, 1.0, lambda x, f: enhance.adjust_saturation(x, f)),
        (settings.hue, 0.0, lambda x, f: enhance.adjust_hue(x, f * (2 * torch.pi))),
    ]
    for i in torch.randperm(len(steps), generator=generator).tolist():
        size, middle, change = steps[i]
        factor = _between(n, middle - size, middle + size, generator)
        if size > 0:
            clips = _on(clips, chosen, _by_frame(change), factor)
    return clips


def _by_frame(change: Change) -> Change:
    def apply(x: Tensor, factor: Tensor) -> Tensor:
        repeated = factor.repeat_interleave(x.shape[1])
        return change(x.flatten(0, 1), repeated).view_as(x)

    return apply


def _per_frame(factor: Tensor, x: Tensor) -> Tensor:
    return factor.view(-1, *[1] * (x.ndim - 1))


def _contrast(x: Tensor, factor: Tensor) -> Tensor:
    """Stretch around each picture's mean brightness."""
    mean = rgb_to_grayscale(x).mean((1, 2, 3))
    return ((x - _per_frame(mean, x)) * _per_frame(factor, x) + _per_frame(mean, x)).clamp(0, 1)


def _drop_color(x: Tensor) -> Tensor:
    gray = rgb_to_grayscale(x.flatten(0, 1))
    return gray.expand(-1, 3, -1, -1).reshape(x.shape)
