"""A checkpoint of the original program to the content of our model files."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from deg_core.errors import ModelError
from deg_core.models import compat, flow, sequence, two_stream
from deg_core.models.compat.background import without_background
from deg_core.models.compat.recognise import (
    PRESETS,
    UNTOLD,
    Run,
    options_of,
    recognise,
    section,
)
from deg_core.models.compat.translation import Settings
from deg_core.settings import SequenceSettings, to_dict
from deg_core.versions import VERSIONS

BACKGROUND = "background"
ACTIVATIONS = ("sigmoid", "softmax")
# What the original has where a run's configuration says nothing.
ACTIVATION, WINDOW = "sigmoid", 180


@dataclass(frozen=True)
class Part:
    """One model file to be: the stage that has such files, the network, and the facts."""

    stage: str
    network: nn.Module
    facts: dict[str, Any]


@dataclass(frozen=True)
class Converted:
    """What a checkpoint becomes.

    ``name`` is the original's name of the network, ``preset`` the one that has it, if any;
    ``parts`` are one model file, or, of a feature extractor, the motion network's and its own.
    ``assumed`` are options of the original that nothing told, with the values that it has unless
    told otherwise.
    """

    name: str
    preset: str | None
    parts: tuple[Part, ...]
    assumed: Mapping[str, Any]


@dataclass(frozen=True)
class Outputs:
    """What a network's outputs are: behaviors, and which of them exclude each other."""

    behaviors: tuple[str, ...]
    has_background: bool
    exclusive: bool

    def trim(self, weights: Mapping[str, Tensor], network: Any) -> dict[str, Tensor]:
        """Bring the last layers to these behaviors."""
        if not self.has_background:
            return dict(weights)
        prefixes = network.head_prefixes()
        return without_background(weights, prefixes, exclusive=self.exclusive)

    def facts(self) -> dict[str, Any]:
        """Return what a model file says of them."""
        names = list(self.behaviors)
        # One behavior beside the background is as good as independent, and no group.
        return {"behaviors": names, "groups": [names] if self.exclusive and len(names) > 1 else []}


def convert(
    state_dict: Mapping[str, Tensor],
    run: Run,
    *,
    behaviors: Sequence[str] | None = None,
    activation: str | None = None,
    transfer: bool = False,
) -> Converted:
    """Turn the original's weights into networks of ours with the facts of their files.

    Parameters
    ----------
    state_dict
        Weights under the original's names.
    run
        The run's configuration: tells what the weights do not. Empty where there is none.
    behaviors
        Names of the behaviors, without background; None: as the configuration has them.
    activation
        ``sigmoid``, or ``softmax`` where one behavior wins; None: as the configuration has it.
    transfer
        Whether only what comes before the last layers is wanted. All outputs are kept then, and
        numbered.

    Returns
    -------
    Converted
        The networks in eval mode. The facts of a feature extractor still lack ``flow_sha256``, the
        digest of the other part's file.

    Raises
    ------
    ModelError
        If the network is none of the known, the weights do not fit it, or the behaviors or the
        normalisation are not known.
    """
    name = recognise(state_dict)
    options = options_of(name, state_dict, run)
    module = compat.from_deepethogram(name, state_dict, **options)
    complete = module.deepethogram.options
    assumed = {key: complete[key] for key in UNTOLD.get(name, ()) if key not in options}
    settings = compat.settings(module)
    seen = {} if "sequence" in settings else {"normalization": normalization_of(run)}
    if list(settings) == ["flow"]:
        parts = [_part("flow", module, settings, seen)]
    else:
        activation = activation or section(run, "feature_extractor").get("final_activation")
        if not (activation or transfer):
            assumed["final_activation"] = ACTIVATION
        outputs = outputs_of(
            complete["K"], run, behaviors=behaviors, transfer=transfer,
            activation=activation or ACTIVATION,
        )  # fmt: skip
        if "sequence" in settings:
            settings, guess = in_windows(settings, run)
            assumed |= guess
        parts = _classifiers(module, settings, outputs, seen)
    preset = PRESETS.get(name.removesuffix("_concatenate"))
    return Converted(name, preset, tuple(parts), assumed)


def in_windows(
    settings: Mapping[str, Settings], run: Run
) -> tuple[dict[str, SequenceSettings], dict[str, Any]]:
    """Add the windows in which the original scores a video; and what had to be assumed."""
    told = section(run, "sequence").get("sequence_length")
    length = WINDOW if told is None else told
    if type(length) is not int or length < 1:
        raise ModelError(
            f"its configuration has sequence.sequence_length {length!r}, expected a number of "
            "frames; correct it there, or pass another as --config."
        )
    made = {"sequence": replace(settings["sequence"], inference_window=length)}
    return made, {"sequence_length": length} if told is None else {}


def _classifiers(
    module: Any, settings: Mapping[str, Settings], outputs: Outputs, seen: dict[str, Any]
) -> list[Part]:
    facts, k = outputs.facts(), len(outputs.behaviors)
    if "sequence" in settings:
        facts["n_features"] = module.deepethogram.options["D"]
        network = sequence.build(
            settings["sequence"], n_features=facts["n_features"], n_behaviors=k
        )
        network.load_state_dict(outputs.trim(compat.own(module), network))
        return [_part("sequence", network, settings, facts)]
    motion = flow.build(settings["flow"])
    motion.load_state_dict(module.motion.state_dict())
    network = two_stream.build(settings["features"], motion, k)
    network.load_state_dict(outputs.trim(module.network.state_dict(), network))
    if network.slice_start != module.network.slice_start and not network.volume:
        raise ModelError(
            f"it was trained on clips of {motion.n_frames} frames, from which the original took "
            "other channels than this program would; only clips of 11 frames can be imported."
        )
    parts = {"flow": motion, "features": network}
    given = {"flow": seen, "features": seen | facts}
    return [_part(name, parts[name], settings, given[name]) for name in parts]


def _part(
    name: str, network: nn.Module, settings: Mapping[str, Settings], facts: Mapping[str, Any]
) -> Part:
    stage = f"train_{name}"
    described = {"settings": to_dict(settings[name]), "version": VERSIONS[stage]}
    return Part(stage, network.eval(), {**described, **facts})


def normalization_of(run: Run) -> dict[str, list[float]]:
    """Read mean and standard deviation of the channels from a run's configuration.

    Raises
    ------
    ModelError
        If it has none.
    """
    found = section(section(run, "augs"), "normalization")
    pair = {key: found.get(key) for key in ("mean", "std")}
    if not all(_three_numbers(value) for value in pair.values()) or min(pair["std"]) <= 0:
        raise ModelError(
            "the mean and deviation of the channels that it was trained with are not known; pass "
            "--config with the config.yaml of its run or the project_config.yaml of its project, "
            "which have them under augs.normalization."
        )
    return {key: [float(number) for number in value] for key, value in pair.items()}


def _three_numbers(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 3:
        return False
    return all(type(number) in (int, float) and math.isfinite(number) for number in value)


def outputs_of(
    n_outputs: int,
    run: Run,
    *,
    behaviors: Sequence[str] | None,
    transfer: bool,
    activation: str,
) -> Outputs:
    """Name the outputs of a network.

    Raises
    ------
    ModelError
        If nobody names them, not that many, or two alike; or the activation is not known.
    """
    if transfer:
        numbered = tuple(f"output_{i}" for i in range(n_outputs))
        return Outputs(numbered, has_background=False, exclusive=False)
    told = section(run, "project").get("class_names") if behaviors is None else behaviors
    names = [str(name) for name in told] if isinstance(told, list | tuple) else []
    names = names[1:] if names[:1] == [BACKGROUND] else names
    if not names or len(names) != n_outputs - 1:
        found = f"found {len(names)} ({', '.join(names)})" if names else "nothing names them"
        raise ModelError(
            f"it has {n_outputs} outputs, the background and {n_outputs - 1} behaviors, but "
            f"{found}; pass --behaviors with their names in the order of its training, or "
            "--transfer if its last layers are not wanted."
        )
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ModelError(
            f"its behaviors are named {', '.join(names)}, where {twice[0]} stands twice; pass "
            "--behaviors with a name of its own for each, in the order of its training."
        )
    if activation not in ACTIVATIONS:
        raise ModelError(
            f"its configuration has feature_extractor.final_activation {activation!r}, expected "
            f"{' or '.join(ACTIVATIONS)}; pass --activation with the right one."
        )
    return Outputs(tuple(names), has_background=True, exclusive=activation == "softmax")
