"""The command line `deg`: everyday commands on a project folder, and one command per stage.

Each command maps its arguments to one call. Nothing heavy is imported before it is known which
command runs; reading, computing and publishing belong to the modules that are called.
"""

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deg_core import __version__
from deg_core.errors import DegError

Arguments = Sequence[str]


@dataclass(frozen=True)
class Command:
    """One subcommand: the line of the overview, and what parses its arguments and does it."""

    summary: str
    main: Callable[[Arguments], int]


# In the order of the graph. The summaries stand here so that the overview imports no stage.
STAGES: dict[str, str] = {
    "import_video": "decode and resize one video, once",
    "import_labels": "turn one label file into a table per frame",
    "video_stats": "sum one video's channels; find its empty arena",
    "merge_stats": "merge the sums into the mean and deviation of each channel",
    "train_flow": "train the flow generator, without labels",
    "train_features": "train the feature extractor of one run",
    "extract_features": "extract the features of one video",
    "train_sequence": "train the sequence model of one run",
    "predict": "predict the probabilities of one video",
    "tune_thresholds": "choose the thresholds of one run",
    "bout_lengths": "collect the lengths of the labeled bouts of one run",
    "postprocess": "turn one video's probabilities into ethogram and bouts",
    "evaluate": "score one run on its test videos",
    "summarize": "put the scores and curves of all runs into tables",
}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def main(argv: Arguments | None = None) -> int:
    """Run `deg`.

    Parameters
    ----------
    argv
        The arguments without the program's name; default: those of the process.

    Returns
    -------
    int
        The exit code: 0, or 2 after an error that the user can mend, 1 after any other, 75 after
        a training that saved its state, 130 after an interrupt.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    if debug:
        arguments.remove("--debug")
    try:
        return _dispatch(arguments)
    except DegError as error:
        _explain(f"deg: {error}", debug=debug)
        return error.exit_code
    except KeyboardInterrupt:
        _explain("deg: interrupted", debug=debug)
        return 130
    except BrokenPipeError:
        # The reader of our output (head, less) has gone; the interpreter must not complain, too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        _explain(f"deg: {_unexpected(error)}", debug=debug)
        return 1


def _explain(line: str, *, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    print(line, file=sys.stderr, flush=True)


def _unexpected(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    what = " ".join(str(error).split())[:200]
    return (
        f"unexpected {type(error).__name__}{where}: {what}; this is a fault of the program: "
        "run the command again with --debug, and please report what it prints"
    )


def _dispatch(arguments: list[str]) -> int:
    parser = _overview()
    chosen = parser.parse_args(arguments[:1])
    if chosen.command is None:
        parser.print_help()
        return 2
    commands = EVERYDAY | _stage_commands()
    if chosen.command not in commands:
        parser.error(f"'{chosen.command}' is not a command; `deg --help` lists them")
    return commands[chosen.command].main(arguments[1:])


def _overview() -> argparse.ArgumentParser:
    """Build the parser of `deg` itself, whose help groups the commands."""
    parser = argparse.ArgumentParser(
        prog="deg",
        usage="deg COMMAND ...",
        description="Turn videos of animals into ethograms.",
        epilog="\n".join(_overview_lines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--version", action="version", version=f"deg {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _overview_lines() -> list[str]:
    def table(commands: dict[str, Command]) -> list[str]:
        return [f"  {name:<18}{command.summary}" for name, command in commands.items()]

    return [
        "everyday commands:",
        *table(EVERYDAY),
        "",
        "stages, which `deg run` calls in this order where they are needed:",
        *table(_stage_commands()),
        "",
        "`deg COMMAND --help` explains one command.",
    ]


# --- stages -----------------------------------------------------------------------------------


def _stage_commands() -> dict[str, Command]:
    """List the stages' commands, and last what else the graph calls."""
    commands = {}
    for rule, summary in STAGES.items():
        commands[rule.replace("_", "-")] = _stage(rule, summary, f"deg_core.stages.{rule}", "run")
    commands["render-example"] = _stage(
        "render_example", "draw one video of the example", "deg_core.example.render", "render_video"
    )
    commands["bench-tables"] = _stage(
        "bench_tables", "put what `deg bench` found into tables", "deg_core.bench.pages", "write"
    )
    return commands


def _stage(rule: str, summary: str, module: str, function: str) -> Command:
    return Command(summary, lambda rest: _run_stage(rule.replace("_", "-"), module, function, rest))


def _run_stage(name: str, module: str, function: str, rest: Arguments) -> int:
    from deg_core import flags

    limit_threads(rest)
    run = getattr(importlib.import_module(module), function)
    parser = argparse.ArgumentParser(prog=f"deg {name}")
    flags.add_flags(parser, run)
    flags.call(run, vars(parser.parse_args(rest)))
    return 0


def limit_threads(arguments: Arguments) -> None:
    """Make numeric libraries use as many threads as ``--threads`` says.

    They read the environment once, when they are imported, so this comes before any import.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--threads")
    threads = parser.parse_known_args(arguments)[0].threads
    if threads and threads.isdigit():
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, threads))


# --- everyday commands ------------------------------------------------------------------------


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
    "import-model": Command("make a model file of a checkpoint of DeepEthogram", _import_model),
    "bench": Command("measure speed and memory on this machine", _bench),
    "demo": Command("run the bundled example", _demo),
}

if __name__ == "__main__":
    sys.exit(main())
