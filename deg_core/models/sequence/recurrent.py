"""A recurrent network and a linear read-out."""

import torch
from torch import Tensor, nn

from deg_core.models.sequence.base import SequenceNetwork

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


class Recurrent(SequenceNetwork):
    """Layers of recurrent cells that read a video from its start, and from its end, too.

    Parameters
    ----------
    cell
        ``lstm``, ``gru`` or ``rnn``.
    hidden
        Units of a layer, in each direction.
    n_layers
        Layers.
    bidirectional
        Whether half of the units read backward.
    input_dropout, hidden_dropout, dropout
        Dropout of the features, between layers, and before the read-out.
    """

    def __init__(
        self,
        n_features: int,
        n_behaviors: int,
        *,
        cell: str = "lstm",
        hidden: int = 64,
        n_layers: int = 3,
        bidirectional: bool = False,
        input_dropout: float = 0.0,
        hidden_dropout: float = 0.0,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.input_dropout = nn.Dropout(input_dropout)
        self.rnn = CELLS[cell](
            n_features, hidden, n_layers, batch_first=True, bidirectional=bidirectional,
            dropout=hidden_dropout if n_layers > 1 else 0.0,
        )  # fmt: skip
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(hidden * (2 if bidirectional else 1), n_behaviors)

    @property
    def reach(self) -> None:
        """What a cell remembers has no bound: the whole video is needed."""
        return None

    @property
    def heads(self) -> tuple[nn.Module, ...]:
        """The linear read-out."""
        return (self.classify,)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, D, T) to logits (N, K, T)."""
        x = self.input_dropout(x).transpose(1, 2)
        # A cell adds up over thousands of frames; not every processor has it in half precision.
        with torch.autocast(x.device.type, enabled=False):
            x, _ = self.rnn(x.float())  # (N, T, units)
        return self.classify(self.dropout(x)).transpose(1, 2)
