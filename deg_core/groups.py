"""Exclusive groups: behaviors of which no frame has two, by name and by column.

In config.yaml, on the command line and in files a group is a list of names; where numbers are
computed it is a tuple of columns.
"""

import json
from collections.abc import Iterator, Sequence

from deg_core.errors import ConfigError
from deg_core.explain import nearest

Names = Sequence[Sequence[str]]
Groups = tuple[tuple[int, ...], ...]


def problems(groups: Names, behaviors: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with groups of names, one sentence each."""
    seen: set[str] = set()
    for group in groups:
        for name in group:
            if name not in behaviors:
                yield f"'{name}' is not in behaviors; {nearest(name, behaviors)}"
            if group.count(name) > 1:
                yield f"'{name}' stands twice in one group; remove one."
            elif name in seen:
                yield (
                    f"'{name}' stands in two groups, but a behavior can be in one only; join the "
                    "groups, or take it out of one."
                )
        if len(group) < 2:
            yield f"[{', '.join(group)}] is no group; name at least two behaviors, or remove it."
        seen.update(group)


def indices(groups: Names, behaviors: Sequence[str]) -> Groups:
    """Return the columns of each group.

    Parameters
    ----------
    groups
        Names of the members.
    behaviors
        Names of the K columns.

    Returns
    -------
    tuple of tuple of int
        Groups by their first column, the columns of each ascending, however they were listed:
        another order is no other model.

    Raises
    ------
    ConfigError
        If a name is no behavior or is listed twice, or a group has fewer than two members.
    """
    names = list(behaviors)
    for problem in problems([list(group) for group in groups], names):
        raise ConfigError(f"exclusive_groups: {problem}")
    return tuple(sorted(tuple(sorted(names.index(name) for name in group)) for group in groups))


def named(groups: Groups, behaviors: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the names of each group's columns."""
    return tuple(tuple(behaviors[k] for k in group) for group in groups)


def to_text(groups: Names, behaviors: Sequence[str]) -> str:
    """Write groups of names as one line of JSON, in the order of `indices`."""
    return json.dumps(named(indices(groups, behaviors), behaviors), ensure_ascii=False)


def from_text(text: str) -> list[list[str]]:
    """Read groups of names from JSON.

    Raises
    ------
    ConfigError
        If the text is not a JSON list of lists of names.
    """
    try:
        groups = json.loads(text)
    except ValueError:
        groups = None
    lists = isinstance(groups, list) and all(isinstance(group, list) for group in groups)
    if not lists or not all(isinstance(name, str) for group in groups for name in group):
        raise ConfigError(
            f'groups: expected a JSON list of lists of names, as [["groom", "rear"]], '
            f"found {text[:80]}; mend it."
        )
    return groups
