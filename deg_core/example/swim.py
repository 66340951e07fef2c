"""A mouse in a cylinder of water, seen from the side: the forced swim test, as two people label it.

========= ================================================================================
struggle  upright at the surface, the forepaws beat and the water splashes
swim      the paws paddle two to three times a second and the body drifts along
dive      head down below the surface; rare
========= ================================================================================

The background is floating. One frame of swimming looks like one of floating. `ratings_of` returns
the labels of two made-up people, who disagree as people do: at edges, about short and about weak
bouts.
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
from deg_core.example.motion import FIELD, FPS, smooth
from deg_core.example.spec import VideoSpec, generators

Doing = Literal["float", "struggle", "swim", "dive"]
BEHAVIORS = ("struggle", "swim", "dive")
SURFACE = 36.0  # row of the field at which the water begins
WALLS = (14.0, 82.0)  # columns of the cylinder
ZOOM = 4
TEMPO = {"float": 0.25, "struggle": 5.0, "swim": 2.5, "dive": 3.0}  # strokes per second
STROKE = {"float": 0.35, "struggle": 1.0, "swim": 1.0, "dive": 1.0}
PACE = {"float": 0.06, "struggle": 0.1, "swim": 0.7, "dive": 0.4}  # pixels per frame
TILT = {"float": 0.45, "struggle": 1.35, "swim": 0.4, "dive": -0.9}  # of the body, in radians
DEPTH = {"float": 6.0, "struggle": 5.0, "swim": 6.0, "dive": 24.0}  # of its middle, in pixels
# Two people: how far their edges stray and lag, in frames, and whom they see struggle.
PEOPLE = {
    "anna": {"stray": 2, "lag": 0, "shortest": 0, "missed": 2},
    "ben": {"stray": 4, "lag": 3, "shortest": 18, "missed": 15},
}


@dataclass(frozen=True)
class Phase:
    """A stretch of frames of one kind."""

    length: int
    doing: Doing


def plan(n_frames: int, *, seed: str) -> list[Phase]:
    """Draw what the mouse does during a video; the lengths sum to ``n_frames``."""
    return deal(
        n_frames, Dice(seed), _deck, filler=Phase(12, "float"),
        cut=lambda phase, left: Phase(left, phase.doing),
    )  # fmt: skip


def _deck(dice: Dice) -> list[Phase]:
    kinds: list[tuple[Doing, int, int]] = [
        ("struggle", 15, 50), ("struggle", 15, 50), ("struggle", 10, 20), ("swim", 20, 60),
        ("swim", 20, 60), ("swim", 12, 20), ("dive", 14, 28), ("float", 20, 60), ("float", 20, 60),
        ("float", 20, 60), ("float", 10, 20),
    ]  # fmt: skip
    return [Phase(dice.between(low, high), doing) for doing, low, high in kinds]


def labels_of(spec: VideoSpec) -> np.ndarray:
    """Return what is true of each frame of a video.

    Returns
    -------
    labels : (T, K) int8, 0 or 1
        One column per name in `BEHAVIORS`.
    """
    doing = _doing(plan(spec.n_frames, seed=spec.text))
    return np.stack([doing == name for name in BEHAVIORS], axis=1).astype(np.int8)


def ratings_of(spec: VideoSpec) -> dict[str, np.ndarray]:
    """Return what two people say of each frame, by their names; arrays as of `labels_of`."""
    truth = labels_of(spec)
    return {name: _rated(truth, Dice(f"{spec.text}:{name}"), **how) for name, how in PEOPLE.items()}


def _rated(
    truth: np.ndarray, dice: Dice, *, stray: int, lag: int, shortest: int, missed: int
) -> np.ndarray:
    """Move the edges of bouts, and miss some: short ones in half of all cases, others rarely."""
    seen = np.zeros_like(truth)
    for k in range(truth.shape[1]):
        change = np.flatnonzero(np.diff(truth[:, k], prepend=0, append=0))
        for start, stop in change.reshape(-1, 2).tolist():
            percent = 50 if stop - start < shortest else missed
            first = max(0, start + lag + dice.between(-stray, stray))
            last = min(len(truth), stop + lag + dice.between(-stray, stray))
            if not dice.chance(percent):
                seen[first:last] = 0  # a frame is of one behavior, the one that began last
                seen[first:last, k] = 1
    return seen


def frames_of(spec: VideoSpec) -> Iterator[np.ndarray]:
    """Draw the frames of a video one after the other.

    Yields
    ------
    frame : (size, size, 3) uint8 RGB
    """
    for_track, for_look, for_noise = generators(spec)
    phases = plan(spec.n_frames, seed=spec.text)
    doing = _doing(phases)
    pose = {
        name: smooth(np.array([table[one] for one in doing]), 5)
        for name, table in {"tilt": TILT, "depth": DEPTH, "stroke": STROKE}.items()
    }
    tempo = np.array([TEMPO[one] for one in doing]) * for_track.uniform(0.85, 1.15)
    beat = for_track.uniform(0, 6) + np.cumsum(tempo) * 2 * np.pi / FPS
    bob = 1.2 * np.sin(np.arange(len(doing)) * 2 * np.pi * for_track.uniform(0.3, 0.6) / FPS)
    x, side = _drift(smooth(np.array([PACE[one] for one in doing]), 5), for_track)
    tank, coat = _tank(for_look), for_look.uniform(55, 85)
    waves, light, noise = (for_look.uniform(*range_) for range_ in ((0, 6), (0.9, 1.1), (4, 6)))
    for t in range(spec.n_frames):
        ink = np.zeros((FIELD * ZOOM, FIELD * ZOOM), np.uint8)
        place = complex(x[t], SURFACE + pose["depth"][t] + bob[t])
        _draw(ink, place, side[t], pose["tilt"][t], pose["stroke"][t] * math.sin(beat[t]))
        picture = tank.copy()
        _water(picture, waves + t / 5, x[t] if doing[t] == "struggle" else None, for_noise)
        cover = cv2.resize(ink, (FIELD, FIELD), interpolation=cv2.INTER_AREA) / np.float32(255)
        # Water takes half of the contrast.
        cover *= np.where(np.arange(FIELD) > SURFACE, 0.75, 1)[:, None]
        picture = cv2.resize(picture + cover * (coat - picture), (spec.size, spec.size),
                             interpolation=cv2.INTER_AREA)  # fmt: skip
        picture = light * picture + for_noise.standard_normal(picture.shape, np.float32) * noise
        yield np.repeat(np.clip(picture + 0.5, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _doing(phases: list[Phase]) -> np.ndarray:
    return np.repeat([phase.doing for phase in phases], [phase.length for phase in phases])


def _drift(pace: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return column and side (-1 left, 1 right) of a body that turns at the walls."""
    x, side = rng.uniform(WALLS[0] + 14, WALLS[1] - 14), rng.choice((-1.0, 1.0))
    columns, sides = [], []
    for step in pace:
        if not WALLS[0] + 12 < x + side * step < WALLS[1] - 12:
            side = -side
        x += side * step
        columns.append(x)
        sides.append(side)
    return np.array(columns), np.array(sides)


def _draw(ink: np.ndarray, place: complex, side: float, tilt: float, stroke: float) -> None:
    """Draw tail, paws, body and head of an animal that faces ``side``, head up at tilt > 0."""
    ahead = cmath.rect(1, -tilt)

    def at(forward: float, down: float) -> tuple[int, int]:
        point = ahead * complex(forward, down)
        point = (place + complex(side * point.real, point.imag)) * ZOOM
        return round(point.real), round(point.imag)

    def oval(forward: float, down: float, half: tuple[float, float], tone: int) -> None:
        axes = (round(half[0] * ZOOM), round(half[1] * ZOOM))
        turn = math.degrees(-tilt if side > 0 else tilt)
        cv2.ellipse(ink, at(forward, down), axes, turn, 0, 360, tone, -1, cv2.LINE_AA)

    tail = [at(-9 - 2.2 * i, 1.5 * math.sin(0.8 * i + stroke)) for i in range(8)]
    cv2.polylines(ink, [np.array(tail)], isClosed=False, color=190, thickness=ZOOM)
    for forward, sign in ((6.0, 1.0), (4.5, -1.0), (-6.0, -1.0), (-7.5, 1.0)):
        paw = at(forward + 3.2 * sign * stroke + (2.0 if forward > 0 else -1.0), 8.5)
        cv2.line(ink, at(forward, 3.0), paw, 220, round(1.6 * ZOOM), cv2.LINE_AA)
    oval(-1.0, 0.0, (10.5, 5.6), 255)
    oval(10.0, -1.0, (5.0, 3.8), 255)
    oval(8.0, -4.5, (1.8, 1.8), 230)


def _water(
    picture: np.ndarray, phase: float, splash: float | None, rng: np.random.Generator
) -> None:
    """Draw the surface, and drops and foam around a column where the water splashes."""
    columns = np.arange(round(WALLS[0]), round(WALLS[1]))
    rows = SURFACE + 0.8 * np.sin(columns / 7 + phase) + 0.5 * np.sin(columns / 3 - 1.7 * phase)
    if splash is not None:
        near = np.exp(-(((columns - splash) / 14) ** 2))
        rows = rows + near * rng.normal(0, 2.0, len(columns))
        for _ in range(8):
            drop = round(float(rng.normal(splash, 11))), round(SURFACE - abs(rng.normal(0, 6)))
            cv2.circle(picture, drop, 1, 225.0, -1)
    points = np.stack([columns, rows], axis=1).round().astype(int)
    cv2.polylines(picture, [points], isClosed=False, color=225.0, thickness=1)


def _tank(rng: np.random.Generator) -> np.ndarray:
    """Draw the cylinder of water before a wall, (FIELD, FIELD) float32."""
    grain = cv2.GaussianBlur(rng.standard_normal((FIELD, FIELD), np.float32), (0, 0), 3) * 12
    tank = rng.uniform(170, 195) + grain
    water = np.arange(FIELD) > SURFACE
    tank[water] -= rng.uniform(15, 30)
    for wall in WALLS:
        cv2.line(tank, (round(wall), 8), (round(wall), FIELD - 6), 90.0, 2)
    tank[FIELD - 6 :] = 80
    return tank.astype(np.float32)
