"""The temporal mixture layer: one dense convolution beside the grouped form that it adds up.

The grouped form is written here as the layer is usually described: for each output, a grouped
convolution gives as many copies of the features as come in, and the weighted sum over these
copies is the output. Between them lies a tensor of N x c_out x c_in x D x T.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import psutil
import torch
from torch import Tensor
from torch.nn import functional as F

from deg_core.bench.figures import figure, interleaved, peak_mb, ratios
from deg_core.bench.subject import wait_for
from deg_core.learn.device import choose
from deg_core.models.sequence.tgm import TGMLayer

N_FILTERS = 8
Shape = Mapping[str, int]  # n, d, t, c_in, c_out, length
Form = Callable[[TGMLayer, Tensor], Tensor]


def dense(layer: TGMLayer, x: Tensor) -> Tensor:
    """Map (N, c_in, D, T) to (N, c_out, D, T) as the layer does."""
    return layer(x)


def grouped(layer: TGMLayer, x: Tensor) -> Tensor:
    """Map (N, c_in, D, T) to (N, c_out, D, T) by grouped convolutions and a weighted sum."""
    before = (layer.length - 1) // 2
    x = F.pad(x, (before, layer.length - 1 - before))
    kernels = torch.softmax(layer.soft_attn, dim=1) @ layer.filters()
    kernels = kernels.view(layer.c_out, layer.c_in, 1, 1, layer.length)
    copies = [F.conv2d(x, kernel, groups=layer.c_in) for kernel in kernels]  # (N, c_in, D, T) each
    together = torch.stack(copies, dim=1)  # (N, c_out, c_in, D, T)
    weights = torch.softmax(layer.cls_attn, dim=1)
    return (together * weights[None, :, :, None, None]).sum(2)


FORMS: dict[str, Form] = {"grouped": grouped, "dense": dense}


def subject(shape: Shape, device: torch.device) -> tuple[TGMLayer, Tensor]:
    """Build a layer and its input, with gradient, as between two layers of a stack."""
    torch.manual_seed(0)
    layer = TGMLayer(shape["c_in"], shape["c_out"], n_filters=N_FILTERS, length=shape["length"]).to(
        device
    )
    x = torch.randn(shape["n"], shape["c_in"], shape["d"], shape["t"], device=device)
    return layer, x.requires_grad_()


def step(layer: TGMLayer, x: Tensor, form: Form) -> None:
    """Go forward and backward once."""
    layer.zero_grad(set_to_none=True)
    x.grad = None
    form(layer, x).square().mean().backward()


def measure(*, shape: Shape, pairs: int, threads: int) -> dict[str, Any]:
    """Measure a training step of both forms, in turn.

    Parameters
    ----------
    shape
        n, d, t, c_in (more than 1), c_out, length.
    pairs
        Repetitions.
    threads
        Threads to use.

    Returns
    -------
    dict
        Seconds of both, how many times faster the dense one is, and how far their answers differ,
        as a share of the largest.
    """
    device = choose(threads)
    layer, x = subject(shape, device)
    ways = {name: partial(step, layer, x, form) for name, form in FORMS.items()}
    for way in ways.values():
        way()
    costs = interleaved(ways, repeats=pairs, wait=partial(wait_for, device))
    with torch.no_grad():
        one, other = grouped(layer, x), dense(layer, x)
    seconds = {
        name: {
            "wall_s": figure([cost.wall_s for cost in each]),
            "cpu_s": figure([cost.cpu_s for cost in each]),
        }
        for name, each in costs.items()
    }
    different = float((one - other).abs().max() / one.abs().max())
    return {**seconds, **ratios(costs["grouped"], costs["dense"]), "largest_difference": different}


def memory(*, shape: Shape, form: str, threads: int) -> dict[str, Any]:
    """Measure what a training step of one form adds to the memory of a process made for it.

    Returns
    -------
    dict
        ``added_mb``: from before the step to its peak; of the card, where one computes.
    """
    device = choose(threads)
    layer, x = subject(shape, device)
    step(*subject(dict(shape) | {"n": 1, "d": 1, "t": shape["length"]}, device), FORMS[form])
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated() / 2**20
        step(layer, x, FORMS[form])
        return {"added_mb": torch.cuda.max_memory_allocated() / 2**20 - before}
    before = psutil.Process().memory_info().rss / 2**20
    step(layer, x, FORMS[form])
    return {"added_mb": peak_mb() - before}
