"""Networks as inference wants them: batch norms folded into convolutions, channels last."""

import copy

import torch
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.utils.fusion import fuse_conv_bn_eval

from deg_core.models.flow.blocks import concat_cropped


def for_inference(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return a copy that computes the same outputs sooner, in a number format.

    Parameters
    ----------
    network
        Any network; it stays as it is.
    dtype
        Format of weights and computation; input is expected in it. What the network calls
        ``sensitive`` is computed in float32 whatever it is.

    Returns
    -------
    nn.Module
        In eval mode, without gradients. Where the network's own computation cannot be followed
        (it branches on values), the batch norms stay.
    """
    fast = folded(network).requires_grad_(False).to(dtype)
    if dtype != torch.float32:
        exact = folded(network).requires_grad_(False)
        for name in getattr(network, "sensitive", ()):
            _put(fast, name, InFloat32(exact.get_submodule(name)))
    for module in fast.modules():
        if isinstance(module, nn.LeakyReLU | nn.ReLU):
            module.inplace = True
    return with_channels_last(fast)


class InFloat32(nn.Module):
    """A part of a network that keeps all its digits, behind parts that do not."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute in float32."""
        return self.part(x.float())


def with_channels_last(network: nn.Module) -> nn.Module:
    """Lay a network's kernels out channel by channel, which convolutions are fastest with.

    A picture's channels then follow suit through the network. Cubes stay as they are in float32,
    for which nothing is gained.
    """
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        if parameter.ndim == 5 and parameter.dtype != torch.float32:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)
    return network


def folded(network: nn.Module) -> nn.Module:
    """Return a copy in eval mode whose convolutions do what batch norms behind them did."""
    network = copy.deepcopy(network).eval()
    for convolution, norm in _pairs(network):
        first, second = network.get_submodule(convolution), network.get_submodule(norm)
        transposed = isinstance(first, _ConvTransposeNd)
        _put(network, convolution, fuse_conv_bn_eval(first, second, transpose=transposed))
        _put(network, norm, nn.Identity())
    return network


def _pairs(network: nn.Module) -> list[tuple[str, str]]:
    """Name the convolutions that nothing but a batch norm reads, each with that batch norm."""
    try:
        graph = fx.Tracer(autowrap_functions=(concat_cropped,)).trace(network)
    except (fx.proxy.TraceError, TypeError):
        return []
    calls = [node for node in graph.nodes if node.op == "call_module"]
    targets = [node.target for node in calls]
    pairs = []
    for node in calls:
        before = node.args[0]
        if not isinstance(network.get_submodule(node.target), _BatchNorm):
            continue
        if not (isinstance(before, fx.Node) and before in calls and len(before.users) == 1):
            continue
        convolves = isinstance(network.get_submodule(before.target), _ConvNd)
        if convolves and targets.count(before.target) == targets.count(node.target) == 1:
            pairs.append((before.target, node.target))
    return pairs


def _put(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, module)
