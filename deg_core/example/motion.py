"""Where the example's animal is and how it holds itself, frame by frame.

Lengths are in pixels of a frame of `FIELD` x `FIELD`; drawing scales them to other sizes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deg_core.example.behaviors import Phase

FIELD = 96
FPS = 30
CENTER = FIELD / 2
ROAM = 13.0  # farther from the center than this, the animal turns back
LIMIT = 26.0  # farthest that the middle of the body gets from the center
STRIDE = 9.0  # walked between two equal positions of a paw
RUBS_HZ = (6.0, 8.0)
SWAYS_HZ = (0.15, 0.4)
MORPH = 7  # frames that one posture takes to become another; odd, centered on the boundary


@dataclass(frozen=True)
class Track:
    """One video's poses; each array has one value per frame.

    Parameters
    ----------
    x, y
        Middle of the body in pixels of the field.
    heading
        Direction of the body in radians.
    steps
        Phase of the gait in radians; grows with the way walked, stands still with the animal.
    sway
        Where the head and the front paws are between their two extremes, -1 to 1.
    rear, curl
        0 (flat) to 1 (fully in the posture); ``curl`` is signed, by the side the body bends to.
    height
        0 (on the floor) to 1 (top of a leap).
    """

    x: np.ndarray
    y: np.ndarray
    heading: np.ndarray
    steps: np.ndarray
    sway: np.ndarray
    rear: np.ndarray
    curl: np.ndarray
    height: np.ndarray


def follow(phases: Sequence[Phase], *, rng: np.random.Generator) -> Track:
    """Let an animal do what was planned, from a random place and heading.

    Parameters
    ----------
    phases
        As `deg_core.example.behaviors.plan` draws them.
    rng
        Source of everything that the plan leaves open: speeds, turns, depths of postures.

    Returns
    -------
    Track
        As many frames as the phases have.
    """
    speed, height = _speed(phases, rng)
    x, y, heading = wander(speed, _turns(phases, rng), rng)
    rear, curl = _postures(phases, rng)
    return Track(
        x=x,
        y=y,
        heading=heading,
        steps=np.cumsum(speed) * 2 * np.pi / STRIDE,
        sway=_sway(phases, rng),
        rear=rear,
        curl=curl,
        height=height,
    )


def _speed(phases: Sequence[Phase], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the speed in pixels per frame and the height above the floor.

    All runs draw their speed from one distribution, whether they belong to forage or not.
    """
    speeds, heights = [], []
    for phase in phases:
        arc = np.sin(np.pi * (np.arange(phase.length) + 0.5) / phase.length)
        pace = {"still": 0.0, "run": rng.uniform(0.8, 2.0), "leap": rng.uniform(2.4, 3.2)}
        speeds.append(np.full(phase.length, pace[phase.gait]))
        heights.append(arc * (phase.gait == "leap"))
    return smooth(np.concatenate(speeds), 3), np.concatenate(heights)


def _turns(phases: Sequence[Phase], rng: np.random.Generator) -> np.ndarray:
    """Return how sharply the path bends, in radians per pixel walked."""
    bends = [np.full(phase.length, rng.normal(0, 0.025)) for phase in phases]
    return smooth(np.concatenate(bends), 9)


def wander(
    speed: np.ndarray, turns: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Walk through the field, turning back before its walls.

    Parameters
    ----------
    speed : (T,)
        Pixels of the field per frame.
    turns : (T,)
        How sharply the path bends, in radians per pixel walked.
    rng
        Source of the place and the heading at the start.

    Returns
    -------
    x, y, heading : (T,) each
        The path in pixels of the field, and the direction of the body in radians.
    """
    radius, angle, heading = rng.uniform(0, ROAM), *rng.uniform(-np.pi, np.pi, 2)
    place = radius * np.exp(1j * angle)
    places, headings = [], []
    for step, turn in zip(speed, turns, strict=True):
        outside = np.clip((abs(place) - ROAM) / (LIMIT - ROAM), 0, 1)
        away = np.sin(heading - np.angle(-place)) if abs(place) > 0 else 0.0
        heading += step * (turn * (1 - outside) - 0.16 * outside * away)
        place += step * np.exp(1j * heading)
        place *= min(1.0, LIMIT / max(abs(place), 1e-9))
        places.append(place)
        headings.append(heading)
    track = np.asarray(places)
    return CENTER + track.real, CENTER + track.imag, np.asarray(headings)


def _sway(phases: Sequence[Phase], rng: np.random.Generator) -> np.ndarray:
    """Move the head slowly, or fast while grooming.

    Both are the same sine with another frequency, so that a single frame cannot tell them apart.
    """
    hertz = []
    for phase in phases:
        pace = np.full(phase.length, rng.uniform(*SWAYS_HZ))
        pace[slice(*phase.groom)] = rng.uniform(*RUBS_HZ)
        hertz.append(pace)
    start = rng.uniform(0, 2 * np.pi)
    return np.sin(start + np.cumsum(np.concatenate(hertz)) * 2 * np.pi / FPS)


def _postures(phases: Sequence[Phase], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    rear, curl = [], []
    for phase in phases:
        depth, side = rng.uniform(0.8, 1.0), rng.choice((-1.0, 1.0))
        rear.append(np.full(phase.length, depth * (phase.posture == "rear")))
        curl.append(np.full(phase.length, side * depth * (phase.posture == "curl")))
    return smooth(np.concatenate(rear), MORPH), smooth(np.concatenate(curl), MORPH)


def smooth(values: np.ndarray, width: int) -> np.ndarray:
    """Average over ``width`` frames (odd) around each, the ends held."""
    padded = np.pad(values, width // 2, mode="edge")
    return np.convolve(padded, np.full(width, 1 / width), mode="valid")
