"""torchvision's ResNets for any number of channels, without their last layer."""

from torch import nn

from deg_core.models.backbones.blocks import refuse_width
from deg_core.models.vision import torchvision_models

_resnet = torchvision_models().resnet


class _Adapted(_resnet.ResNet):
    """A ResNet whose stem takes ``channels * frames`` channels and whose head is taken off."""

    volume = False

    def __init__(self, block: type[nn.Module], layers: list[int], in_channels: int) -> None:
        super().__init__(block, layers, num_classes=1)
        self.conv1 = nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)
        nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")
        self.fc = nn.Identity()


class ResNet18(_Adapted):
    """ResNet18: (N, channels * frames, H, W) to (N, 512).

    Parameters
    ----------
    channels, frames
        Channels of each frame, and frames, stacked.
    width
        Must be 1.

    Raises
    ------
    ConfigError
        If ``width`` is not 1.
    """

    length = 512

    def __init__(self, channels: int, frames: int = 1, *, width: float = 1.0) -> None:
        refuse_width("resnet18", width)
        super().__init__(_resnet.BasicBlock, [2, 2, 2, 2], channels * frames)


class ResNet50(_Adapted):
    """ResNet50 and a projection: (N, channels * frames, H, W) to (N, 512), none negative.

    Parameters
    ----------
    channels, frames
        Channels of each frame, and frames, stacked.
    width
        Must be 1.

    Raises
    ------
    ConfigError
        If ``width`` is not 1.
    """

    length = 512

    def __init__(self, channels: int, frames: int = 1, *, width: float = 1.0) -> None:
        refuse_width("resnet50", width)
        super().__init__(_resnet.Bottleneck, [3, 4, 6, 3], channels * frames)
        self.fc = nn.Sequential(nn.Linear(2048, self.length), nn.ReLU())
