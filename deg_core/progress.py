"""How long work is shown: a bar on a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
LINE_EVERY_S = 15.0


def log(message: str) -> None:
    """Write one line to standard error, at once."""
    print(message, file=sys.stderr, flush=True)


def track(
    items: Iterable[T],
    *,
    total: int | None = None,
    label: str = "",
    unit: str = "it",
    initial: int = 0,
) -> Iterator[T]:
    """Iterate over ``items``, showing rate and time left.

    Parameters
    ----------
    items
        What to iterate over.
    total
        Number of items, where known; the time left needs it.
    label
        What is being done.
    unit
        What one item is called.
    initial
        Items that were already done before.
    """
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, total=total, desc=label, unit=f" {unit}", initial=initial)
        return
    started = last = time.monotonic()
    count = initial
    for item in items:
        yield item
        count += 1
        now = time.monotonic()
        if now - last >= LINE_EVERY_S:
            last = now
            log(_line(label, unit, count, total, (count - initial) / (now - started)))


def _line(label: str, unit: str, count: int, total: int | None, rate: float) -> str:
    text = f"{label}: {count}{f'/{total}' if total else ''} {unit}, {rate:.1f} {unit}/s"
    if total and rate > 0:
        text += f", {(total - count) / rate:.0f} s left"
    return text
