"""Sequence models: features over time (N, D, T) to logits over time (N, K, T).

Temporal Gaussian mixture layers (Piergiovanni and Ryoo, ICML 2019) as the paper uses them: every
layer mixes a few Gaussian bumps into short filters, the same for every feature.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TGMLayer(nn.Module):
    """One temporal Gaussian mixture layer.

    Parameters
    ----------
    c_in, c_out
        Copies of the features that come in and go out.
    n_filters
        Gaussians that the filters are mixed from.
    length
        Frames that a filter covers, L.
    """

    def __init__(self, c_in: int, c_out: int, *, n_filters: int, length: int) -> None:
        super().__init__()
        self.c_in, self.c_out, self.length = c_in, c_out, length
        self.center = nn.Parameter(torch.randn(n_filters) * 0.5)
        self.gamma = nn.Parameter(torch.randn(n_filters) * 1e-4)
        self.soft_attn = nn.Parameter(torch.empty(c_out * c_in, n_filters))
        nn.init.xavier_normal_(self.soft_attn)
        self.cls_attn = nn.Parameter(torch.empty(c_out, c_in)) if c_in > 1 else None
        if self.cls_attn is not None:
            nn.init.xavier_normal_(self.cls_attn)

    def filters(self) -> Tensor:
        """Return the Gaussians, (n_filters, L), each summing to 1.

        The center moves over the filter by tanh, the width is at most exp(1.5) frames.
        """
        center = (self.length - 1) * (torch.tanh(self.center) + 1) / 2
        width = torch.exp(1.5 - 2 * torch.tanh(self.gamma).abs())
        t = torch.arange(self.length, device=center.device, dtype=center.dtype)
        bumps = torch.exp(-0.5 * ((t - center[:, None]) / width[:, None]) ** 2)
        return bumps / (bumps.sum(1, keepdim=True) + 1e-6)

    def kernels(self) -> Tensor:
        """Return the dense kernel (c_out, c_in, L) that the attention adds the filters up to.

        The weighted sum over c_in of separate convolutions is one convolution with the weighted
        kernels, so memory does not grow with c_in * c_out copies of the features.
        """
        mixed = torch.softmax(self.soft_attn, dim=1) @ self.filters()
        mixed = mixed.view(self.c_out, self.c_in, self.length)
        if self.cls_attn is None:
            return mixed
        return mixed * torch.softmax(self.cls_attn, dim=1)[:, :, None]

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, c_in, D, T) to (N, c_out, D, T)."""
        before = (self.length - 1) // 2
        x = F.pad(x, (before, self.length - 1 - before))
        return F.conv2d(x, self.kernels()[:, :, None, :])


class TGMStack(nn.Module):
    """Several temporal layers and the maximum over their copies: (N, D, T) to (N, D, T)."""

    def __init__(self, *, n_layers: int, c_out: int, n_filters: int, filter_length: int) -> None:
        super().__init__()
        made = {"n_filters": n_filters, "length": filter_length}
        self.layers = nn.ModuleList(
            TGMLayer(1 if i == 0 else c_out, c_out, **made) for i in range(n_layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Smooth each feature over time; the largest of the copies is kept."""
        x = x[:, None]  # (N, 1, D, T)
        for layer in self.layers:
            x = layer(x)
        return x.amax(1)


class TGM(nn.Module):
    """Features and their temporal mixture side by side under one linear read-out."""

    def __init__(
        self, n_features: int, n_behaviors: int, *, dropout: float, stack: Mapping[str, int]
    ) -> None:
        super().__init__()
        self.stack = TGMStack(**stack)
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Conv1d(2 * n_features, n_behaviors, 1)
        self.heads = [self.classify]

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, D, T) to logits (N, K, T)."""
        return self.classify(self.dropout(torch.cat([x, self.stack(x)], dim=1)))


class ReadOut(nn.Module):
    """A hidden layer of 1x1 convolutions and a linear one: (N, D, T) to (N, K, T)."""

    def __init__(self, n_features: int, n_behaviors: int, *, hidden: int, dropout: float) -> None:
        super().__init__()
        self.hidden = nn.Conv1d(n_features, hidden, 1)
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Conv1d(hidden, n_behaviors, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Score every frame by itself."""
        return self.classify(self.dropout(F.relu(self.hidden(x))))


class TGMLate(nn.Module):
    """The paper's head: two read-outs, of the features and of their mixture, averaged."""

    def __init__(
        self,
        n_features: int,
        n_behaviors: int,
        *,
        input_dropout: float,
        dropout: float,
        hidden: int,
        stack: Mapping[str, int],
    ) -> None:
        super().__init__()
        self.stack = TGMStack(**stack)
        self.input_dropout = nn.Dropout(input_dropout)
        self.now = ReadOut(n_features, n_behaviors, hidden=hidden, dropout=dropout)
        self.around = ReadOut(n_features, n_behaviors, hidden=hidden, dropout=dropout)
        self.heads = [self.now.classify, self.around.classify]

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, D, T) to logits (N, K, T)."""
        now = self.now(self.input_dropout(x))
        around = self.around(self.input_dropout(self.stack(x)))
        return (now + around) / 2


class Linear(nn.Module):
    """Each frame by itself: what time adds is measured against this."""

    def __init__(self, n_features: int, n_behaviors: int, *, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Conv1d(n_features, n_behaviors, 1)
        self.heads = [self.classify]

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, D, T) to logits (N, K, T)."""
        return self.classify(self.dropout(x))


NETWORKS: Mapping[str, Callable[..., nn.Module]] = {
    "tgm_late": TGMLate,
    "tgm": TGM,
    "linear": Linear,
}
_OPTIONS = {
    "tgm_late": ("input_dropout", "dropout", "hidden", "stack"),
    "tgm": ("dropout", "stack"),
    "linear": ("dropout",),
}
STACK = ("n_layers", "c_out", "n_filters", "filter_length")


class Standardized(nn.Module):
    """A sequence network behind a fixed standardisation of its features.

    Mean and scale are the training videos'; they travel with the weights. Features of different
    backbones differ by orders of magnitude, and one learning rate must serve all.
    """

    def __init__(self, network: nn.Module, n_features: int) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.zeros(n_features, 1))
        self.register_buffer("scale", torch.ones(n_features, 1))

    def set_moments(self, mean: Tensor, std: Tensor) -> None:
        """Take mean and standard deviation (D,) of the training videos' features.

        No feature is divided by less than the average deviation: one that hardly ever spoke in
        training would otherwise shout in a video that looks a little different.
        """
        self.mean.copy_(mean[:, None])
        self.scale.copy_(1 / torch.maximum(std, std.mean().clamp(min=1e-6))[:, None])

    def set_bias(self, bias: Tensor) -> None:
        """Start the last layers at ``bias`` (K,): the log odds of each behavior."""
        for head in self.network.heads:
            with torch.no_grad():
                head.bias.copy_(bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, D, T) to logits (N, K, T); frames of padding are exactly zero after scaling."""
        return self.network((x - self.mean) * self.scale)


def build(network: str, *, n_features: int, n_behaviors: int, **settings: Any) -> Standardized:
    """Build a sequence model by its name in the settings.

    Parameters
    ----------
    network
        A key of `NETWORKS`.
    n_features, n_behaviors
        D and K.
    **settings
        The sequence settings; what a network does not use is ignored.
    """
    options = dict(settings) | {"stack": {k: settings[k] for k in STACK if k in settings}}
    chosen = {key: options[key] for key in _OPTIONS[network]}
    return Standardized(NETWORKS[network](n_features, n_behaviors, **chosen), n_features)


def receptive_field(*, n_layers: int, filter_length: int, **_: Any) -> int:
    """Return how many frames to each side the temporal layers look."""
    return n_layers * math.ceil((filter_length - 1) / 2)
