"""Temporal Gaussian mixture networks.

After Piergiovanni and Ryoo (ICML 2019), as the paper uses them: every layer mixes a few bumps
into short filters, the same for every feature. Files of the original program need Lorentzian
bumps, shared read-outs and batch norm after them, which are options here.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deg_core.models.sequence.base import SequenceNetwork, last_layer


class TGMLayer(nn.Module):
    """One temporal mixture layer.

    Parameters
    ----------
    c_in, c_out
        Copies of the features that come in and go out.
    n_filters
        Bumps that the filters are mixed from.
    length
        Frames that a filter covers, L.
    filters
        Shape of the bumps: ``gaussian`` or ``lorentzian``.
    soft_attention
        Whether several copies are mixed by attention, or by 1x1 convolutions and ReLU.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        *,
        n_filters: int,
        length: int,
        filters: str = "gaussian",
        soft_attention: bool = True,
    ) -> None:
        super().__init__()
        self.c_in, self.c_out, self.length = c_in, c_out, length
        self.lorentzian = filters == "lorentzian"
        self.center = nn.Parameter(torch.randn(n_filters) * 0.5)
        self.gamma = nn.Parameter(torch.randn(n_filters) * 1e-4)
        self.soft_attn = nn.Parameter(torch.empty(c_out * c_in, n_filters))
        nn.init.xavier_normal_(self.soft_attn)
        mixes = c_in > 1
        self.cls_attn = nn.Parameter(torch.empty(c_out, c_in)) if mixes and soft_attention else None
        if self.cls_attn is not None:
            nn.init.xavier_normal_(self.cls_attn)
        n_mixing = c_out if mixes and not soft_attention else 0
        self.convs = nn.ModuleList(nn.Conv2d(c_in, 1, 1) for _ in range(n_mixing))

    def filters(self) -> Tensor:
        """Return the bumps, (n_filters, L), each summing to 1.

        The center moves over the filter by tanh, the width is at most exp(1.5) frames.
        """
        center = (self.length - 1) * (torch.tanh(self.center) + 1) / 2
        width = torch.exp(1.5 - 2 * torch.tanh(self.gamma).abs())[:, None]
        t = torch.arange(self.length, device=center.device, dtype=center.dtype)
        square = ((t - center[:, None]) / width) ** 2
        if self.lorentzian:
            bumps = 1 / (math.pi * width * (square + 1))
        else:
            bumps = torch.exp(-0.5 * square)
        return bumps / (bumps.sum(1, keepdim=True) + 1e-6)

    def kernels(self) -> Tensor:
        """Return the dense kernel (c_out, c_in, L) that the layer adds the filters up to.

        The weighted sum over c_in of separate convolutions is one convolution with the weighted
        kernels, so memory does not grow with c_in * c_out copies of the features.
        """
        mixed = torch.softmax(self.soft_attn, dim=1) @ self.filters()
        mixed = mixed.view(self.c_out, self.c_in, self.length)
        if self.cls_attn is not None:
            return mixed * torch.softmax(self.cls_attn, dim=1)[:, :, None]
        if self.convs:
            return mixed * torch.cat([conv.weight[..., 0] for conv in self.convs])
        return mixed

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, c_in, D, T) to (N, c_out, D, T)."""
        kernels = self.kernels()[:, :, None]
        if not self.convs:
            return over_time(x, kernels)
        return F.relu(over_time(x, kernels, torch.cat([conv.bias for conv in self.convs])))


def over_time(x: Tensor, kernels: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolve every feature over time, with zeros around it.

    Parameters
    ----------
    x
        (N, c_in, D, T).
    kernels
        (c_out, c_in, 1, L); of an even L the larger half lies behind the frame.
    bias
        (c_out,).

    Returns
    -------
    Tensor
        (N, c_out, D, T). A processor gives it with the copies of a frame side by side in memory:
        fewer than 16 channels fill its vectors only so, and the next layer takes them as they are.
    """
    if x.device.type != "cpu":
        return _same_length(x, kernels, bias)
    n, c_in, d, t = x.shape
    rows = x.permute(0, 2, 3, 1).flatten().view(n * d, 1, t, c_in)  # flat, for its strides
    y = _same_length(rows.permute(0, 3, 1, 2), kernels, bias)  # (N * D, c_out, 1, T)
    return y.permute(0, 2, 3, 1).reshape(n, d, t, -1).permute(0, 3, 1, 2)


def _same_length(x: Tensor, kernels: Tensor, bias: Tensor | None) -> Tensor:
    y = F.conv2d(x, kernels, bias, padding=(0, kernels.shape[-1] // 2))
    # A slice that takes all would cost the backward pass a copy.
    return y if y.shape[-1] == x.shape[-1] else y[..., 1:]


class TGMStack(nn.Module):
    """Several temporal layers, and their copies made one: (N, D, T) to (N, D, T).

    Parameters
    ----------
    n_layers, c_out
        Layers, and copies of the features that each gives.
    n_filters, filter_length, filters, soft_attention
        As of `TGMLayer`.
    reduction
        What becomes of the last layer's copies: ``max``, ``mean``, or a weighted sum (``conv1x1``).
    """

    def __init__(
        self,
        *,
        n_layers: int,
        c_out: int,
        n_filters: int,
        filter_length: int,
        filters: str = "gaussian",
        soft_attention: bool = True,
        reduction: str = "max",
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TGMLayer(
                1 if i == 0 else c_out, c_out, n_filters=n_filters, length=filter_length,
                filters=filters, soft_attention=soft_attention,
            )
            for i in range(n_layers)
        )  # fmt: skip
        self.reduction = reduction
        self.reduce = nn.Conv2d(c_out, 1, 1) if reduction == "conv1x1" else None

    @property
    def reach(self) -> int:
        """Frames to each side that a frame depends on; an even filter has one more behind."""
        return sum(math.ceil((layer.length - 1) / 2) for layer in self.layers)

    def forward(self, x: Tensor) -> Tensor:
        """Smooth each feature over time."""
        x = x[:, None]  # (N, 1, D, T)
        for layer in self.layers:
            x = layer(x)
        if self.reduce is not None:
            return self.reduce(x)[:, 0]
        return x.amax(1) if self.reduction == "max" else x.mean(1)


class Mixture(SequenceNetwork):
    """What all these networks have: a `TGMStack`, which alone looks beyond the frame."""

    def __init__(self, **stack: Any) -> None:
        super().__init__()
        self.stack = TGMStack(**stack)

    @property
    def reach(self) -> int:
        """Frames to each side that a frame's logits depend on."""
        return self.stack.reach


class TGM(Mixture):
    """Features and their temporal mixture side by side under one linear read-out."""

    def __init__(
        self,
        n_features: int,
        n_behaviors: int,
        *,
        n_layers: int,
        c_out: int,
        n_filters: int,
        filter_length: int,
        filters: str = "gaussian",
        soft_attention: bool = True,
        reduction: str = "max",
        dropout: float = 0.5,
    ) -> None:
        super().__init__(
            n_layers=n_layers, c_out=c_out, n_filters=n_filters, filter_length=filter_length,
            filters=filters, soft_attention=soft_attention, reduction=reduction,
        )  # fmt: skip
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Conv1d(2 * n_features, n_behaviors, 1)

    @property
    def heads(self) -> tuple[nn.Module, ...]:
        """The linear read-out."""
        return (self.classify,)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, D, T) to logits (N, K, T)."""
        return self.classify(self.dropout(torch.cat([x, self.stack(x)], dim=1)))


class ReadOut(nn.Module):
    """A hidden layer of 1x1 convolutions, if any, and a linear one: (N, D, T) to (N, K, T).

    Parameters
    ----------
    n_features, n_behaviors
        D and K.
    hidden
        Units of the hidden layer; 0: there is none.
    dropout
        After the hidden layer.
    final_bn
        Batch norm after the linear layer, which then has no bias.
    sharing
        Another read-out whose hidden layer and last bias are this one's, too.
    """

    def __init__(
        self,
        n_features: int,
        n_behaviors: int,
        *,
        hidden: int,
        dropout: float,
        final_bn: bool = False,
        sharing: "ReadOut | None" = None,
    ) -> None:
        super().__init__()
        shared = None if sharing is None else sharing.hidden
        self.hidden = shared or (nn.Conv1d(n_features, hidden, 1) if hidden else None)
        self.dropout = nn.Dropout(dropout)
        classify = nn.Conv1d(hidden or n_features, n_behaviors, 1, bias=not final_bn)
        self.classify = (
            nn.Sequential(classify, nn.BatchNorm1d(n_behaviors)) if final_bn else classify
        )
        if sharing is not None:
            last_layer(self.classify).bias = last_layer(sharing.classify).bias

    def forward(self, x: Tensor) -> Tensor:
        """Score every frame by itself."""
        if self.hidden is not None:
            x = self.dropout(F.relu(self.hidden(x)))
        return self.classify(x)


class TGMHidden(Mixture):
    """Features and their temporal mixture side by side under a read-out with a hidden layer.

    Parameters
    ----------
    hidden
        Units of the hidden layer.
    """

    def __init__(
        self,
        n_features: int,
        n_behaviors: int,
        *,
        n_layers: int,
        c_out: int,
        n_filters: int,
        filter_length: int,
        filters: str = "gaussian",
        soft_attention: bool = True,
        reduction: str = "max",
        input_dropout: float = 0.5,
        dropout: float = 0.5,
        hidden: int = 128,
    ) -> None:
        super().__init__(
            n_layers=n_layers, c_out=c_out, n_filters=n_filters, filter_length=filter_length,
            filters=filters, soft_attention=soft_attention, reduction=reduction,
        )  # fmt: skip
        self.input_dropout = nn.Dropout(input_dropout)
        self.read_out = ReadOut(2 * n_features, n_behaviors, hidden=hidden, dropout=dropout)

    @property
    def heads(self) -> tuple[nn.Module, ...]:
        """The last layer of the read-out."""
        return (self.read_out.classify,)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, D, T) to logits (N, K, T)."""
        both = torch.cat([x, self.stack(x)], dim=1)
        return self.read_out(self.input_dropout(both))


class TGMLate(Mixture):
    """The paper's head: two read-outs, of the features and of their mixture, averaged.

    Parameters
    ----------
    nonlinear, hidden
        Whether the read-outs have a hidden layer, and its units.
    shared_read_out
        Whether both have one hidden layer and one last bias between them.
    final_bn
        Batch norm after the read-outs.
    extractor_logits
        Whether `forward` also takes the feature extractor's logits; a learned softmax then weighs
        both read-outs and them.
    """

    def __init__(
        self,
        n_features: int,
        n_behaviors: int,
        *,
        n_layers: int,
        c_out: int,
        n_filters: int,
        filter_length: int,
        filters: str = "gaussian",
        soft_attention: bool = True,
        reduction: str = "max",
        input_dropout: float = 0.5,
        dropout: float = 0.5,
        hidden: int = 128,
        nonlinear: bool = True,
        final_bn: bool = False,
        shared_read_out: bool = False,
        extractor_logits: bool = False,
    ) -> None:
        super().__init__(
            n_layers=n_layers, c_out=c_out, n_filters=n_filters, filter_length=filter_length,
            filters=filters, soft_attention=soft_attention, reduction=reduction,
        )  # fmt: skip
        self.input_dropout = nn.Dropout(input_dropout)
        made = {"hidden": hidden if nonlinear else 0, "dropout": dropout, "final_bn": final_bn}
        self.now = ReadOut(n_features, n_behaviors, **made)
        sharing = self.now if shared_read_out else None
        self.around = ReadOut(n_features, n_behaviors, **made, sharing=sharing)
        self.weights = nn.Parameter(torch.zeros(3)) if extractor_logits else None

    @property
    def heads(self) -> tuple[nn.Module, ...]:
        """The last layers of both read-outs."""
        return (self.now.classify, self.around.classify)

    def forward(self, x: Tensor, extractor_logits: Tensor | None = None) -> Tensor:
        """Map (N, D, T) to logits (N, K, T); ``extractor_logits`` (N, K, T) only if asked for."""
        now = self.now(self.input_dropout(x))
        around = self.around(self.input_dropout(self.stack(x)))
        if self.weights is None:
            return (now + around) / 2
        share = torch.softmax(self.weights, dim=0)
        return share[0] * now + share[1] * around + share[2] * extractor_logits
