"""Draw the example's animal, its arena and what a camera makes of both.

The animal is drawn in its own frame of reference, `ZOOM` times enlarged and always heading to
the right, and then turned, shrunk and moved into the picture in one warp: its fur moves with
it and positions need not be whole pixels.
"""

import cmath
import math
from dataclasses import dataclass

import cv2
import numpy as np

from deg_core.example.motion import FIELD, FPS, Track

ZOOM = 2
SHEET = 66 * ZOOM  # side of the square on which the animal is drawn
SHIFT = 4  # OpenCV's fixed-point coordinates have 1/16 pixel
SPINE = np.linspace(-1, 1, 15)
WIDTH = 6.2 * np.sqrt(np.clip(1.0 - (0.93 * (SPINE + 0.15) / 1.15) ** 2, 0.1, 1))
FUR_RANGE = 120.0  # brightness between the darkest and the brightest fur
# Left and right forepaw, left and right hindpaw: vertebra, distance from it, and side.
PAWS = ((11, 4.9, 1), (11, 4.9, -1), (3, 5.6, 1), (3, 5.6, -1))
FLESH = np.array([205, 150, 140], np.float32)


@dataclass(frozen=True)
class Look:
    """What one video looks like.

    Parameters
    ----------
    arena
        The empty arena, (H, W, 3) float32, 0 to 255.
    fur
        How the coat's brightness varies, (SHEET, SHEET) uint8; 128 changes nothing.
    coat
        Color of the coat, (3,) float32.
    scale
        Size of the animal; 1 is the average animal.
    noise
        Standard deviation of the camera's noise, in steps of 8 bits.
    blur
        Standard deviation of the lens's blur, in pixels of the field.
    flicker
        Strength of the light per frame, (T,) float32.
    shadow
        Where shadows fall, in pixels of the field, x and y.
    """

    arena: np.ndarray
    fur: np.ndarray
    coat: np.ndarray
    scale: float
    noise: float
    blur: float
    flicker: np.ndarray
    shadow: tuple[float, float]


def draw_look(n_frames: int, *, size: int, rng: np.random.Generator) -> Look:
    """Draw the arena, the light and the animal of one video.

    Parameters
    ----------
    n_frames
        Length of the video, for the flicker.
    size
        Side of the frames in pixels.
    rng
        Source of randomness.

    Returns
    -------
    Look
        To be given to `draw_frame`.
    """
    angle = rng.uniform(0, 2 * np.pi)
    tint = rng.uniform(0.97, 1.0, 3).astype(np.float32)
    light = _light(size, angle, rng)
    return Look(
        arena=_floor(size, rng) * light * tint,
        fur=_fur(rng),
        coat=rng.uniform(60, 80) * np.array([1.04, 1.0, 0.95], np.float32),
        scale=rng.uniform(1.0, 1.15),
        noise=rng.uniform(4, 6),
        blur=rng.uniform(0.45, 0.65),
        flicker=_flicker(n_frames, rng),
        shadow=(float(np.cos(angle)), float(np.sin(angle))),
    )


def draw_frame(look: Look, track: Track, index: int, *, rng: np.random.Generator) -> np.ndarray:
    """Draw one frame.

    Parameters
    ----------
    look
        The video's look.
    track
        The animal's poses.
    index
        Number of the frame.
    rng
        Source of the camera's noise.

    Returns
    -------
    frame : (H, W, 3) uint8 RGB
        Height and width are those of ``look.arena``.
    """
    size = look.arena.shape[0]
    zoom = size / FIELD
    cover, sheen, flesh, fur = np.moveaxis(
        _place(_animal(look, track, index), look, track, index), 2, 0
    )
    picture = look.arena * (1 - 0.35 * _shade(cover, look, track.height[index]))
    coat = look.coat + (42.0 * sheen + FUR_RANGE * (fur - 0.5) - 8.0)[..., None]
    coat += flesh[..., None] * (FLESH - coat)
    picture += cover[..., None] * (coat - picture)
    picture = cv2.GaussianBlur(picture, (0, 0), look.blur * zoom)
    picture *= look.flicker[index]
    picture += rng.standard_normal((size, size, 1), np.float32) * look.noise
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)


def _place(sheet: np.ndarray, look: Look, track: Track, index: int) -> np.ndarray:
    """Turn, shrink and move the sheet to the animal's place in the frame; 0 to 1, float32."""
    scale, x, y = _where(look, track, index)
    cos, sin = (scale / ZOOM * f(track.heading[index]) for f in (np.cos, np.sin))
    middle = SHEET / 2
    matrix = np.array([[cos, -sin, x - middle * (cos - sin)], [sin, cos, y - middle * (sin + cos)]])
    placed = cv2.warpAffine(sheet, matrix, look.arena.shape[1::-1], flags=cv2.INTER_LINEAR)
    return placed.astype(np.float32) / 255


def _where(look: Look, track: Track, index: int) -> tuple[float, float, float]:
    """Return the animal's size in the frame, and its middle in pixels."""
    zoom = look.arena.shape[0] / FIELD
    scale = zoom * look.scale * (1 + 0.22 * track.height[index])
    x, y = ((v[index] + 0.5) * zoom - 0.5 for v in (track.x, track.y))
    return scale, x, y


def points_of(look: Look, track: Track, index: int) -> np.ndarray:
    """Return where a tracker would see the animal in one frame.

    Returns
    -------
    points : (7, 2) float64
        x and y in pixels of nose, left and right forepaw, left and right hindpaw, tailbase and
        tailtip, as they are drawn, also where the body hides them.
    """
    rear, curl, height = (float(v[index]) for v in (track.rear, track.curl, track.height))
    sway, steps = float(track.sway[index]), float(track.steps[index])
    spine, along = _spine(rear, curl + 0.06 * math.sin(steps), height)
    _, nose, _ = _head_at(spine[-1], along[-1], rear=rear, sway=sway)
    paws = [_paw_at(spine, along, paw, steps=steps, sway=sway, rear=rear) for paw in PAWS]
    body = np.array([nose, *paws, spine[0], _tail_at(spine[0], along[0], steps, curl)[-1]])
    scale, x, y = _where(look, track, index)
    placed = body * scale * np.exp(1j * track.heading[index]) + complex(x, y)
    return np.stack([placed.real, placed.imag], axis=-1)


def _shade(cover: np.ndarray, look: Look, height: float) -> np.ndarray:
    """Return the animal's shadow, (H, W, 1), farther away and softer during a leap."""
    zoom = cover.shape[0] / FIELD
    x, y = (zoom * (1 + 7 * height) * part for part in look.shadow)
    matrix = np.array([[1, 0, x], [0, 1, y]])
    shade = cv2.warpAffine(cover, matrix, cover.shape[::-1], flags=cv2.INTER_LINEAR)
    return cv2.GaussianBlur(shade, (0, 0), (1.0 + 1.5 * height) * zoom)[..., None]


def _animal(look: Look, track: Track, index: int) -> np.ndarray:
    """Draw the animal in its own frame of reference.

    Returns
    -------
    sheet : (SHEET, SHEET, 4) uint8
        Where there is animal; how bright its coat is there; how much naked skin; its fur.
    """
    rear, curl, height = (float(v[index]) for v in (track.rear, track.curl, track.height))
    sway, steps = float(track.sway[index]), float(track.steps[index])
    spine, along = _spine(rear, curl + 0.06 * math.sin(steps), height)
    cover, sheen, flesh = (np.zeros((SHEET, SHEET), np.uint8) for _ in range(3))
    for canvas in (cover, flesh):
        _tail(canvas, spine[0], along[0], steps, curl)
        _paws(canvas, spine, along, steps=steps, sway=sway, rear=rear)
    _body(cover, flesh, sheen, spine, rear)
    _head(cover, flesh, sheen, spine[-1], along[-1], rear=rear, sway=sway)
    sheen = cv2.GaussianBlur(sheen, (0, 0), ZOOM)
    return cv2.GaussianBlur(cv2.merge([cover, sheen, flesh, look.fur]), (0, 0), 0.4 * ZOOM)


def _spine(rear: float, curl: float, height: float) -> tuple[list[complex], list[float]]:
    """Return points from the rump to the neck and the spine's direction at each, in radians."""
    length = 10.5 * (1 - 0.62 * rear) * (1 - 0.1 * abs(curl)) * (1 + 0.15 * height)
    along = 1.75 * curl * SPINE
    ways = length * np.diff(SPINE) * np.exp(0.5j * (along[1:] + along[:-1]))
    points = np.concatenate([[0], np.cumsum(ways)])
    return (points - points.mean()).tolist(), along.tolist()


def _body(
    cover: np.ndarray, flesh: np.ndarray, sheen: np.ndarray, spine: list[complex], rear: float
) -> None:
    """Draw discs along the spine, widest behind the middle; their cores are brighter."""
    width = (WIDTH * (1 + 0.12 * rear)).tolist()
    for point, radius in zip(spine, width, strict=True):
        _disc(cover, point, radius, 255)
        _disc(flesh, point, radius, 0)
    for share, tone in ((0.7, 90), (0.4, 160)):
        for point, radius in zip(spine[1:-1], width[1:-1], strict=True):
            _disc(sheen, point, share * radius, tone)


def _head(
    cover: np.ndarray,
    flesh: np.ndarray,
    sheen: np.ndarray,
    neck: complex,
    along: float,
    *,
    rear: float,
    sway: float,
) -> None:
    """Draw head, ears and nose; rearing brings them closer to the camera and over the body."""
    grow = 1 + 0.4 * rear
    base, nose, turn = _head_at(neck, along, rear=rear, sway=sway)
    ahead, left = _ahead(turn), _left(turn)
    head = base + ahead * 1.2
    for side in (-1, 1):
        ear = base + grow * (left * side * 3.6 - ahead * 0.4)
        _disc(cover, ear, 2.3 * grow, 255)
        _disc(flesh, ear, 2.3 * grow, 200)
    for canvas, tone in ((cover, 255), (flesh, 0)):
        _oval(canvas, head, (4.6 * grow, 3.4 * grow), turn, tone)
    _oval(sheen, head, (3.4 * grow, 2.4 * grow), turn, int(130 + 110 * rear))
    _disc(cover, nose, 0.9 * grow, 255)
    _disc(flesh, nose, 1.1 * grow, 220)


def _head_at(
    neck: complex, along: float, *, rear: float, sway: float
) -> tuple[complex, complex, float]:
    """Return where the head begins, the nose, and the head's direction in radians."""
    turn = along + 0.16 * sway
    base = neck + _ahead(turn) * (2.2 - 3.0 * rear) + _left(along) * 0.9 * sway
    return base, base + _ahead(turn) * 1.2 + _ahead(turn) * 4.4 * (1 + 0.4 * rear), turn


def _paws(
    canvas: np.ndarray,
    spine: list[complex],
    along: list[float],
    *,
    steps: float,
    sway: float,
    rear: float,
) -> None:
    """Draw four paws beside the body; opposite ones step together, the front ones also rub."""
    for place in PAWS:
        paw = _paw_at(spine, along, place, steps=steps, sway=sway, rear=rear)
        _oval(canvas, paw, (2.3, 1.4), along[place[0]], 255)


def _paw_at(
    spine: list[complex],
    along: list[float],
    place: tuple[int, float, int],
    *,
    steps: float,
    sway: float,
    rear: float,
) -> complex:
    at, out, side = place
    front = at > 7
    swing = 2.3 * math.sin(steps + (math.pi if front == (side > 0) else 0))
    rub = 1.6 * sway * side if front else 0.0
    reach = _ahead(along[at]) * (swing + rub) * (1 - 0.4 * rear)
    return spine[at] + _left(along[at]) * side * out + reach


def _tail(canvas: np.ndarray, rump: complex, along: float, steps: float, curl: float) -> None:
    """Draw a tapering tail that swings with the steps and follows a curled body."""
    here = rump
    for i, there in enumerate(_tail_at(rump, along, steps, curl)):
        thick = max(1, round(ZOOM * (1.9 - 0.16 * i)))
        cv2.line(canvas, _fixed(here), _fixed(there), 255, thick, cv2.LINE_AA, SHIFT)
        here = there


def _tail_at(rump: complex, along: float, steps: float, curl: float) -> list[complex]:
    """Return the points of the tail from behind the rump to its tip."""
    here, direction, points = rump, along + math.pi, []
    for i in range(8):
        direction += 0.12 * math.sin(steps / 2 - 0.6 * i) - 0.28 * curl
        here += 2.1 * _ahead(direction)
        points.append(here)
    return points


def _ahead(angle: float) -> complex:
    return cmath.rect(1.0, angle)


def _left(angle: float) -> complex:
    return cmath.rect(1.0, angle - math.pi / 2)


def _fixed(point: complex) -> tuple[int, int]:
    """Return a point of the body as OpenCV's fixed-point coordinates on the sheet."""
    unit, middle = ZOOM << SHIFT, (SHEET << SHIFT) // 2
    return round(point.real * unit) + middle, round(point.imag * unit) + middle


def _disc(canvas: np.ndarray, point: complex, radius: float, tone: int) -> None:
    reach = round(radius * (ZOOM << SHIFT))
    cv2.circle(canvas, _fixed(point), reach, tone, -1, cv2.LINE_AA, SHIFT)


def _oval(
    canvas: np.ndarray, point: complex, half: tuple[float, float], turn: float, tone: int
) -> None:
    axes = (round(half[0] * (ZOOM << SHIFT)), round(half[1] * (ZOOM << SHIFT)))
    degrees = math.degrees(turn)
    cv2.ellipse(canvas, _fixed(point), axes, degrees, 0, 360, tone, -1, cv2.LINE_AA, SHIFT)


def _cloud(shape: tuple[int, int], sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Return smooth noise of mean 0 and standard deviation 1."""
    noise = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), sigma)
    return (noise - noise.mean()) / noise.std()


def _floor(size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw bedding, a darker wall around it and some crumbs; (H, W, 3) float32."""
    fine = _cloud((FIELD, FIELD), 0.7, rng) * rng.uniform(4, 8)
    coarse = _cloud((FIELD, FIELD), rng.uniform(3, 6), rng) * rng.uniform(4, 9)
    floor = rng.uniform(165, 195) + fine + coarse
    crumbs = np.zeros(floor.shape, np.uint8)
    for _ in range(rng.integers(6, 16)):
        x, y = (int(v) for v in rng.integers(8, FIELD - 8, 2))
        half = tuple(int(v) for v in rng.integers(1, 3, 2))
        cv2.ellipse(crumbs, (x, y), half, float(rng.uniform(0, 180)), 0, 360, 255, -1, cv2.LINE_AA)
    floor -= crumbs * np.float32(55 / 255)
    wall = rng.uniform(85, 125)
    cv2.rectangle(floor, (0, 0), (FIELD - 1, FIELD - 1), wall, 7)
    cv2.rectangle(floor, (4, 4), (FIELD - 5, FIELD - 5), wall + 55, 1)
    floor = cv2.GaussianBlur(floor, (0, 0), 0.5)
    scaled = cv2.resize(floor, (size, size), interpolation=cv2.INTER_AREA)
    return np.repeat(scaled[..., None], 3, axis=2)


def _light(size: int, angle: float, rng: np.random.Generator) -> np.ndarray:
    """Return the strength of the light, (H, W, 1): brighter towards the lamp, darker at corners."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    slope = x * np.cos(angle) + y * np.sin(angle)
    light = 1 - rng.uniform(0.1, 0.3) * slope - rng.uniform(0.2, 0.4) * (x * x + y * y)
    return light.astype(np.float32)[..., None]


def _fur(rng: np.random.Generator) -> np.ndarray:
    """Draw fur: fine hair and a few patches."""
    hair = _cloud((SHEET, SHEET), 0.6 * ZOOM, rng) * 7
    patches = _cloud((SHEET, SHEET), 2.5 * ZOOM, rng) * rng.uniform(5, 12)
    return np.clip(127.5 + 255 / FUR_RANGE * (hair + patches), 0, 255).astype(np.uint8)


def _flicker(n_frames: int, rng: np.random.Generator) -> np.ndarray:
    """Return the light's strength over time: two slow waves of a few percent."""
    time = np.arange(n_frames) / FPS
    waves = [
        rng.uniform(0.005, 0.025)
        * np.sin(2 * np.pi * (rng.uniform(0.05, 0.4) * time + rng.random()))
        for _ in range(2)
    ]
    return (1 + sum(waves)).astype(np.float32)
