"""A ResNet that convolves over time, too, for whole clips."""

from torch import Tensor, nn

from deg_core.models.backbones.blocks import refuse_width


class Block(nn.Module):
    """Two 3x3x3 convolutions beside a shortcut: (N, C, T, H, W), all divided by the stride."""

    def __init__(self, c_in: int, c_out: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(c_in, c_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(c_out)
        self.conv2 = nn.Conv3d(c_out, c_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm3d(c_out)
        self.relu = nn.ReLU(inplace=True)
        same = stride == 1 and c_in == c_out
        self.downsample = None if same else _shortcut(c_in, c_out, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Add what the convolutions find to the shortcut."""
        kept = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)) + kept)


def _shortcut(c_in: int, c_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm3d(c_out))


def _stage(c_in: int, c_out: int, n_blocks: int, *, stride: int) -> nn.Sequential:
    first = Block(c_in, c_out, stride=stride)
    return nn.Sequential(first, *(Block(c_out, c_out, stride=1) for _ in range(n_blocks - 1)))


class ResNet3D34(nn.Module):
    """ResNet34 with cubes for squares (Hara et al. 2018): (N, channels, frames, H, W) to (N, 512).

    Parameters
    ----------
    channels
        Channels of each frame.
    frames
        Any number; the weights do not depend on it.
    width
        Must be 1.

    Raises
    ------
    ConfigError
        If ``width`` is not 1.
    """

    volume = True
    length = 512

    def __init__(self, channels: int, frames: int = 11, *, width: float = 1.0) -> None:
        refuse_width("resnet3d_34", width)
        super().__init__()
        self.conv1 = nn.Conv3d(channels, 64, 7, (1, 2, 2), 3, bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool3d(3, 2, 1)
        self.layer1 = _stage(64, 64, 3, stride=1)
        self.layer2 = _stage(64, 128, 4, stride=2)
        self.layer3 = _stage(128, 256, 6, stride=2)
        self.layer4 = _stage(256, 512, 3, stride=2)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, T, H, W) to (N, 512)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean((2, 3, 4))
