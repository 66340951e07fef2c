"""Regular expressions of many names match these names and nothing else."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deg_core.patterns import any_of

NAMES = st.lists(st.text(string.ascii_letters[:4] + "._-|(", max_size=4), max_size=12)


def test_common_beginnings_stand_there_once():
    assert any_of(["v02", "v01", "v1"]) == "v(?:1|0(?:2|1))"
    assert any_of(["one"]) == "one"


@given(NAMES, NAMES)
def test_names_and_nothing_else(names, others):
    pattern = re.compile(any_of(names))
    for text in [*names, *others]:
        assert bool(pattern.fullmatch(text)) == (text in names)


@pytest.mark.parametrize("names", [["a", "ab", "abc"], ["abc", "ab", "a"]])
def test_one_name_may_begin_another(names):
    pattern = re.compile(f"x/(?P<video>{any_of(names)})\\.h5$")
    for name in names:
        assert pattern.match(f"x/{name}.h5")["video"] == name


def test_no_name_matches_nothing():
    assert re.search(any_of([]), "") is None


def test_thousands_of_names_are_few_letters_deep():
    """Side by side, the last of 2,000 names would be tried after 1,999 others."""
    pattern = any_of(f"v{number:05d}" for number in range(2000))
    depth = deepest = 0
    for letter in pattern:
        depth += (letter == "(") - (letter == ")")
        deepest = max(deepest, depth)
    assert deepest <= 6
    assert max(len(group.split("|")) for group in re.findall(r"\(\?:([^()]*)\)", pattern)) == 10
