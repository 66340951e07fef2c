"""What the example's animal does: a seeded semi-Markov sequence of phases, and its labels.

Everything here is integers drawn through `Dice`, so that the labels, which are committed, are
the same with every version of Python and numpy and on every machine.

====== ==================================================================================
rear   stands on its hind legs: seen from above short, round, with a large head
curl   lies bent into a crescent
groom  rubs its face six to eight times a second, while resting, rearing or curled up;
       one frame of it looks like any other frame of these postures
forage short runs and short stops take turns (at least five runs); isolated runs during a
       rest and isolated stops during a walk look the same within a third of a second
jump   leaps forward; rare
====== ==================================================================================
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np

T = TypeVar("T")
Gait = Literal["still", "run", "leap"]
Posture = Literal["flat", "rear", "curl"]

BEHAVIORS = ("rear", "curl", "groom", "forage", "jump")
SHORT = (8, 11)  # frames of one run or stop of forage, and of the isolated ones
GROOM_MIN = 15


class Dice:
    """Integers from a seed that stay the same forever.

    Python promises the sequence of `random.Random.random` only, so all else is derived from it.
    """

    def __init__(self, seed: str) -> None:
        self._uniform = random.Random(seed).random

    def between(self, low: int, high: int) -> int:
        """Return an integer from low to high, both included."""
        return low + int(self._uniform() * (high - low + 1))

    def chance(self, percent: int) -> bool:
        """Return True in ``percent`` of 100 cases."""
        return self._uniform() * 100 < percent

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in random order."""
        keys = [self._uniform() for _ in items]
        return [items[i] for i in sorted(range(len(items)), key=keys.__getitem__)]


@dataclass(frozen=True)
class Phase:
    """A stretch of frames with one gait and one posture.

    Parameters
    ----------
    length
        Number of frames.
    gait, posture
        How the animal moves and what it looks like.
    forage
        Part of a bout of forage.
    groom
        First frame of grooming and the one after the last, counted from the start of the phase;
        (0, 0) without grooming.
    """

    length: int
    gait: Gait
    posture: Posture = "flat"
    forage: bool = False
    groom: tuple[int, int] = (0, 0)


Block = tuple[Phase, ...]


def plan(n_frames: int, *, seed: str) -> list[Phase]:
    """Draw what the animal does during a video.

    Blocks are dealt from shuffled decks, which gives every behavior its share of each video.

    Parameters
    ----------
    n_frames
        Length of the video.
    seed
        Any text; the same text gives the same plan.

    Returns
    -------
    list of Phase
        Their lengths sum to ``n_frames``.
    """
    dice = Dice(seed)
    phases: list[Phase] = []
    deck: list[Block] = []
    left = n_frames
    while left > 0:
        deck = deck or dice.shuffled(_deck(dice))
        block = next((b for b in deck if _fits(b, left, phases)), None)
        if block is None:
            block = (Phase(min(left, dice.between(30, 50)), "still"),)
        else:
            deck.remove(block)
        phases.extend(block)
        left -= _length(block)
    return phases


def label(phases: Sequence[Phase]) -> np.ndarray:
    """Return what is true of each frame.

    Parameters
    ----------
    phases
        As `plan` draws them.

    Returns
    -------
    labels : (T, K) int8, 0 or 1
        One column per name in `BEHAVIORS`.
    """
    rows = np.zeros((_length(phases), len(BEHAVIORS)), np.int8)
    column = {name: rows[:, k] for k, name in enumerate(BEHAVIORS)}
    start = 0
    for phase in phases:
        stop = start + phase.length
        if phase.posture != "flat":
            column[phase.posture][start:stop] = 1
        column["forage"][start:stop] = phase.forage
        column["jump"][start:stop] = phase.gait == "leap"
        column["groom"][start + phase.groom[0] : start + phase.groom[1]] = 1
        start = stop
    return rows


def _length(phases: Sequence[Phase]) -> int:
    return sum(phase.length for phase in phases)


def _fits(block: Block, left: int, before: Sequence[Phase]) -> bool:
    """Tell whether the block is short enough and keeps the ends of forage sharp.

    A walk right before or after forage would lengthen its first or last run.
    """
    if _length(block) > left:
        return False
    if not before or not (block[0].forage or before[-1].forage):
        return True
    return block[0].gait != "run" or before[-1].gait != "run"


def _deck(dice: Dice) -> list[Block]:
    return [
        _forage(dice),
        (_groomed(dice, Phase(dice.between(15, 35), "still", "rear"), percent=45),),
        (_groomed(dice, Phase(dice.between(15, 35), "still", "rear"), percent=45),),
        (_groomed(dice, Phase(dice.between(20, 45), "still", "curl"), percent=55),),
        (_groomed(dice, Phase(dice.between(20, 45), "still", "curl"), percent=55),),
        (Phase(dice.between(10, 14), "leap"),),
        _rest(dice),
        _rest(dice),
        _walk(dice),
        _walk(dice),
    ]


def _forage(dice: Dice) -> Block:
    """Five or six runs with stops between them."""
    gaits: tuple[Gait, ...] = ("run", *(("still", "run") * (5 if dice.chance(33) else 4)))
    return tuple(Phase(dice.between(*SHORT), gait, forage=True) for gait in gaits)


def _rest(dice: Dice) -> Block:
    """Rest, one time in three with a single short run between."""
    if dice.chance(67):
        return (_groomed(dice, Phase(dice.between(30, 50), "still"), percent=55),)
    first, last = (Phase(dice.between(28, 40), "still") for _ in range(2))
    return (
        _groomed(dice, first, percent=40),
        Phase(dice.between(*SHORT), "run"),
        _groomed(dice, last, percent=40),
    )


def _walk(dice: Dice) -> Block:
    """Walk, one time in three with a single short stop between."""
    if dice.chance(67):
        return (Phase(dice.between(30, 55), "run"),)
    first, last = (Phase(dice.between(24, 34), "run") for _ in range(2))
    return first, Phase(dice.between(*SHORT), "still"), last


def _groomed(dice: Dice, phase: Phase, *, percent: int) -> Phase:
    """Add grooming to some phases, anywhere inside them."""
    if not dice.chance(percent):
        return phase
    length = dice.between(max(GROOM_MIN, phase.length // 2), phase.length)
    start = dice.between(0, phase.length - length)
    return replace(phase, groom=(start, start + length))
