"""Steps of the three trainings: the stages' own tasks in the training loop, cut short."""

from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import cv2
import numpy as np
import torch

from deg_core.bench.figures import Cost, figure, interleaved, ratios
from deg_core.bench.subject import wait_for
from deg_core.bench.untrained import SEED
from deg_core.data.statistics import read_moments
from deg_core.learn.clips import ClipSource
from deg_core.learn.device import choose, keep_freed_memory, name_of
from deg_core.learn.fit import Fit, Task
from deg_core.learn.memory import fitting_batch, free_memory, untouched
from deg_core.settings import (
    AUTO,
    FeatureSettings,
    FlowSettings,
    SequenceSettings,
    TrainSettings,
    from_dict,
)
from deg_core.stages.networks import Extractor, Motion
from deg_core.stages.train_features import FeatureTask, clip_source
from deg_core.stages.train_flow import FlowTask
from deg_core.stages.train_sequence import SequenceTask

WARM, FEWEST, MOST = 1, 3, 200  # steps before the first that counts, and that count
N_BEHAVIORS = 5
VIDEOS, FRAMES = 4, 6000  # of made-up features: enough windows for some usual batches
VAL_FRAMES = 16  # after the steps the loop validates, as always
VIDEO = "video"  # the store is named so


class Watched:
    """A task whose steps are timed, and end when they have taken long enough.

    A step reaches from one batch to the next: it includes waiting for data.

    Parameters
    ----------
    task
        What is trained.
    seconds
        What the steps that count should take.
    """

    def __init__(self, task: Task, seconds: float) -> None:
        self.task, self.seconds = task, seconds
        self.marks: list[tuple[float, float]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.task, name)

    def batches(self, epoch: int, start: int) -> Generator[Any, None, None]:
        """Yield the task's batches until it is enough."""
        with closing(self.task.batches(epoch, start)) as batches:
            for batch in batches:
                self.marks.append((perf_counter(), process_time()))
                if self._is_enough():
                    return
                yield batch
            self.marks.append((perf_counter(), process_time()))

    def _is_enough(self) -> bool:
        done = len(self.marks) - 1 - WARM
        return done >= FEWEST and self.marks[-1][0] - self.marks[WARM][0] >= self.seconds

    def steps(self) -> list[Cost]:
        """Return what each step took that counts."""
        counted = self.marks[WARM:]
        return [Cost(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(counted)]


def measure_flow(
    *, store: str, statistics: str, settings: Mapping[str, Any], limits: Mapping[str, Any],
    folder: str, threads: int,
) -> dict[str, Any]:  # fmt: skip
    """Measure steps of train_flow.

    Parameters
    ----------
    store, statistics
        Imported video, and the folder of its statistics.
    settings
        Of the stage.
    limits
        ``seconds`` that the steps should take, and clips per ``batch`` at most.
    folder
        For the state.
    threads
        Threads to use.
    """
    device = choose(threads)
    moments = read_moments(Path(statistics) / "rgb.json")
    chosen = short(from_dict(FlowSettings, settings))
    chosen = replace(chosen, val_clips=VAL_FRAMES)
    source = ClipSource(
        [Path(store)], length=chosen.clip, mean=moments["mean"], pinned=device.type == "cuda"
    )
    task = FlowTask(source, chosen, device)
    task.normalize_by(moments)
    if task.network.kind != "flow":
        return {"learns": False}
    return steps_of(task, len(task.train), limits, Path(folder))


def measure_features(
    *,
    store: str,
    statistics: str,
    flow: str,
    settings: Mapping[str, Any],
    limits: Mapping[str, Any],
    folder: str,
    threads: int,
) -> dict[str, Any]:
    """Measure steps of train_features; as `measure_flow`, behind the model ``flow``."""
    chosen = short(from_dict(FeatureSettings, settings))
    task = feature_task(Path(store), Path(statistics), Path(flow), chosen, choose(threads))
    return steps_of(task, len(task.samples), limits, Path(folder))


def compare_features(
    *,
    store: str,
    statistics: str,
    flow: str,
    settings: Mapping[str, Any],
    batch: int,
    pairs: int,
    threads: int,
) -> dict[str, Any]:
    """Measure steps of train_features and plain ones in turn, each on the same clips.

    Parameters
    ----------
    store, statistics, flow, settings, threads
        As for `measure_features`.
    batch
        Clips per step.
    pairs
        Repetitions.
    """
    device = choose(threads)
    chosen = short(from_dict(FeatureSettings, settings))
    made = Path(store), Path(statistics), Path(flow)
    task = feature_task(*made, replace(chosen, batch_size=batch), device)
    plain = feature_task(*made, replace(chosen, batch_size=batch, precision="fp32"), device)
    make_plain(plain)
    rows = task.samples[np.random.default_rng(SEED).integers(0, len(task.samples), batch)]
    ways = {
        "plain": partial(step_plainly, plain, adam(plain), rows),
        "own": partial(step, task, adam(task), rows),
    }
    for way in ways.values():  # the first time around, libraries choose how they compute
        way()
    costs = interleaved(ways, repeats=pairs, wait=partial(wait_for, device))
    return ratios(costs["plain"], costs["own"])


def feature_task(
    store: Path, statistics: Path, flow: Path, settings: FeatureSettings, device: torch.device
) -> FeatureTask:
    """Make the task of the stage, with made-up labels and a short validation part."""
    cv2.setNumThreads(1)  # as the stage does
    motion = Motion.load(flow, device)
    settings = replace(settings, curriculum=False)
    opened = partial(
        clip_source, [VIDEO], store.parent, statistics, settings, motion,
        pinned=device.type == "cuda",
    )  # fmt: skip
    source, val_source = opened(), opened()
    labels = made_up_labels(source.n_frames[0])
    val_labels = labels.copy()
    val_labels[VAL_FRAMES:] = -1
    return FeatureTask(
        (source, [labels]), (val_source, [val_labels]), settings=settings, motion=motion,
        device=device,
    )  # fmt: skip


def make_plain(task: FeatureTask) -> None:
    """Take back what makes the task fast: both networks as they are, in float32."""
    task.network.to(memory_format=torch.contiguous_format)
    task.extractor = Extractor(task.motion, task.network, task.device)


def adam(task: FeatureTask) -> torch.optim.Adam:
    """Make the optimizer of a task's network, as the loop does."""
    return torch.optim.Adam(task.network.parameters(), lr=task.settings.lr)


def step(task: FeatureTask, optimizer: torch.optim.Adam, rows: np.ndarray) -> None:
    """Make one step on the clips of ``rows``, as the loop does but for its penalties."""
    task.network.train()
    batch = task.source.batch(rows, task.labels)
    optimizer.zero_grad(set_to_none=True)
    task.loss(batch, torch.Generator().manual_seed(SEED)).backward()
    optimizer.step()


def step_plainly(task: FeatureTask, optimizer: torch.optim.Adam, rows: np.ndarray) -> None:
    """Make a step of a plain task; freed memory goes back to the system, as in plain extraction."""
    keep_freed_memory(False)
    step(task, optimizer, rows)
    keep_freed_memory()


def measure_sequence(
    *, n_features: int, settings: Mapping[str, Any], limits: Mapping[str, Any], folder: str,
    threads: int,
) -> dict[str, Any]:  # fmt: skip
    """Measure steps of train_sequence on made-up features, ``n_features`` per frame."""
    device = choose(threads)
    chosen = short(from_dict(SequenceSettings, settings))
    rng = np.random.default_rng(SEED)
    lengths = [FRAMES] * VIDEOS + [10 * VAL_FRAMES]
    features = [rng.standard_normal((n, n_features), np.float32) for n in lengths]
    labels = [made_up_labels(n) for n in lengths]
    task = SequenceTask(
        (features[:-1], labels[:-1]), (features[-1:], labels[-1:]), settings=chosen, device=device
    )
    return steps_of(task, len(task.windows(0)), limits, Path(folder))


def made_up_labels(n: int) -> np.ndarray:
    """Draw labels (n, K) int8 of behaviors that are there a fifth of the time."""
    return (np.random.default_rng(SEED).random((n, N_BEHAVIORS)) < 0.2).astype(np.int8)


def short(settings: TrainSettings) -> Any:
    """Return settings of a training of one short epoch from random weights."""
    return replace(settings, epochs=1, steps_per_epoch=WARM + MOST, weights="none")


def steps_of(task: Any, n_samples: int, limits: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Train a task for some steps in the loop of all trainings.

    Parameters
    ----------
    task
        Of a stage.
    n_samples
        Samples of an epoch; the batch is small enough for some steps, and fits the memory.
    limits
        ``seconds`` and ``batch``.
    folder
        For the state.

    Returns
    -------
    dict
        Samples per step, the number format of the networks, and figures of its time.
    """
    settings, enough = task.settings, max(1, n_samples // (WARM + FEWEST))
    most = min(limits["batch"], enough)
    with untouched(task.network):
        most = fitting_batch(task.trial, free=free_memory(task.device), most=most)
    size = most if settings.batch_size == AUTO else min(settings.batch_size, most)
    task.settings = replace(settings, batch_size=size)
    watched = Watched(task, limits["seconds"])
    Fit(watched, settings=task.settings, state=folder, fingerprint="bench").run()
    steps = watched.steps()
    return {
        "learns": True,
        "batch": size,
        "precision": name_of(task.precision.dtype),
        "steps_per_s": figure([1 / step.wall_s for step in steps]),
        "cpu_s": figure([step.cpu_s for step in steps]),
        **card_memory(task.device),
    }


def card_memory(device: torch.device) -> dict[str, float]:
    """Return the most memory of the graphics card that was in use, in MB; nothing without one."""
    if device.type != "cuda":
        return {}
    return {"card_mb": torch.cuda.max_memory_allocated(device) / 2**20}
