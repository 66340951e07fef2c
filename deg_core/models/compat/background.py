"""The background's row out of the last layers: the original has it as its first output.

With sigmoids every output stands for itself, and the row is left out. With a softmax over all
outputs, the others are told relative to the background's: what is left are the logits of one group
of exclusive behaviors, whose background has the logit 0. Both are exact.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

BN_EPS = 1e-5  # torch's, which all networks here have


def without_background(
    weights: Mapping[str, Tensor], prefixes: Sequence[str], *, exclusive: bool
) -> dict[str, Tensor]:
    """Take the first output out of the last layers.

    Parameters
    ----------
    weights
        State dict of one of our networks with K outputs.
    prefixes
        How the names in each of its last layers begin, with the dot: a linear layer, or one
        without bias and a batch norm.
    exclusive
        Whether the outputs go through a softmax.

    Returns
    -------
    dict
        State dict of the network with K-1 outputs.
    """
    found = dict(weights)
    for prefix in prefixes:
        head = {key.removeprefix(prefix): v for key, v in weights.items() if key.startswith(prefix)}
        if exclusive:
            head = _relative(head)
        rows = {key: value[1:].clone() if value.ndim else value for key, value in head.items()}
        found |= {f"{prefix}{key}": value for key, value in rows.items()}
    return found


def _relative(head: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Subtract the first row's logit from all others."""
    if "0.weight" not in head:
        return {key: (v.double() - v[:1].double()).to(v) for key, v in head.items()}
    return _relative_normed(head)


def _relative_normed(head: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Subtract it behind a batch norm, whose scales differ by row: they go into the weights.

    The norm's bias stays its own, since read-outs may share it; scale and variance become 1.
    """
    double = {key: value.double() for key, value in head.items()}
    scale = double["1.weight"] / torch.sqrt(double["1.running_var"] + BN_EPS)  # (K,)
    weight = double["0.weight"] * scale.view(-1, *[1] * (head["0.weight"].ndim - 1))
    mean, bias = double["1.running_mean"] * scale, double["1.bias"]
    changed = {
        "0.weight": weight - weight[:1],
        "1.weight": torch.ones_like(scale),
        "1.running_var": torch.full_like(scale, 1 - BN_EPS),
        "1.running_mean": mean - mean[:1],
        "1.bias": bias - bias[:1],
    }
    return dict(head) | {key: value.to(head[key]) for key, value in changed.items()}
