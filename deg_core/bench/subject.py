"""A video with the models that score it, and both ways of extraction: ours and the plain one."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deg_core.data.arrays import FeatureWriter, feature_writer
from deg_core.data.statistics import read_background
from deg_core.data.video import FrameStore
from deg_core.learn.clips import ClipSource, padding_color, to_unit
from deg_core.learn.device import compiles, keep_freed_memory
from deg_core.learn.engine import Engine
from deg_core.learn.quantized import QuantizedEngine
from deg_core.learn.streaming import stream
from deg_core.models.two_stream import StreamOutput, TwoStream
from deg_core.stages.networks import Extractor, Motion, engine_of, load_two_stream
from deg_core.stages.quantize import calibrated

WINDOWS = 32  # that int8 is calibrated on; its speed does not depend on them


@dataclass(frozen=True)
class Subject:
    """What is extracted, and with what.

    Attributes
    ----------
    video
        The store.
    picture
        Its empty arena, (H, W, 3) uint8, where the networks want it.
    motion, network
        Both networks, as they were trained.
    behaviors
        Names of the logits.
    batch
        Frames that are scored at once.
    device
        What computes.
    """

    video: FrameStore
    picture: np.ndarray | None
    motion: Motion
    network: TwoStream
    behaviors: list[str]
    batch: int
    device: torch.device

    @classmethod
    def load(
        cls, store: Path, *, background: Path, flow: Path, features: Path, batch: int,
        device: torch.device,
    ) -> "Subject":  # fmt: skip
        """Read models and background from their files."""
        motion = Motion.load(flow, device)
        network, content = load_two_stream(features, motion, device)
        picture = read_background(background) if network.needs_background else None
        return cls(FrameStore(store), picture, motion, network, content["behaviors"], batch, device)

    @property
    def pad(self) -> np.ndarray:
        """The (3,) uint8 color of frames outside the video."""
        return padding_color(self.motion.normalization["mean"])

    def wait(self) -> None:
        """Return when the device has done all that it was asked for."""
        wait_for(self.device)

    def engine(self, precision: str, *, threads: int = 1) -> Engine | QuantizedEngine:
        """Make the networks ready, as extraction does; int8 is calibrated on this very video.

        Parameters
        ----------
        precision
            One of `deg_core.bench.options.PRECISIONS`.
        threads
            Threads to use; other precisions than int8 take what torch was told.

        Raises
        ------
        ConfigError
            If the packages that int8 needs are not installed.
        """
        if precision != "int8":
            return engine_of(
                self.motion, self.network, self.device, precision=precision,
                compiled=compiles(self.device),
            )  # fmt: skip
        graph, facts = calibrated(
            self.motion, self.network, self.source(), most=WINDOWS, threads=threads
        )
        return QuantizedEngine(graph, facts, threads=threads)

    def source(self) -> ClipSource:
        """Open the video's clips, with its empty arena where the networks want it."""
        return ClipSource(
            [self.video.path], length=self.motion.clip, mean=self.motion.normalization["mean"],
            backgrounds=None if self.picture is None else [self.picture],
        )  # fmt: skip

    def background(self, engine: Engine | QuantizedEngine) -> Tensor | None:
        """Bring the empty arena to the device, as extraction does."""
        return None if self.picture is None else engine.normalize(self.picture)

    def writer(self, path: Path, n: int) -> AbstractContextManager[FeatureWriter]:
        """Open a file for the features of n frames."""
        return feature_writer(
            path, n_frames=n, fps=self.video.fps, behaviors=self.behaviors,
            n_features=self.network.length, digest="",
        )  # fmt: skip


def wait_for(device: torch.device) -> None:
    """Return when a device has done all that it was asked for."""
    if device.type != "cpu":
        getattr(torch, device.type).synchronize()


def extract(subject: Subject, n: int, path: Path, engine: Engine | QuantizedEngine) -> None:
    """Extract n frames as the stage does."""
    answers = stream(
        engine, subject.video, stop=n, batch=subject.batch, pad=subject.pad,
        background=subject.background(engine), fetch=True,
    )  # fmt: skip
    _write(subject, n, path, answers)


def extract_plainly(subject: Subject, n: int, path: Path) -> None:
    """Extract n frames without any of what makes extraction fast, in float32.

    The clip of every frame is cut from the store for itself, turned into floats, and put into a
    batch, which the networks score as they were trained. Freed memory goes back to the system, as
    in any program that does not ask for it to be kept.
    """
    keep_freed_memory(False)
    _write(subject, n, path, _plain_answers(subject, n))
    keep_freed_memory()


def _plain_answers(subject: Subject, n: int) -> Iterator[StreamOutput]:
    source = subject.source()
    extractor = Extractor(subject.motion, subject.network, subject.device)
    for start in range(0, n, subject.batch):
        frames = range(start, min(start + subject.batch, n))
        clips = [torch.from_numpy(source.clip(0, frame)[None]) for frame in frames]
        with torch.inference_mode():
            yield extractor.score(torch.cat([to_unit(clip, subject.device) for clip in clips]))


def write_answer(writer: FeatureWriter, answer: StreamOutput) -> None:
    """Write the next rows."""
    rows = (x.cpu().numpy() for x in (answer.spatial, answer.flow, answer.logits))
    writer.write(writer.n_written, *rows)


def _write(subject: Subject, n: int, path: Path, answers: Iterable[StreamOutput]) -> None:
    with subject.writer(path, n) as writer:
        for answer in answers:
            write_answer(writer, answer)
