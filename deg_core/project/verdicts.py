"""The verdicts on a project's behaviors and the flags of its videos, as lines of text.

Reads verdicts.csv and quality.csv under results/summary/, where they are.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from deg_core.data.publish import damage_of
from deg_core.splits import RUN

Row = dict[str, str]
VERDICTS = ("behavior", "verdict", "reason")
FLAGS = ("flag", "video")


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
    flagged = flags(read(results / "summary" / "quality.csv", FLAGS))
    for run, rows in by_run(read(results / "summary" / "verdicts.csv", VERDICTS)):
        width = max(len(row["behavior"]) for row in rows)
        said += ["", f"{run}: what to trust"]
        said += [f"  {r['behavior']:<{width}}  {r['verdict']}: {r['reason']}" for r in rows]
        if run in flagged:
            said.append(f"  videos unlike those of the training: {', '.join(flagged[run])}")
    return said


def read(path: Path, columns: Sequence[str]) -> list[Row]:
    """Read a table that has these columns and those of a run; without the file, no rows.

    Raises
    ------
    StateError
        If it is damaged.
    """
    if not path.exists():
        return []
    with damage_of(path), path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in (*RUN, *columns) if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"lacks {', '.join(missing)}")
        rows = list(reader)
        for row in rows:
            if None in row or None in row.values():
                raise ValueError("rows of different lengths")
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
