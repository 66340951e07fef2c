"""Kill runs of the small project at random, many times: `make test-faults KILLS=200`.

First a run that nobody interrupts, whose results are what all others must have; then lives of the
same project, each killed in every way and at every stage until its share of kills is done. Prints
what happened, writes it as JSON, and exits with 1 if any result was ever wrong.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import compare
import small
from lives import Life, Tally
from processes import Run

WEIGHTS = {
    "job": 6, "shell": 2, "term job": 2, "training": 4, "term training": 4, "snakemake": 4,
    "run": 2, "all": 3, "term run": 2, "interrupt": 1, "cut": 6, "cut after term": 1,
}  # fmt: skip


def reference(folder: Path, targets: Sequence[str] = ()) -> dict[str, bytes]:
    """Compute the small project without any interruption; one that is there already is used."""
    if not folder.exists():
        small.make(folder, folder.parent / "raw")
    with (folder.parent / "reference.said").open("w") as said:
        code = Run(folder, targets, said).wait_for_all()
    if code:
        sys.exit(f"the uninterrupted run failed with {code}; see {folder.parent}/reference.said")
    return compare.contents(folder / "results")


def run(place: Path, *, kills: int, per_life: int, seed: int, targets: Sequence[str] = ()) -> Tally:
    """Do a number of kills; returns what happened."""
    expected, tally = reference(place / "reference", targets), Tally()
    # All that was made on the way, too: what nobody asks for is not missed if it is gone.
    wanted = [f"results/{name}" for name in expected] if targets else []
    rng = random.Random(seed)
    while tally.count < kills:
        kinds = rng.choices([*WEIGHTS], [*WEIGHTS.values()], k=min(per_life, kills - tally.count))
        alive = Path(tempfile.mkdtemp(prefix="life ", dir=place))
        folder = small.make(alive / "Mäuse", place / "raw")
        lived = rng.getrandbits(32)
        Life(folder, expected, seed=lived, tally=tally, targets=wanted, log=_say).live(kinds)
        _write(place / "tally.json", tally)
        if not tally.wrong:
            shutil.rmtree(folder.parent)
    return tally


def summary(tally: Tally) -> dict[str, object]:
    """Put what happened into plain values."""
    return {
        "kills": tally.count,
        "by_kind": dict(tally.kills.most_common()),
        "by_rule": dict(tally.rules.most_common()),
        "files_damaged": dict(tally.spoiled.most_common()),
        "results_compared": tally.checked,
        "wrong": tally.wrong,
        "trainings_continued": len(tally.repeated),
        "epochs_repeated_at_most": max(tally.repeated, default=0),
    }


def _write(path: Path, tally: Tally) -> None:
    path.write_text(json.dumps(summary(tally), indent=1) + "\n")


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def main() -> int:
    """Parse the arguments, kill, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--per-life", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary one")
    parser.add_argument("--targets", nargs="*", default=[], help="default: everything")
    chosen = parser.parse_args()
    place = chosen.folder or Path(tempfile.mkdtemp(prefix="deg-faults-"))
    place.mkdir(parents=True, exist_ok=True)
    tally = run(
        place, kills=chosen.kills, per_life=chosen.per_life, seed=chosen.seed,
        targets=chosen.targets,
    )  # fmt: skip
    print(json.dumps(summary(tally), indent=1))
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
