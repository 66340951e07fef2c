"""The command line of `deg bench`."""

import argparse
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from deg_core.bench import layout, run, tables
from deg_core.bench.options import PARTS, PRECISIONS, STORES, choose, size_of

DESCRIPTION = """Measure on this machine what the pipeline costs, beside the plain form of the work.

Parts:
  extraction  frames per second of each preset and size, and where the time goes
  clips       random clips per second from each kind of store
  training    steps per second and peak memory of the three trainings
  length      seconds and peak memory of import and extraction against the length of a video
  tgm         a temporal mixture layer as one convolution, against the grouped form

Without a project networks are untrained, which costs the same. Each figure is the median of
several repetitions; docs/bench.md says how to read the tables."""


def parser(*, cores: int) -> argparse.ArgumentParser:
    """Build the parser of `deg bench`; ``cores`` is the default number of threads."""
    made = argparse.ArgumentParser(
        prog="deg bench", description=DESCRIPTION, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = made.add_argument
    add("video", nargs="?", type=Path, metavar="VIDEO", help="default: one is rendered")
    add("--project", type=Path, metavar="PROJECT",
        help="take presets, size, settings, models and first video of this project")  # fmt: skip
    add("--parts", nargs="+", choices=PARTS, metavar="PART", help="default: all")
    add("--presets", nargs="+", metavar="PRESET", help="default: all, or those of the project")
    add("--sizes", nargs="+", metavar="HxW",
        help="height and width of frames in pixels; default: 256x256 224x224 128x192, or that of "
        "the project")  # fmt: skip
    add("--precisions", nargs="+", choices=PRECISIONS, help="of extraction; default: all")
    add("--stores", nargs="+", choices=STORES, help="of the part `length`; default: all")
    add("--pairs", type=int, metavar="N", help="repetitions beside the plain form; default: 5")
    add("--repeats", type=int, metavar="N",
        help="repetitions of what has a process of its own each time; default: 3")  # fmt: skip
    add("--minutes", nargs="+", type=float, metavar="M", help="lengths of video; default: 1 10 60")
    add("--seconds", type=float, metavar="S",
        help="what a repetition of the plain extraction, or the steps of a training, should take; "
        "default: 20")  # fmt: skip
    add("--frames", type=int, metavar="N", help="frames of the video used at most; default: 600")
    add("--batch", type=int, metavar="N",
        help="frames or clips at once at most; default: as the settings say")  # fmt: skip
    add("--threads", type=int, default=cores, metavar="N", help="default: all cores")
    add("--quick", action="store_true", help="a small version of everything, in about a minute")
    add("--out", type=Path, metavar="FILE.json", help="write all figures, with every repetition")
    return made


def main(arguments: Sequence[str], *, cores: int) -> int:
    """Measure, and print each part's tables as soon as it is done.

    Returns
    -------
    int
        0, or 1 if a measurement failed.

    Raises
    ------
    DegError
        If an option, the video or the project cannot be used.
    """
    given: dict[str, Any] = vars(parser(cores=cores).parse_args(arguments))
    out, quick, project = given.pop("out"), given.pop("quick"), given.pop("project")
    if given["sizes"]:
        given["sizes"] = tuple(map(size_of, given["sizes"]))
    options = choose(given, quick=quick, project=project)
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        return run.run(options, out=out, show=show)
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(number: int, _: FrameType | None) -> None:
    """End in good order when asked to: the process at work goes, and so do its files."""
    raise SystemExit(128 + number)


def show(part: str, results: Mapping[str, Any]) -> None:
    """Print the tables of one part."""
    if part == "machine":
        print(tables.machine_line(results["machine"]), flush=True)
        return
    text = layout.as_text(tables.tables_of(part, results))
    print(f"\n{text}" if text else f"\n{part}: nothing was measured; see above.", flush=True)
