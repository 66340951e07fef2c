"""Networks of the original program, DeepEthogram, as networks of ours.

`from_deepethogram` builds the module that the pipeline itself would build, with the original's
choices where they differ from the paper's, and loads a state dict with the original's names.
"""

from collections import OrderedDict
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn

from deg_core.errors import ConfigError, ModelError
from deg_core.models.compat import convolutional, temporal
from deg_core.models.compat.translation import (
    Origin,
    Settings,
    Translation,
    add_unused,
    check,
    copy,
    correspondence,
    own,
    refuse_empty,
)

__all__ = [
    "NETWORKS",
    "from_deepethogram",
    "named_parameters",
    "outputs",
    "own",
    "settings",
    "state_dict",
]

NETWORKS: Mapping[str, Translation] = {
    **convolutional.TRANSLATIONS,
    **temporal.TRANSLATIONS,
}

# Keys of the original's sections flow_generator, feature_extractor and sequence that change no
# network: training, pictures, files, and what its own documentation calls dead.
WITHOUT_EFFECT = frozenset([
    "arch", "curriculum", "final_activation", "flow_loss", "flow_max", "flow_sparsity",
    "input_images", "input_type", "inputs", "latent_name", "loss", "max", "nonoverlapping",
    "output_name", "sampler", "sampling_ratio", "sequence_length", "smooth_weight_multiplier",
    "sparsity_weight", "type", "weights",
])  # fmt: skip

# What the original's constructors call a key of its configuration.
ALIASES = {"output_dropout": "dropout_p", "reduction": "tgm_reduction"}


def from_deepethogram(network: str, state_dict: Mapping[str, Tensor], **options: Any) -> nn.Module:
    """Build our network for a state dict of the original program.

    Parameters
    ----------
    network
        A key of `NETWORKS`.
    state_dict
        Names and tensors as the original stores them, float of any precision.
    **options
        Keys of the original's configuration, and K and D, which are read off the shapes where they
        are not given; the others default to the original's values. Keys that some other network
        has, or that change no network (`WITHOUT_EFFECT`), are accepted and have no effect.

    Returns
    -------
    nn.Module
        Ours, float32, in eval mode. It remembers where it came from as ``deepethogram``. What the
        original stores and never uses is in its parameter dictionary ``unused``.

    Raises
    ------
    ModelError
        If the network or an option is unknown, an option has a value that the network cannot
        have, or a tensor is missing, left over or of another shape.
    """
    translation = _translation(network)
    options = {ALIASES.get(name, name): value for name, value in options.items()}
    _refuse_unknown(network, options)
    shapes = {key: tuple(torch.as_tensor(value).shape) for key, value in state_dict.items()}
    refuse_empty(shapes)
    complete = translation.complete(options, shapes, network)
    module = _build(network, translation, complete)
    origin = Origin(network, translation, complete, tuple(shapes))
    places = correspondence(module, origin)
    expected = {key: shape for key, (_, shape) in places.items()}
    check(expected, shapes, network, translation.told(options, shapes))
    copy(places, state_dict, network)
    module.deepethogram = origin
    return module.eval()


def _translation(network: str) -> Translation:
    if network == "flownet_s":
        raise ModelError(
            "flownet_s: FlowNetS is not part of this project, since the original pipeline cannot "
            "use it either; use tiny_motion_net, motion_net or tiny_motion_net_3d."
        )
    if network not in NETWORKS:
        raise ModelError(
            f"network '{network}': not a network of the original program; expected one of "
            f"{', '.join(NETWORKS)}."
        )
    return NETWORKS[network]


def _refuse_unknown(network: str, options: Mapping[str, Any]) -> None:
    known = WITHOUT_EFFECT.union(*(translation.defaults for translation in NETWORKS.values()))
    for name in sorted(set(options) - known):
        close = get_close_matches(name, known, n=1)
        meant = f"did you mean '{close[0]}'?" if close else f"known are {', '.join(sorted(known))}."
        raise ModelError(f"{network}: option '{name}' is not known; {meant}")


def _build(network: str, translation: Translation, options: Mapping[str, Any]) -> nn.Module:
    try:
        module = translation.build(options)
    except (ConfigError, ModelError) as error:
        raise ModelError(f"{network}: {error}") from error
    add_unused(module, translation.unused(options))
    return module


def _origin(module: nn.Module) -> Origin:
    origin = getattr(module, "deepethogram", None)
    if not isinstance(origin, Origin):
        raise ModelError(
            f"expected a module that from_deepethogram returned, got a {type(module).__name__}; "
            "build it with from_deepethogram."
        )
    return origin


def outputs(module: nn.Module, x: Tensor, fe_logits: Tensor | None = None) -> dict[str, Tensor]:
    """Compute what the original program's network gives, under the names of its parts.

    Parameters
    ----------
    module
        What `from_deepethogram` returned; its mode, train or eval, stays as it is.
    x
        Float32 in the original's layout: stacked frames (N, 3T, H, W), clips (N, 3, T, H, W),
        motion (N, 2(T-1), H, W) or (N, 2, T-1, H, W), features (N, D, T) or (N, D).
    fe_logits
        (N, K, T) logits of the feature extractor, for tgmj_fe_logits alone.

    Returns
    -------
    dict of Tensor
        ``out`` and its parts, or ``out0``, ``out1``, ``out2`` of a flow network, finest first.
        Gradients flow through all of them but frozen motion.

    Raises
    ------
    ModelError
        If the module did not come from `from_deepethogram`.
    """
    return _origin(module).translation.outputs(module, x, fe_logits)


def settings(module: nn.Module) -> Mapping[str, Settings]:
    """Return the pipeline's settings that mean the same network, by section.

    Empty for networks that the pipeline has no stage for.

    Raises
    ------
    ModelError
        If the module did not come from `from_deepethogram`.
    """
    origin = _origin(module)
    return origin.translation.settings(origin.options)


def state_dict(module: nn.Module) -> "OrderedDict[str, Tensor]":
    """Return the weights under the original's names, in the order they came in.

    Raises
    ------
    ModelError
        If the module did not come from `from_deepethogram`.
    """
    origin = _origin(module)
    places = correspondence(module, origin)
    return OrderedDict(
        (key, places[key][0].detach().reshape(places[key][1])) for key in origin.keys
    )


def named_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters under the original's names, in the order they came in.

    A parameter that the original stores twice is listed once, under the first of its names, as
    `torch.nn.Module.named_parameters` does. Shapes are ours.

    Raises
    ------
    ModelError
        If the module did not come from `from_deepethogram`.
    """
    origin = _origin(module)
    places = correspondence(module, origin)
    found: dict[str, nn.Parameter] = {}
    listed: set[int] = set()
    for key in origin.keys:
        tensor, _ = places[key]
        if isinstance(tensor, nn.Parameter) and id(tensor) not in listed:
            listed.add(id(tensor))
            found[key] = tensor
    return found
