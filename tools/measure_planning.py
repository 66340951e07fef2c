"""Measure what planning a large project costs: seconds, memory and jobs, by its number of videos.

    python tools/measure_planning.py FOLDER [--videos 50 200 500 1000 2000] [--splits 5]
                                            [--labeled 1.0] [--unmade] [--out FILE.json]

Makes projects of N stand-in videos in FOLDER and asks `snakemake --dry-run`, `deg run --dry-run`
and `deg status` what is to be done: while nothing is made, when all is made (stand-ins with
Snakemake's own records, by its --touch), and after one label file was edited; with --unmade the
first alone. Nothing is computed. The project of each size is left behind and taken up again.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from deg_core.data.publish import publish_json, publish_text
from deg_core.project.folder import repository
from deg_core.project.workflow import command, job_environment

BEHAVIORS = ["groom", "rear", "walk"]
SIZES = [50, 200, 500, 1000, 2000]
N_FRAMES = 1_800  # a minute
# Snakemake alone plans; `deg` adds its own checks, and prints each job.
COMMANDS = ["snakemake --dry-run", "deg run --dry-run", "deg status"]
HEADER = ["videos", "jobs", "state", "command", "to do", "seconds", "CPU seconds", "peak MB"]


def make_project(folder: Path, *, n_videos: int, splits: int, labeled: float) -> None:
    """Write settings, table, stand-in videos and small label files."""
    config = {"behaviors": BEHAVIORS, "presets": ["lite"], "splits": {"count": splits}}
    names = [f"v{number:05d}" for number in range(n_videos)]
    rows = [
        f"{name}\traw/{name}.mp4\tanimal{number // 4}\t{'yes' if number < 20 else 'no'}"
        for number, name in enumerate(names)
    ]
    for number, name in enumerate(names):
        publish_text(folder / "raw" / f"{name}.mp4", "stands in for a video\n")
        if number < labeled * n_videos:
            publish_text(folder / "labels" / f"{name}.csv", labels(number))
    publish_text(folder / "videos.tsv", "\n".join(["video\tpath\tgroup\tpretrain", *rows, ""]))
    publish_text(folder / "config.yaml", yaml.safe_dump(config))


def labels(seed: int) -> str:
    """Write bouts of all behaviors, as text."""
    rows = ["kind,behavior,start_frame,stop_frame,annotator", f"scored,*,0,{N_FRAMES},anna"]
    for start in range(seed % 50, N_FRAMES - 50, 100):
        rows.append(f"bout,{BEHAVIORS[start // 100 % len(BEHAVIORS)]},{start},{start + 25},anna")
    return "\n".join([*rows, ""])


def call(words: Sequence[str], *, output: Path) -> dict[str, float]:
    """Run a command and measure it with all that it started and waited for.

    Returns
    -------
    dict
        Seconds by the clock and of processors, and peak memory of its largest process in MB.

    Raises
    ------
    SystemExit
        If it fails; its output is shown.
    """
    with output.open("w", encoding="utf-8") as file:
        start = time.perf_counter()
        process = subprocess.Popen(
            words, stdout=file, stderr=subprocess.STDOUT, env=job_environment(os.environ)
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(words)}\n{output.read_text(encoding='utf-8')[-2000:]}")
    return {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
    }


def words_of(name: str, folder: Path) -> list[str]:
    """Return the command line of one of `COMMANDS`."""
    if name == "snakemake --dry-run":
        return [*command(folder, options=["--dry-run", "--quiet", "rules"], environment={})]
    if name == "deg run --dry-run":
        return ["deg", "run", str(folder), "--dry-run"]
    return ["deg", "status", str(folder)]


def n_jobs(output: str) -> int:
    """Read the number of jobs from what Snakemake, or `deg status`, printed; 0 if it has none."""
    found = re.findall(r"^total +(\d+)|^To do: (\d+) job", output, flags=re.MULTILINE)
    return int("".join(found[-1])) if found else 0


def make_all(folder: Path, scratch: Path) -> None:
    """Make a stand-in for every file of the workflow, and have Snakemake take them as made."""
    listed = scratch / "summary.tsv"
    call(command(folder, options=["--summary"], environment={}), output=listed)
    for line in listed.read_text(encoding="utf-8").splitlines():
        name = line.partition("\t")[0]
        if name.startswith("results/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(stand_in(name), encoding="utf-8")
    options = ["--touch", "--quiet", "all", "--scheduler", "greedy", "--jobs", "10000"]
    call(command(folder, options=options, environment={}), output=scratch / "touch.txt")


def stand_in(name: str) -> str:
    """Return what a result must hold for `deg status` to read it; nothing, where it does not."""
    if name.startswith("results/labels/"):
        header = ",".join(["frame", *BEHAVIORS])
        return "\n".join([header, *(f"{frame},0,0,1" for frame in range(N_FRAMES)), ""])
    if re.fullmatch(r"results/metrics/\w+/\w+/\w+.json", name):
        return '{"sequence": {"overall": {"f1_macro": {"value": 0.5, "chance": 0.1}}}}'
    return ""


def measure(folder: Path, state: str, n_videos: int, total: int) -> Iterator[dict[str, Any]]:
    """Measure all commands on a project as it is."""
    for name in COMMANDS:
        output = folder.parent / "output.txt"
        found = call(words_of(name, folder), output=output)
        to_do = n_jobs(output.read_text(encoding="utf-8"))
        row = {"videos": n_videos, "jobs": total or to_do, "state": state, "command": name}
        total = row["jobs"]
        yield row | {"to_do": to_do} | found


def measure_size(
    folder: Path, *, n_videos: int, splits: int, labeled: float, unmade: bool
) -> Iterator[dict[str, Any]]:
    """Take one project through its three states, or through the first alone."""
    total = 0
    if not (folder / "config.yaml").exists():
        make_project(folder, n_videos=n_videos, splits=splits, labeled=labeled)
    if not (folder / "results").exists():
        for row in measure(folder, "nothing made", n_videos, total):
            total = row["jobs"]
            yield row
        if unmade:
            return
        make_all(folder, folder.parent)
    yield from measure(folder, "all made", n_videos, total)
    file = folder / "labels" / "v00000.csv"
    before = file.read_text(encoding="utf-8")
    publish_text(file, before.replace(f",{N_FRAMES},", f",{N_FRAMES - 1},"))
    yield from measure(folder, "one label file edited", n_videos, total)
    publish_text(file, before)


def as_line(row: dict[str, Any]) -> str:
    """Lay out one row of the table."""
    numbers = [f"{row['seconds']:.1f}", f"{row['cpu_seconds']:.1f}", f"{row['peak_mb']:.0f}"]
    cells = [row["videos"], row["jobs"], row["state"], f"`{row['command']}`", row["to_do"]]
    return f"| {' | '.join(map(str, [*cells, *numbers]))} |"


def main() -> None:
    """Measure, print a table, and write the same as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--videos", type=int, nargs="+", default=SIZES)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--labeled", type=float, default=1.0, help="share of the videos")
    parser.add_argument("--unmade", action="store_true", help="measure before anything is made")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    print(f"{repository()}, load {os.getloadavg()[0]:.1f}", flush=True)
    print(f"| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}", flush=True)
    rows = []
    about = {name: getattr(chosen, name) for name in ("splits", "labeled", "unmade")}
    for n_videos in chosen.videos:
        for row in measure_size(chosen.folder / f"n{n_videos}", n_videos=n_videos, **about):
            print(as_line(row), flush=True)
            rows.append(row)
    if chosen.out:
        publish_json(chosen.out, rows)


if __name__ == "__main__":
    main()
