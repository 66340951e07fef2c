"""What makes a network of the original program one of ours: options, names of tensors, outputs.

A `Translation` describes one network of DeepEthogram. Its state dict is checked against the names
and shapes that our module, built from the same options, would have there.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from deg_core.errors import ModelError
from deg_core.settings import FeatureSettings, FlowSettings, SequenceSettings

Shape = tuple[int, ...]
Options = Mapping[str, Any]
Places = Mapping[str, Sequence[tuple[str, int]]]
Names = Sequence[tuple[str, Sequence[str]]]
Settings = FlowSettings | FeatureSettings | SequenceSettings

UNUSED = "unused"


def _nothing(_: Options) -> dict[str, Any]:
    return {}


def _as_ours(_: str, shape: Shape) -> Shape:
    return shape


@dataclass(frozen=True)
class Translation:
    """One network of the original program.

    Attributes
    ----------
    build
        Complete options to our module, made of the ``settings`` by the pipeline's builders.
    outputs
        Our module, input in the original's layout and logits of the feature extractor (or None)
        to the named outputs. Gradients flow; the module's mode stays as it is.
    settings
        Complete options to the pipeline's settings that mean the same: by section (``flow``,
        ``features``, ``sequence``), none for a network that the pipeline has no
        stage for.
    defaults
        Options that change the network, with the original's defaults. The type of a default is
        the type that the option must have; None is for those that are read off the state dict.
    infer
        For an option that was not given: the places (key, axis) of the state dict that tell it;
        the first that exists counts.
    names
        Complete options to pairs (pattern, replacements). The first pattern that matches all of
        one of our keys (`re.fullmatch`, templates as in `re.sub`) gives the keys that the original
        has for this tensor, several where it stores it more than once. A key that no pattern
        matches has the same name there. Two of our keys may share one of the original's.
    shape
        A key of the original and the shape of our tensor to the shape that it has there.
    unused
        Complete options to names and shapes of what the original stores and never uses.
    """

    build: Callable[[Options], nn.Module]
    outputs: Callable[[nn.Module, Tensor, Tensor | None], dict[str, Tensor]]
    settings: Callable[[Options], Mapping[str, Settings]] = _nothing
    defaults: Mapping[str, Any] = field(default_factory=dict)
    infer: Places = field(default_factory=dict)
    names: Callable[[Options], Names] = lambda _: ()
    shape: Callable[[str, Shape], Shape] = _as_ours
    unused: Callable[[Options], Mapping[str, Shape]] = _nothing

    def complete(self, given: Options, shapes: Mapping[str, Shape], network: str) -> dict[str, Any]:
        """Fill up the options with what the shapes tell and with defaults.

        Raises
        ------
        ModelError
            If an option has a value that it cannot have, or cannot be read off because its tensor
            is missing.
        """
        options, told = dict(self.defaults), self.told(given, shapes)
        for name, default in self.defaults.items():
            if given.get(name) is not None:
                options[name] = _checked(network, name, given[name], default)
            elif name in told:
                key, axis = told[name]
                options[name] = shapes[key][axis]
            elif name in self.infer:
                keys = " or ".join(f"'{key}'" for key, _ in self.infer[name])
                raise ModelError(
                    f"{network}: the state dict is not of this network: missing {keys}, which "
                    f"tells {name}; give the state dict of a {network}."
                )
        return options

    def told(self, given: Options, shapes: Mapping[str, Shape]) -> dict[str, tuple[str, int]]:
        """Say which key and axis tell the options that were not given."""
        found = {}
        for name, places in self.infer.items():
            there = [(key, axis) for key, axis in places if len(shapes.get(key, ())) > axis]
            if given.get(name) is None and there:
                found[name] = there[0]
        return found

    def keys(self, ours: str, options: Options) -> tuple[str, ...]:
        """Name the tensors of the original that are our tensor ``ours``."""
        for pattern, replacements in self.names(options):
            match = re.fullmatch(pattern, ours)
            if match:
                return tuple(match.expand(template) for template in replacements)
        return (ours,)


def _checked(network: str, name: str, value: Any, default: Any) -> Any:
    """Return the value as the default's type; integers serve as floats, and nothing else."""
    kind = int if default is None else type(default)
    right = isinstance(value, (int, float) if kind is float else kind)
    if not right or (isinstance(value, bool) and kind is not bool):
        raise ModelError(
            f"{network}: option {name}: expected {kind.__name__}, got {value!r}; give the value "
            "that the model's configuration has."
        )
    if kind is int and value < 1:
        raise ModelError(
            f"{network}: option {name}: expected 1 or more, got {value}; give the value that the "
            "model's configuration has."
        )
    return kind(value)


def chosen(options: Options, name: str, choices: Mapping[Any, Any]) -> Any:
    """Translate the value of an option that has a few.

    Raises
    ------
    ModelError
        If the value is none of them.
    """
    try:
        return choices[options[name]]
    except KeyError:
        known = ", ".join(str(choice) for choice in choices)
        raise ModelError(
            f"option {name}: expected one of {known}, got {options[name]!r}; give the value that "
            "the model's configuration has."
        ) from None


@dataclass(frozen=True)
class Origin:
    """Where a module came from; it carries this as its attribute ``deepethogram``.

    ``network`` and ``options`` as the original calls them; ``keys`` of its state dict, in order.
    """

    network: str
    translation: Translation
    options: Mapping[str, Any]
    keys: tuple[str, ...]


def own(module: nn.Module) -> dict[str, Tensor]:
    """Return our state dict of a translated module, without what the original never uses."""
    state = module.state_dict(keep_vars=True)
    return {key: value for key, value in state.items() if not key.startswith(f"{UNUSED}.")}


def correspondence(module: nn.Module, origin: Origin) -> dict[str, tuple[Tensor, Shape]]:
    """Map each key of the original to our tensor and the shape that it has there."""
    translation, options = origin.translation, origin.options
    found: dict[str, tuple[Tensor, Shape]] = {}
    for ours, tensor in own(module).items():
        for key in translation.keys(ours, options):
            found.setdefault(key, (tensor, translation.shape(key, tuple(tensor.shape))))
    for key, tensor in getattr(module, UNUSED, {}).items():
        found[key.replace("/", ".")] = (tensor, tuple(tensor.shape))
    return found


def add_unused(module: nn.Module, shapes: Mapping[str, Shape]) -> None:
    """Give the module a place for what the original stores and never uses."""
    if shapes:
        empty = {key.replace(".", "/"): nn.Parameter(torch.zeros(shapes[key])) for key in shapes}
        module.add_module(UNUSED, nn.ParameterDict(empty))


def refuse_empty(shapes: Mapping[str, Shape]) -> None:
    """Refuse tensors without numbers, which no network has: sizes are told by shapes.

    Raises
    ------
    ModelError
        Naming the first of them.
    """
    for key, shape in shapes.items():
        if 0 in shape:
            raise ModelError(
                f"its tensor '{key}' has the shape {list(shape)}, expected numbers in it; the file "
                "was damaged or cut when it was written, so take another copy."
            )


def check(
    expected: Mapping[str, Shape],
    found: Mapping[str, Shape],
    network: str,
    told: Mapping[str, tuple[str, int]],
) -> None:
    """Compare names and shapes.

    Raises
    ------
    ModelError
        Naming what is missing, extra or of another shape, and the options ``told`` by tensors.
    """
    missing = [f"missing '{key}'" for key in expected if key not in found]
    extra = [f"unknown '{key}'" for key in found if key not in expected]
    other = [
        f"'{key}': expected shape {list(shape)}, found {list(found[key])}"
        for key, shape in expected.items()
        if key in found and tuple(found[key]) != tuple(shape)
    ]
    wrong = missing + extra + other
    if wrong:
        read = "".join(f", {name} as '{key}' tells" for name, (key, _) in told.items())
        more = f"; and {len(wrong) - 20} more" if len(wrong) > 20 else ""
        raise ModelError(
            f"{network}: the state dict is not of this network with these options{read}: "
            f"{'; '.join(wrong[:20])}{more}; give the network's name and options as in the "
            "configuration that the file was trained with."
        )


def copy(
    places: Mapping[str, tuple[Tensor, Shape]], state_dict: Mapping[str, Tensor], network: str
) -> None:
    """Copy checked tensors into a module's, in the module's own number format.

    Raises
    ------
    ModelError
        If two names that the original ties to one tensor have different values.
    """
    first: dict[int, str] = {}
    with torch.no_grad():
        for key, (tensor, _) in places.items():
            value = torch.as_tensor(state_dict[key]).to(tensor).reshape(tensor.shape)
            twin = first.setdefault(id(tensor), key)
            if twin != key and not torch.equal(value, tensor):
                raise ModelError(
                    f"{network}: expected '{twin}' and '{key}' to be equal, since the network has "
                    "one tensor for both, but they differ; give the state dict as it was saved."
                )
            tensor.copy_(value)
