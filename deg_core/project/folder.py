"""Where things are: a project folder's settings and table, and the workflow that serves it.

Reads config.yaml, videos.tsv and the label files of a project.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import deg_core
from deg_core.config import load_config
from deg_core.data.label_notes import Brief, LabelNotes, read_briefs
from deg_core.data.labels import positive_frames
from deg_core.errors import ConfigError, StateError
from deg_core.table import Video, read_videos

CONFIG = "config.yaml"
TABLE = "videos.tsv"


@dataclass(frozen=True)
class Project:
    """A project folder that can be read: its settings are valid, and so is its table."""

    folder: Path
    config: Mapping[str, Any]
    videos: list[Video]

    @property
    def behaviors(self) -> list[str]:
        """The behaviors, in the order of the settings."""
        return list(self.config["behaviors"])

    @property
    def drawn(self) -> Path | None:
        """The folder whose missing videos the example's renderer draws; None elsewhere."""
        example = self.config.get("example")
        return Path(example["videos"]) if example else None

    @property
    def table(self) -> Path:
        """The video table."""
        return table_path(self.folder, self.config)

    @property
    def annotator(self) -> str | None:
        """Whose labels train, where a label file holds several annotators."""
        return (self.config.get("labels") or {}).get("annotator")

    def positives_of(self, video: Video) -> dict[str, dict[str, int]]:
        """Count a video's positive frames of each behavior, as its label file has them now.

        Returns
        -------
        dict
            The video's id with its counts, or nothing for a video without labels.

        Raises
        ------
        LabelError
            If the label file cannot be used.
        """
        if video.labels is None:
            return {}
        path = self.place(video.labels)
        counts = positive_frames(path, behaviors=self.behaviors, annotator=self.annotator)
        return {video.video: counts}

    def label_notes(self) -> LabelNotes:
        """Return what is known of the project's label files."""
        return LabelNotes(project=self.folder, behaviors=self.behaviors, annotator=self.annotator)

    def briefs(self) -> dict[str, Brief]:
        """Say in brief what the label files hold now, by id of the video.

        Raises
        ------
        LabelError
            If a label file cannot be used.
        """
        return read_briefs(
            self.videos, project=self.folder, behaviors=self.behaviors, annotator=self.annotator
        )

    def place(self, path: str | Path) -> Path:
        """Resolve a path of the settings or the table, which is relative to the project."""
        return self.folder / path


def open_project(folder: Path) -> Project:
    """Read a project's settings and table.

    Raises
    ------
    ConfigError
        If there is no project, or its settings or its table cannot be used.
    """
    config = load_config(require_project(folder) / CONFIG)
    return Project(folder, config, read_videos(table_path(folder, config), project=folder))


def require_project(folder: Path) -> Path:
    """Return ``folder`` if it holds a project.

    Raises
    ------
    ConfigError
        If it is not a folder, or has no config.yaml.
    """
    if not folder.is_dir():
        raise ConfigError(
            f"{folder}: no such folder; make a project with `deg new {quoted(folder)}`."
        )
    if not (folder / CONFIG).is_file():
        raise ConfigError(
            f"{folder}: no {CONFIG} in it, so this is not a project; "
            f"make one with `deg new {quoted(folder)}`."
        )
    return folder


def table_path(folder: Path, config: Mapping[str, Any]) -> Path:
    """Say where the video table is."""
    return folder / (config.get("videos") or TABLE)


def quoted(folder: Path) -> str:
    """Write a folder as a command that we suggest needs it, also where its name holds spaces."""
    return shlex.quote(str(folder))


def repository() -> Path:
    """Find the workflow: the checkout around the package, or what an installed wheel carries.

    Raises
    ------
    StateError
        If neither is there.
    """
    package = Path(deg_core.__file__).parent
    for place in (package.parent, package / "_repository"):
        if (place / "Snakefile").is_file():
            return place
    raise StateError(
        f"{package}: the workflow (Snakefile) is neither beside the package nor inside it; "
        "install deg-core again."
    )
