"""Weights that two programs can share without exchanging a file.

Each tensor is drawn from its key and its shape alone, so whoever holds the list of keys and
shapes (``reference/state_dicts.json``) holds the weights. `fill` gives them; the checksums in
``reference/fill_check.json`` tell whether it still draws the same numbers.
"""

import math
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping

import numpy as np
import torch

FILTER_PARAMETERS = ("center", "delta", "gamma", "weights")
"""One-dimensional parameters that are neither a bias nor the scale of a batch norm."""
ATTENTIONS = ("soft_attn", "cls_attn")
TWINS = {"classify1.bias": "classify2.bias", "classify1.1.bias": "classify2.1.bias"}
"""Keys of a parameter that two branches share, and the key its values are drawn from."""


def fill(state_dict: Mapping) -> OrderedDict[str, torch.Tensor]:
    """Draw every tensor of a state dict anew.

    Parameters
    ----------
    state_dict : mapping of str to tensor, or to (shape, name of dtype)
        Only keys, shapes and dtypes are looked at.

    Returns
    -------
    OrderedDict of str to tensor
        The same keys in the same order.
    """
    filled = OrderedDict()
    for key, value in state_dict.items():
        shape, dtype = (
            (value.shape, str(value.dtype).removeprefix("torch."))
            if isinstance(value, torch.Tensor)
            else value
        )
        source = _source(key, state_dict)
        filled[key] = torch.from_numpy(_draw(source, tuple(shape), dtype))
    return filled


def _source(key: str, keys: Iterable[str]) -> str:
    """Key whose name seeds the values: the same one for both names of a shared tensor.

    A small convolutional network names its three layers, and holds them in ``net`` as well.
    """
    layer, _, rest = key.partition(".")
    places = sorted({int(k.split(".")[1]) for k in keys if k.startswith("net.")})
    if layer in ("conv1", "bn1", "conv2") and places:
        place = {"conv1": places[0], "bn1": places[1], "conv2": places[-1]}[layer]
        return f"net.{place}.{rest}"
    return TWINS.get(key, key)


def _draw(key: str, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Values of one tensor, of the spread that its role asks for."""
    role = key.split(".")[-1]
    if role == "num_batches_tracked":
        return np.zeros(shape, dtype)
    random = np.random.default_rng(zlib.crc32(key.encode()))
    if role == "running_var":
        return (0.75 + 0.5 * random.random(shape)).astype(dtype)
    offset, spread = _location(role, shape)
    return np.asarray(offset + spread * random.standard_normal(shape)).astype(dtype)


def _location(role: str, shape: tuple[int, ...]) -> tuple[float, float]:
    """Mean and standard deviation of the values of a tensor."""
    if role == "running_mean":
        return 0.0, 0.1
    if role in ATTENTIONS:
        return 0.0, 1.0
    if role in FILTER_PARAMETERS and len(shape) == 1:
        return 0.0, 0.5
    if "bias" in role:
        return 0.0, 0.05
    if len(shape) == 1:
        return 1.0, 0.1
    return 0.0, 1 / math.sqrt(math.prod(shape[1:]))
