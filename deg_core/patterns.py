"""Regular expressions of many names, in which finding one costs no more the more there are."""

import re
from collections.abc import Iterable
from itertools import takewhile

NOTHING = "(?!)"


def any_of(names: Iterable[str]) -> str:
    """Write a regular expression that matches these names and no other text.

    Parameters
    ----------
    names
        Any text; none at all gives an expression that matches nothing.

    Notes
    -----
    What names begin with alike stands there once, letter after letter, so that a match looks at the
    letters of one name. Snakemake matches every file of every job against the ids of all videos:
    with the ids side by side that would grow with the square of their number.
    """
    known = sorted(set(names))
    return _branch(known) if known else NOTHING


def _branch(names: list[str]) -> str:
    """Join sorted names, each once; the common beginning of all is told once."""
    if len(names) < 2:
        return "".join(map(re.escape, names))
    # Of sorted names, what the first and the last begin with alike, all do.
    alike = (a == b for a, b in zip(names[0], names[-1], strict=False))
    start = names[0][: sum(takewhile(bool, alike))]
    by_letter: dict[str, list[str]] = {}
    for name in names:
        rest = name[len(start) :]
        by_letter.setdefault(rest[:1], []).append(rest)
    # Longest first: the empty rest would end the match too early.
    branches = [_branch(group) for letter, group in sorted(by_letter.items(), reverse=True)]
    return f"{re.escape(start)}(?:{'|'.join(branches)})"
