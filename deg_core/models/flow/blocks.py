"""What the flow generators are made of."""

import torch
from torch import Tensor, nn

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


def predictor(c_in: int, flow: int) -> nn.Conv2d:
    """Build the convolution that reads ``flow`` channels of flow off a map."""
    return nn.Conv2d(c_in, flow, 3, 1, 1, bias=False)


def upsampler(flow: int) -> nn.ConvTranspose2d:
    """Build the transposed convolution that doubles a flow's height and width."""
    return nn.ConvTranspose2d(flow, flow, 4, 2, 1)


def widened(width: float, *channels: int) -> tuple[int, ...]:
    """Scale numbers of channels; at least four remain."""
    return tuple(max(4, round(c * width)) for c in channels)


def concat_cropped(*maps: Tensor) -> Tensor:
    """Join maps along channels, cropped at the lower right to the smallest height and width.

    The encoder rounds sizes up and the decoder doubles them, so odd sizes differ by one.

    Parameters
    ----------
    *maps
        (N, C, H, W) or (N, C, T, H, W), of any C, H and W.
    """
    height = min(m.shape[-2] for m in maps)
    width = min(m.shape[-1] for m in maps)
    return torch.cat([m[..., :height, :width] for m in maps], dim=1)
