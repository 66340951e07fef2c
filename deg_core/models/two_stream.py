"""The feature extractor: one network looks at the center frame, one at the motion.

A clip is (N, T, 3, H, W), normalised. Both streams end in a feature vector and a linear layer;
the prediction is their average, or one linear layer on both vectors.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from deg_core.errors import ConfigError
from deg_core.models.vision import torchvision_models


@dataclass(frozen=True)
class StreamOutput:
    """What the two-stream network returns for N clips.

    ``logits`` (N, K); ``spatial`` and ``flow`` (N, D), the vectors before the last layers. What
    belongs to a missing stream is zero.
    """

    logits: Tensor
    spatial: Tensor
    flow: Tensor


def resnet18(in_channels: int, *, width: float) -> tuple[nn.Module, int]:
    """Build torchvision's ResNet18 without its last layer, for any number of channels.

    Returns
    -------
    tuple
        The network, (N, in_channels, H, W) to (N, D), and D.

    Raises
    ------
    ConfigError
        If ``width`` is not 1.
    """
    if width != 1.0:
        raise ConfigError(
            f"config.yaml: features: width: expected 1 for the backbone resnet18, got {width:g}; "
            "choose `backbone: small_cnn`, which can be narrowed."
        )
    models = torchvision_models()
    network = models.resnet.ResNet(
        models.resnet.BasicBlock, [2, 2, 2, 2], width_per_group=64, num_classes=1
    )
    network.conv1 = nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)
    nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
    network.fc = nn.Identity()
    return network, 512


class SmallCNN(nn.Module):
    """A plain convolutional network that learns from few clips in minutes.

    Average and maximum over the picture are both kept: a paw is small, and an average over the
    arena would drown it.
    """

    def __init__(self, in_channels: int, *, width: float) -> None:
        super().__init__()
        c = [max(8, round(n * width)) for n in (24, 48, 96, 128)]
        self.features = 2 * c[3]
        self.body = nn.Sequential(
            self._block(in_channels, c[0], stride=2),
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
        """Map (N, in_channels, H, W) to (N, D)."""
        x = self.body(x)
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1)


def small_cnn(in_channels: int, *, width: float) -> tuple[nn.Module, int]:
    """Build a `SmallCNN`; returns it and its feature length."""
    network = SmallCNN(in_channels, width=width)
    return network, network.features


BACKBONES: Mapping[str, Callable[..., tuple[nn.Module, int]]] = {
    "resnet18": resnet18,
    "small_cnn": small_cnn,
}


class Stream(nn.Module):
    """A backbone, dropout and a linear layer to ``n_out`` logits; with 0 there is no such layer."""

    def __init__(
        self, backbone: str, in_channels: int, *, n_out: int, width: float, dropout: float
    ) -> None:
        super().__init__()
        self.backbone, self.length = BACKBONES[backbone](in_channels, width=width)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.length, n_out) if n_out else nn.Identity()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (N, C, H, W) to features (N, D) and logits (N, K), or what a fusion would take."""
        features = self.backbone(x)
        return features, self.head(self.dropout(features))


class TwoStream(nn.Module):
    """Spatial and motion stream with late fusion.

    Parameters
    ----------
    n_behaviors
        K.
    motion_channels
        Channels of the motion map, as the motion network's ``channels`` says.
    backbone, width
        Network of each stream and factor on its channels.
    streams
        ``spatial``, ``flow`` or both.
    inputs
        What the spatial stream sees: ``frame``, ``background_difference``.
    fusion
        ``average`` of logits or ``concatenate`` features under one linear layer; says nothing
        where there is one stream only.
    flow_weight
        Weight of the motion stream in the average.
    dropout
        Probability, before the last layers.
    """

    def __init__(
        self,
        *,
        n_behaviors: int,
        motion_channels: int,
        backbone: str,
        width: float = 1.0,
        streams: Sequence[str] = ("spatial", "flow"),
        inputs: Sequence[str] = ("frame",),
        fusion: str = "average",
        flow_weight: float = 1.0,
        dropout: float = 0.25,
    ) -> None:
        super().__init__()
        self.inputs, self.flow_weight = tuple(inputs), flow_weight
        joint = fusion == "concatenate" and len(set(streams)) == 2
        made = {"width": width, "dropout": dropout, "n_out": 0 if joint else n_behaviors}
        self.spatial = Stream(backbone, 3 * len(inputs), **made) if "spatial" in streams else None
        self.flow = Stream(backbone, motion_channels, **made) if "flow" in streams else None
        lengths = [s.length for s in (self.spatial, self.flow) if s is not None]
        self.length = lengths[0]
        self.fusion = nn.Linear(sum(lengths), n_behaviors) if joint else None

    @property
    def needs_background(self) -> bool:
        """Whether `forward` wants the video's background."""
        return "background_difference" in self.inputs

    def forward(
        self, clip: Tensor, motion: Tensor | None, background: Tensor | None = None
    ) -> StreamOutput:
        """Score the center frame of each clip.

        Parameters
        ----------
        clip
            (N, T, 3, H, W) float32, normalised.
        motion
            (N, C, h, w) motion map of the clip; None without a motion stream.
        background
            (N, 3, H, W) normalised median of the video, where ``needs_background``.

        Returns
        -------
        StreamOutput
            Logits and features.
        """
        spatial = flow = clip.new_zeros(len(clip), self.length)
        answers = []
        if self.spatial is not None:
            spatial, answer = self.spatial(self._picture(clip, background))
            answers.append(answer)
        if self.flow is not None:
            flow, answer = self.flow(motion)
            answers.append(answer)
        return StreamOutput(self._fuse(*answers), spatial, flow)

    def _picture(self, clip: Tensor, background: Tensor | None) -> Tensor:
        center = clip[:, clip.shape[1] // 2]
        seen = {"frame": center}
        if self.needs_background:
            seen["background_difference"] = center - background
        return torch.cat([seen[name] for name in self.inputs], dim=1)  # (N, 3 * inputs, H, W)

    def _fuse(self, spatial: Tensor, flow: Tensor | None = None) -> Tensor:
        if flow is None:  # there is one stream only
            return spatial
        if self.fusion is not None:
            return self.fusion(torch.cat([spatial, flow], dim=1))
        return (spatial + self.flow_weight * flow) / (1 + self.flow_weight)

    def set_bias(self, bias: Tensor) -> None:
        """Start the last layers at ``bias`` (K,): the log odds of each behavior."""
        streams = [s.head for s in (self.spatial, self.flow) if s is not None]
        for head in streams if self.fusion is None else [self.fusion]:
            with torch.no_grad():
                head.bias.copy_(bias)
