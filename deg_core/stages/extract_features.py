"""Extract features and logits of every frame of one video; memory does not grow with its length."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deg_core.data.arrays import feature_writer
from deg_core.data.statistics import read_background
from deg_core.data.video import FrameStore
from deg_core.learn.clips import padding_color, to_unit
from deg_core.learn.device import choose
from deg_core.models import files
from deg_core.progress import track
from deg_core.settings import ExtractSettings
from deg_core.stages.networks import Extractor, Motion, load_two_stream


def windows(store: FrameStore, *, clip: int, batch: int, pad: np.ndarray) -> Iterator[np.ndarray]:
    """Stream a video as runs of frames that hold all clips of ``batch`` neighboring frames.

    Parameters
    ----------
    store
        Imported video.
    clip
        Frames per clip, T.
    batch
        Frames per run, B.
    pad
        (3,) uint8 color of frames outside the video.

    Yields
    ------
    ndarray
        (B + T - 1, H, W, 3) uint8, the last one shorter. Every frame is read once: the overlap
        of neighboring runs is carried over.
    """
    before, after = clip // 2, clip - 1 - clip // 2
    outside = np.broadcast_to(pad, (*store.shape, 3))
    held = np.stack([outside] * before) if before else np.empty((0, *store.shape, 3), np.uint8)
    for _, frames in store.iter(batch):
        held = np.concatenate([held, frames])
        if len(held) >= batch + clip - 1:
            yield held[: batch + clip - 1]
            held = held[batch:]
    held = np.concatenate([held, *[outside[None]] * after])
    while len(held) >= clip:
        yield held[: batch + clip - 1]
        held = held[batch:]


@torch.inference_mode()
def score_run(frames: np.ndarray, extractor: Extractor, background: Tensor | None) -> tuple:
    """Score all clips in a run of frames (B + T - 1, H, W, 3); returns features and logits."""
    unit = to_unit(torch.from_numpy(frames)[None], extractor.device)[0]  # (B + T - 1, 3, H, W)
    length = extractor.motion.clip
    clips = unit.unfold(0, length, 1).permute(0, 4, 1, 2, 3)  # (B, T, 3, H, W), a view
    if background is not None:
        clips = torch.cat([clips, background.expand(len(clips), 1, -1, -1, -1)], dim=1)
    out = extractor.score(clips)
    return tuple(x.float().cpu().numpy() for x in (out.spatial, out.flow, out.logits))


def run(
    *,
    store: Path,
    background: Path,
    flow: Path,
    features: Path,
    out: Path,
    settings: ExtractSettings,
    threads: int,
) -> None:
    """Extract one video.

    Parameters
    ----------
    store
        Imported video.
    background
        Background picture of the video.
    flow
        Flow model.
    features
        Feature extractor trained behind it.
    out
        HDF5 file to write.
    settings
        Settings of the stage, as JSON.
    threads
        Threads to use.

    Raises
    ------
    ModelError
        If a model is damaged, or the two do not belong together.
    StateError
        If the video or its background is damaged, the features are not finite, or the result
        cannot be written.
    """
    device = choose(threads)
    motion = Motion.load(flow, device)
    network, content = load_two_stream(features, motion, device)
    extractor = Extractor(motion, network, device)
    picture = None
    if network.needs_background:
        picture = to_unit(torch.from_numpy(read_background(background))[None, None], device)
    digest = files.digest_of_features(motion.origin, files.origin(content))
    with (
        FrameStore(store) as video,
        feature_writer(
            out, n_frames=video.n_frames, fps=video.fps, behaviors=content["behaviors"],
            n_features=network.length, dtype=settings.dtype, digest=digest,
            groups=content.get("groups", []),
        ) as writer,
    ):  # fmt: skip
        pad = padding_color(motion.normalization["mean"])
        runs = windows(video, clip=motion.clip, batch=settings.batch_size, pad=pad)
        total = -(-video.n_frames // settings.batch_size)
        start = 0
        for frames in track(runs, total=total, label=store.stem, unit="batches"):
            spatial, flow_features, logits = score_run(frames, extractor, picture)
            writer.write(start, spatial=spatial, flow=flow_features, logits=logits)
            start += len(logits)
