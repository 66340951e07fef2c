"""What keeps weights small, or close to the ones that a training started from."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

# Parts of a parameter's name that tell of a bias or a norm, in any case of letters.
SPARED = ("batchnorm", "bn", "bias")


def decayed(network: nn.Module) -> dict[str, nn.Parameter]:
    """Name the parameters that weight decay concerns: trainable ones of two or more axes.

    Biases, batch norms and the few numbers that place temporal filters are left alone; so is what
    has a bias or a norm in its name.
    """
    return {
        name: parameter
        for name, parameter in network.named_parameters()
        if parameter.requires_grad
        and parameter.ndim > 1
        and not any(part in name.lower() for part in SPARED)
    }


def l2(parameters: Iterable[Tensor]) -> Tensor:
    """Half the sum of squares of all weights."""
    squares = [p.square().sum() for p in parameters]
    return 0.5 * torch.stack(squares).sum() if squares else torch.zeros(())


def pulled(parameters: Mapping[str, Tensor], pretrained: Mapping[str, Tensor]) -> list[str]:
    """Name the parameters that loaded weights pull: those of equal name and shape."""
    return [
        name
        for name, parameter in parameters.items()
        if name in pretrained and pretrained[name].shape == parameter.shape
    ]


def l2_sp(
    parameters: Mapping[str, Tensor],
    pretrained: Mapping[str, Tensor],
    *,
    alpha: float,
    beta: float,
) -> Tensor:
    """Pull weights to the ones that a training started from, and the other ones to zero.

    Parameters
    ----------
    parameters
        The weights by name, see `decayed`.
    pretrained
        Loaded weights by name, on the same device. What has no counterpart of equal name and shape
        there is pulled to zero.
    alpha, beta
        Strength of the pull to loaded weights, and to zero.

    Returns
    -------
    Tensor
        Scalar: alpha / 2 * sum (w - w0)^2 + beta / 2 * sum w^2.

    Notes
    -----
    L2-SP of Li et al. 2018.
    """
    close = pulled(parameters, pretrained)
    rest = [parameter for name, parameter in parameters.items() if name not in set(close)]
    away = [parameters[name] - pretrained[name].to(parameters[name]) for name in close]
    return alpha * l2(away) + beta * l2(rest)
