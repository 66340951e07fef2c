"""Hints for frequent mistakes in config.yaml; whole sentences are tested with the settings."""

import pytest
from jsonschema import Draft202012Validator

from deg_core.explain import explain, nearest


def explained(schema, value):
    root = {"type": "object", "properties": {"x": schema}}
    error = next(Draft202012Validator(root).iter_errors({"x": value}))
    return explain(error, root)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1e-4", "YAML reads it as text, so write 1.0e-4."),
        ("1e4", "YAML reads it as text, so write 1.0e+4."),
        ("-2E+03", "YAML reads it as text, so write -2.0e+3."),
        ("1.5e3", "YAML reads it as text, so write 1.5e+3."),
        ("1.e3", "YAML reads it as text, so write 1.0e+3."),
        ("0.5", "remove the quotes."),
        ("7", "remove the quotes."),
        ("0,5", "write 0.5."),
    ],
)
def test_numbers_that_are_text(text, hint):
    assert explained({"type": "number"}, text) == (
        f"x: expected a number, found the text '{text}'; {hint}"
    )


def test_text_that_is_no_number_gets_no_hint():
    assert explained({"type": "integer"}, "many") == (
        "x: expected a whole number, found the text 'many'."
    )


def test_several_types():
    assert explained({"type": ["string", "null"]}, []) == (
        "x: expected text or nothing, found an empty list."
    )


COUNT_OR_NAME = {"anyOf": [{"type": "integer", "minimum": 2, "maximum": 9}, {"enum": ["auto"]}]}


@pytest.mark.parametrize(
    ("found", "end"),
    [
        (1, "found 1."),
        (None, "found nothing."),
        ("7", "found the text '7'; remove the quotes."),
        ("AUTO", "found the text 'AUTO'; did you mean 'auto'?"),
        ("many", "found the text 'many'."),
        ([], "found an empty list."),
    ],
)
def test_a_number_or_a_name(found, end):
    assert explained(COUNT_OR_NAME, found) == (
        f"x: expected auto, or a whole number of at least 2 and of at most 9, {end}"
    )


def test_nothing_where_a_setting_has_a_default():
    assert explained({"type": "number", "default": 0.5}, None) == (
        "x: expected a number, found nothing; write 0.5, or remove the key."
    )
    assert explained({"enum": ["a", "b"], "default": "b"}, None) == (
        "x: expected one of a, b, found nothing; write b, or remove the key."
    )


def test_block_where_a_value_belongs():
    assert explained({"type": "number"}, {"a": 1}) == (
        "x: expected a number, found a block of settings."
    )


def test_keys_of_referred_blocks_are_known():
    root = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"fast": {"$ref": "#/$defs/flow"}},
        "$defs": {"flow": {"type": "object", "properties": {"lr": {}}}},
    }
    error = next(Draft202012Validator(root).iter_errors({"lr": 1}))
    assert explain(error, root) == "unknown key 'lr'; it belongs one level deeper, into fast."


def test_nearest():
    assert nearest("Groom", ["rear", "groom"]) == "did you mean 'groom'?"
    assert nearest("jump", ["rear", "groom"]) == "expected one of rear, groom."
