"""The feature extractor as inference runs it: each frame prepared once, windows without detours."""

from collections.abc import Mapping, Sequence
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn

from deg_core.learn.compiled import Compiled
from deg_core.learn.device import inference_dtype
from deg_core.models.folding import for_inference
from deg_core.models.two_stream import StreamOutput, TwoStream

Ring = Tensor  # (H, W, n, 3): neighboring frames lie side by side, so that a window is one stretch


class InFormat(nn.Module):
    """A network made for inference, given input of any number format.

    Parameters
    ----------
    network
        Any network.
    dtype
        Number format of its computation.
    compiled
        Whether torch is to compile it.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype, *, compiled: bool = False) -> None:
        super().__init__()
        self.network, self.dtype = for_inference(network, dtype), dtype
        if compiled:
            self.network = Compiled(self.network)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Compute in the network's format, and answer in it."""
        x = x.to(self.dtype)
        return self.network(x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x)


class Engine:
    """Motion network and two-stream network, scoring the frames of a video in order.

    Parameters
    ----------
    motion
        The motion network.
    network
        The two-stream network behind it. Both stay as they are.
    normalization
        ``mean`` and ``std`` of the three channels, of pixels in 0..1.
    device
        What computes.
    precision
        ``auto``, ``fp32`` or ``bf16``; last layers are computed in float32 in any case.
    compiled
        Whether torch is to compile the networks, which takes a minute.

    Attributes
    ----------
    clip
        Frames per window, T.
    dtype
        Number format of the convolutions.
    """

    def __init__(
        self,
        motion: nn.Module,
        network: TwoStream,
        normalization: Mapping[str, Sequence[float]],
        device: torch.device,
        *,
        precision: str = "auto",
        compiled: bool = False,
    ) -> None:
        self.device, self.clip = device, motion.n_frames
        self.dtype = inference_dtype(precision, device)
        self.pairwise, self.volume = motion.pairwise, motion.volume
        fast = {"compiled": compiled}
        self.motion = motion if self.pairwise else InFormat(motion, self.dtype, **fast)
        self.network = deepcopy(network).eval()
        for stream in (self.network.spatial, self.network.flow):
            if stream is not None:
                stream.backbone = InFormat(stream.backbone, self.dtype, **fast)
        # What is about to be subtracted keeps all its digits.
        subtracts = self.pairwise or network.needs_background
        self.kept = torch.float32 if subtracts else self.dtype
        self.mean = 255 * torch.tensor(normalization["mean"], device=device)
        self.scale = 1 / (255 * torch.tensor(normalization["std"], device=device))

    @property
    def needs_background(self) -> bool:
        """Whether `score` wants the video's background."""
        return self.network.needs_background

    def normalize(self, frames: np.ndarray | Tensor) -> Tensor:
        """Bring (n, H, W, 3) uint8 to the device, normalised, as (n, H, W, 3)."""
        # Apple's GPU would copy later, from memory that may be another batch's by then.
        at_once = self.device.type != "cuda"
        pixels = torch.as_tensor(frames).to(self.device, non_blocking=not at_once)
        return pixels.to(torch.float32).sub_(self.mean).mul_(self.scale)

    def prepare(self, frames: np.ndarray | Tensor, before: Ring | None = None) -> Ring:
        """Prepare frames, each of them once.

        Parameters
        ----------
        frames
            (n, H, W, 3) uint8 RGB; may be on the device already.
        before
            (H, W, m, 3), the frames before them, prepared already.

        Returns
        -------
        Tensor
            (H, W, m + n, 3) on the device, normalised.
        """
        n, height, width, _ = frames.shape
        m = 0 if before is None else before.shape[2]
        ring = torch.empty((height, width, m + n, 3), device=self.device, dtype=self.kept)
        if before is not None:
            ring[:, :, :m] = before
        ring[:, :, m:] = self.normalize(frames).permute(1, 2, 0, 3)
        return ring

    def clips(self, ring: Ring) -> Tensor:
        """Return the windows of a ring of B + T - 1 frames, (B, T, 3, H, W), without a copy."""
        return ring.unfold(2, self.clip, 1).permute(2, 4, 3, 0, 1)

    def windows(self, ring: Ring) -> Tensor:
        """Return what the motion network sees of a ring.

        Returns
        -------
        Tensor
            (B, T, 3, H, W), laid out as its first convolution wants it; of a network of pairs the
            frames themselves as one clip (1, B + T - 1, 3, H, W).
        """
        if self.pairwise:
            return ring.permute(2, 3, 0, 1)[None]
        if self.volume:
            return self.clips(ring)
        height, width = ring.shape[:2]
        stacked = ring.flatten(2).unfold(2, 3 * self.clip, 3)  # (H, W, B, 3T)
        stacked = stacked.permute(2, 0, 1, 3).contiguous()
        return stacked.view(-1, height, width, self.clip, 3).permute(0, 3, 4, 1, 2)

    def flow(self, windows: Tensor) -> Tensor:
        """Return the finest motion maps of the windows, (B, C, h, w)."""
        motion = self.motion(windows)[0]
        if not self.pairwise:
            return motion
        pairs = motion[0].unflatten(0, (-1, self.network.per_pair))  # (B + T - 2, C / (T-1), h, w)
        runs = pairs.unfold(0, self.clip - 1, 1)  # (B, C / (T-1), h, w, T-1)
        return runs.permute(0, 4, 1, 2, 3).flatten(1, 2)

    def spatial(self, ring: Ring, background: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return features (B, D) and logits of the spatial stream, float32.

        Parameters
        ----------
        ring
            (H, W, B + T - 1, 3) prepared frames.
        background
            (H, W, 3) normalised median of the video, where it is needed.
        """
        clips, still = self.clips(ring), None
        if background is not None:
            still = background.permute(2, 0, 1).expand(len(clips), -1, -1, -1)
        return _answer(self.network.spatial, self.network.seen(clips, still))

    def moving(self, motion: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (B, D) and logits of the motion stream, float32."""
        return _answer(self.network.flow, self.network.moved(motion))

    @torch.inference_mode()
    def score(self, ring: Ring, background: Tensor | None = None) -> StreamOutput:
        """Score the frames in the middle of all windows of a ring.

        Parameters
        ----------
        ring, background
            As for `spatial`.

        Returns
        -------
        StreamOutput
            Of B frames; ``logits``, ``spatial`` and ``flow`` alone.
        """
        answers: dict[str, tuple[Tensor, Tensor]] = {}
        if self.network.spatial is not None:
            answers["spatial"] = self.spatial(ring, background)
        if self.network.flow is not None:
            answers["flow"] = self.moving(self.flow(self.windows(ring)))
        logits = self.network.fuse(*(answer for _, answer in answers.values()))
        missing = logits.new_zeros(len(logits), self.network.length)
        features = {name: answers[name][0] if name in answers else missing for name in PARTS}
        return StreamOutput(logits, **features)


PARTS = ("spatial", "flow")


def _answer(stream: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    features = stream.backbone(x).float()
    return features, stream.head(features)
