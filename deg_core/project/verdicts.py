"""The verdicts on a project's behaviors and the flags of its videos, as lines of text.

Reads verdicts.csv and quality.csv under results/summary/, where they are.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from deg_core.data.publish import damage_of
from deg_core.splits import RUN

Row = dict[str, str]


def lines(results: Path) -> list[str]:
    """Say what may be trusted: a line per behavior, and the videos that have a flag.

    Parameters
    ----------
    results
        Folder of the results.

    Raises
    ------
    StateError
        If a table is damaged.
    """
    said: list[str] = []
    flagged = flags(read(results / "summary" / "quality.csv"))
    for run, rows in by_run(read(results / "summary" / "verdicts.csv")):
        width = max(len(row["behavior"]) for row in rows)
        said += ["", f"{run}: what to trust"]
        said += [f"  {r['behavior']:<{width}}  {r['verdict']}: {r['reason']}" for r in rows]
        if run in flagged:
            said.append(f"  videos unlike those of the training: {', '.join(flagged[run])}")
    return said


def read(path: Path) -> list[Row]:
    """Read a table; without the file there are no rows."""
    if not path.exists():
        return []
    with damage_of(path), path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
        for row in rows:
            row["run"] = "/".join(row[name] for name in RUN)
    return rows


def by_run(rows: list[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Yield each run with its rows."""
    for run in dict.fromkeys(row["run"] for row in rows):
        yield run, [row for row in rows if row["run"] == run]


def flags(rows: list[Row]) -> dict[str, list[str]]:
    """List the videos with a flag of each run that has any."""
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        if row["flag"] == "look":
            found.setdefault(row["run"], {})[row["video"]] = None
    return {run: list(videos) for run, videos in found.items()}
