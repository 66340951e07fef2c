"""Clips of random animals in random arenas, and what is true of them: nothing to label.

Arena, light, animal, gait and camera differ from clip to clip far more than a lab's videos do, so
that what a network learns from them (where the animal lies, how it turns, moves and swings) holds
in arenas that nobody has drawn.
"""

import sys
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

FRAMES, FPS = 11, 30
CENTER = FRAMES // 2
POSTURE = ("axis_x", "axis_y", "length", "clearance", "bend", "at_wall", "x", "y")
MOVEMENT = (
    "speed", "turning", "pixels", "held", "turns", "walks", "swing", "turn", "backwards", "still",
    "stretch",
)  # fmt: skip
YES_OR_NO = ("at_wall", "held", "turns", "walks", "backwards", "still")
# What changes its sign where a picture is mirrored left to right, and top to bottom.
MIRRORED = (("axis_y", "x", "turn"), ("axis_y", "y", "turn"))

STATES = {
    "still": 0.15, "idle": 0.14, "walk": 0.2, "turn": 0.2, "run": 0.1, "swing": 0.09,
    "carried": 0.06, "stretch": 0.06,
}  # fmt: skip
_SPINE = 7  # points of a body
_FINE = 3  # OpenCV draws to an eighth of a pixel


class DrawnClip(NamedTuple):
    """A clip in gray, and what is true of its center frame.

    Attributes
    ----------
    frames
        (T, H, W) uint8.
    background
        (H, W) uint8: the arena as a median over a video finds it, sometimes with a trace of the
        animal, or in another light.
    tint
        (3,) float32 factors on red, green and blue.
    posture, movement
        float32, as `POSTURE` and `MOVEMENT` name them, brought to about -1..1.
    """

    frames: NDArray[np.uint8]
    background: NDArray[np.uint8]
    tint: NDArray[np.float32]
    posture: NDArray[np.float32]
    movement: NDArray[np.float32]


@dataclass(frozen=True)
class _Gait:
    """How an animal moves, per frame: pixels and radians; about the center frame."""

    state: str
    speed: float
    turn: float
    drift: NDArray[np.float64]
    bend: float
    sway: float
    swing: float
    jitter: float
    stretch: float
    phase: float
    rate: float  # of sway, swing and jitter: per second


def draw_clip(rng: np.random.Generator, height: int, width: int) -> DrawnClip:
    """Draw one clip.

    Parameters
    ----------
    rng
        Source of all that is random.
    height, width
        In pixels.
    """
    arena, inside, floor = _arena(rng, height, width)
    length = height * np.exp(rng.uniform(np.log(0.10), np.log(0.42)))
    girth = length * rng.uniform(0.13, 0.26)
    gait = _gait(rng, length)
    heading = rng.uniform(0, 2 * np.pi) + gait.turn * (np.arange(FRAMES) - CENTER)
    place = _place(rng, inside, girth) + _path(gait, heading)
    frames, clearance = _filmed(rng, arena, inside, floor, gait, heading, place, length, girth)
    background, frames = _camera(rng, arena, frames)
    tint = np.ones(3) if rng.random() < 0.7 else rng.uniform(0.75, 1, 3)
    step = float(np.hypot(*(place[CENTER + 1] - place[CENTER - 1]))) / 2
    speed, turning = step * FPS / length, abs(gait.turn) * FPS
    x, y = place[CENTER] / (width, height) * 2 - 1
    axis = 2 * heading[CENTER]
    posture = (
        np.cos(axis), np.sin(axis), np.log(length / height) + 1.5,
        np.clip(clearance / girth, -0.5, 3) / 2, abs(gait.bend), clearance < 0.6 * girth, x, y,
    )  # fmt: skip
    movement = (
        min(speed, 6) / 2, min(turning, 6) / 2, min(step / 2, 3),
        gait.state in ("still", "carried"), turning > 0.8, speed > 1, gait.swing,
        np.clip(gait.turn * FPS, -6, 6) / 2, gait.speed < 0, gait.state == "still",
        gait.stretch / 2,
    )  # fmt: skip
    return DrawnClip(
        frames, background, tint.astype(np.float32),
        np.array(posture, np.float32), np.array(movement, np.float32),
    )  # fmt: skip


def _arena(
    rng: np.random.Generator, height: int, width: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Draw an empty arena; returns it, each pixel's distance to the wall, and its brightness."""
    floor = rng.uniform(0.15, 0.9)
    wall = np.clip(floor + rng.choice([-1, 1]) * rng.uniform(0.1, 0.5), 0.02, 0.98)
    size = np.array([width, height])
    low = rng.uniform(0, 0.15, 2) * rng.uniform(0.5, 1.5, 2) * size
    high = size - 1 - rng.uniform(0, 0.15, 2) * rng.uniform(0.5, 1.5, 2) * size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    if rng.random() < 2 / 3:
        inside = np.minimum(
            np.minimum(x - low[0], high[0] - x), np.minimum(y - low[1], high[1] - y)
        )
    else:
        (mx, my), (rx, ry) = (low + high) / 2, (high - low) / 2
        inside = (1 - np.hypot((x - mx) / rx, (y - my) / ry)) * min(rx, ry)
    image = np.where(inside < 0, wall, floor).astype(np.float32)
    if rng.random() < 0.5:
        edge = np.clip(wall + rng.uniform(-0.3, 0.3), 0, 1)
        image[np.abs(inside) < rng.uniform(0.5, 2.5)] = edge
    image += _cloud(rng, height, width, 3, rng.uniform(0, 0.12))
    image += _cloud(rng, height, width, 12, rng.uniform(0, 0.04))
    for _ in range(rng.integers(0, 4)):  # objects, droppings
        at = int(rng.integers(width)), int(rng.integers(height))
        shade = float(np.clip(floor + rng.normal(0, 0.3), 0, 1))
        cv2.circle(image, at, int(rng.integers(1, max(2, height // 12))), shade, -1)
    return np.clip(image, 0, 1), inside.astype(np.float32), floor


def _cloud(
    rng: np.random.Generator, height: int, width: int, cells: int, amplitude: float
) -> NDArray[np.float32]:
    noise = rng.normal(0, amplitude, (cells, cells)).astype(np.float32)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def _gait(rng: np.random.Generator, length: float) -> _Gait:
    state = str(rng.choice([*STATES], p=[*STATES.values()]))
    lengths, turn = {  # body lengths and radians, per second
        "idle": (rng.uniform(0, 0.4), rng.normal(0, 0.3)),
        "walk": (rng.uniform(0.4, 2.5), rng.normal(0, 0.6)),
        "turn": (rng.uniform(0, 1.5), rng.choice([-1, 1]) * rng.uniform(0.8, 6)),
        "run": (rng.uniform(2, 6), rng.normal(0, 0.6)),
        "swing": (0.0, rng.normal(0, 0.2)),
        "stretch": (rng.uniform(0, 0.3), rng.normal(0, 0.2)),
    }.get(state, (0.0, 0.0))
    speed = lengths * length / FPS * (-0.5 if rng.random() < 0.08 else 1)
    walks = abs(speed) > 0.01 * length
    return _Gait(
        state=state, speed=speed, turn=turn / FPS,
        drift=rng.normal(0, 1.5 * length / FPS, 2) * (state == "carried"),
        bend=rng.normal(0, 0.25) + 0.12 * turn,
        sway=rng.uniform(0.05, 0.2) * walks,
        swing=rng.uniform(0.3, 0.9) * (state == "swing"),
        jitter=rng.uniform(0.05, 0.25) * (state == "idle"),
        stretch=rng.choice([-1, 1]) * rng.uniform(0.5, 2) * (state == "stretch"),
        phase=rng.uniform(0, 2 * np.pi), rate=rng.uniform(2, 8),
    )  # fmt: skip


def _place(
    rng: np.random.Generator, inside: NDArray[np.float32], girth: float
) -> NDArray[np.float64]:
    """Choose where the animal is at the center frame; often at the wall."""
    free = inside > 0.6 * girth
    at_wall = free & (inside < 1.6 * girth)
    places = np.argwhere(at_wall if rng.random() < 0.45 and at_wall.any() else free)
    if not len(places):
        return np.array(inside.shape[::-1]) / 2
    return places[rng.integers(len(places))][::-1].astype(float)


def _path(gait: _Gait, heading: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where the animal goes, (T, 2): x and y beside the place at the center frame."""
    steps = gait.speed * np.stack([np.cos(heading), np.sin(heading)], axis=1) + gait.drift
    path = np.cumsum(steps, axis=0)
    return path - path[CENTER]


def _filmed(
    rng: np.random.Generator,
    arena: NDArray[np.float32],
    inside: NDArray[np.float32],
    floor: float,
    gait: _Gait,
    heading: NDArray[np.float64],
    place: NDArray[np.float64],
    length: float,
    girth: float,
) -> tuple[NDArray[np.float32], float]:
    """Draw the animal into each frame; returns them and how far its body is from the wall."""
    darker = rng.random() < 0.65
    shade = np.clip(floor + (-1 if darker else 1) * rng.uniform(0.2, 0.7), 0.02, 0.98)
    if abs(shade - floor) < 0.15:
        shade = 0.02 if floor > 0.5 else 0.98
    fur = shade + np.linspace(-1, 1, arena.shape[1]) * rng.uniform(-0.1, 0.1)
    head = np.clip(shade + rng.choice([0, 0.25, -0.25]), 0, 1)
    tail = length * rng.uniform(0.4, 1.1) if rng.random() < 0.75 else 0.0
    curl, thick = rng.normal(0, 0.5), max(1, round(0.18 * girth))
    frames = np.empty((FRAMES, *arena.shape), np.float32)
    clearance = 3 * girth
    for i in range(FRAMES):
        seconds = (i - CENTER) / FPS
        wave = np.sin(2 * np.pi * gait.rate * seconds + gait.phase)
        spine = _spine(gait, heading[i], wave, length * (1 + gait.stretch * seconds)) + place[i]
        girths = girth * (1 + 0.1 * gait.swing * wave)
        body, face = np.zeros((2, *arena.shape), np.float32)
        for point, part in zip(spine, np.interp(np.linspace(0, 1, _SPINE), [0, 0.3, 0.75, 1],
                                                [0.75, 1, 0.8, 0.5]), strict=True):  # fmt: skip
            _disc(body, point, part * girths)
        _disc(face, spine[-1], 0.45 * girths)
        if tail:
            back = heading[i] + np.pi - gait.bend + np.cumsum(
                curl / 6 + 0.3 * gait.sway * np.sin(2 * np.pi * gait.rate * seconds - np.arange(6))
            )  # fmt: skip
            bits = np.cumsum(np.stack([np.cos(back), np.sin(back)], 1) * tail / 6, axis=0)
            line = np.concatenate([spine[:1], spine[0] + bits]) * 2**_FINE
            cv2.polylines(body, [line.astype(np.int32)], False, 0.8, thick, cv2.LINE_AA, _FINE)
        frames[i] = arena * (1 - body) + body * np.clip(fur, 0, 1)
        frames[i] += face * (head - shade)
        if i == CENTER and (body > 0.9).any():
            clearance = float(inside[body > 0.9].min())
    return frames, clearance


def _spine(gait: _Gait, heading: float, wave: float, length: float) -> NDArray[np.float64]:
    """Return the points of a body from rump to head, (7, 2), around its middle."""
    bend = gait.bend + (gait.sway + gait.jitter) * wave
    bit = 0.8 * length / (_SPINE - 1)
    angles = heading + 1.5 * bend * (np.arange(1, _SPINE) / (_SPINE - 1) - 0.5)
    angles[-1] += gait.swing * wave  # the head alone
    points = np.cumsum(np.stack([np.cos(angles), np.sin(angles)], axis=1) * bit, axis=0)
    points = np.concatenate([np.zeros((1, 2)), points])
    return points - points[:-1].mean(axis=0)


def _disc(image: NDArray[np.float32], at: NDArray[np.float64], radius: float) -> None:
    x, y = (round(value * 2**_FINE) for value in at)
    cv2.circle(image, (x, y), max(4, round(radius * 2**_FINE)), 1.0, -1, cv2.LINE_AA, _FINE)


def _camera(
    rng: np.random.Generator, arena: NDArray[np.float32], frames: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Blur, flicker and noise; returns the background, as a median finds it, and the frames."""
    blur = (0, 3, 5)[rng.integers(3)]
    if blur:
        arena = cv2.GaussianBlur(arena, (blur, blur), 0)
        frames = np.stack([cv2.GaussianBlur(frame, (blur, blur), 0) for frame in frames])
    if rng.random() < 0.3:
        frames = frames * (1 + rng.normal(0, 0.006) * np.arange(FRAMES)[:, None, None])
    if rng.random() < 0.14:  # the animal has slept here for half of the video, or for all of it
        share = rng.uniform(0.5, 1)
        arena = (1 - share) * arena + share * frames[rng.integers(FRAMES)]
    elif rng.random() < 0.06:
        arena = arena * rng.uniform(0.92, 1.08)
    frames = frames + rng.normal(0, rng.uniform(0, 0.03), frames.shape)
    return tuple(np.clip(255 * image, 0, 255).astype(np.uint8) for image in (arena, frames))


def sheet(rows: int = 2, columns: int = 7, *, seed: int = 3) -> NDArray[np.uint8]:
    """Lay center frames of clips side by side, and all frames of two below them.

    Returns
    -------
    np.ndarray
        (height, width, 3) uint8 BGR, as OpenCV writes it.
    """
    clips = [draw_clip(np.random.default_rng((seed, i)), 96, 128) for i in range(rows * columns)]
    turning = [c for c in clips if c.movement[MOVEMENT.index("turns")]]
    lines = [[(c, CENTER) for c in clips[i * columns : (i + 1) * columns]] for i in range(rows)]
    lines += [[(clip, i) for i in range(0, FRAMES, 2)] + [(clip, None)] for clip in turning[:2]]
    return np.vstack([np.hstack([_seen(*one) for one in line]) for line in lines])


def _seen(clip: DrawnClip, frame: int | None) -> NDArray[np.uint8]:
    gray = clip.background if frame is None else clip.frames[frame]
    colored = (gray[..., None] * clip.tint[::-1]).astype(np.uint8)
    return cv2.copyMakeBorder(colored, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(255, 255, 255))


if __name__ == "__main__":
    cv2.imwrite(sys.argv[1], sheet())
