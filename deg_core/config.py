"""A project's settings: config.yaml read, checked, and every mistake explained in a sentence.

Reads config.yaml. `schema` describes all keys; workflow/schemas/config.schema.yaml is its copy.
"""

import math
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from deg_core.combinations import problems as combination_problems
from deg_core.errors import ConfigError
from deg_core.explain import explain, nearest
from deg_core.groups import problems as group_problems
from deg_core.presets import DEFAULT_PRESETS, PER_PRESET, PRESETS
from deg_core.settings import SECTIONS, schema_of

Schema = dict[str, Any]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
COMMON = "common"
# More than any configuration has; aliases of aliases are endless in a few lines.
MOST_VALUES = 100_000
MOST_BYTES = 2_000_000  # which take ten seconds to read
# What PyYAML raises of dates, numbers and tags that are none.
_ODD_VALUES = (ValueError, KeyError, AttributeError, TypeError, IndexError, OverflowError)
# Columns beside the behaviors in the tables that are written, and the wildcard of label files.
RESERVED = ("background", "frame", "time_s", "*")
EXAMPLE: Schema = {
    "type": "object",
    "description": "For the bundled example and studies only: missing raw videos are drawn.",
    "additionalProperties": False,
    "required": ["videos", "seed"],
    "properties": {
        "videos": {"type": "string", "description": "Folder that the videos are drawn into."},
        "seed": {"type": "integer", "minimum": 0, "description": "Seed of the drawings."},
        "scene": {
            "enum": ["mouse", "fly", "swim"],
            "default": "mouse",
            "description": "What is drawn.",
        },
        "n_frames": {
            "type": "integer",
            "minimum": 1,
            "default": 800,
            "description": "Length of the drawn videos.",
        },
    },
}


def schema(own_presets: Sequence[str] = ()) -> Schema:
    """Describe config.yaml as JSON Schema: type, description and default of every key.

    Parameters
    ----------
    own_presets
        Names of presets that the configuration itself declares in ``preset_base``.
    """
    presets = [*PRESETS, *own_presets]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of a deg-core project",
        "type": "object",
        "additionalProperties": False,
        "required": ["behaviors"],
        "properties": {
            "behaviors": {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "minItems": 1,
                "description": "Names of the behaviors, as in the label files, no background.",
            },
            "exclusive_groups": {
                "type": "array",
                "items": {"type": "array", "items": {"type": "string"}, "minItems": 2},
                "default": [],
                "description": "Lists of behaviors of which a frame has at most one.",
            },
            "videos": {
                "type": "string",
                "minLength": 1,
                "default": "videos.tsv",
                "description": "The video table, relative to the project folder.",
            },
            "presets": {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 1,
                "default": DEFAULT_PRESETS,
                "description": "Presets to train, built-in ones or those of preset_base.",
            },
            "preset_base": {
                "type": "object",
                "additionalProperties": {"enum": list(PRESETS)},
                "description": "Presets of your own, each with the built-in one it starts from.",
            },
            **{name: _section(name, presets) for name in SECTIONS},
            "example": EXAMPLE,
        },
        "$defs": {name: schema_of(SECTIONS[name]) for name in PER_PRESET},
    }


# Building it takes longer than all checks, and settings are checked piece by piece.
_schema_with = lru_cache(maxsize=8)(schema)


def _section(name: str, presets: Sequence[str]) -> Schema:
    head = {"description": (SECTIONS[name].__doc__ or "").strip()}
    if name not in PER_PRESET:
        described = schema_of(SECTIONS[name])
        if name == "labels":
            # The names of the behaviors stand at the top level; the stage gets both.
            del described["properties"]["behaviors"]
        return head | described
    block = {"$ref": f"#/$defs/{name}"}
    blocks = {COMMON: block | {"description": "Settings of all presets."}}
    for preset in presets:
        if name not in PRESETS.get(preset, PER_PRESET):
            continue  # it has no such stage
        text = f"Settings of preset {preset}, which go before the common ones."
        changed = {"default": PRESETS[preset][name]} if preset in PRESETS else {}
        blocks[preset] = block | {"description": text} | changed
    return head | {"type": "object", "additionalProperties": False, "properties": blocks}


def load_config(path: Path) -> dict[str, Any]:
    """Read and check a project's settings.

    Parameters
    ----------
    path
        config.yaml, or another YAML file.

    Returns
    -------
    dict
        What the file says, without empty sections; defaults are left to `presets.resolve`.

    Raises
    ------
    ConfigError
        If the file is missing, not YAML, names a key twice, or `check_config` complains.
    """
    return check_config(read_yaml(path), str(path))


def read_yaml(path: Path) -> Any:
    """Read a YAML file in which no key stands twice.

    Raises
    ------
    ConfigError
        If the file is missing, not YAML in UTF-8, far too large, or has a key twice.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(
                f"{path}: expected settings, which are a few kB of text, found "
                f"{path.stat().st_size / 1e6:.1f} MB; is it another file, or was it damaged?"
            )
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
        if _n_values(content) > MOST_VALUES:
            raise RecursionError("aliases of aliases")
        return content
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; `deg new` makes a project.") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}{_yaml_problem(error)}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: cannot be read ({error}); expected YAML text in UTF-8."
        ) from error
    except RecursionError as error:
        raise ConfigError(
            f"{path}: its lists and keys stand too deeply, or endlessly, in each other; expected "
            "plain keys and lists; write out what & and * stand for."
        ) from error
    except _ODD_VALUES as error:
        raise ConfigError(
            f"{path}: holds a value that YAML cannot make sense of ({error}); put quotes around "
            "what looks like a date, a number or a tag (!!) and is none."
        ) from error


def _n_values(value: Any) -> float:
    """Count all values, those behind aliases as often as they are named."""
    sizes: dict[int, float] = {}

    def count(part: Any) -> float:
        if not isinstance(part, (Mapping, list, tuple, set)):
            return 1
        if id(part) not in sizes:
            sizes[id(part)] = math.inf  # found again within itself, it has no end
            inner = part.values() if isinstance(part, Mapping) else part
            sizes[id(part)] = 1 + sum(map(count, inner))
        return sizes[id(part)]

    return count(value)


def _yaml_problem(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f", line {mark.line + 1}" if mark else ""
    if isinstance(error, _Twice):
        return f"{where}: {error.problem}; keep one of them."
    return (
        f"{where}: not valid YAML ({getattr(error, 'problem', None) or error}); mend that line, "
        "often its indentation, a missing bracket or a tab."
    )


class _Twice(yaml.constructor.ConstructorError):
    """A key that stands twice in one block."""


class _Loader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error instead of silently the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = key_node.value
            if not isinstance(key, str):  # a list: as text, aliases of aliases would be endless
                continue
            if key in seen:
                raise _Twice(None, None, f"the key '{key}' stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _is_integer(_: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# JSON Schema takes 5.0 for an integer; Python's ranges do not.
_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


def check_config(config: Any, source: str = "config.yaml") -> dict[str, Any]:
    """Check settings that were read already.

    Parameters
    ----------
    config
        The settings; those of several files and of the command line may be merged.
    source
        Where they come from, for the messages.

    Returns
    -------
    dict
        The settings without empty sections.

    Raises
    ------
    ConfigError
        If a key is unknown or missing, a value is of the wrong type or out of range, a behavior's
        name cannot be used, an exclusive group names no behavior or one of another group, a preset
        is unknown, settings of a preset do not go together, or the shares of the splits leave no
        room.
    """
    if not isinstance(config, Mapping):
        found = "nothing" if config is None else "something else"
        raise ConfigError(
            f"{source}: expected keys such as `behaviors: [groom, rear]`, found {found}; "
            "`deg new` writes a commented file to start from."
        )
    ready = _without_empty(config)
    own = ready.get("preset_base")
    names = own if isinstance(own, Mapping) else ()
    described = _schema_with(tuple(name for name in names if isinstance(name, str)))
    errors = sorted(
        _Validator(described).iter_errors(ready), key=lambda error: list(map(str, error.path))
    )
    problem = next(_problems(ready), None) if not errors else explain(errors[0], described)
    if problem:
        raise ConfigError(f"{source}: {problem}")
    return ready


def _without_empty(config: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out sections of which every line is commented out: YAML reads them as null."""

    def filled(block: Any, names: Sequence[str]) -> Any:
        if not isinstance(block, Mapping):
            return block
        return {key: v for key, v in block.items() if v is not None or key not in names}

    ready = filled(config, [*SECTIONS, "exclusive_groups", "preset_base", "example"])
    for name in PER_PRESET:
        if isinstance(ready.get(name), Mapping):
            ready[name] = filled(ready[name], list(ready[name]))
    return ready


def _problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong although each key on its own is right."""
    yield from _numbers(config)
    yield from _behaviors(config["behaviors"])
    for problem in group_problems(config.get("exclusive_groups", []), config["behaviors"]):
        yield f"exclusive_groups: {problem}"
    yield from _presets(config)
    yield from _splits(config)
    yield from combination_problems(config)


def _numbers(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{path}: expected a number, found {value}."


def _behaviors(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        if name != name.strip():
            yield f"behaviors: '{name}' begins or ends with a space; remove it."
        if re.search(r"[,\"']", name) or not name.isprintable():
            yield (
                f"behaviors: '{name}' contains a comma, a quote or a line break, which tables "
                "cannot hold; use letters, digits, spaces, _ or -."
            )
        if name.lower() in RESERVED:
            yield (
                f"behaviors: '{name}' has a meaning of its own and cannot be a behavior"
                + ("; background is derived." if name.lower() == "background" else "; rename it.")
            )
        if names.count(name) > 1:
            yield f"behaviors: '{name}' stands there twice; remove one."


def _presets(config: Mapping[str, Any]) -> Iterator[str]:
    own = config.get("preset_base") or {}
    for name in own:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            yield (
                f"preset_base: '{name}' cannot name a preset; use letters, digits, _ and -, with "
                "a letter or digit first, in quotes if YAML takes it for something else (yes, 12)."
            )
        if name in PRESETS or name == COMMON:
            yield f"preset_base: '{name}' is taken; choose another name for your preset."
    presets = config.get("presets") or DEFAULT_PRESETS
    for name in presets:
        if name not in PRESETS and name not in own:
            yield (
                f"presets: unknown preset '{name}'; {nearest(name, [*PRESETS, *own])} A preset of "
                "your own also names the one it starts from in preset_base."
            )
        if presets.count(name) > 1:
            yield f"presets: '{name}' stands there twice; remove one."
    yield from _sweep(config.get("sweep") or {}, presets)


def _sweep(sweep: Mapping[str, Any], presets: Sequence[str]) -> Iterator[str]:
    for name in sweep.get("presets", []):
        if name not in presets:
            yield f"sweep.presets: '{name}' is not in presets; {nearest(name, presets)}"
    for key in ("presets", "train_sizes"):
        values = sweep.get(key, [])
        if not isinstance(values, str) and len(set(values)) < len(values):
            yield f"sweep.{key}: expected each value once, found {values}."


def _splits(config: Mapping[str, Any]) -> Iterator[str]:
    splits = config.get("splits") or {}
    default = SECTIONS["splits"]()
    val, test = splits.get("val", default.val), splits.get("test", default.test)
    if val <= 0:
        yield (
            f"splits.val: expected a share above 0, found {val}; the best model and the thresholds "
            "are chosen on the validation part."
        )
    if val + test >= 1:
        yield (
            f"splits: val ({val}) and test ({test}) leave nothing to train on; expected a sum "
            "below 1."
        )
