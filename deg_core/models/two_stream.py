"""The feature extractor: one network looks at the picture, one at the motion.

A clip is (N, T, 3, H, W), normalised. Both streams end in a feature vector and a last layer; the
prediction is their weighted average, or one last layer on both vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from deg_core.models import backbones
from deg_core.models.members import MeanHead, Members
from deg_core.settings import FeatureSettings


@dataclass(frozen=True)
class StreamOutput:
    """What the two-stream network returns for N clips.

    ``logits`` (N, K); ``spatial`` and ``flow`` (N, D), the vectors before the last layers, zero for
    a missing stream. ``spatial_logits`` and ``flow_logits`` (N, K) are what each stream says by
    itself; None for a missing stream, and where the streams have no last layers of their own.
    In train mode the logits of a network with several members are (N, K, members).
    """

    logits: Tensor
    spatial: Tensor
    flow: Tensor
    spatial_logits: Tensor | None = None
    flow_logits: Tensor | None = None


def last_layer(length: int, n_behaviors: int, *, final_bn: bool) -> nn.Module:
    """Build a linear layer; with ``final_bn``, one without bias and a batch norm."""
    if not final_bn:
        return nn.Linear(length, n_behaviors)
    return nn.Sequential(nn.Linear(length, n_behaviors, bias=False), nn.BatchNorm1d(n_behaviors))


class Stream(nn.Module):
    """A backbone, dropout and a last layer to ``n_out`` logits; with 0 there is no such layer.

    Parameters
    ----------
    backbone
        Its name in the settings.
    channels, frames
        Channels of each frame that it sees, and frames.
    n_out
        K, or 0.
    width
        Factor on the backbone's channels.
    dropout
        Probability, before the last layer.
    final_bn
        Whether the last layer ends in a batch norm.
    members
        Backbones side by side, each with a last layer of its own.
    """

    def __init__(
        self,
        backbone: str,
        channels: int,
        frames: int,
        *,
        n_out: int,
        width: float = 1.0,
        dropout: float = 0.25,
        final_bn: bool = False,
        members: int = 1,
    ) -> None:
        super().__init__()
        network = partial(backbones.build, backbone, channels, frames, width=width)
        self.backbone = network() if members == 1 else Members(network, members)
        self.length = self.backbone.length
        self.dropout = nn.Dropout(dropout)
        self.head: nn.Module = nn.Identity()
        if n_out:
            layer = partial(last_layer, self.length // members, n_out, final_bn=final_bn)
            self.head = layer() if members == 1 else MeanHead(layer, members)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map what the backbone takes to features (N, D) and logits (N, K).

        Where there is no last layer, the features after dropout come in place of logits.
        """
        features = self.backbone(x)
        return features, self.head(self.dropout(features))


class TwoStream(nn.Module):
    """Spatial and motion stream with late fusion.

    Parameters
    ----------
    n_behaviors
        K.
    n_frames
        Frames per clip, T.
    per_pair
        Channels of the motion map for each pair of frames, as the motion network says.
    backbone, width
        Network of each stream and factor on its channels. One that takes volumes sees the whole
        clip, any other the picture.
    streams
        ``spatial``, ``flow`` or both.
    inputs
        What the spatial stream sees: ``frame``, ``background_difference``.
    picture
        What a 2-D network is shown as the frame: the ``center`` one, or a ``channel_slice``, three
        channels of the stacked clip (`slice_start`), which files of the original program expect.
    fusion
        ``average`` of logits or ``concatenate`` features under one last layer; says nothing
        where there is one stream only.
    flow_weight
        Weight of the motion stream in the average.
    dropout
        Probability, before the last layers.
    final_bn
        Whether the last layers end in a batch norm, in place of a bias.
    members
        Networks per stream, M, whose answers are averaged; with more than one, ``fusion`` is
        ``average``.

    Attributes
    ----------
    slice_start
        First channel of a channel slice, 1.5 T rounded down.
    """

    def __init__(
        self,
        *,
        n_behaviors: int,
        n_frames: int,
        per_pair: int,
        backbone: str,
        width: float = 1.0,
        streams: Sequence[str] = ("spatial", "flow"),
        inputs: Sequence[str] = ("frame",),
        picture: str = "center",
        fusion: str = "average",
        flow_weight: float = 1.0,
        dropout: float = 0.25,
        final_bn: bool = False,
        members: int = 1,
    ) -> None:
        super().__init__()
        self.inputs, self.flow_weight, self.picture = tuple(inputs), flow_weight, picture
        self.per_pair = per_pair
        self.volume = backbones.volume(backbone)
        self.slice_start = int(1.5 * n_frames)
        joint = fusion == "concatenate" and len(set(streams)) == 2
        made = {"width": width, "dropout": dropout, "final_bn": final_bn, "members": members}
        made["n_out"] = 0 if joint else n_behaviors
        self.spatial = self.flow = None
        if "spatial" in streams:
            frames = n_frames if self.volume else 1
            self.spatial = Stream(backbone, 3 * len(self.inputs), frames, **made)
        if "flow" in streams:
            self.flow = Stream(backbone, per_pair, n_frames - 1, **made)
        lengths = [s.length for s in (self.spatial, self.flow) if s is not None]
        self.length = lengths[0]
        self.fusion = last_layer(sum(lengths), n_behaviors, final_bn=final_bn) if joint else None

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
        answers: dict[str, Tensor] = {}
        if self.spatial is not None:
            spatial, answers["spatial"] = self.spatial(self.seen(clip, background))
        if self.flow is not None:
            flow, answers["flow"] = self.flow(self.moved(motion))
        logits = self.fuse(*answers.values())
        if self.fusion is not None:
            return StreamOutput(logits, spatial, flow)
        return StreamOutput(logits, spatial, flow, answers.get("spatial"), answers.get("flow"))

    def seen(self, clip: Tensor, background: Tensor | None) -> Tensor:
        """Return what the spatial stream looks at.

        Parameters
        ----------
        clip, background
            As for `forward`.

        Returns
        -------
        Tensor
            (N, 3 * inputs, H, W); for a network that takes volumes (N, 3 * inputs, T, H, W).
        """
        frames = self._picture(clip)
        seen = {"frame": frames}
        if self.needs_background:
            still = background[:, None].expand_as(clip)
            seen["background_difference"] = frames - self._picture(still)
        return torch.cat([seen[name] for name in self.inputs], dim=1)

    def _picture(self, clip: Tensor) -> Tensor:
        if self.volume:
            return clip.transpose(1, 2)  # (N, 3, T, H, W)
        if self.picture == "channel_slice":
            return clip.flatten(1, 2)[:, self.slice_start : self.slice_start + 3]
        return clip[:, clip.shape[1] // 2]

    def moved(self, motion: Tensor) -> Tensor:
        """Return what the motion stream looks at, for a motion map (N, C, h, w).

        Returns
        -------
        Tensor
            The map; for a network that takes volumes (N, per_pair, T - 1, h, w).
        """
        if not self.volume:
            return motion
        return motion.unflatten(1, (-1, self.per_pair)).transpose(1, 2)  # (N, per_pair, T-1, h, w)

    def fuse(self, spatial: Tensor, flow: Tensor | None = None) -> Tensor:
        """Make logits (N, K) of what the streams answer: logits each, or features for one layer."""
        if flow is None:  # there is one stream only
            return spatial
        if self.fusion is not None:
            return self.fusion(torch.cat([spatial, flow], dim=1))
        return (spatial + self.flow_weight * flow) / (1 + self.flow_weight)

    def head_prefixes(self) -> tuple[str, ...]:
        """Return how the names of the tensors that depend on K begin in the state dict."""
        if self.fusion is not None:
            return ("fusion.",)
        streams = {"spatial": self.spatial, "flow": self.flow}
        return tuple(f"{name}.head." for name, stream in streams.items() if stream is not None)

    @property
    def heads(self) -> tuple[nn.Module, ...]:
        """The last layers: the modules that depend on K."""
        return tuple(self.get_submodule(prefix.rstrip(".")) for prefix in self.head_prefixes())

    def set_bias(self, bias: Tensor) -> None:
        """Start the last layers at ``bias`` (K,): the log odds of each behavior."""
        for head in self.heads:
            for layer in head.modules():
                if getattr(layer, "bias", None) is not None:
                    with torch.no_grad():
                        layer.bias.copy_(bias)


class EndToEnd(nn.Module):
    """A frozen motion network and the two-stream network behind it.

    The motion network stays in eval mode, whatever this module is told: in train mode its batch
    norms would go on learning from the clips.

    Parameters
    ----------
    motion
        A motion network; its parameters are told to need no gradient.
    network
        The two-stream network.
    """

    def __init__(self, motion: nn.Module, network: TwoStream) -> None:
        super().__init__()
        self.motion, self.network = motion.requires_grad_(False).eval(), network

    def train(self, mode: bool = True) -> "EndToEnd":
        """Switch the two-stream network to train or eval mode, and leave the motion network."""
        super().train(mode)
        self.motion.eval()
        return self

    def forward(
        self, clip: Tensor, background: Tensor | None = None
    ) -> tuple[StreamOutput, Tensor | None]:
        """Score the center frame of each clip.

        Parameters
        ----------
        clip, background
            As for `TwoStream.forward`.

        Returns
        -------
        tuple
            The output, and the finest motion map (N, C, h, w), without gradient; None where there
            is no motion stream.
        """
        motion = None
        if self.network.flow is not None:
            with torch.no_grad():
                motion = self.motion(clip)[0]
        return self.network(clip, motion, background), motion


def build(settings: FeatureSettings, motion: nn.Module, n_behaviors: int) -> TwoStream:
    """Build the feature extractor that the settings describe.

    Parameters
    ----------
    settings
        Of train_features.
    motion
        The motion network: its ``n_frames`` and ``per_pair`` are asked.
    n_behaviors
        K.

    Raises
    ------
    ConfigError
        If the backbone has one width only and the settings ask for another.
    """
    return TwoStream(
        n_behaviors=n_behaviors,
        n_frames=motion.n_frames,
        per_pair=motion.per_pair,
        backbone=settings.backbone,
        width=settings.width,
        streams=settings.streams,
        inputs=settings.inputs,
        picture=settings.picture,
        fusion=settings.fusion,
        flow_weight=settings.flow_weight,
        dropout=settings.dropout,
        final_bn=settings.final_bn,
        members=settings.members,
    )
