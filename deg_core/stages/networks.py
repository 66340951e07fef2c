"""Networks back from their files, ready to compute: what extraction and training share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deg_core.errors import ModelError
from deg_core.learn.clips import normalize, to_unit
from deg_core.models import files, flow, sequence
from deg_core.models.two_stream import StreamOutput, TwoStream
from deg_core.settings import FeatureSettings, FlowSettings, SequenceSettings, from_dict


@dataclass(frozen=True)
class Motion:
    """The frozen motion network with the normalisation it was trained with."""

    network: nn.Module
    clip: int
    normalization: dict[str, list[float]]
    sha256: str

    @classmethod
    def load(cls, path: Path, device: torch.device) -> "Motion":
        """Rebuild the motion network of a train_flow file, in eval mode, without gradients."""
        content = files.load(path, stage="train_flow")
        settings = from_dict(FlowSettings, content["settings"])
        network = flow.build(settings.network, n_frames=settings.clip, width=settings.width)
        files.fill(network, content["state_dict"], path)
        network.to(device).eval().requires_grad_(False)
        return cls(network, settings.clip, content["normalization"], content["sha256"])

    def __call__(self, clip: Tensor) -> Tensor:
        """Finest motion map (N, C, h, w) of a normalised clip (N, T, 3, H, W)."""
        with torch.no_grad():
            return self.network(clip)[0]


def build_two_stream(settings: FeatureSettings, motion: Motion, n_behaviors: int) -> TwoStream:
    """Build the feature extractor that the settings describe."""
    return TwoStream(
        n_behaviors=n_behaviors,
        motion_channels=motion.network.channels,
        backbone=settings.backbone,
        width=settings.width,
        streams=settings.streams,
        inputs=settings.inputs,
        fusion=settings.fusion,
        flow_weight=settings.flow_weight,
        dropout=settings.dropout,
    )


class Extractor:
    """Both networks of the feature extractor on batches of uint8 clips.

    Parameters
    ----------
    motion
        The frozen motion network.
    network
        The two-stream network.
    device
        Where to compute.
    """

    def __init__(self, motion: Motion, network: TwoStream, device: torch.device) -> None:
        self.motion, self.network, self.device = motion, network, device
        self.mean = torch.tensor(motion.normalization["mean"], device=device)
        self.std = torch.tensor(motion.normalization["std"], device=device)

    def score(self, clips: Tensor) -> StreamOutput:
        """Run both networks.

        Parameters
        ----------
        clips
            (N, T, 3, H, W) in 0..1, with the background as one more frame where it is needed.

        Returns
        -------
        StreamOutput
            Logits and features of the center frames.
        """
        clips = normalize(clips, self.mean, self.std)
        clip, background = clips, None
        if self.network.needs_background:
            clip, background = clips[:, :-1], clips[:, -1]
        motion = None if self.network.flow is None else self.motion(clip)
        return self.network(clip, motion, background)

    def score_bytes(self, clips: Tensor) -> StreamOutput:
        """Run both networks on (N, T, H, W, 3) uint8."""
        return self.score(to_unit(clips, self.device))


def load_two_stream(path: Path, motion: Motion, device: torch.device) -> tuple[TwoStream, dict]:
    """Rebuild the feature extractor of a train_features file.

    Returns
    -------
    tuple
        The network in eval mode, and what the file says.

    Raises
    ------
    ModelError
        If the file is damaged, or was trained behind another motion network than ``motion``.
    """
    content = files.load(path, stage="train_features")
    if content["flow_sha256"] != motion.sha256:
        raise ModelError(
            f"{path}: it was trained behind another flow model than the one given; run "
            "train_features again, or give the flow model of its preset."
        )
    settings = from_dict(FeatureSettings, content["settings"])
    network = build_two_stream(settings, motion, len(content["behaviors"]))
    files.fill(network, content["state_dict"], path)
    return network.to(device).eval(), content


def load_sequence(path: Path, device: torch.device) -> tuple[sequence.Standardized, dict[str, Any]]:
    """Rebuild the sequence model of a train_sequence file, in eval mode."""
    content = files.load(path, stage="train_sequence")
    network = build_sequence(
        from_dict(SequenceSettings, content["settings"]),
        n_features=content["n_features"],
        n_behaviors=len(content["behaviors"]),
    )
    files.fill(network, content["state_dict"], path)
    return network.to(device).eval(), content


def build_sequence(
    settings: SequenceSettings, *, n_features: int, n_behaviors: int
) -> sequence.Standardized:
    """Build the sequence model that the settings describe."""
    options = {k: v for k, v in vars(settings).items() if k != "network"}
    return sequence.build(
        settings.network, n_features=n_features, n_behaviors=n_behaviors, **options
    )
