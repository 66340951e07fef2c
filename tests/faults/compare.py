"""Compare results with those of a run that nobody interrupted: every byte, but for times.

What may differ, and why; all else in these files must be the same:

``models/**.run.json``      seconds (wall time of the training), attempts (how often it began),
                            peak_memory_mb (of the process that ended it)
``models/**.history.csv``, ``summary/history.csv``  the column seconds, which is wall time
``summary/models.csv``      seconds, and frames_per_second, from the wall time of extraction
``summary/setup.csv``       the rows of seconds, attempts and peak_memory_mb
``report/setup.html``       what it shows of these: numbers
``figures/models.svg``      what it draws of these: only its end is looked at
``provenance/``             records of jobs, with their times; not compared
"""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

RECORD_FACTS = ("seconds", "attempts", "peak_memory_mb")


def _record(content: bytes) -> object:
    facts = json.loads(content)
    return {key: value for key, value in facts.items() if key not in RECORD_FACTS}


def _table(*columns: str) -> Callable[[bytes], object]:
    def read(content: bytes) -> object:
        table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
        return table.drop(columns=[*columns]).to_csv()

    return read


def _setup(content: bytes) -> object:
    table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    return table[~table["item"].isin(RECORD_FACTS)].to_csv()


# What is compared of files that hold times; the first pattern that fits a name counts.
TIMED: dict[str, Callable[[bytes], object]] = {
    r"models/.*\.run\.json": _record,
    r"(models/.*\.|summary/)history\.csv": _table("seconds"),
    r"summary/models\.csv": _table("seconds", "frames_per_second"),
    r"summary/setup\.csv": _setup,
    r"report/setup\.html": lambda content: re.sub(rb"[\d.]+", b"", content),
    r"figures/models\.svg": lambda content: content[-20:],
}


def differs(name: str, found: bytes, expected: bytes) -> bool:
    """Tell whether a result, by its name below results/, is another one than it should be."""
    if found == expected:
        return False
    for pattern, read in TIMED.items():
        if re.fullmatch(pattern, name):
            return read(found) != read(expected)
    return True


def contents(results: Path) -> dict[str, bytes]:
    """Read all results by name, as they are now; those being written are hidden."""
    found = {}
    for path in sorted(results.rglob("*")):
        name = path.relative_to(results).as_posix()
        if path.name.startswith(".") or name.startswith("provenance/"):
            continue
        try:
            found[name] = path.read_bytes()
        except (IsADirectoryError, FileNotFoundError):
            continue
    return found


def wrong(found: dict[str, bytes], expected: dict[str, bytes]) -> list[str]:
    """List results that are there and are not what they should be."""
    return [
        name
        for name, content in found.items()
        if name not in expected or differs(name, content, expected[name])
    ]
