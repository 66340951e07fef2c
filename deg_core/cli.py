"""The command line `deg`: everyday commands on a project folder, and one command per stage.

Each command maps its arguments to one call; those of every day are in `deg_core.commands`. Nothing
heavy is imported before it is known which command runs; reading, computing and publishing belong
to the modules that are called.
"""

import argparse
import importlib
import io
import os
import sys
import traceback
from pathlib import Path

from deg_core import __version__
from deg_core.commands import EVERYDAY, Arguments, Command, limit_threads
from deg_core.errors import DegError

# In the order of the graph. The summaries stand here so that the overview imports no stage.
STAGES: dict[str, str] = {
    "import_video": "decode and resize one video, once",
    "import_labels": "turn one label file into a table per frame",
    "video_stats": "sum one video's channels; find its empty arena",
    "merge_stats": "merge the sums into the mean and deviation of each channel",
    "train_flow": "train the flow generator, without labels",
    "train_features": "train the feature extractor of one run",
    "quantize": "turn the feature extractor of one run into int8, where chosen",
    "extract_features": "extract the features of one video",
    "train_sequence": "train the sequence model of one run",
    "predict": "predict the probabilities of one video",
    "import_keypoints": "turn one video's file of keypoints into features",
    "map_clusters": "learn which behaviors the clusters of one run are",
    "predict_clusters": "turn one video's clusters into probabilities",
    "tune_thresholds": "choose the thresholds of one run",
    "bout_lengths": "collect the lengths of the labeled bouts of one run",
    "choose_postprocessing": "choose how the probabilities of one run become bouts",
    "postprocess": "turn one video's probabilities into ethogram and bouts",
    "evaluate": "score one run on its test videos",
    "summarize": "put the scores and curves of all runs into tables",
    "summarize_postprocessing": "put what was chosen for all runs into a table",
    "summarize_labels": "put into a table what was labeled in each video",
    "summarize_flow": "copy the example frames of a preset's motion into the summary",
    "compare_raters": "compare the annotators of one run's test videos with each other and it",
    "summarize_raters": "put the comparisons of annotators into one table",
    "advise": "say how much more labeling would help which behavior",
    "compare_runs": "test whether presets, models and training sizes differ",
    "quality_reference": "measure the videos of one run's training",
    "check_quality": "compare one video with those of the training",
    "summarize_quality": "put the checks of all videos into one table",
    "judge": "give each behavior a verdict",
    "describe": "write down what was run on what",
    "report_pages": "write the pages of the report",
}


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
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may be no UTF-8
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
    # Users predict videos, and rules features.
    if chosen.command == "predict" and not is_stage_of_predict(arguments):
        commands = EVERYDAY
    return commands[chosen.command].main(arguments[1:])


def is_stage_of_predict(arguments: Arguments) -> bool:
    """Tell whether `deg predict` means the stage, which takes features and no video."""
    return any(word.split("=")[0] == "--features" for word in arguments)


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
    commands["render-tracks"] = _stage(
        "render_tracks", "write tracks of the example", "deg_core.example.tracks", "render_tracks"
    )
    commands["bench-tables"] = _stage(
        "bench_tables", "put what `deg bench` found into tables", "deg_core.bench.pages", "write"
    )
    return commands


def _stage(rule: str, summary: str, module: str, function: str) -> Command:
    return Command(summary, lambda rest: _run_stage(rule.replace("_", "-"), module, function, rest))


def _run_stage(name: str, module: str, function: str, rest: Arguments) -> int:
    from deg_core import flags, recording
    from deg_core.versions import VERSIONS

    limit_threads(rest)
    run = getattr(importlib.import_module(module), function)
    parser = argparse.ArgumentParser(prog=f"deg {name}")
    flags.add_flags(parser, run)
    values = vars(parser.parse_args(rest))
    rule = name.replace("-", "_")
    version = VERSIONS.get("example" if rule == "render_example" else rule)
    with recording.job(rule, version=version, words=["deg", name, *rest], arguments=values):
        flags.call(run, values)
    return 0


if __name__ == "__main__":
    sys.exit(main())
