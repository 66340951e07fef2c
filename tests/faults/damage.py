"""What a power cut leaves of the newest files: cut off, empty, or zeros in place of content."""

import os
import random
from pathlib import Path

PLACES = ("results", "state", ".snakemake/metadata", ".snakemake/incomplete", ".snakemake/locks")
NEWEST = 10
MOST = 4


def newest(folder: Path) -> list[Path]:
    """List the newest files that a run writes, the very newest first.

    The record of the run itself (.snakemake/deg.lock) is on the disk before anything else begins,
    and so is not among them.
    """
    found = []
    for place in PLACES:
        for path in (folder / place).rglob("*"):
            if path.is_file():
                found.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(found, reverse=True)[:NEWEST]]


def spoil(path: Path, rng: random.Random) -> str:
    """Damage a file, keeping its date, as a disk does that lost its content; returns how."""
    status = path.stat()
    how = rng.choice(["cut off", "empty", "zeros", "zeros at the end"])
    kept = 0 if how in ("empty", "zeros") else int(rng.random() * status.st_size)
    os.truncate(path, kept)
    if how.startswith("zeros"):
        os.truncate(path, status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return how


def power_cut(folder: Path, rng: random.Random) -> dict[Path, str]:
    """Damage one to four of the newest files of a project in which nothing runs any more."""
    candidates = newest(folder)
    chosen = rng.sample(candidates, min(len(candidates), rng.randint(1, MOST)))
    return {path: spoil(path, rng) for path in chosen}
