"""A linear read-out of every frame by itself."""

from torch import Tensor, nn

from deg_core.models.sequence.base import SequenceNetwork


class Linear(SequenceNetwork):
    """Each frame by itself: what time adds is measured against this."""

    def __init__(self, n_features: int, n_behaviors: int, *, dropout: float = 0.5) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Conv1d(n_features, n_behaviors, 1)

    @property
    def reach(self) -> int:
        """A frame's logits depend on no other frame."""
        return 0

    @property
    def heads(self) -> tuple[nn.Module, ...]:
        """The only layer."""
        return (self.classify,)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, D, T) to logits (N, K, T)."""
        return self.classify(self.dropout(x))
