"""`deg status`: what is imported, labeled and predicted, how good it is, what is stale and why.

Reads the project's settings and table, its label files and what lies under results/.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from deg_core.data.labels import read_frame_labels
from deg_core.errors import DegError
from deg_core.project import plan, scores
from deg_core.project.folder import Project, open_project, quoted
from deg_core.table import Video

HEADER = ("video", "imported", "scored", "positive frames", "predicted by")


def show(folder: Path, *, environment: Mapping[str, str]) -> int:
    """Print the state of a project.

    Parameters
    ----------
    folder
        The project.
    environment
        Of the process.

    Returns
    -------
    int
        0, also if something is stale.

    Raises
    ------
    ConfigError
        If settings or table cannot be used.
    StateError
        If Snakemake cannot plan the project.
    """
    project = open_project(folder)
    lines = [f"{folder}: {len(project.videos)} videos", *video_table(project)]
    known = scores.brief(folder / "results")
    lines += ["", "Scores", *(f"  {line}" for line in known or ["none yet"])]
    print("\n".join(lines), flush=True)
    if not project.videos:
        return 0
    jobs = plan.planned(folder, environment=environment)
    print("\n".join(["", *to_do(jobs, folder)]))
    return 0


def to_do(jobs: Sequence[plan.Job], folder: Path) -> list[str]:
    """Say what a run would compute, and why."""
    if not jobs:
        return ["Everything is up to date."]
    many = f"{len(jobs)} jobs" if len(jobs) > 1 else "1 job"
    words = [f"  {line}" for line in plan.in_words(jobs)]
    return [f"To do: {many}; `deg run {quoted(folder)}` does them", *words]


def video_table(project: Project) -> list[str]:
    """Lay out one line per video.

    Returns
    -------
    list of str
        A header and the lines, in columns; nothing for a project without videos.
    """
    if not project.videos:
        return [f"  none yet; add some with `deg add {quoted(project.folder)} VIDEO`"]
    rows = [HEADER, *(video_row(project, video) for video in project.videos)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    padded = (map(str.ljust, row, widths) for row in rows)
    return ["  " + "  ".join(cells).rstrip() for cells in padded]


def video_row(project: Project, video: Video) -> tuple[str, ...]:
    """Describe one video: imported, scored frames, positives per behavior, runs."""
    name, results = video.video, project.folder / "results"
    imported = "yes" if (results / "import" / f"{name}.h5").exists() else "no"
    runs = sorted((results / "predictions").glob(f"*/*/*/{name}.h5"))
    names = [path.parent.relative_to(results / "predictions").as_posix() for path in runs]
    return (name, imported, scored(results, video), positives(project, video), ", ".join(names))


def scored(results: Path, video: Video) -> str:
    """Count the scored frames in the imported labels: those where any behavior is known."""
    path = results / "labels" / f"{video.video}.csv"
    if video.labels is None:
        return "no labels"
    if not path.exists():
        return "?"
    try:
        _, labels = read_frame_labels(path)
    except DegError:
        return "damaged"
    return f"{int((labels >= 0).any(axis=1).sum())} of {len(labels)}"


def positives(project: Project, video: Video) -> str:
    """List the positive frames per behavior, as the label file has them now."""
    if video.labels is None:
        return ""
    try:
        counts = project.positives_of(video)[video.video]
    except DegError:
        return "cannot be read, see `deg doctor`"
    return ", ".join(f"{name} {count}" for name, count in counts.items())
