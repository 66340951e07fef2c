"""Networks that turn a clip into motion: the flow generator, and plain differences.

A clip is (N, T, 3, H, W), normalised. Every network here returns a tuple of motion maps, finest
scale first, and tells by ``channels`` how many channels a map has and by ``kind`` what they are.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.1


def conv_block(
    c_in: int, c_out: int, kernel: int, *, stride: int = 1, active: bool = True
) -> nn.Sequential:
    """Build convolution and batch norm, with a leaky ReLU unless ``active`` is false."""
    layers: list[nn.Module] = [
        nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2),
        nn.BatchNorm2d(c_out),
    ]
    if active:
        layers.append(nn.LeakyReLU(SLOPE))
    return nn.Sequential(*layers)


def up_block(c_in: int, c_out: int) -> nn.Sequential:
    """Build a transposed convolution that doubles height and width."""
    return nn.Sequential(nn.ConvTranspose2d(c_in, c_out, 4, 2, 1), nn.LeakyReLU(SLOPE))


def concat_cropped(*maps: Tensor) -> Tensor:
    """Join maps along channels, cropped at the lower right to the smallest height and width.

    The encoder rounds sizes up and the decoder doubles them, so odd sizes differ by one.
    """
    height = min(m.shape[-2] for m in maps)
    width = min(m.shape[-1] for m in maps)
    return torch.cat([m[..., :height, :width] for m in maps], dim=1)


class TinyMotionNet(nn.Module):
    """Optic flow between neighboring frames of a clip, at 1/2, 1/4 and 1/8 of its size.

    Layer sizes follow the paper's smallest flow generator (Bohnslav et al. 2021, after Zhu et
    al. 2018): 1,951,784 parameters at ``width`` 1 and 11 frames.

    Parameters
    ----------
    n_frames
        Frames per clip, T.
    width
        Factor on the numbers of channels.
    """

    kind = "flow"

    def __init__(self, n_frames: int = 11, *, width: float = 1.0) -> None:
        super().__init__()
        c64, c128, c256 = (max(4, round(c * width)) for c in (64, 128, 256))
        flow = 2 * (n_frames - 1)
        self.n_frames, self.channels = n_frames, flow
        self.conv1 = conv_block(3 * n_frames, c64, 7)
        self.conv2 = conv_block(c64, c128, 5, stride=2)
        self.conv3 = conv_block(c128, c256, 3, stride=2)
        self.conv4 = conv_block(c256, c128, 3, stride=2)
        self.predict_flow4 = nn.Conv2d(c128, flow, 3, 1, 1, bias=False)
        self.upsampled_flow4_to_3 = nn.ConvTranspose2d(flow, flow, 4, 2, 1)
        self.deconv3 = up_block(c128, c128)
        self.xconv3 = conv_block(c256 + c128 + flow, c128, 3, active=False)
        self.predict_flow3 = nn.Conv2d(c128, flow, 3, 1, 1, bias=False)
        self.upsampled_flow3_to_2 = nn.ConvTranspose2d(flow, flow, 4, 2, 1)
        self.deconv2 = up_block(c128, c64)
        self.xconv2 = conv_block(c128 + c64 + flow, c64, 3, active=False)
        self.predict_flow2 = nn.Conv2d(c64, flow, 3, 1, 1, bias=False)

    def forward(self, clip: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Predict flow.

        Parameters
        ----------
        clip
            (N, T, 3, H, W) float32, normalised.

        Returns
        -------
        tuple of Tensor
            (N, 2(T-1), h, w) at 1/2, 1/4, 1/8 of H and W; channels 2i and 2i+1 are dx and dy
            from frame i to frame i+1, in pixels of that map.
        """
        x = self.conv1(clip.flatten(1, 2))  # (N, 3T, H, W): frame by frame, RGB within
        conv2 = self.conv2(x)
        conv3 = self.conv3(conv2)
        conv4 = self.conv4(conv3)
        flow4 = self.predict_flow4(conv4)
        up = self.upsampled_flow4_to_3(flow4) * 2  # pixels of a map twice as large
        x = self.xconv3(concat_cropped(conv3, self.deconv3(conv4), up))
        flow3 = self.predict_flow3(x)
        up = self.upsampled_flow3_to_2(flow3) * 2
        x = self.xconv2(concat_cropped(conv2, self.deconv2(x), up))
        return self.predict_flow2(x), flow3, flow4


class Difference(nn.Module):
    """Differences of neighboring frames' brightness at half size: motion without learning."""

    kind = "difference"

    def __init__(self, n_frames: int = 11, *, width: float = 1.0) -> None:
        super().__init__()
        self.n_frames, self.channels = n_frames, n_frames - 1

    def forward(self, clip: Tensor) -> tuple[Tensor]:
        """Return (N, T-1, H/2, W/2): brightness of frame i+1 minus that of frame i."""
        gray = clip.mean(2)  # (N, T, H, W)
        small = F.avg_pool2d(gray, 2, ceil_mode=True, count_include_pad=False)
        return (small[:, 1:] - small[:, :-1],)


NETWORKS: Mapping[str, Callable[..., nn.Module]] = {
    "tiny_motion_net": TinyMotionNet,
    "difference": Difference,
}


def build(network: str, *, n_frames: int, width: float) -> nn.Module:
    """Build a motion network by its name in the settings."""
    return NETWORKS[network](n_frames, width=width)
