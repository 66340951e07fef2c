"""Exclusive groups by name: columns, order, and a sentence for every mistake."""

import pytest

from deg_core.errors import ConfigError
from deg_core.groups import from_text, indices, named, problems, to_text

BEHAVIORS = ["groom", "rear", "dig", "rest"]


def test_names_become_columns():
    assert indices([["rear", "dig"]], BEHAVIORS) == ((1, 2),)
    assert indices([], BEHAVIORS) == ()
    assert indices([BEHAVIORS], BEHAVIORS) == ((0, 1, 2, 3),)


def test_another_order_is_no_other_group():
    found = indices([["rest", "rear"], ["dig", "groom"]], BEHAVIORS)
    assert found == ((0, 2), (1, 3))
    assert found == indices([["groom", "dig"], ["rear", "rest"]], BEHAVIORS)


def test_columns_become_names():
    assert named(((0, 2), (1, 3)), BEHAVIORS) == (("groom", "dig"), ("rear", "rest"))


def test_text_and_back():
    text = to_text([["ruhen", "grüßen"]], ["grüßen", "ruhen"])
    assert text == '[["grüßen", "ruhen"]]'
    assert from_text(text) == [["grüßen", "ruhen"]]
    assert from_text("[]") == []


@pytest.mark.parametrize("text", ["", "groom,rear", "{}", '["groom"]', "[[1]]", "null"])
def test_text_that_is_no_list_of_lists(text):
    with pytest.raises(ConfigError, match="expected a JSON list of lists of names"):
        from_text(text)


@pytest.mark.parametrize(
    ("groups", "sentence"),
    [
        ([["groom", "raer"]], "'raer' is not in behaviors; did you mean 'rear'?"),
        ([["groom", "groom"]], "'groom' stands twice in one group; remove one."),
        (
            [["groom", "rear"], ["rear", "dig"]],
            "'rear' stands in two groups, but a behavior can be in one only; join the groups, or "
            "take it out of one.",
        ),
        ([["dig"]], "[dig] is no group; name at least two behaviors, or remove it."),
        ([[]], "[] is no group; name at least two behaviors, or remove it."),
    ],
)
def test_groups_that_are_none(groups, sentence):
    assert next(problems(groups, BEHAVIORS)) == sentence
    with pytest.raises(ConfigError) as caught:
        indices(groups, BEHAVIORS)
    assert str(caught.value) == f"exclusive_groups: {sentence}"


def test_nothing_wrong():
    assert list(problems([["groom", "rear"], ["dig", "rest"]], BEHAVIORS)) == []
