"""Settings as declared fields: declaring one, checking values, JSON and JSON Schema.

The settings themselves are in `deg_core.settings`, which gives these functions on.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, field, fields, is_dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from deg_core.errors import ConfigError

S = TypeVar("S")
AUTO = "auto"
COUNT_OR_AUTO = int | Literal["auto"]
COUNTS_OR_AUTO = tuple[int, ...] | Literal["auto"]


def setting(default: Any, text: str, **limits: Any) -> Any:
    """Declare one setting: its default, a one-sentence description and JSON-schema limits."""
    return field(default=default, metadata={"text": text, "limits": limits})


def to_dict(settings: Any) -> dict[str, Any]:
    """Turn a settings dataclass into plain values, tuples becoming lists."""
    return json.loads(json.dumps(asdict(settings)))


def changed(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the values that differ from the defaults: what a rule passes on.

    A later version that adds a setting then repeats no computation of this one.

    Parameters
    ----------
    cls
        The dataclass of the stage.
    values
        Plain values, as `to_dict` gives them.
    """
    return _differing(values, to_dict(cls()))


def _differing(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    kept = {}
    for key, value in values.items():
        default = defaults.get(key)
        if isinstance(value, Mapping) and isinstance(default, Mapping):
            value, default = _differing(value, default), {}
        if value != default:
            kept[key] = value
    return kept


def to_json(values: Mapping[str, Any]) -> str:
    """Write settings as one line of JSON with sorted keys, so that equal settings are equal."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def from_json(cls: type[S], text: str) -> S:
    """Read one stage's settings.

    Parameters
    ----------
    cls
        The dataclass of the stage.
    text
        A JSON object; keys left out keep their defaults.

    Raises
    ------
    ConfigError
        If the text is not a JSON object, a key is unknown or a value has the wrong type.
    """
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"--settings: not JSON ({error}); expected an object.") from error
    if not isinstance(values, dict):
        raise ConfigError(f"--settings: expected a JSON object, got {text[:40]}.")
    return from_dict(cls, values)


def from_dict(cls: type[S], values: Mapping[str, Any]) -> S:
    """Build a settings dataclass from plain values, checked against its schema.

    Raises
    ------
    ConfigError
        If a key is unknown or a value is not of the declared type or range.
    """
    import jsonschema

    try:
        jsonschema.validate(dict(values), schema_of(cls))
    except jsonschema.ValidationError as error:
        place = ".".join(str(part) for part in error.absolute_path) or cls.__name__
        raise ConfigError(f"settings: {place}: {error.message}.") from error
    types = get_type_hints(cls)
    ready = {name: _convert(types[name], value) for name, value in values.items()}
    return cls(**ready)


def _convert(kind: Any, value: Any) -> Any:
    if is_dataclass(kind):
        return from_dict(kind, value)
    if kind == COUNTS_OR_AUTO:
        return value if value == AUTO else _convert(tuple[int, ...], value)
    if get_origin(kind) is tuple:
        return tuple(_convert(get_args(kind)[0], item) for item in value)
    # JSON Schema takes 5.0 for an integer; Python's ranges do not.
    if kind == COUNT_OR_AUTO and value != AUTO:
        return int(value)
    return kind(value) if kind in (int, float) else value


def schema_of(cls: type) -> dict[str, Any]:
    """Describe a settings dataclass as JSON Schema: types, limits, defaults, descriptions."""
    types = get_type_hints(cls)
    properties = {}
    for item in fields(cls):
        described = _schema_of_type(types[item.name], item.metadata["limits"])
        described["description"] = item.metadata["text"]
        if not is_dataclass(types[item.name]):
            described["default"] = json.loads(json.dumps(item.default))
        properties[item.name] = described
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _schema_of_type(kind: Any, limits: Mapping[str, Any]) -> dict[str, Any]:
    if is_dataclass(kind):
        return schema_of(kind)
    if get_origin(kind) is tuple:
        inner, *rest = get_args(kind)
        whole = {name: limits[name] for name in ("minItems",) if name in limits}
        each = {name: limit for name, limit in limits.items() if name not in whole}
        schema = {"type": "array", "items": _schema_of_type(inner, each), **whole}
        if rest != [Ellipsis]:
            schema |= {"minItems": len(rest) + 1, "maxItems": len(rest) + 1}
        return schema
    if get_origin(kind) is Literal:
        return {"enum": list(get_args(kind))}
    if kind == (str | None):
        return {"type": ["string", "null"]}
    if kind in (COUNT_OR_AUTO, COUNTS_OR_AUTO):
        counts = int if kind == COUNT_OR_AUTO else tuple[int, ...]
        return {"anyOf": [_schema_of_type(counts, limits), {"enum": [AUTO]}]}
    names = {int: "integer", float: "number", str: "string", bool: "boolean"}
    return {"type": names[kind], **limits}
