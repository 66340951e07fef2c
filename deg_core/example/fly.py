"""A fly in a dish, seen from above: what it does, and what a camera sees of it.

===== =====================================================================================
walk  six legs step in two tripods, and the body moves
front the forelegs rub before the head
back  the hindlegs rub behind the abdomen
wing  one wing is held out and beats; while the fly walks or stands
===== =====================================================================================

A fly does one of the first three at a time (an exclusive group); one frame in the middle of a rub
shows crossed legs, those at its ends look like legs of a fly that stands.
"""

import cmath
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from deg_core.example.behaviors import Dice
from deg_core.example.deck import deal
from deg_core.example.motion import FIELD, FPS, smooth, wander
from deg_core.example.spec import VideoSpec, generators

Doing = Literal["stand", "walk", "front", "back"]
BEHAVIORS = ("walk", "front", "back", "wing")
# Where legs begin at the thorax, and where their feet are: ahead, and to the side.
HIPS = (3.0, 0.5, -2.0)
FEET = ((8.0, 6.0), (0.0, 9.0), (-9.0, 7.0))
STRIDE = 7.0  # pixels between two equal positions of a foot
ZOOM = 4  # drawn that much larger, and averaged


@dataclass(frozen=True)
class Phase:
    """A stretch of frames of one kind; ``wing``: first frame with a wing out, and one past it."""

    length: int
    doing: Doing
    wing: tuple[int, int] = (0, 0)


def plan(n_frames: int, *, seed: str) -> list[Phase]:
    """Draw what the fly does during a video; the lengths sum to ``n_frames``."""
    return deal(
        n_frames, Dice(seed), _deck, filler=Phase(14, "stand"),
        cut=lambda phase, left: Phase(left, "stand"),
    )  # fmt: skip


def _deck(dice: Dice) -> list[Phase]:
    kinds: list[tuple[Doing, int, int]] = [
        ("walk", 25, 60), ("walk", 25, 60), ("walk", 25, 60), ("front", 20, 50), ("front", 20, 50),
        ("back", 18, 40), ("back", 18, 40), ("stand", 20, 45), ("stand", 20, 45), ("stand", 20, 45),
    ]  # fmt: skip
    phases = []
    for doing, low, high in kinds:
        length, wing = dice.between(low, high), (0, 0)
        if doing in ("walk", "stand") and dice.chance(45):
            out = dice.between(14, length)
            start = dice.between(0, length - out)
            wing = (start, start + out)
        phases.append(Phase(length, doing, wing))
    return phases


def labels_of(spec: VideoSpec) -> np.ndarray:
    """Return what is true of each frame of a video.

    Returns
    -------
    labels : (T, K) int8, 0 or 1
        One column per name in `BEHAVIORS`.
    """
    phases = plan(spec.n_frames, seed=spec.text)
    doing = np.repeat([phase.doing for phase in phases], [phase.length for phase in phases])
    columns = [doing == name for name in BEHAVIORS[:-1]]
    return np.stack([*columns, _wings(phases) != 0], axis=1).astype(np.int8)


def frames_of(spec: VideoSpec) -> Iterator[np.ndarray]:
    """Draw the frames of a video one after the other.

    Yields
    ------
    frame : (size, size, 3) uint8 RGB
    """
    for_track, for_look, for_noise = generators(spec)
    phases = plan(spec.n_frames, seed=spec.text)
    doing = np.repeat([phase.doing for phase in phases], [phase.length for phase in phases])
    pace = np.concatenate(
        [np.full(p.length, for_track.uniform(0.5, 1.4) * (p.doing == "walk")) for p in phases]
    )
    bends = np.concatenate([np.full(p.length, for_track.normal(0, 0.04)) for p in phases])
    speed = smooth(pace, 3)
    x, y, heading = wander(speed, smooth(bends, 9), for_track)
    steps = np.cumsum(speed) * 2 * np.pi / STRIDE
    rubs = 2 * np.pi / FPS * np.cumsum(for_track.uniform(5, 7, len(doing)))
    wing = _wings(phases) * np.repeat(for_track.choice((-1, 1), len(phases)), _lengths(phases))
    dish, tint = _dish(for_look), for_look.uniform(30, 70)
    light, noise = for_look.uniform(0.9, 1.05), for_look.uniform(3, 5)
    for t in range(spec.n_frames):
        ink = np.zeros((FIELD * ZOOM, FIELD * ZOOM), np.uint8)
        place = complex(x[t], y[t])
        _draw(ink, place, heading[t], steps[t], (doing[t], math.sin(rubs[t])), wing[t])
        cover = cv2.resize(ink, (spec.size, spec.size), interpolation=cv2.INTER_AREA) / 255.0
        picture = cv2.resize(dish, (spec.size, spec.size), interpolation=cv2.INTER_AREA)
        picture = light * (picture + cover * (tint - picture))
        picture += for_noise.standard_normal(picture.shape, np.float32) * noise
        yield np.repeat(np.clip(picture + 0.5, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _lengths(phases: list[Phase]) -> list[int]:
    return [phase.length for phase in phases]


def _wings(phases: list[Phase]) -> np.ndarray:
    """Return 1 where a wing is out, else 0."""
    out = np.zeros(sum(_lengths(phases)), int)
    start = 0
    for phase in phases:
        out[start + phase.wing[0] : start + phase.wing[1]] = 1
        start += phase.length
    return out


def _draw(
    ink: np.ndarray,
    place: complex,
    heading: float,
    steps: float,
    rub: tuple[str, float],
    wing: int,
) -> None:
    """Draw legs, body and wings; brighter ink covers more of the dish."""
    ahead = cmath.rect(1, heading)

    def at(forward: float, side: float) -> tuple[int, int]:
        point = (place + ahead * complex(forward, side)) * ZOOM
        return round(point.real), round(point.imag)

    def oval(forward: float, half: tuple[float, float], tone: int, turn: float = 0.0) -> None:
        axes = (round(half[0] * ZOOM), round(half[1] * ZOOM))
        cv2.ellipse(ink, at(forward, 0), axes, math.degrees(heading) + turn, 0, 360, tone, -1)

    doing, sway = rub
    for pair, (hip, (forward, side)) in enumerate(zip(HIPS, FEET, strict=True)):
        for sign in (-1, 1):
            swing = 1.8 * math.sin(steps + math.pi * ((pair + (sign > 0)) % 2))
            foot = at(forward + swing, sign * side)
            if (doing, pair) in (("front", 0), ("back", 2)):
                reach = 10.5 if pair == 0 else -12.5
                foot = at(reach + sign * 1.3 * sway, sign * (1.6 + 1.4 * sway))
            cv2.line(ink, at(hip, sign * 2), foot, 200, round(0.9 * ZOOM), cv2.LINE_AA)
    oval(-6.0, (6.0, 3.4), 215)  # abdomen
    oval(0.5, (4.0, 3.2), 255)  # thorax
    oval(5.8, (2.4, 2.9), 235)  # head
    for sign in (-1, 1):
        # A wing that beats is blurred: drawn at the ends of its beat, and pale.
        out = wing == sign
        for spread in (62.0, 78.0) if out else (8.0,):
            turn = cmath.rect(1, math.radians(180 - sign * spread))
            middle = complex(1.0, sign * 1.8) + turn * 6.0
            center = at(middle.real, middle.imag)
            axes = (round(6.5 * ZOOM), round(2.2 * ZOOM))
            degrees = math.degrees(heading + cmath.phase(turn))
            cv2.ellipse(ink, center, axes, degrees, 0, 360, 120 if out else 170, -1, cv2.LINE_AA)


def _dish(rng: np.random.Generator) -> np.ndarray:
    """Draw an empty dish lit from below, (FIELD, FIELD) float32."""
    y, x = np.mgrid[0:FIELD, 0:FIELD] - (FIELD - 1) / 2
    far = np.hypot(x, y) / (FIELD / 2)
    grain = cv2.GaussianBlur(rng.standard_normal((FIELD, FIELD), np.float32), (0, 0), 2) * 8
    dish = rng.uniform(195, 215) - rng.uniform(15, 30) * far**2 + grain
    return np.where(far > 0.97, 90, dish).astype(np.float32)
