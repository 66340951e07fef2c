"""The keypoint network of the paper: a window of keypoint features to its center frame."""

from torch import Tensor, nn

from deg_core.models.sequence.base import SequenceNetwork


class MLP(nn.Sequential):
    """Two hidden layers on flattened windows: (N, D) to logits (N, K).

    Parameters
    ----------
    n_features
        D: numbers of a flattened window, all times of the first feature first.
    n_behaviors
        K.
    dropout
        After each hidden layer.

    Notes
    -----
    It scores one frame per window, as files of the original program need it; `WindowMLP` is the
    same for the sequence stage.
    """

    def __init__(self, n_features: int, n_behaviors: int, *, dropout: float = 0.35) -> None:
        super().__init__(
            nn.Linear(n_features, 256),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(128, n_behaviors),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, D) to logits (N, K)."""
        return super().forward(x)


class WindowMLP(SequenceNetwork):
    """The same two hidden layers on the window around every frame: (N, D, T) to (N, K, T).

    Parameters
    ----------
    mlp_window
        Frames that it sees, an odd number with the frame itself in the middle; what lies beyond
        the ends of the video is 0.
    dropout
        After each hidden layer.

    Notes
    -----
    A linear layer on a window around every frame is a convolution: the weights (256, 31 D) of
    `MLP`, as (256, D, 31), are those of the first layer here.
    """

    def __init__(
        self, n_features: int, n_behaviors: int, *, mlp_window: int = 31, dropout: float = 0.35
    ) -> None:
        super().__init__()
        self._reach = mlp_window // 2
        self.hidden = nn.Sequential(
            nn.Conv1d(n_features, 256, mlp_window, padding=self._reach),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv1d(256, 128, 1),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.classify = nn.Conv1d(128, n_behaviors, 1)

    @property
    def reach(self) -> int:
        """Half the window."""
        return self._reach

    @property
    def heads(self) -> tuple[nn.Module, ...]:
        """The last layer."""
        return (self.classify,)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, D, T) to logits (N, K, T)."""
        return self.classify(self.hidden(x))
