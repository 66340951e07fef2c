"""A multi-stage temporal convolutional network with dilated layers.

After Farha and Gall (MS-TCN, CVPR 2019) and Li et al. (MS-TCN++, 2020): the first stage predicts
from features, each later one mends the prediction of the stage before. Behaviors may overlap
here, so stages pass on sigmoids in place of a softmax.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deg_core.models.sequence.base import SequenceNetwork, present


class DilatedLayer(nn.Module):
    """A residual layer: convolutions over 3 frames that are ``dilations`` apart, side by side.

    Parameters
    ----------
    width
        Channels.
    dilations
        Frames between the taps of each convolution.
    dropout
        Before the result is added to the input.
    """

    def __init__(self, width: int, *dilations: int, dropout: float) -> None:
        super().__init__()
        self.reach = max(dilations)
        self.look = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=d, dilation=d) for d in dilations
        )
        self.mix = nn.Conv1d(len(dilations) * width, width, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map (N, C, T) to the same shape; ``mask`` (N, 1, T) is 0 in padding."""
        seen = F.relu(torch.cat([look(x) for look in self.look], dim=1))
        return (x + self.dropout(self.mix(seen))) * mask


class Stage(nn.Module):
    """Dilated layers between two 1x1 convolutions: (N, C, T) to logits (N, K, T).

    Parameters
    ----------
    n_in, n_out
        C and K.
    width
        Channels of the layers.
    layers
        What lies between.
    dropout
        Before the read-out.
    """

    def __init__(
        self, n_in: int, n_out: int, *, width: int, layers: list[DilatedLayer], dropout: float
    ) -> None:
        super().__init__()
        self.enter = nn.Conv1d(n_in, width, 1)
        self.layers = nn.ModuleList(layers)
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Conv1d(width, n_out, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Score all frames; ``mask`` (N, 1, T) is 0 in padding."""
        x = self.enter(x) * mask
        for layer in self.layers:
            x = layer(x, mask)
        return self.classify(self.dropout(x))


class TCN(SequenceNetwork):
    """Stages of dilated layers; layer i looks 2^i frames to each side.

    Layers of the first stage look 2^(n_layers - 1 - i) frames as well, so that each of them sees
    near and far. No layer normalises over time: a frame's logits depend on frames within reach
    only.

    Parameters
    ----------
    hidden
        Channels of all layers.
    n_layers, n_stages
        Layers of a stage, and stages.
    input_dropout, hidden_dropout, dropout
        Dropout of the features, inside layers, and before the read-outs.
    """

    auto_layers = 6  # their dilations double, so that a frame sees a second to each side
    smooths = True

    def __init__(
        self,
        n_features: int,
        n_behaviors: int,
        *,
        hidden: int = 64,
        n_layers: int = 6,
        n_stages: int = 3,
        input_dropout: float = 0.0,
        hidden_dropout: float = 0.0,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.input_dropout = nn.Dropout(input_dropout)
        steps = [2**i for i in range(n_layers)]
        pairs = list(zip(steps, reversed(steps), strict=True))
        self.parts = nn.ModuleList(
            Stage(
                n_behaviors if stage else n_features,
                n_behaviors,
                width=hidden,
                layers=[
                    DilatedLayer(hidden, *dilations, dropout=hidden_dropout)
                    for dilations in (zip(steps) if stage else pairs)
                ],
                dropout=dropout,
            )
            for stage in range(n_stages)
        )

    @property
    def reach(self) -> int:
        """Frames to each side that a frame's logits depend on."""
        return sum(layer.reach for part in self.parts for layer in part.layers)

    @property
    def heads(self) -> tuple[nn.Module, ...]:
        """The read-outs of all stages."""
        return tuple(part.classify for part in self.parts)

    @property
    def dependents(self) -> tuple[nn.Module, ...]:
        """The read-outs, and the first layers of the stages that read predictions."""
        return (*self.heads, *(part.enter for part in self.parts[1:]))

    def stages(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the logits (N, K, T) of every stage, the last one's at the end."""
        mask = present(x)[:, None].to(x.dtype)
        logits = [self.parts[0](self.input_dropout(x), mask)]
        for part in self.parts[1:]:
            logits.append(part(torch.sigmoid(logits[-1]), mask))
        return tuple(logits)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, D, T) to logits (N, K, T) of the last stage."""
        return self.stages(x)[-1]
