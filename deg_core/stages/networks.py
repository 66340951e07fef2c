"""Networks back from their files, ready to compute: what extraction and training share."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deg_core.errors import ModelError
from deg_core.learn.clips import normalize, to_unit
from deg_core.learn.device import Precision, inference_dtype
from deg_core.learn.engine import Engine, InFormat
from deg_core.models import files, flow, sequence, two_stream
from deg_core.models.two_stream import StreamOutput, TwoStream
from deg_core.settings import FeatureSettings, FlowSettings, SequenceSettings


@dataclass(frozen=True)
class Motion:
    """The frozen motion network with the normalisation it was trained with."""

    network: nn.Module
    clip: int
    normalization: dict[str, list[float]]
    sha256: str
    origin: str  # of the file that had these weights first

    @classmethod
    def load(cls, path: Path, device: torch.device) -> "Motion":
        """Rebuild the motion network of a train_flow file, in eval mode, without gradients."""
        content = files.load(path, stage="train_flow")
        files.check_facts(content, path, "normalization")
        settings = files.settings_of(content, path, FlowSettings)
        network = files.rebuilt(content, path, lambda: flow.build(settings))
        network.to(device).eval().requires_grad_(False)
        return cls(
            network, settings.clip, content["normalization"], content["sha256"],
            files.origin(content),
        )  # fmt: skip

    def __call__(self, clip: Tensor) -> Tensor:
        """Finest motion map (N, C, h, w) of a normalised clip (N, T, 3, H, W)."""
        with torch.no_grad():
            return self.network(clip)[0].to(clip.dtype)

    def for_inference(self, precision: str, device: torch.device) -> "Motion":
        """Return the same motion, computed as `deg_core.learn.engine.Engine` computes it."""
        if self.network.pairwise:
            return self
        fast = InFormat(self.network, inference_dtype(precision, device))
        return replace(self, network=fast)


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
    precision
        Number format of the computation; None is float32.
    """

    def __init__(
        self,
        motion: Motion,
        network: TwoStream,
        device: torch.device,
        precision: Precision | None = None,
    ) -> None:
        self.motion, self.network, self.device = motion, network, device
        self.precision = precision or Precision(device, torch.float32)
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
        with self.precision.autocast():
            motion = None if self.network.flow is None else self.motion(clip)
            out = self.network(clip, motion, background)
        return StreamOutput(**{k: None if v is None else v.float() for k, v in vars(out).items()})

    def score_bytes(self, clips: Tensor) -> StreamOutput:
        """Run both networks on (N, T, H, W, 3) uint8."""
        return self.score(to_unit(clips, self.device))


def engine_of(
    motion: Motion,
    network: TwoStream,
    device: torch.device,
    *,
    precision: str,
    compiled: bool = False,
) -> Engine:
    """Make both networks ready to score videos; ``precision`` and ``compiled`` as of `Engine`."""
    return Engine(
        motion.network, network, motion.normalization, device, precision=precision,
        compiled=compiled,
    )  # fmt: skip


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
    files.check_facts(content, path, "behaviors", "flow_sha256")
    if content["flow_sha256"] != motion.sha256:
        raise ModelError(
            f"{path}: it was trained behind another flow model than the one given; run "
            "train_features again, or give the flow model of its preset."
        )
    settings = files.settings_of(content, path, FeatureSettings)
    n_behaviors = len(content["behaviors"])
    network = files.rebuilt(
        content, path, lambda: two_stream.build(settings, motion.network, n_behaviors)
    )
    return network.to(device).eval(), content


def load_sequence(path: Path, device: torch.device) -> tuple[nn.Module, dict[str, Any]]:
    """Rebuild the sequence model of a train_sequence file, in eval mode."""
    content = files.load(path, stage="train_sequence")
    files.check_facts(content, path, "behaviors", "n_features")
    settings = files.settings_of(content, path, SequenceSettings)
    sizes = {"n_features": content["n_features"], "n_behaviors": len(content["behaviors"])}
    network = files.rebuilt(content, path, lambda: sequence.build(settings, **sizes))
    return network.to(device).eval(), content
