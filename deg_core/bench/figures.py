"""Figures: a median with all the measurements that it rests on; and what measures them."""

import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Figure = dict[str, Any]  # median, n, values
Form = Callable[[], None]


@dataclass(frozen=True)
class Cost:
    """What some work took: seconds of the clock, and of all processor cores together."""

    wall_s: float
    cpu_s: float


def figure(values: Sequence[float]) -> Figure:
    """Sum up repeated measurements.

    Raises
    ------
    ValueError
        If there is none: what was not measured is no figure.
    """
    if not values:
        raise ValueError("no measurement, so no figure")
    return {"median": statistics.median(values), "n": len(values), "values": list(values)}


def cost_of(work: Form, wait: Form = lambda: None) -> Cost:
    """Do some work once and return what it took.

    Parameters
    ----------
    work
        What is measured.
    wait
        Returns when the device has done all that it was asked for.
    """
    wait()
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wait()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def interleaved(
    forms: Mapping[str, Form], *, repeats: int, wait: Form = lambda: None
) -> dict[str, list[Cost]]:
    """Measure several forms of the same work in turn, so that a slow minute slows all of them.

    Parameters
    ----------
    forms
        By name.
    repeats
        How often each is done.
    wait
        As for `cost_of`.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in forms}
    for _ in range(repeats):
        for name, work in forms.items():
            costs[name].append(cost_of(work, wait))
    return costs


def ratios(plain: Sequence[Cost], ours: Sequence[Cost]) -> dict[str, Figure]:
    """Say how many times faster than the plain form: the median over neighboring measurements.

    Returns
    -------
    dict
        ``wall_ratio`` and ``cpu_ratio``.
    """
    pairs = list(zip(plain, ours, strict=True))
    return {
        "wall_ratio": figure([a.wall_s / b.wall_s for a, b in pairs]),
        "cpu_ratio": figure([a.cpu_s / b.cpu_s for a, b in pairs]),
    }


def peak_mb() -> float:
    """Return the most memory that this process has had so far, in MB.

    `deg_core.learn.memory` says the same, but loads torch, which would be the peak of an import.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
