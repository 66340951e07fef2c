"""Extraction, from the store to HDF5: as the stage does it beside the plain way, and its parts."""

from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from deg_core import extras
from deg_core.bench.figures import Cost, cost_of, figure, interleaved, ratios
from deg_core.bench.options import STEPS
from deg_core.bench.subject import Subject, extract, extract_plainly, write_answer
from deg_core.data.arrays import Features, read_features
from deg_core.learn.device import choose
from deg_core.learn.engine import Engine
from deg_core.learn.quantized import QuantizedEngine
from deg_core.learn.streaming import parts, read_padded

PLAIN = "plain"
# The methods of the engine, and the steps that they count as.
METHODS = {
    "prepare": "prepare", "windows": "prepare", "flow": "flow", "spatial": "spatial classifier",
    "moving": "flow classifier", "score_windows": "all networks",  # of int8: one graph
}  # fmt: skip
T = TypeVar("T")
E = TypeVar("E", Engine, QuantizedEngine)
PILOT = 4  # frames by which it is told how many take the time that was asked for


def measure(
    *,
    store: str,
    statistics: str,
    flow: str,
    features: str,
    folder: str,
    precisions: Sequence[str],
    pairs: int,
    seconds: float,
    batch: int,
    threads: int,
) -> dict[str, Any]:
    """Measure one preset at one size.

    Parameters
    ----------
    store, statistics
        Imported video, and the folder with its background.
    flow, features
        Model files.
    folder
        For what is written.
    precisions
        Number formats of the stage's way.
    pairs
        Repetitions.
    seconds
        What one repetition of the plain way should take.
    batch
        Frames that are scored at once.
    threads
        Threads to use.

    Returns
    -------
    dict
        Frames used, the figures of the plain way and of each number format, and why some of them
        were ``left_out``.
    """
    subject = Subject.load(
        Path(store), background=Path(statistics) / "video.background.png", flow=Path(flow),
        features=Path(features), batch=batch, device=choose(threads),
    )  # fmt: skip
    n = enough_frames(subject, seconds, Path(folder))
    left_out = {"int8": why} if "int8" in precisions and (why := without_int8(subject)) else {}
    engines = {
        name: subject.engine(name, threads=threads) for name in precisions if name not in left_out
    }
    files = {name: Path(folder) / f"{name}.h5" for name in (PLAIN, *engines)}
    ways: dict[str, Callable[[], None]] = {
        PLAIN: partial(extract_plainly, subject, n, files[PLAIN])
    }
    ways |= {name: partial(extract, subject, n, files[name], e) for name, e in engines.items()}
    for name in engines:  # the first time around, libraries choose how they compute
        ways[name]()
    costs = interleaved(ways, repeats=pairs, wait=subject.wait)
    reference = read_features(files[PLAIN])
    found: dict[str, Any] = {"frames": n, "batch": batch, PLAIN: speeds(costs[PLAIN], n)}
    found["left_out"] = left_out
    found["paths"] = {
        name: speeds(costs[name], n)
        | ratios(costs[PLAIN], costs[name])
        | differences(reference, read_features(files[name]))
        | {"steps_cpu_ms": split(subject, n, files[name], engine, repeats=pairs)}
        for name, engine in engines.items()
    }
    return found


def without_int8(subject: Subject) -> str | None:
    """Say why int8 cannot be measured here; None if it can."""
    if subject.device.type != "cpu":
        return "it is for processors"
    return "the packages of the extra `openvino` are not installed" if extras.missing() else None


def speeds(costs: Sequence[Cost], n: int) -> dict[str, Any]:
    """Turn the costs of n frames into frames per second and processor time per frame."""
    return {
        "frames_per_s": figure([n / cost.wall_s for cost in costs]),
        "cpu_ms": figure([1000 * cost.cpu_s / n for cost in costs]),
    }


def enough_frames(subject: Subject, seconds: float, folder: Path) -> int:
    """Tell how many frames the plain way does in some seconds, in whole batches."""
    few = min(PILOT, subject.video.n_frames)
    pilot = partial(extract_plainly, subject, few, folder / "pilot.h5")
    pilot()  # the first time takes longer
    each = cost_of(pilot, subject.wait).wall_s / few
    batches = max(1, round(seconds / each / subject.batch))
    return min(subject.video.n_frames, batches * subject.batch)


def differences(plain: Features, ours: Features) -> dict[str, Any]:
    """Say how far features and logits are from those of the plain way.

    Returns
    -------
    dict
        Per array ``difference``, the largest, as a share of the array's largest value, and
        ``cosine``, that of the frame whose vector was turned most; and of the features, the worst
        of each as ``largest_difference`` and ``smallest_cosine``. Arrays of zeros, of streams that
        there are not, are left out.
    """
    arrays = {}
    for name in ("spatial", "flow", "logits"):
        a, b = getattr(plain, name), getattr(ours, name)
        if a.any() or b.any():
            share = np.abs(a - b).max() / max(np.abs(a).max(), np.finfo(np.float32).tiny)
            arrays[name] = {"difference": float(share), "cosine": float(cosine(a, b).min())}
    features = [found for name, found in arrays.items() if name != "logits"]
    return {
        "arrays": arrays,
        "largest_difference": max(found["difference"] for found in features),
        "smallest_cosine": min(found["cosine"] for found in features),
    }


def cosine(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the cosines (T,) between the rows of two arrays (T, D), 1 where both are zero."""
    a, b = one.astype(np.float64), other.astype(np.float64)
    product = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    same = (a == b).all(1)
    return np.where(same, 1.0, (a * b).sum(1) / np.where(product > 0, product, 1.0))


def split(
    subject: Subject, n: int, path: Path, engine: Engine | QuantizedEngine, *, repeats: int
) -> dict[str, Any]:
    """Measure the parts of the stage's way, one after the other, nothing overlapping.

    Returns
    -------
    dict
        Milliseconds of processor time per frame, for each of `STEPS` that the networks have.
    """
    rounds = [one_by_one(subject, n, path, engine) for _ in range(repeats)]
    return {
        name: figure([1000 * costs[name] / n for costs in rounds])
        for name in STEPS
        if name in rounds[0]
    }


def one_by_one(
    subject: Subject, n: int, path: Path, engine: Engine | QuantizedEngine
) -> dict[str, float]:
    """Extract n frames once; return the seconds of processor time of each part."""
    watch = Stopwatch(subject.wait)
    seen, still, overlap = watched(engine, watch), subject.background(engine), None
    with subject.writer(path, n) as writer:
        for run in parts(0, n, clip=engine.clip, batch=subject.batch):
            frames = watch.during("decode", read_padded)(subject.video, run, subject.pad)
            ring = seen.prepare(frames, overlap)
            watch.during("write", write_answer)(writer, seen.score(ring, still))
            overlap = ring[:, :, ring.shape[2] - engine.clip + 1 :]
    return watch.seconds


class Stopwatch:
    """Sum up the processor time of each part.

    Parameters
    ----------
    wait
        Returns when the device has done all that it was asked for.
    """

    def __init__(self, wait: Callable[[], None]) -> None:
        self.wait = wait
        self.seconds: dict[str, float] = {}

    def during(self, part: str, function: Callable[..., T]) -> Callable[..., T]:
        """Return the function, whose calls now count as ``part``."""

        def call(*given: Any) -> T:
            answers: list[T] = []
            cost = cost_of(lambda: answers.append(function(*given)), self.wait)
            self.seconds[part] = self.seconds.get(part, 0.0) + cost.cpu_s
            return answers[0]

        return call


def watched(engine: E, watch: Stopwatch) -> E:
    """Return the engine, whose steps are timed."""
    seen = copy(engine)
    for method, part in METHODS.items():
        if hasattr(engine, method):
            setattr(seen, method, watch.during(part, getattr(engine, method)))
    return seen
