"""What is wrong with the label files, each on its own and all together."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import numpy as np

from deg_core.data.labels import positive_frames, read_label_file, unknown_names
from deg_core.errors import ConfigError, DegError, VideoError
from deg_core.ethogram.groups import check_labels, complete
from deg_core.groups import indices
from deg_core.project.findings import Finding, caught, warning
from deg_core.project.folder import Project
from deg_core.splits import plan
from deg_core.table import Video, check_usable


def examine_labels(project: Project, lengths: Mapping[str, int]) -> Iterator[Finding]:
    """Check every label file against its video, then what they hold together.

    Parameters
    ----------
    project
        The project.
    lengths
        Frames of each video that could be read; labels of the others are checked without it.
    """
    found: list[np.ndarray] = []
    for video in project.videos:
        if video.labels is not None and project.behaviors:
            yield from caught(_file(project, video, lengths.get(video.video), found))
    if found:
        yield from _one_sided(project.behaviors, np.concatenate(found))
    yield from _strays(project)


def _file(
    project: Project, video: Video, n_frames: int | None, found: list[np.ndarray]
) -> Iterator[Finding]:
    path = project.place(video.labels or "")
    annotator = project.annotator
    if n_frames is None:
        positive_frames(path, behaviors=project.behaviors, annotator=annotator)
    else:
        labels = read_label_file(
            path, behaviors=project.behaviors, n_frames=n_frames, annotator=annotator
        )
        groups = project.config.get("exclusive_groups", [])
        check_labels(path, labels, behaviors=project.behaviors, groups=groups)
        found.append(complete(labels, indices(groups, project.behaviors)))
        if (labels < 0).all():
            yield warning(f"{path}: no frame is scored, so the file teaches nothing.")
    others = unknown_names(path, project.behaviors)
    if others:
        yield warning(
            f"{path}: also holds {', '.join(others)}, which `behaviors` in config.yaml does not "
            "name; add them there if they are to be found."
        )


def _one_sided(behaviors: Sequence[str], labels: np.ndarray) -> Iterator[Finding]:
    """Find behaviors that are never, or always, present; labels : (T, K) int8, all videos."""
    for column, name in enumerate(behaviors):
        for value, word, other in ((1, "positive", "with"), (0, "negative", "without")):
            if not (labels[:, column] == value).any():
                yield Finding(
                    f"behavior '{name}' is never {word} in any label file, so it cannot be "
                    f"learned; label frames {other} it, or take it out of `behaviors` in "
                    "config.yaml."
                )


def _strays(project: Project) -> Iterator[Finding]:
    """Find label files that no row of the table uses."""
    used = {project.place(video.labels).resolve() for video in project.videos if video.labels}
    for path in sorted((project.folder / "labels").glob("*.csv")):
        if path.resolve() not in used:
            yield warning(
                f"{path}: belongs to no row of videos.tsv; name it after the video's id, or in "
                "the column `labels`."
            )


def examine_splits(project: Project) -> Iterator[Finding]:
    """Find out whether the splits are possible; label files that cannot be read are left out."""
    positive: dict[str, dict[str, int]] = {}
    unread = 0
    for video in project.videos:
        try:
            positive |= project.positives_of(video)
        except DegError:
            unread += 1
    try:
        with suppress(VideoError):  # found already, for each video
            check_usable(project.videos, project.table, project=project.folder, drawn=project.drawn)
        plan(project.config, project.videos, positive)
    except ConfigError as error:
        left_out = f" ({unread} label files with errors are not counted here.)" if unread else ""
        yield Finding(f"{error}{left_out}")
