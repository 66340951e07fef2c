"""`deg status`: what is imported, labeled and predicted, how good it is, what is stale and why.

Reads the project's settings and table, its label files and what lies under results/.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from deg_core import __version__
from deg_core.data.label_notes import LabelNotes
from deg_core.data.labels import read_frame_labels
from deg_core.data.notes import Notes
from deg_core.errors import DegError
from deg_core.project import plan, scores
from deg_core.project.folder import Project, open_project, quoted
from deg_core.table import Video

FRAME_NOTES = Path(".snakemake", "deg_frames.json")
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
    rows = [HEADER, *video_rows(project)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    padded = (map(str.ljust, row, widths) for row in rows)
    return ["  " + "  ".join(cells).rstrip() for cells in padded]


def video_rows(project: Project) -> Iterator[tuple[str, ...]]:
    """Describe each video: imported, scored frames, positives per behavior, runs.

    Notes
    -----
    Each folder of results is listed once; label files that are known are not opened.
    """
    results = project.folder / "results"
    imported = names_in(results / "import")
    runs = {
        path.relative_to(results / "predictions").as_posix(): names_in(path)
        for path in sorted((results / "predictions").glob("*/*/*"))
    }
    labels, about = project.label_notes(), {"version": __version__}
    frames = Notes(project.folder / FRAME_NOTES, about=about, root=project.folder)
    for video in project.videos:
        file = f"{video.video}.h5"
        yield (
            video.video,
            "yes" if file in imported else "no",
            scored(frames, video),
            positives(labels, video),
            ", ".join(run for run, names in runs.items() if file in names),
        )
    labels.save()
    frames.save()


def names_in(folder: Path) -> set[str]:
    """List a folder; nothing, where there is none."""
    try:
        return {entry.name for entry in os.scandir(folder)}
    except (FileNotFoundError, NotADirectoryError):
        return set()


def scored(frames: Notes, video: Video) -> str:
    """Count the scored frames in the imported labels: those where any behavior is known."""
    if video.labels is None:
        return "no labels"
    path = Path("results", "labels", f"{video.video}.csv")
    if not (frames.root / path).exists():
        return "?"
    try:
        n_scored, n_frames = frames.of(path, _count_scored)
    except DegError:
        return "damaged"
    return f"{n_scored} of {n_frames}"


def _count_scored(path: Path) -> list[int]:
    _, labels = read_frame_labels(path)
    return [int((labels >= 0).any(axis=1).sum()), len(labels)]


def positives(labels: LabelNotes, video: Video) -> str:
    """List the positive frames per behavior, as the label file has them now."""
    if video.labels is None:
        return ""
    try:
        counts = labels.brief(video.labels).positive
    except DegError:
        return "cannot be read, see `deg doctor`"
    return ", ".join(f"{name} {count}" for name, count in counts.items())
