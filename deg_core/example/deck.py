"""What an animal of a study does: phases of several kinds, dealt from shuffled decks."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from deg_core.example.behaviors import Dice


class Phase(Protocol):
    """A stretch of frames of one kind."""

    @property
    def length(self) -> int:
        """Number of frames."""

    @property
    def doing(self) -> str:
        """The kind."""


P = TypeVar("P", bound=Phase)


def deal(
    n_frames: int,
    dice: Dice,
    deck_of: Callable[[Dice], list[P]],
    *,
    filler: P,
    cut: Callable[[P, int], P],
) -> list[P]:
    """Deal phases until a video is full; none follows one of its own kind, whose end nobody saw.

    Parameters
    ----------
    n_frames
        Length of the video, to which the phases' lengths sum.
    dice
        What shuffles.
    deck_of
        Makes a deck, and another one whenever it is empty.
    filler
        What comes where the deck has only phases of the last one's kind.
    cut
        Makes what fits the frames that are left of a phase that is longer.
    """
    phases: list[P] = []
    deck: list[P] = []
    left = n_frames
    while left > 0:
        last = phases[-1].doing if phases else None
        deck = deck or dice.shuffled(deck_of(dice))
        phase = next((one for one in deck if one.doing != last), filler)
        if phase in deck:
            deck.remove(phase)
        if phase.length > left:
            phase = cut(phase, left)
        phases.append(phase)
        left -= phase.length
    return phases
