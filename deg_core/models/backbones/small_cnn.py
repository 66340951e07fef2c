"""A small network for pictures, trained from nothing."""

import torch
from torch import Tensor, nn


class SmallCNN(nn.Module):
    """A plain convolutional network that learns from few clips in minutes.

    Average and maximum over the picture are both kept: a paw is small, and an average over the
    arena would drown it.

    Parameters
    ----------
    channels, frames
        Channels of each frame, and frames, stacked.
    width
        Factor on the numbers of channels.
    """

    volume = False

    def __init__(self, channels: int, frames: int = 1, *, width: float = 1.0) -> None:
        super().__init__()
        c = [max(8, round(n * width)) for n in (24, 48, 96, 128)]
        self.length = 2 * c[3]
        self.body = nn.Sequential(
            self._block(channels * frames, c[0], stride=2),
            self._block(c[0], c[1], stride=2),
            self._block(c[1], c[1]),
            self._block(c[1], c[2], stride=2),
            self._block(c[2], c[2]),
            self._block(c[2], c[3]),
        )

    @staticmethod
    def _block(c_in: int, c_out: int, *, stride: int = 1) -> nn.Sequential:
        conv = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(c_out), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels * frames, H, W) to (N, D)."""
        x = self.body(x)
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1)
