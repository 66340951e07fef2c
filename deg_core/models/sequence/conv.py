"""Two ordinary temporal convolutions."""

from torch import Tensor, nn
from torch.nn import functional as F

from deg_core.models.sequence.base import SequenceNetwork


class Conv(SequenceNetwork):
    """A convolution over 7 frames, batch norm, ReLU, dropout, and one over 3 frames.

    Parameters
    ----------
    hidden
        Channels between the two.
    dropout
        Between the two.
    """

    def __init__(
        self, n_features: int, n_behaviors: int, *, hidden: int = 64, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.enter = nn.Conv1d(n_features, hidden, 7, padding=3, bias=False)
        self.norm = nn.BatchNorm1d(hidden)
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Conv1d(hidden, n_behaviors, 3, padding=1)

    @property
    def reach(self) -> int:
        """3 frames of the first convolution and 1 of the second, to each side."""
        return 3 + 1

    @property
    def heads(self) -> tuple[nn.Module, ...]:
        """The second convolution."""
        return (self.classify,)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, D, T) to logits (N, K, T)."""
        return self.classify(self.dropout(F.relu(self.norm(self.enter(x)))))
