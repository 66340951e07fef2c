"""Command-line flags derived from the signature and the docstring of a stage's function.

A stage declares its arguments once, as keyword-only parameters with annotations and a numpydoc
``Parameters`` section; its flags, their types and their help follow from that.
"""

import argparse
import functools
import inspect
import json
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from deg_core.settings import from_json

Function = Callable[..., Any]


def add_flags(parser: argparse.ArgumentParser, function: Function) -> None:
    """Give ``parser`` one flag per parameter of ``function``.

    Parameters
    ----------
    parser
        Gets the flags, and the function's docstring as its description.
    function
        Its parameters are annotated with Path, str, int, float, bool, a Literal, a list of the
        first two, a settings dataclass, or one of these or None.

    Raises
    ------
    TypeError
        If a parameter has no annotation, or one that no flag can stand for.
    """
    described = parameter_texts(function)
    hints = get_type_hints(function)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = inspect.cleandoc(function.__doc__ or "").split("\nParameters\n")[0].strip()
    group = parser.add_argument_group("arguments")
    listed = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name not in hints:
            raise TypeError(f"{function.__qualname__}: '{parameter.name}' has no annotation")
        kind = without_none(hints[parameter.name])
        options = flag_options(kind) | _default_options(parameter)
        text = described.get(parameter.name, "") + _default_text(parameter)
        group.add_argument(flag_name(parameter.name), help=text.replace("%", "%%"), **options)
        if is_dataclass(kind):
            listed.append(settings_text(parameter.name, kind))
    parser.epilog = "\n\n".join(listed) or None


def flag_name(parameter: str) -> str:
    """Spell a parameter's name as a flag."""
    return "--" + parameter.replace("_", "-")


def call(function: Function, values: Mapping[str, Any]) -> Any:
    """Call ``function`` with those of the parsed ``values`` that are its parameters."""
    names = inspect.signature(function).parameters
    return function(**{name: values[name] for name in names})


def without_none(kind: Any) -> Any:
    """Reduce ``X | None`` to X and leave any other annotation as it is."""
    if get_origin(kind) in (Union, types.UnionType):
        rest = [part for part in get_args(kind) if part is not type(None)]
        if len(rest) == 1:
            return rest[0]
    return kind


def flag_options(kind: Any) -> dict[str, Any]:
    """Translate an annotation into the options of `argparse.ArgumentParser.add_argument`.

    Raises
    ------
    TypeError
        If no flag can stand for the annotation.
    """
    metavars = {Path: "PATH", str: "TEXT", int: "N", float: "X"}
    if kind in metavars:
        return {"type": kind, "metavar": metavars[kind]}
    if kind is bool:
        return {"action": argparse.BooleanOptionalAction}
    if get_origin(kind) is list:
        return {"nargs": "*"} | flag_options(get_args(kind)[0])
    if get_origin(kind) is Literal:
        return {"choices": get_args(kind)}
    if is_dataclass(kind):
        return {"type": functools.partial(from_json, kind), "metavar": "JSON"}
    raise TypeError(f"no flag can stand for the annotation {kind!r}")


def _default_options(parameter: inspect.Parameter) -> dict[str, Any]:
    if parameter.default is inspect.Parameter.empty:
        return {"required": True}
    return {"default": parameter.default}


def _default_text(parameter: inspect.Parameter) -> str:
    if parameter.default in (inspect.Parameter.empty, None):
        return ""
    return f" Default: {parameter.default}."


def parameter_texts(function: Function) -> dict[str, str]:
    """Read what the ``Parameters`` section of a numpydoc docstring says of each parameter.

    Parameters
    ----------
    function
        Names that share one text may be listed together: ``train_videos, val_videos``.

    Returns
    -------
    dict
        Parameter name to text, on one line; a parameter without text is left out.
    """
    texts: dict[str, list[str]] = {}
    names: list[str] = []
    for line in _section(inspect.cleandoc(function.__doc__ or ""), "Parameters"):
        if line[:1].strip():
            names = [name.strip() for name in line.split(":")[0].split(",")]
        elif line.strip():
            for name in names:
                texts.setdefault(name, []).append(line.strip())
    return {name: " ".join(lines) for name, lines in texts.items()}


def _section(docstring: str, title: str) -> list[str]:
    lines = docstring.splitlines()
    underlined = [i for i in range(len(lines) - 1) if lines[i + 1] and not lines[i + 1].strip("-")]
    starts = [i for i in underlined if lines[i] == title]
    if not starts:
        return []
    stops = [i for i in underlined if i > starts[0]] or [len(lines)]
    return lines[starts[0] + 2 : stops[0]]


def settings_text(name: str, cls: type) -> str:
    """List the keys of a settings dataclass with their defaults, for the end of a help text."""
    lines = [f"keys of {flag_name(name)} and their defaults:"]
    for item in fields(cls):
        default = "{...}" if is_dataclass(item.default) else json.dumps(item.default)
        lines.append(f"  {item.name} = {default}\n      {item.metadata.get('text', '')}")
    return "\n".join(lines)
