"""The keypoint network of the paper: a window of keypoint features to its center frame."""

from torch import Tensor, nn


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
    It scores one frame per window, and is therefore no network of the sequence stage.
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
