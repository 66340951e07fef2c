"""The everyday commands of `deg`: each maps the words after its name to one call.

Nothing heavy is imported before it is known which command runs; `deg_core.cli` adds the stages.
"""

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

Arguments = Sequence[str]
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Command:
    """One subcommand: the line of the overview, and what parses its arguments and does it."""

    summary: str
    main: Callable[[Arguments], int]


def limit_threads(arguments: Arguments) -> None:
    """Make numeric libraries use as many threads as ``--threads`` says.

    They read the environment once, when they are imported, so this comes before any import.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--threads")
    threads = parser.parse_known_args(arguments)[0].threads
    if threads and threads.isdigit():
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, threads))


def _parser(name: str, description: str, *, project: bool = True) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"deg {name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if project:
        parser.add_argument("project", type=Path, metavar="PROJECT", help="the project's folder")
    return parser


def _new(rest: Arguments) -> int:
    from deg_core.project import new

    parser = _parser("new", "Make a project folder: settings, video table, labels.", project=False)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="made where it is missing")
    parser.add_argument(
        "--behaviors", nargs="+", default=[], metavar="NAME",
        help="what your labels call the behaviors; config.yaml can be edited later",
    )  # fmt: skip
    chosen = parser.parse_args(rest)
    new.create(chosen.folder, behaviors=chosen.behaviors, environment=os.environ)
    return 0


def _add(rest: Arguments) -> int:
    from deg_core.project import add

    parser = _parser("add", "Add videos to a project; each is opened and checked.")
    parser.add_argument(
        "videos", type=Path, nargs="+", metavar="VIDEO",
        help="a video file, or a folder of numbered images",
    )  # fmt: skip
    where = parser.add_mutually_exclusive_group()
    for place, text in add.PLACES.items():
        where.add_argument(f"--{place}", dest="place", action="store_const", const=place, help=text)
    parser.add_argument("--group", help="animal, cage or session; a split keeps a group together")
    parser.add_argument(
        "--labels", type=Path, metavar="FILE",
        help="label file of the one video given; default: a file <video>_labels.csv beside it",
    )  # fmt: skip
    parser.add_argument(
        "--pretrain", choices=("yes", "no"),
        help="whether statistics and flow training use the videos; "
        "default: yes until a flow model exists, then no",
    )  # fmt: skip
    parser.set_defaults(place="in-place")
    chosen = parser.parse_args(rest)
    return add.add_videos(
        chosen.project, chosen.videos, place=chosen.place, group=chosen.group,
        labels=chosen.labels, pretrain=chosen.pretrain,
    )  # fmt: skip


def _doctor(rest: Arguments) -> int:
    from deg_core.project import doctor

    parser = _parser("doctor", "Check everything that a run would need; say all that is wrong.")
    return doctor.examine(parser.parse_args(rest).project, environment=os.environ)


def _run(rest: Arguments) -> int:
    from deg_core.project import run

    parser = _parser(
        "run",
        "Compute what is missing or stale in a project.\n\n"
        "Every option after PROJECT goes to Snakemake, for example:\n"
        "  deg run my_project --cores 4\n"
        "  deg run my_project --dry-run            what would run, and why\n"
        "  deg run my_project --profile slurm      on a cluster\n"
        "  deg run my_project results/stats/rgb.json",
    )
    parser.usage = "deg run PROJECT [OPTION OR TARGET OF SNAKEMAKE ...]"
    chosen, options = parser.parse_known_args(rest)
    return run.run(chosen.project, options=options, environment=os.environ)


def _status(rest: Arguments) -> int:
    from deg_core.project import status

    parser = _parser("status", "Show which videos and stages are done, and what is stale and why.")
    return status.show(parser.parse_args(rest).project, environment=os.environ)


def _demo(rest: Arguments) -> int:
    from deg_core.project import demo

    parser = _parser("demo", "Run the bundled example and say where to look.", project=False)
    parser.usage = "deg demo [OPTION OF SNAKEMAKE ...]"
    return demo.demo(options=parser.parse_known_args(rest)[1], environment=os.environ)


def _import_model(rest: Arguments) -> int:
    from deg_core.project import import_model

    parser = _parser(
        "import-model",
        "Make a model file of a checkpoint of DeepEthogram; nothing in it is executed.\n\n"
        "It prints what to write into config.yaml, so that a training starts from these weights\n"
        "or uses them as they are.",
        project=False,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="checkpoint.pt, or a .ckpt")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="OUT.pt",
        help="where to; a feature extractor's flow generator comes beside it, as OUT.flow.pt",
    )  # fmt: skip
    parser.add_argument(
        "--preset", choices=import_model.PRESETS,
        help="refuse the network of another preset; default: take any",
    )  # fmt: skip
    parser.add_argument(
        "--behaviors", nargs="+", metavar="NAME",
        help="in the order of the training, no background; default: those of its config.yaml",
    )  # fmt: skip
    parser.add_argument(
        "--activation",
        choices=("sigmoid", "softmax"),
        help="what makes probabilities of its outputs; default: as its config.yaml says",
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE",
        help="configuration of its run or project; default: config.yaml beside FILE or above",
    )  # fmt: skip
    parser.add_argument(
        "--transfer", action="store_true",
        help="its behaviors are not wanted, only what comes before its last layers",
    )  # fmt: skip
    chosen = parser.parse_args(rest)
    return import_model.import_model(
        chosen.file, out=chosen.out, preset=chosen.preset, behaviors=chosen.behaviors,
        activation=chosen.activation, config=chosen.config, transfer=chosen.transfer,
    )  # fmt: skip


def _bench(rest: Arguments) -> int:
    limit_threads(rest)
    from deg_core.bench import command
    from deg_core.project.machine import count_cores

    return command.main(rest, cores=count_cores())


def _movie(rest: Arguments) -> int:
    from deg_core.project import movie

    parser = _parser(
        "movie",
        "Write a video with its labels, predictions and probabilities scrolling below it.",
        project=False,
    )
    parser.add_argument(
        "project", type=Path, nargs="?", default=Path(), metavar="PROJECT",
        help="the project's folder; default: the one you are in",
    )  # fmt: skip
    parser.add_argument("video", metavar="VIDEO", help="id of the video in the video table")
    parser.add_argument(
        "--run", metavar="RUN",
        help="whose predictions, as lite/0/all; default: the full run `final`, else of split 0",
    )  # fmt: skip
    parser.add_argument(
        "--from", dest="start_s", type=float, metavar="S", help="seconds; default: the beginning"
    )
    parser.add_argument(
        "--to", dest="stop_s", type=float, metavar="S", help="seconds; default: the end"
    )
    parser.add_argument(
        "--speed", type=float, default=1.0, metavar="X",
        help="2 plays twice as fast; above 60 frames per second frames are left out. Default: 1",
    )  # fmt: skip
    parser.add_argument(
        "--scale", type=float, metavar="X",
        help="size of the frames against the video's; default: such that all fits a screen",
    )  # fmt: skip
    parser.add_argument(
        "--window", dest="window_s", type=float, default=20.0, metavar="S",
        help="seconds that the strip below shows at once. Default: 20",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="FILE.mp4", help="default: VIDEO.mp4 in the project's folder"
    )
    # Options may also stand between the project, which may be left out, and the video.
    chosen = vars(parser.parse_intermixed_args(rest))
    wanted = movie.Wanted(**{name: chosen.pop(name) for name in movie.WANTED})
    return movie.make(chosen["project"], chosen["video"], wanted=wanted, **{
        name: chosen[name] for name in ("run", "out")
    })  # fmt: skip


def _report(rest: Arguments) -> int:
    from deg_core.project import report

    parser = _parser("report", "Write all figures and tables into one page; print the scores.")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="default: report.html in the project's folder"
    )
    chosen = parser.parse_args(rest)
    return report.report(chosen.project, out=chosen.out, environment=os.environ)


EVERYDAY: dict[str, Command] = {
    "new": Command("make a project folder", _new),
    "add": Command("add videos, with their labels, to a project", _add),
    "doctor": Command("say all that would go wrong, and how to mend it", _doctor),
    "run": Command("compute what is missing or stale", _run),
    "status": Command("show what is done, what is stale, and why", _status),
    "report": Command("write one page with all results", _report),
    "movie": Command("write a video with labels and predictions below it", _movie),
    "import-model": Command("make a model file of a checkpoint of DeepEthogram", _import_model),
    "bench": Command("measure speed and memory on this machine", _bench),
    "demo": Command("run the bundled example", _demo),
}
