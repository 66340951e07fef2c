"""What JSON Schema found wrong, in words: which key, what was expected, what was found.

Reads no file.
"""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from jsonschema import ValidationError

TYPES = {
    "object": "a block of settings",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}
LIMITS = {
    "minimum": "of at least",
    "maximum": "of at most",
    "exclusiveMinimum": "above",
    "exclusiveMaximum": "below",
}


def explain(error: ValidationError, schema: Mapping[str, Any]) -> str:
    """Turn one error of a validation into a sentence that begins with the key.

    Parameters
    ----------
    error
        Found by a validator of `jsonschema`.
    schema
        The whole schema, whose ``$defs`` the blocks refer to.
    """
    place = _place(list(error.absolute_path))
    rule, expected, found = error.validator, error.validator_value, error.instance
    if rule == "additionalProperties":
        return _unknown_key(error, list(error.absolute_path), schema)
    if rule == "required":
        key = next(name for name in expected if name not in found)
        where = f"{place}: " if place else ""
        described = error.schema["properties"][key]["description"]
        return f"{where}the key '{key}' is missing: {described[0].lower()}{described[1:]}"
    return f"{place}: expected {_expected(rule, expected)}, found {_shown(found)}{_hint(error)}"


def _place(path: Sequence[str | int]) -> str:
    """Write a path as ``features.common.lr`` or ``import.size[0]``."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")


def _unknown_key(
    error: ValidationError, path: Sequence[str | int], schema: Mapping[str, Any]
) -> str:
    blocks = error.schema["properties"]
    known = list(blocks)
    key = next(str(name) for name in error.instance if name not in known)
    where = f"{_place(path)}: " if path else ""
    inner = [name for name in known if key in _keys(blocks[name], schema)]
    if inner:
        nested = _place([*path, inner[0]])
        return f"{where}unknown key '{key}'; it belongs one level deeper, into {nested}."
    own = " A preset of your own also needs a line in preset_base." if "common" in known else ""
    return f"{where}unknown key '{key}'; {nearest(key, known)}{own}"


def _keys(block: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in block:
        block = schema["$defs"][block["$ref"].rsplit("/", 1)[-1]]
    return block.get("properties", {})


def nearest(name: str, known: Sequence[str]) -> str:
    """Suggest the known name that was probably meant, or list all.

    Parameters
    ----------
    name
        What was written.
    known
        What could have been written.
    """
    close = difflib.get_close_matches(name.lower(), known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"expected one of {', '.join(known)}."


def _expected(rule: str, value: Any) -> str:
    if rule == "type":
        return " or ".join(TYPES[name] for name in ([value] if isinstance(value, str) else value))
    if rule == "enum":
        return "one of " + ", ".join(map(str, value))
    if rule in LIMITS:
        return f"a number {LIMITS[rule]} {value}"
    if rule == "anyOf":
        return ", or ".join(_of_schema(schema) for schema in reversed(value))
    if rule in ("minItems", "maxItems"):
        return f"{'at least' if rule == 'minItems' else 'at most'} {_values(value)}"
    return "text that is not empty"  # minLength, the last rule that the schema uses


def _of_schema(schema: Mapping[str, Any]) -> str:
    """Say what an alternative of a setting takes: names, or numbers within limits."""
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    limits = [f" {words} {schema[rule]}" for rule, words in LIMITS.items() if rule in schema]
    return TYPES[schema["type"]] + " and".join(limits)


def _values(number: int) -> str:
    return f"{number} value" + "s" * (number != 1)


def _shown(found: Any) -> str:
    if isinstance(found, list):
        return f"a list of {_values(len(found))}" if found else "an empty list"
    if isinstance(found, dict):
        return "a block of settings"
    if isinstance(found, str):
        return f"the text '{found}'"
    return "nothing" if found is None else json.dumps(found, default=str)


def _hint(error: ValidationError) -> str:
    """Return the end of the sentence: how to mend frequent mistakes."""
    rule, expected, found = error.validator, error.validator_value, error.instance
    if found is None and "default" in error.schema:
        default = error.schema["default"]
        shown = default if isinstance(default, str) else json.dumps(default)
        return f"; write {shown}, or remove the key."
    if rule == "anyOf":
        names = [name for schema in expected for name in schema.get("enum", ())]
        return _number_hint(found, names) if isinstance(found, str) else "."
    if rule == "enum":
        return _name_hint(found, expected) if isinstance(found, str) else "."
    kinds = [expected] if isinstance(expected, str) else expected
    if rule == "type" and isinstance(found, str) and {"number", "integer"} & set(kinds):
        return _number_hint(found)
    if rule == "type" and "string" in kinds and isinstance(found, bool | int | float):
        return "; write it in quotes, since YAML reads it as a number or as yes and no."
    if rule == "type" and "array" in kinds:
        within = error.path and isinstance(error.path[-1], int)
        nested = within or error.schema.get("items", {}).get("type") == "array"
        return "; write a list of lists, as [[a, b]]." if nested else "; write it as [a, b]."
    return "."


def _name_hint(text: str, names: Sequence[Any]) -> str:
    close = difflib.get_close_matches(text.lower(), [str(name) for name in names], n=1)
    return f"; did you mean '{close[0]}'?" if close else "."


def _number_hint(text: str, names: Sequence[str] = ()) -> str:
    """Explain a number that YAML read as text, or a misspelt name that may stand in its place."""
    match = re.fullmatch(r"([+-]?\d+)(\.\d*)?[eE]([+-]?)(\d+)", text.strip())
    if match:
        whole, fraction, sign, exponent = match.groups()
        fraction = fraction if fraction and fraction != "." else ".0"
        fixed = f"{whole}{fraction}e{sign or '+'}{int(exponent)}"
        return f"; YAML reads it as text, so write {fixed}."
    if re.fullmatch(r"[+-]?\d+(\.\d+)?", text.strip()):
        return "; remove the quotes."
    if re.fullmatch(r"[+-]?\d+,\d+", text.strip()):
        return f"; write {text.strip().replace(',', '.')}."
    return _name_hint(text, names)
