"""Differences of neighboring frames: the motion input that needs no training."""

from torch import Tensor, nn
from torch.nn import functional as F


class Difference(nn.Module):
    """Differences of neighboring frames' brightness at half size: motion without learning.

    Parameters
    ----------
    n_frames
        Frames per clip, T.
    width
        Taken, as by every motion network, and without effect.
    """

    kind = "difference"
    per_pair = 1
    pairwise = True
    volume = False

    def __init__(self, n_frames: int = 11, *, width: float = 1.0) -> None:
        super().__init__()
        self.n_frames, self.channels = n_frames, self.per_pair * (n_frames - 1)

    def forward(self, clip: Tensor) -> tuple[Tensor]:
        """Return (N, T-1, H/2, W/2): brightness of frame i+1 minus that of frame i."""
        gray = clip.mean(2)  # (N, T, H, W)
        small = F.avg_pool2d(gray, 2, ceil_mode=True, count_include_pad=False)
        return (small[:, 1:] - small[:, :-1],)
