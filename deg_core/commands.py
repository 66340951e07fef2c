"""The everyday commands of `deg`: each maps the words after its name to one call.

Nothing heavy is imported before it is known which command runs; `deg_core.cli` adds the stages.
"""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def _recorded(
    name: str, rest: Arguments, arguments: Mapping[str, Any], project: Path | None = None
) -> AbstractContextManager[None]:
    """Record how the file that a command writes came to be."""
    from deg_core import recording

    words = ["deg", name, *rest]
    return recording.job(name, version=None, words=words, arguments=arguments, project=project)


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
    parser.add_argument(
        "--deep", action="store_true",
        help="read all computed files and raw videos to the last byte, and compare them with what "
        "was noted when they were made; may take as long as copying them",
    )  # fmt: skip
    chosen = parser.parse_args(rest)
    return doctor.examine(chosen.project, environment=os.environ, deep=chosen.deep)


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
    with _recorded("import-model", rest, vars(chosen), chosen.out.parent):
        return import_model.import_model(
            chosen.file, out=chosen.out, preset=chosen.preset, behaviors=chosen.behaviors,
            activation=chosen.activation, config=chosen.config, transfer=chosen.transfer,
        )  # fmt: skip


def _bench(rest: Arguments) -> int:
    limit_threads(rest)
    from deg_core.bench import command
    from deg_core.project.machine import count_cores

    with _recorded("bench", rest, {}):
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
    with _recorded("movie", rest, vars(wanted) | chosen, chosen["project"]):
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
    with _recorded("report", rest, vars(chosen), chosen.project):
        return report.report(chosen.project, out=chosen.out, environment=os.environ)


def _export_model(rest: Arguments) -> int:
    from deg_core.project import export_model

    parser = _parser(
        "export-model", "Write a trained run as one file, with which `deg predict` works anywhere."
    )
    parser.add_argument(
        "--run", metavar="RUN", help="as lite/final/all; default: the full run `final`, if one"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="file to write")
    chosen = parser.parse_args(rest)
    with _recorded("export-model", rest, vars(chosen), chosen.project):
        return export_model.export(
            chosen.project, run=chosen.run, out=chosen.out, environment=os.environ
        )


def _predict(rest: Arguments) -> int:
    limit_threads(rest)
    from deg_core.project import predict

    parser = _parser(
        "predict",
        "Predict any videos with an exported run; those that are done are left out.\n\n"
        "Writes FOLDER/ethograms/VIDEO.csv and VIDEO.bouts.csv, FOLDER/predictions/VIDEO.h5,\n"
        "and FOLDER/records/VIDEO.json once these are whole. As an array of a cluster:\n"
        "  deg predict --model FILE --list videos.txt --out FOLDER \\\n"
        "    --part $SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT\n\n"
        "With --features it is the stage of that name: `deg predict --features FILE --help`.",
        project=False,
    )
    parser.add_argument(
        "videos", type=Path, nargs="*", metavar="VIDEO",
        help="a video file, or a folder of numbered images",
    )  # fmt: skip
    parser.add_argument(
        "--model", type=Path, required=True, metavar="FILE", help="what `deg export-model` wrote"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("predicted"), metavar="FOLDER",
        help="of the results; default: predicted",
    )  # fmt: skip
    parser.add_argument(
        "--list", dest="listed", type=Path, metavar="FILE", help="more videos, a path per line"
    )
    parser.add_argument(
        "--root", type=Path, metavar="FOLDER",
        help="above all videos; results lie below FOLDER as the videos do below this one",
    )  # fmt: skip
    parser.add_argument("--part", metavar="I/N", help="only part I of N, as 1/8 to 8/8")
    parser.add_argument(
        "--store", type=Path, metavar="FOLDER", help="keep imported videos, for another model"
    )
    parser.add_argument(
        "--scratch", type=Path, metavar="FOLDER",
        help="for what is computed in between, best on a disk of the machine; default: in --out",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, metavar="N", help="default: all cores")
    return predict.predict_all(**vars(parser.parse_intermixed_args(rest)))


def _provenance(rest: Arguments) -> int:
    from deg_core.project import provenance

    parser = _parser(
        "provenance",
        "Say how a file came to be: from which inputs, with which settings, versions and seed,\n"
        "when and on which machine; and whether its inputs still are what they were.\n\n"
        "With --check: whether all results of a project still are what they were.",
        project=False,
    )
    parser.usage = "deg provenance FILE [--depth N] [--json]\n       deg provenance --check PROJECT"
    parser.add_argument("path", type=Path, metavar="FILE", help="a result; or the project's folder")
    parser.add_argument("--check", action="store_true", help="compare all results with the records")
    parser.add_argument(
        "--depth", type=int, metavar="N", help="steps back to go; default: to the beginning"
    )
    parser.add_argument("--json", action="store_true", help="print all of it, for programs")
    parser.add_argument(
        "--project", type=Path, metavar="PROJECT", help="of a file outside of its project"
    )
    chosen = parser.parse_args(rest)
    if chosen.check:
        return provenance.check(chosen.path)
    return provenance.show(
        chosen.path, project=chosen.project, depth=chosen.depth, as_json=chosen.json
    )


def _export_study(rest: Arguments) -> int:
    from deg_core.project import export_study

    parser = _parser(
        "export-study",
        "Write settings, labels, results and how they were computed as an RO-Crate, for a\n"
        "repository of data or a colleague. Raw videos are named by digest and size, not copied.",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="PLACE", help="a new folder, or a .zip file"
    )
    parser.add_argument("--with-models", action="store_true", help="copy trained models, too")
    parser.add_argument("--name", metavar="TITLE", help="default: the name of the folder")
    parser.add_argument(
        "--license", default="not stated", metavar="URL",
        help="of labels and results, such as https://creativecommons.org/licenses/by/4.0/",
    )  # fmt: skip
    parser.add_argument("--authors", nargs="+", default=[], metavar="NAME", help="of the study")
    chosen = parser.parse_args(rest)
    return export_study.export(
        chosen.project, out=chosen.out, with_models=chosen.with_models, name=chosen.name,
        license=chosen.license, authors=chosen.authors,
    )  # fmt: skip


EVERYDAY: dict[str, Command] = {
    "new": Command("make a project folder", _new),
    "add": Command("add videos, with their labels, to a project", _add),
    "doctor": Command("say all that would go wrong, and how to mend it", _doctor),
    "run": Command("compute what is missing or stale", _run),
    "status": Command("show what is done, what is stale, and why", _status),
    "report": Command("write one page with all results", _report),
    "provenance": Command("say how a result came to be, and whether it is whole", _provenance),
    "export-study": Command("write the study with its provenance as an RO-Crate", _export_study),
    "export-model": Command("write a trained run as one file", _export_model),
    "predict": Command("predict any videos with such a file", _predict),
    "movie": Command("write a video with labels and predictions below it", _movie),
    "import-model": Command("make a model file of a checkpoint of DeepEthogram", _import_model),
    "bench": Command("measure speed and memory on this machine", _bench),
    "demo": Command("run the bundled example", _demo),
}
