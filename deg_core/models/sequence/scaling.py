"""The wrapper of every sequence network: what is done to features before it sees them."""

import torch
from torch import Tensor, nn

from deg_core.models.sequence.base import SequenceNetwork, last_layer, prefixes


class Unscaled(nn.Module):
    """A sequence network that gets its features as they are.

    Parameters
    ----------
    network
        The network behind the wrapper.
    n_features
        D.

    Attributes
    ----------
    mean
        (D, 1) What a frame of padding has to hold so that the network sees zeros: here zeros.
    """

    _keeps_moments = False

    def __init__(self, network: SequenceNetwork, n_features: int) -> None:
        super().__init__()
        self.network = network
        kept = self._keeps_moments
        self.register_buffer("mean", torch.zeros(n_features, 1), persistent=kept)
        self.register_buffer("scale", torch.ones(n_features, 1), persistent=kept)

    @property
    def reach(self) -> int | None:
        """Frames to each side that a frame's logits depend on; None: it needs the whole video."""
        return self.network.reach

    @property
    def heads(self) -> tuple[nn.Module, ...]:
        """Read-outs of the network."""
        return self.network.heads

    def head_prefixes(self) -> tuple[str, ...]:
        """Return the state-dict prefixes, with their dot, of all tensors that depend on K."""
        return prefixes(self, self.network.dependents)

    def set_moments(self, mean: Tensor, std: Tensor) -> None:
        """Do nothing with mean and standard deviation (D,) of the features."""

    def set_bias(self, bias: Tensor) -> None:
        """Start the read-outs at ``bias`` (K,): the log odds of each behavior."""
        for head in self.heads:
            with torch.no_grad():
                last_layer(head).bias.copy_(bias)

    def scaled(self, x: Tensor) -> Tensor:
        """Return features (N, D, T) as the network sees them."""
        return x

    def stages(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the logits (N, K, T) of every stage, the last one's at the end."""
        return self.network.stages(self.scaled(x))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, D, T) to logits (N, K, T)."""
        return self.network(self.scaled(x))


class Standardized(Unscaled):
    """A sequence network behind a fixed standardisation of its features.

    Mean and scale are the training videos'; they travel with the weights. Features of different
    backbones differ by orders of magnitude, and one learning rate must serve all.
    """

    _keeps_moments = True

    def set_moments(self, mean: Tensor, std: Tensor) -> None:
        """Take mean and standard deviation (D,) of the training videos' features.

        No feature is divided by less than the average deviation: one that hardly ever spoke in
        training would otherwise shout in a video that looks a little different.
        """
        self.mean.copy_(mean[:, None])
        self.scale.copy_(1 / torch.maximum(std, std.mean().clamp(min=1e-6))[:, None])

    def scaled(self, x: Tensor) -> Tensor:
        """Return standardised features (N, D, T); frames of padding are exactly zero."""
        return (x - self.mean) * self.scale
