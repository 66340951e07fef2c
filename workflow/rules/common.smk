"""Settings, tables, and the functions that tell rules their inputs and parameters; no rule."""

import os
import sys
import sysconfig

from deg_core.config import check_config
from deg_core.data.label_notes import read_briefs
from deg_core.errors import DegError
from deg_core.groups import to_text
from deg_core.patterns import any_of
from deg_core.presets import DEFAULT_PRESETS, PER_PRESET, resolve, source_of
from deg_core.settings import SECTIONS, changed, to_json
from deg_core.sources import check_sources
from deg_core.splits import ALL, FINAL, plan
from deg_core.starting import check_weights, weights_file
from deg_core.table import check_usable, drawing_of, is_drawn, read_videos, size_of
from deg_core.versions import VERSIONS

# Jobs run the `deg` of this Python's environment, also if that is not activated.
os.environ.update(PATH=os.pathsep.join([sysconfig.get_path("scripts"), *os.get_exec_path()]))


def read_project():
    """Return the settings, the video table, what label files say, and the videos of each run."""
    settings = check_config(config, " + ".join(map(os.path.relpath, workflow.configfiles)))
    check_weights(settings, project=Path())
    table = Path(settings.get("videos", "videos.tsv"))
    videos = read_videos(table, project=Path())
    check_usable(videos, table, project=Path(), drawn=drawn_into(settings))
    check_sources(settings, videos, table)
    annotator = resolve(settings, "labels")["annotator"]
    briefs = read_briefs(
        videos, project=Path(), behaviors=settings["behaviors"], annotator=annotator
    )
    positive = {video: brief.positive for video, brief in briefs.items()}
    by_id = {video.video: video for video in videos}
    return settings, by_id, briefs, plan(settings, videos, positive)


def drawn_into(settings):
    """Return the folder that the example's videos are drawn into; None in any other project."""
    return Path(settings["example"]["videos"]) if "example" in settings else None


try:
    SETTINGS, VIDEOS, BRIEFS, PLAN = read_project()
except DegError as error:
    # One sentence and code 2, as everywhere; an exception would also show where it was raised.
    print(f"deg: {error}", file=sys.stderr)
    sys.exit(error.exit_code)

# Sorted, so that another order of the table's rows is no change.
PRETRAIN = sorted(video.video for video in VIDEOS.values() if video.pretrain)
LABELED = sorted(video.video for video in VIDEOS.values() if video.labels)
# Exclusive groups as one line of JSON; another order of groups or members is no change.
GROUPS = to_text(SETTINGS.get("exclusive_groups", []), SETTINGS["behaviors"])
PRESETS = SETTINGS.get("presets", DEFAULT_PRESETS)
PARTS = {run.name: parts for run, parts in PLAN.items()}
RUNS = list(PLAN)
FULL_RUNS = [run for run in RUNS if run.n_train == ALL]
TESTED_RUNS = [run for run in RUNS if PLAN[run].test]
INFERRING_RUNS = [run for run in FULL_RUNS if run.split == FINAL] or FULL_RUNS
# Tables that `evaluate` writes for each run, and `summarize` puts together.
DESCRIBED = ["bouts", "edges", "statistics", "transitions"]
TABLES = [
    *["metrics", "over_splits", "curves", "confusion", "calibration", "history", "models"],
    *[*DESCRIBED, "examples"],
]
SUMMARY = expand("results/summary/{table}.csv", table=TABLES)


wildcard_constraints:
    video=any_of(VIDEOS),
    preset=any_of(PRESETS),
    split=rf"\d+|{FINAL}",
    n_train=rf"\d+|{ALL}",


def name_of(run):
    """Name a run, or the run of a job's wildcards, as in paths."""
    return f"{run.preset}/{run.split}/{run.n_train}"


def videos_of(run, *parts):
    """List the videos of a run's parts; `predicted` are those that get an ethogram."""
    if name_of(run) not in PARTS:
        raise WorkflowError(f"{name_of(run)} is no run of this project; config.yaml lists them.")
    chosen = PARTS[name_of(run)]
    if parts != ("predicted",):
        return [video for part in parts for video in getattr(chosen, part)]
    # A run of the sweep is there for its scores; only full runs are for new videos, too.
    return list(VIDEOS) if run.n_train == ALL else [*chosen.val, *chosen.test]


# --- input functions, named for the files that they return


@quick
def raw_of(wildcards):
    """Input function: the raw video."""
    return str(VIDEOS[wildcards.video].path)


@quick
def labels_of(wildcards):
    """Input function: the label file of a video."""
    return str(VIDEOS[wildcards.video].labels)


@quick
def rater_labels_of(wildcards):
    """Input function: the label files of a run's test videos, as people wrote them."""
    return [str(VIDEOS[video].labels) for video in videos_of(wildcards, "test")]


def per_video(pattern, *parts):
    """Input function: one file for each video of the parts of the wildcards' run."""

    def files(wildcards):
        run = name_of(wildcards) if "{run}" in pattern else ""
        return expand(pattern, run=run, video=videos_of(wildcards, *parts))

    return quick(files)


def weights_of(section):
    """Input function: the model file that a training starts from, if it starts from one."""

    def files(wildcards):
        file = weights_file(resolve(SETTINGS, section, wildcards.preset)["weights"])
        return [] if file is None else str(file)

    return quick(files)


# --- parameters


def settings_of(section, but=()):
    """Parameter: what a section changes against the defaults, as one line of JSON.

    Keys that only another rule uses are left out.
    """

    @cache
    def of_preset(preset):
        values = resolve(SETTINGS, section, preset)
        values = {key: value for key, value in values.items() if key not in but}
        if section == "labels":
            values["behaviors"] = SETTINGS["behaviors"]
        return to_json(changed(SECTIONS[section], values))

    def text(wildcards):
        return of_preset(wildcards.preset if section in PER_PRESET else None)

    return quick(text)


def flags_of(**flags):
    """Parameter: the ids of the wildcards' run, by flag; ids need no quotes.

    One text, since Snakemake compares parameters as a set: train and val might change places.
    """

    def text(wildcards):
        return " ".join(
            f"--{flag.replace('_', '-')} {' '.join(videos_of(wildcards, part))}"
            for flag, part in flags.items()
        )

    return quick(text)


@quick
def identity_of_raw(wildcards):
    """Parameter: what tells a raw video from another one that takes its place."""
    video = VIDEOS[wildcards.video]
    if is_drawn(video, drawn_into(SETTINGS)):
        # It may have to be drawn yet, and must be the same to Snakemake before and after.
        return f"drawn from {drawing_of(SETTINGS['example'])}"
    return f"{size_of(video.path)} bytes or images"
