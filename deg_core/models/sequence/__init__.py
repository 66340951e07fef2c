"""Sequence models: features over time (N, D, T) to logits over time (N, K, T).

Each network is one file, and is found by its name in the settings (`deg_core.registry`).
"""

import inspect
from typing import Any

from deg_core.models.sequence.base import SequenceNetwork
from deg_core.models.sequence.scaling import Standardized, Unscaled
from deg_core.registry import SEQUENCE_NETWORKS, find
from deg_core.settings import AUTO, SequenceSettings

__all__ = ["SequenceNetwork", "Standardized", "Unscaled", "build", "n_layers"]


def build(
    settings: SequenceSettings, *, n_features: int, n_behaviors: int, **more: Any
) -> Unscaled:
    """Build the sequence model that the settings describe.

    Parameters
    ----------
    settings
        The network's name and its options: each network gets the settings that its signature
        names, and the others say nothing to it.
    n_features, n_behaviors
        D and K.
    **more
        Options of the network that are no settings.

    Returns
    -------
    Unscaled
        The network behind a `Standardized`, or, with ``standardize: false``, behind a wrapper
        that hands features on as they are.

    Raises
    ------
    ConfigError
        If options of the network do not go together.
    """
    network = find(SEQUENCE_NETWORKS, settings.network)
    asked = inspect.signature(network).parameters
    options = {name: value for name, value in vars(settings).items() if name in asked}
    if "n_layers" in options:
        options["n_layers"] = n_layers(settings)
    wrapper = Standardized if settings.standardize else Unscaled
    return wrapper(network(n_features, n_behaviors, **options, **more), n_features)


def n_layers(settings: SequenceSettings) -> int:
    """Return the number of temporal layers, with `auto` as the network has it."""
    if settings.n_layers != AUTO:
        return settings.n_layers
    return find(SEQUENCE_NETWORKS, settings.network).auto_layers
