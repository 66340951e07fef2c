"""What all sequence networks share: how far they look, and which of their layers know K."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn


class SequenceNetwork(nn.Module, ABC):
    """A network from features (N, D, T) to logits (N, K, T).

    Frames of exact zeros are padding, behind the video's end.

    Attributes
    ----------
    auto_layers
        What the setting ``n_layers: auto`` is for this network.
    smooths
        Whether its training adds the truncated smoothing loss.
    """

    auto_layers: ClassVar[int] = 3
    smooths: ClassVar[bool] = False

    @property
    @abstractmethod
    def reach(self) -> int | None:
        """Frames to each side that a frame's logits depend on; None: it needs the whole video."""

    @property
    @abstractmethod
    def heads(self) -> tuple[nn.Module, ...]:
        """Read-outs: their last layer has a bias (K,), where the logits start."""

    @property
    def dependents(self) -> tuple[nn.Module, ...]:
        """All modules whose shapes depend on K; they are new when the behaviors are others."""
        return self.heads

    def stages(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the logits (N, K, T) of every stage, the last one's at the end."""
        return (self(x),)

    def head_prefixes(self) -> tuple[str, ...]:
        """Return the state-dict prefixes, with their dot, of all tensors that depend on K."""
        return prefixes(self, self.dependents)


def prefixes(network: nn.Module, modules: tuple[nn.Module, ...]) -> tuple[str, ...]:
    """Return the state-dict prefixes, with their dot, of some modules of a network."""
    return tuple(f"{name}." for name, m in network.named_modules() if any(m is x for x in modules))


def last_layer(head: nn.Module) -> nn.Module:
    """Return the layer that holds a read-out's bias (K,): the batch norm, where one comes last."""
    return head[-1] if isinstance(head, nn.Sequential) else head


def present(x: Tensor) -> Tensor:
    """Return which frames of features (N, D, T) are no padding, (N, T) bool."""
    return torch.any(x != 0, dim=1)
