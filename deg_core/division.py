"""Groups to parts, such that every part has every behavior: the search behind the splits.

Reads no file; knows groups only by their place in the hash order and their behaviors as bits.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, combinations
from math import comb

MAX_EXHAUSTIVE = 20_000  # divisions tried one by one: about 0.1 s
STARTS = 50  # divisions from which swaps start, where there are more

Assignment = tuple[int, ...]  # part of each group
Score = tuple[int, ...]  # lower is better


@dataclass(frozen=True)
class Division:
    """What is to be divided.

    Parameters
    ----------
    sizes
        Number of groups that each part takes; the last part is the training part.
    carried
        Behaviors of each group as bits, in hash order.
    present
        Behaviors that each part has already, from its fixed groups.
    n_behaviors
        Number of behaviors.
    """

    sizes: tuple[int, ...]
    carried: tuple[int, ...]
    present: tuple[int, ...]
    n_behaviors: int

    @cached_property
    def natural(self) -> Assignment:
        """The division in hash order, whatever the behaviors."""
        return tuple(part for part, size in enumerate(self.sizes) for _ in range(size))

    @cached_property
    def distance(self) -> list[list[int]]:
        """How many places each group is away from each part in hash order."""
        starts = [sum(self.sizes[:part]) for part in range(len(self.sizes))]
        return [
            [
                max(start - place, place - (start + size - 1), 0) if size else len(self.natural)
                for start, size in zip(starts, self.sizes, strict=True)
            ]
            for place in range(len(self.natural))
        ]

    @cached_property
    def least_missing(self) -> int:
        """A bound: a behavior in fewer groups than parts that lack it is missing somewhere."""
        total = 0
        for k in range(self.n_behaviors):
            lacking = sum(not present >> k & 1 for present in self.present)
            total += max(0, lacking - sum(carried >> k & 1 for carried in self.carried))
        return total

    def missing(self, found: Sequence[int]) -> Score:
        """Count the behaviors that the parts lack: in all, and per part, training first."""
        lacking = [self.n_behaviors - bits.bit_count() for bits in found]
        return (sum(lacking), *reversed(lacking))

    def found(self, assignment: Assignment) -> list[int]:
        """Return the behaviors of each part, as bits."""
        found = list(self.present)
        for part, carried in zip(assignment, self.carried, strict=True):
            found[part] |= carried
        return found

    def moved(self, assignment: Assignment) -> Score:
        """Measure how far a division is from the hash order: groups, then places."""
        away = [self.distance[place][part] for place, part in enumerate(assignment)]
        return (sum(map(bool, away)), sum(away))

    def score(self, assignment: Assignment) -> Score:
        """Rate a division: what is missing counts before what is moved."""
        return (*self.missing(self.found(assignment)), *self.moved(assignment), *assignment)


def divide(division: Division) -> Assignment:
    """Find the division that misses the fewest behaviors and, of those, moves the fewest groups.

    Parameters
    ----------
    division
        Sizes of the parts and behaviors of the groups.

    Returns
    -------
    tuple of int
        The part of each group, in hash order.

    Notes
    -----
    Exact up to `MAX_EXHAUSTIVE` divisions. Beyond, pairs of groups are swapped as long as that
    helps, from the hash order and, if a behavior is still missing, from shuffled ones.
    """
    if division.missing(division.found(division.natural))[0] == division.least_missing == 0:
        return division.natural
    if _n_divisions(division.sizes) <= MAX_EXHAUSTIVE:
        return min(_divisions(division.sizes), key=division.score)
    best = _swap(division, division.natural)
    for start in range(1, STARTS):
        if division.score(best)[0] <= division.least_missing:
            break
        best = min(best, _swap(division, _shuffled(division, start)), key=division.score)
    return best


def cumulative_sizes(n: int, shares: Sequence[float]) -> tuple[int, ...]:
    """Say how many of n videos each part gets in the original program, which `splits` does not do.

    Parameters
    ----------
    n
        Number of videos.
    shares
        Of training, validation and test, with sum 1.

    Returns
    -------
    tuple of int
        Parts end at the integers below n times the cumulative shares, the last one at n. Below
        4 videos, training, validation and test get one each, in this order, whatever the shares.
    """
    if n < 4:
        return tuple(int(part < n) for part in range(3))
    ends = [int(n * share) for share in accumulate(shares)]
    ends[-1] = n
    return tuple(end - start for start, end in zip([0, *ends], ends, strict=False))


def _shuffled(division: Division, start: int) -> Assignment:
    """Return another division, the same with every version of Python."""

    def key(place: int) -> bytes:
        return hashlib.sha256(f"{start}/{place}".encode()).digest()

    return tuple(division.natural[place] for place in sorted(range(len(division.natural)), key=key))


def _n_divisions(sizes: Sequence[int]) -> int:
    number, left = 1, sum(sizes)
    for size in sizes:
        number *= comb(left, size)
        left -= size
    return number


def _divisions(sizes: Sequence[int]) -> Iterator[Assignment]:
    """Yield every way to fill the parts."""

    def fill(part: int, free: tuple[int, ...], parts: list[int]) -> Iterator[Assignment]:
        if part == len(sizes) - 1:
            yield tuple(parts)
            return
        for chosen in combinations(free, sizes[part]):
            taken = set(chosen)
            filled = [part if place in taken else old for place, old in enumerate(parts)]
            yield from fill(part + 1, tuple(p for p in free if p not in taken), filled)

    n_groups = sum(sizes)
    return fill(0, tuple(range(n_groups)), [len(sizes) - 1] * n_groups)


def _swap(division: Division, start: Assignment) -> Assignment:
    """Swap the pair of groups that helps most, until none does."""
    current = start
    while True:
        best = min(_swaps(division, current), default=None)
        if best is None or best[0] >= _short_score(division, current):
            return current
        i, j = best[1:]
        swapped = list(current)
        swapped[i], swapped[j] = swapped[j], swapped[i]
        current = tuple(swapped)


def _short_score(division: Division, assignment: Assignment) -> Score:
    return division.missing(division.found(assignment)) + division.moved(assignment)


def _swaps(division: Division, current: Assignment) -> Iterator[tuple[Score, int, int]]:
    """Yield the best swaps of two groups in different parts, after the score that each leads to.

    Notes
    -----
    What parts lack after a swap is the same for all groups of a part that have the same behaviors
    and share them with the same others. So of each two such kinds only the pair that is moved
    least is looked at, the first of equals: the best of all pairs is among them, at a cost that
    grows with the number of groups and not with its square.
    """
    found = division.found(current)
    n_moved, n_places = division.moved(current)
    kinds: dict[tuple[int, int, int], list[int]] = {}
    for place, without in enumerate(_without(division, current)):
        kinds.setdefault((current[place], division.carried[place], without), []).append(place)
    nearest = {
        (kind, part): min(_way(division, place, kind[0], part) for place in places)
        for kind, places in kinds.items()
        for part in range(len(division.sizes))
    }
    for one, other in combinations(kinds, 2):
        (p, carried, without), (q, other_carried, other_without) = one, other
        if p == q:
            continue
        after = list(found)
        after[p] = without | other_carried
        after[q] = other_without | carried
        (groups, places, i), (more_groups, more_places, j) = nearest[one, q], nearest[other, p]
        moved = (n_moved + groups + more_groups, n_places + places + more_places)
        yield division.missing(after) + moved, min(i, j), max(i, j)


def _way(division: Division, place: int, part: int, other: int) -> tuple[int, int, int]:
    """Return by how much a group is farther from its hash order in another part; and its place."""
    old, new = division.distance[place][part], division.distance[place][other]
    return bool(new) - bool(old), new - old, place


def _without(division: Division, current: Assignment) -> list[int]:
    """Return, for each group, the behaviors that its part has from the others."""
    having = [[0] * division.n_behaviors for _ in division.sizes]  # groups, by part and behavior
    for part, carried in zip(current, division.carried, strict=True):
        for k in range(division.n_behaviors):
            having[part][k] += carried >> k & 1
    return [
        division.present[part]
        | sum(1 << k for k, number in enumerate(having[part]) if number > (carried >> k & 1))
        for part, carried in zip(current, division.carried, strict=True)
    ]
