"""The original program's windows and whole-video inference, to compare with and migrate from it.

The pipeline's own inference is that of the stages ``extract_features`` and ``predict``, without
the borders and the plain sums of this one; both share the networks and what is done to a clip.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from deg_core.data.original import resize
from deg_core.learn.clips import clip_frames, normalize, padding_color, to_unit
from deg_core.learn.tiling import windowed

Activation = Literal["sigmoid", "softmax"]
CPU = torch.device("cpu")
CLIP = 11
BATCH = 16


@dataclass(frozen=True)
class Scored:
    """What a model says about T frames, each float32.

    ``logits``, ``probabilities`` (T, K); ``spatial``, ``flow`` (T, D), the features of a feature
    extractor, None of a sequence model.
    """

    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    spatial: NDArray[np.float32] | None = None
    flow: NDArray[np.float32] | None = None


def sequence_windows(
    features: ArrayLike, labels: ArrayLike, *, length: int, overlapping: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Cut a video's features and labels into windows.

    Parameters
    ----------
    features : (T, D) float
        Spatial features first, then those of the motion.
    labels : (T, K) int
    length
        Frames per window, L.
    overlapping
        Whether there is one window per frame, with that frame at place L // 2, or neighbors from
        frame 0 on, as in the trainings of the pipeline.

    Returns
    -------
    features : (n, D, L) float32
        0 where a window reaches beyond the video.
    labels : (n, K, L) int64
        -1 there.
    """
    values, truth = np.asarray(features, np.float32), np.asarray(labels, np.int64)
    n_frames = len(values)
    starts = np.arange(n_frames) - length // 2 if overlapping else np.arange(0, n_frames, length)
    frames = starts[:, None] + np.arange(length)
    inside = ((frames >= 0) & (frames < n_frames))[..., None]
    shown = frames.clip(0, max(n_frames - 1, 0))
    return (
        np.where(inside, values[shown], np.float32(0)).swapaxes(1, 2),
        np.where(inside, truth[shown], -1).swapaxes(1, 2),
    )


def network_clips(
    frames: NDArray[np.uint8],
    *,
    mean: Sequence[float],
    std: Sequence[float],
    size: tuple[int, int] | None = None,
    length: int = CLIP,
    batch: int = BATCH,
) -> Iterator[Tensor]:
    """Give the clip around each frame of a video as networks get it.

    Parameters
    ----------
    frames : (T, H, W, 3) uint8 RGB
    mean, std
        Channel statistics of the project, (3,) in 0..1.
    size
        Height and width that networks see; None for those of the frames.
    length
        Frames per clip; those outside the video have the color of the mean.
    batch
        Clips at once.

    Yields
    ------
    clips : (N, length, 3, height, width) float32
        Normalised; N is ``batch`` or, at the end, less.
    """
    resized = [resize(frame, size) for frame in frames]
    outside = np.broadcast_to(padding_color(mean), resized[0].shape)
    moments = torch.tensor(np.array([mean, std]), dtype=torch.float32)
    for start in range(0, len(resized), batch):
        shown = [
            clip_frames(frame, length=length, n_frames=len(resized))
            for frame in range(start, min(start + batch, len(resized)))
        ]
        clips = np.stack([[resized[i] if i >= 0 else outside for i in clip] for clip in shown])
        yield normalize(to_unit(torch.from_numpy(clips), CPU), *moments)


def stack_frames(clips: Tensor, *, volume: bool = False) -> Tensor:
    """Lay clips (N, T, 3, H, W) out as the original's networks take them.

    Parameters
    ----------
    clips
        As `network_clips` gives them.
    volume
        Whether for networks with 3-D convolutions, (N, 3, T, H, W), or for the others,
        (N, 3T, H, W).
    """
    return clips.transpose(1, 2) if volume else clips.flatten(1, 2)


@torch.inference_mode()
def extract(
    network: nn.Module,
    frames: NDArray[np.uint8],
    *,
    mean: Sequence[float],
    std: Sequence[float],
    size: tuple[int, int] | None = None,
    activation: Activation = "sigmoid",
    batch: int = BATCH,
) -> Scored:
    """Run a feature extractor over a whole video.

    Parameters
    ----------
    network
        A two-stream network of `compat.from_deepethogram`.
    frames, mean, std, size, batch
        See `network_clips`; at least one frame.
    activation
        What turns logits into probabilities.

    Returns
    -------
    Scored
    """
    parts = []
    for clips in network_clips(
        frames, mean=mean, std=std, size=size, length=network.motion.n_frames, batch=batch
    ):
        out, _ = network(clips)
        parts.append((out.logits, out.spatial, out.flow))
    logits, spatial, flow = (torch.cat(column) for column in zip(*parts, strict=True))
    probabilities = activated(logits, activation)
    return Scored(logits.numpy(), probabilities.numpy(), spatial.numpy(), flow.numpy())


def score_sequence(
    network: nn.Module,
    spatial: ArrayLike,
    flow: ArrayLike,
    *,
    window: int = 180,
    activation: Activation = "sigmoid",
) -> Scored:
    """Run a sequence model over the features of a whole video, window by window.

    Parameters
    ----------
    network
        A sequence model of `compat.from_deepethogram`.
    spatial, flow : (T, D) float32
        Features of both streams; at least one frame.
    window
        Frames per window, the original's ``sequence_length``.
    activation
        What turns logits into probabilities.

    Returns
    -------
    Scored
        Frames near the border of a window do not see beyond it; see `tiling.tiled` for scores
        without borders.
    """
    features = np.concatenate([spatial, flow], axis=1, dtype=np.float32)
    logits = windowed(network, features, CPU, window=window)
    return Scored(logits, activated(torch.from_numpy(logits), activation).numpy())


def activated(logits: Tensor, activation: Activation) -> Tensor:
    """Turn logits (T, K) into probabilities: each for itself, or with sum 1."""
    return torch.sigmoid(logits) if activation == "sigmoid" else torch.softmax(logits, dim=1)
