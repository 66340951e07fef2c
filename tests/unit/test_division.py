"""The search behind the splits, against hand-made cases and all divisions."""

import itertools
from math import factorial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deg_core import division
from deg_core.division import Division, divide

A, B = 0b01, 0b10  # two behaviors


def make(sizes, carried, *, present=None, n_behaviors=2):
    return Division(
        sizes=sizes,
        carried=tuple(carried),
        present=present or (0,) * len(sizes),
        n_behaviors=n_behaviors,
    )


def test_hash_order_is_kept_where_nothing_is_missing():
    assert divide(make((1, 1, 2), [A | B] * 4)) == (0, 1, 2, 2)


def test_nearest_group_moves_where_something_is_missing():
    # The first part lacks B; the nearest group that has it and is not needed is the last but one:
    # the second is the only one of its part that has B.
    assert divide(make((1, 1, 3), [A, A | B, A, A | B, A | B])) == (2, 1, 2, 0, 2)


def test_a_behavior_of_few_groups_is_in_every_part():
    # B is in the last three groups only, so each part needs one of them.
    carried = [A, A, A, A | B, A | B, A | B]
    found = divide(make((2, 2, 2), carried))
    assert {found[3], found[4], found[5]} == {0, 1, 2}


def test_fixed_groups_count():
    # The first part has B from a fixed group and A comes with any; nobody has to move.
    carried = [A, A | B, A | B]
    assert divide(make((1, 1, 1), carried, present=(B, 0, 0))) == (0, 1, 2)


def test_training_part_goes_first_where_not_all_can_have_a_behavior():
    # One group has B: it trains, since a model that never saw B cannot find it. It changes places
    # with the nearest group that trains; everyone else stays.
    assert divide(make((1, 1, 2), [A | B, A, A, A])) == (2, 1, 0, 2)


def test_no_free_groups():
    assert divide(make((0, 0, 0), [], present=(A, A, A))) == ()


def test_parts_that_the_table_fixes_take_no_group():
    assert divide(make((0, 1, 2), [A | B, A, A | B], present=(A | B, 0, 0))) == (1, 2, 2)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 1, 3), (0, 2, 3), (3, 3), (2, 2, 2)])
def test_every_division_is_tried(sizes):
    tried = list(division._divisions(sizes))
    # n! / (a! b! c!), each with the right number of groups per part.
    expected = factorial(sum(sizes))
    for size in sizes:
        expected //= factorial(size)
    assert len(set(tried)) == len(tried) == expected == division._n_divisions(sizes)
    assert all(tuple(map(one.count, range(len(sizes)))) == sizes for one in tried)


# The numbers of groups, parts and behaviors of small labs.
divisions = st.integers(3, 7).flatmap(
    lambda n: st.builds(
        make,
        st.sampled_from([s for s in itertools.product((1, 2), (1, 2), range(1, 6)) if sum(s) == n]),
        st.lists(st.integers(0, 15), min_size=n, max_size=n),
        n_behaviors=st.just(4),
    )
)


@given(divisions)
def test_nothing_better_exists(one):
    found = divide(one)
    best = min(division._divisions(one.sizes), key=one.score)
    assert one.score(found) == one.score(best)
    assert one.score(found)[0] >= one.least_missing


@given(divisions)
def test_swaps_miss_nothing_that_trying_all_would_find(one):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(division, "MAX_EXHAUSTIVE", 0)
        found = divide(one)
    best = min(division._divisions(one.sizes), key=one.score)
    assert one.score(found)[0] == one.score(best)[0]
    assert tuple(map(found.count, range(3))) == one.sizes


@settings(max_examples=20)
@given(st.randoms(use_true_random=False))
def test_many_groups_with_rare_behaviors(random):
    # 30 groups, 6 behaviors, each in three groups only, one of every part of a hidden division.
    groups = list(range(30))
    random.shuffle(groups)
    parts = groups[:6], groups[6:12], groups[12:]
    carried = [0] * 30
    for k in range(6):
        for part in parts:
            carried[random.choice(part)] |= 1 << k
    one = make((6, 6, 18), carried, n_behaviors=6)
    assert division._n_divisions(one.sizes) > division.MAX_EXHAUSTIVE
    assert one.score(divide(one))[0] == 0


def all_swaps(one, current):
    """Yield the score after each swap of two groups in different parts, and the groups."""
    for i, j in itertools.combinations(range(len(current)), 2):
        if current[i] != current[j]:
            swapped = list(current)
            swapped[i], swapped[j] = swapped[j], swapped[i]
            yield division._short_score(one, tuple(swapped)), i, j


@given(divisions, st.randoms(use_true_random=False))
def test_the_best_swap_is_that_of_all_pairs(one, random):
    current = tuple(random.sample(one.natural, len(one.natural)))
    best = min(all_swaps(one, current), default=None)
    assert min(division._swaps(one, current), default=None) == best


@pytest.mark.parametrize("n_groups", [500, 1000, 2000])
def test_a_rare_behavior_among_many_groups(n_groups, monkeypatch):
    """Pairs of groups are not tried one by one: of 2,000 that would be two million."""
    carried = [A] * (n_groups - 4) + [A | B] * 4  # in hash order all four would train
    one = make((n_groups // 5, n_groups // 5, n_groups - 2 * (n_groups // 5)), carried)
    tried = []
    missing = Division.missing
    monkeypatch.setattr(Division, "missing", lambda *args: tried.append(1) or missing(*args))
    found = divide(one)
    assert {found[place] for place in range(n_groups - 4, n_groups)} == {0, 1, 2}
    assert len(tried) < 100
