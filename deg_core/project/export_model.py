"""`deg export-model`: one run of a project as one file, for videos of any other place.

Reads results/models, results/thresholds and the settings; writes the file that `deg predict` reads.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from deg_core import __version__
from deg_core.data import bundle
from deg_core.errors import ConfigError, StateError
from deg_core.presets import VIDEO, resolve, source_of
from deg_core.progress import log
from deg_core.project import plan as planning
from deg_core.project.folder import Project, open_project, quoted
from deg_core.splits import ALL, FINAL, Run, plan
from deg_core.versions import VERSIONS

# What a video goes through, from the raw file to its bouts.
STAGES = ("import_video", "video_stats", "extract_features", "predict", "postprocess")


def export(folder: Path, *, run: str | None, out: Path, environment: Mapping[str, str]) -> int:
    """Write a trained run of a project as one file.

    Parameters
    ----------
    folder
        The project.
    run
        Preset, split and number of training videos, as ``lite/final/all``; None chooses the full
        run `final` where there is just one, else the only full run.
    out
        The file to write.
    environment
        Of the process.

    Returns
    -------
    int
        0.

    Raises
    ------
    ConfigError
        If there is no such run, several could be meant, or it looks at no video.
    StateError
        If the run is not computed, or settings or labels have changed since.
    ModelError
        If its models do not belong together.
    """
    project = open_project(folder)
    chosen = choose(runs_of(project), run)
    if source_of(project.config, chosen.preset) != VIDEO:
        raise ConfigError(
            f"--run: {chosen.name} looks at {source_of(project.config, chosen.preset)}, and only "
            "runs that look at video can be exported; choose a run of another preset."
        )
    settings = {section: resolve(project.config, section) for section in bundle.SECTIONS}
    files = files_of(folder / "results", chosen, int8=settings["extract"]["precision"] == "int8")
    require_done(project, chosen, files, environment)
    from deg_core.stages.whole_run import facts_of

    behaviors, needs_background = facts_of(files)
    manifest = bundle.Manifest(
        run=chosen.name,
        behaviors=behaviors,
        settings=settings,
        versions={stage: VERSIONS[stage] for stage in STAGES},
        needs_background=needs_background,
        program=__version__,
        members=bundle.describe(files),
    )
    bundle.write(out, manifest, files)
    size = out.stat().st_size / 1e6
    log(f"{out}: {chosen.name} with {', '.join(behaviors)}, {size:.1f} MB.")
    log(f"`deg predict --model {quoted(out)} --out FOLDER VIDEO ...` uses it.")
    return 0


def runs_of(project: Project) -> list[Run]:
    """List the runs that a project's settings and labels ask for."""
    positive = {video: brief.positive for video, brief in project.briefs().items()}
    return list(plan(project.config, project.videos, positive))


def choose(runs: Sequence[Run], name: str | None) -> Run:
    """Choose the run that is meant.

    Raises
    ------
    ConfigError
        If it does not exist, or several could be meant.
    """
    names = ", ".join(run.name for run in runs)
    if name is not None:
        fitting = [run for run in runs if run.name == name.strip("/")]
        if not fitting:
            raise ConfigError(f"--run: this project has no run '{name}'; there are {names}.")
        return fitting[0]
    full = [run for run in runs if run.n_train == ALL]
    fitting = [run for run in full if run.split == FINAL] or full
    if len(fitting) != 1:
        raise ConfigError(
            f"--run: {'several runs could be meant' if fitting else 'there is no run'}; name one "
            f"of {names or 'those that `splits` and `presets` would make'}. `splits: {{final: "
            "true}}` trains one for new videos."
        )
    return fitting[0]


def files_of(results: Path, run: Run, *, int8: bool) -> dict[str, Path]:
    """Return the files that a run consists of, by their names in the archive."""
    models = results / "models"
    files = {
        "flow.pt": models / "flow" / f"{run.preset}.pt",
        "features.pt": models / "features" / f"{run.name}.pt",
        "sequence.pt": models / "sequence" / f"{run.name}.pt",
        "postprocess.json": results / "thresholds" / f"{run.name}.postprocess.json",
    }
    if int8:
        stem = models / "quantized" / run.name
        parts = {name: name.removeprefix("quantized") for name in bundle.QUANTIZED}
        files |= {name: stem.with_name(stem.name + part) for name, part in parts.items()}
    return files


def require_done(
    project: Project, run: Run, files: Mapping[str, Path], environment: Mapping[str, str]
) -> None:
    """Make sure that a run's files are there and are what the project would compute now.

    Raises
    ------
    StateError
        If they are not.
    """
    folder, remedy = project.folder, f"`deg run {quoted(project.folder)}` computes it"
    for path in files.values():
        if not path.is_file():
            raise StateError(f"{path}: the run {run.name} is not computed yet; {remedy}.")
    above = [f"results/thresholds/{run.name}{part}" for part in (".json", ".lengths.json")]
    targets = [*above, *(path.relative_to(folder).as_posix() for path in files.values())]
    jobs = planning.planned(folder, environment=environment, targets=targets)
    if jobs:
        why = planning.in_words(jobs)[0]
        raise StateError(
            f"{folder}: the run {run.name} is not what settings and labels say now ({why}); "
            f"{remedy}."
        )
