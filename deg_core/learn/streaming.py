"""Scoring the frames of a video in order: each is read and prepared once, reading goes ahead."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from deg_core.data.store import FrameStore
from deg_core.learn.clips import ahead
from deg_core.learn.engine import Engine, Ring
from deg_core.learn.parts import as_fits
from deg_core.learn.prefetch import leaving, prefetched
from deg_core.learn.quantized import QuantizedEngine
from deg_core.models.two_stream import StreamOutput

CPU = torch.device("cpu")
Frames = np.ndarray | Tensor


def parts(start: int, stop: int, *, clip: int, batch: int) -> list[range]:
    """Cut what the windows of frames ``start`` to ``stop`` show into neighboring runs of frames.

    Parameters
    ----------
    start, stop
        First frame to be scored, and the one behind the last.
    clip
        Frames per window, T.
    batch
        Windows that each run completes.

    Returns
    -------
    list of range
        Numbers of frames, also before the first and behind the last of the video. The first run
        has batch + T - 1 frames, the others ``batch``, the last one what is left.
    """
    first = start - clip // 2
    end = first + stop - start + clip - 1
    cuts = [first, *range(first + batch + clip - 1, end, batch), end]
    return [range(a, b) for a, b in pairwise(cuts)]


def read_padded(store: FrameStore, frames: range, pad: np.ndarray) -> np.ndarray:
    """Read neighboring frames; those outside the video have the color ``pad``, (3,) uint8.

    Returns
    -------
    np.ndarray
        (n, H, W, 3) uint8 RGB.
    """
    inside = range(max(frames.start, 0), min(frames.stop, store.n_frames))
    if inside == frames:
        return store.read(np.arange(frames.start, frames.stop))
    run = np.empty((len(frames), *store.shape, 3), np.uint8)
    run[:] = pad
    if len(inside):
        at = inside.start - frames.start
        run[at : at + len(inside)] = store.read(np.arange(inside.start, inside.stop))
    return run


def stream(
    engine: Engine | QuantizedEngine,
    store: FrameStore,
    *,
    start: int = 0,
    stop: int | None = None,
    batch: int,
    pad: np.ndarray,
    background: Tensor | None = None,
    fetch: bool = False,
) -> Iterator[StreamOutput]:
    """Score frames ``start`` to ``stop`` of a video, in order.

    Parameters
    ----------
    engine
        Both networks.
    store
        Imported video.
    start, stop
        First frame, and the one behind the last; by default all.
    batch
        Frames that are scored at once.
    pad
        (3,) uint8 color of frames outside the video.
    background
        (H, W, 3) normalised median of the video, where the engine needs it.
    fetch
        Whether the answers are wanted in the processor's memory.

    Yields
    ------
    StreamOutput
        Of ``batch`` frames, the last one of fewer. Memory does not grow with the video. Where it
        runs out, fewer frames are scored at once from there on, and that is said.
    """
    stop = store.n_frames if stop is None else stop
    runs = parts(start, stop, clip=engine.clip, batch=batch)
    device = getattr(engine, "device", CPU)
    overlap = waiting = None
    with closing(_on(device, lambda frames: read_padded(store, frames, pad), runs)) as read:
        for frames in read:
            ring = engine.prepare(frames, overlap)
            scored, batch = score(engine, ring, background, most=batch)
            answer = _fetched(scored) if fetch else partial(_same, scored)
            # Given on one batch later: a GPU then works on while the caller waits for this one.
            if waiting is not None:
                yield waiting()
            waiting, overlap = answer, ring[:, :, ring.shape[2] - engine.clip + 1 :]
    if waiting is not None:
        yield waiting()


def _same(answer: StreamOutput) -> StreamOutput:
    return answer


def _fetched(answer: StreamOutput) -> Callable[[], StreamOutput]:
    """Begin to copy an answer to the processor's memory; what is returned waits for it."""
    there = {name: tensor for name, tensor in vars(answer).items() if tensor is not None}
    arrived = leaving(list(there.values()))
    return lambda: replace(answer, **dict(zip(there, arrived(), strict=True)))


def _on(
    device: torch.device, read: Callable[[range], np.ndarray], runs: list[range]
) -> Generator[Frames, None, None]:
    """Read runs of frames ahead; for a CUDA device, bring them there ahead, too."""
    if device.type != "cuda":
        return ahead(read, runs)
    return prefetched(
        ahead(lambda frames: torch.from_numpy(read(frames)).pin_memory(), runs), device,
        move=lambda frames: frames.to(device, non_blocking=True), tensors=lambda frames: [frames],
    )  # fmt: skip


def score(
    engine: Engine | QuantizedEngine, ring: Ring, background: Tensor | None, *, most: int
) -> tuple[StreamOutput, int]:
    """Score the frames in the middle of all windows of a ring, as many at once as memory holds.

    Parameters
    ----------
    engine, ring, background
        As of the engine's own `score`.
    most
        Frames to score at once.

    Returns
    -------
    tuple
        What the engine answers, and how many frames can be scored at once.

    Raises
    ------
    ConfigError
        If memory does not hold a single one.
    """

    def part(rows: slice) -> StreamOutput:
        return engine.score(ring[:, :, rows.start : rows.stop + engine.clip - 1], background)

    answers, most = as_fits(part, ring.shape[2] - engine.clip + 1, most=most)
    if len(answers) == 1:
        return answers[0], most
    names = ("logits", "spatial", "flow")
    joined = (torch.cat([getattr(answer, name) for answer in answers]) for name in names)
    return StreamOutput(*joined), most
