"""What all label files of a project say in brief, without opening those that are known.

Reads label files; keeps ``.snakemake/deg_labels.json``. Standard library only, but where a file is
read: Snakemake imports this module while it parses, in each job of a cluster anew.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deg_core import __version__
from deg_core.data.notes import Notes
from deg_core.table import Video

NOTES = Path(".snakemake", "deg_labels.json")


@dataclass(frozen=True)
class Brief:
    """What one label file says.

    Parameters
    ----------
    positive
        Number of frames on which each behavior is present.
    people
        Who labeled, in alphabetical order; a table of frames does not say.
    """

    positive: dict[str, int]
    people: list[str]


class LabelNotes:
    """Label files in brief, one by one; parameters as of `read_briefs`."""

    def __init__(self, *, project: Path, behaviors: Sequence[str], annotator: str | None) -> None:
        # A later version may refuse what this one reads, so each keeps notes of its own.
        about = {"version": __version__, "behaviors": list(behaviors), "annotator": annotator}
        self.notes = Notes(project / NOTES, about=about, root=project)
        self.behaviors, self.annotator = behaviors, annotator

    def brief(self, file: Path) -> Brief:
        """Say in brief what one label file holds, relative to the project.

        Raises
        ------
        LabelError
            If it cannot be used.
        """
        return Brief(*self.notes.of(file, self._read))

    def save(self) -> None:
        """Keep what was asked for, for the next time."""
        self.notes.save()

    def _read(self, path: Path) -> list[Any]:
        from deg_core.data.labels import positives_and_people

        return [*positives_and_people(path, behaviors=self.behaviors, annotator=self.annotator)]


def read_briefs(
    videos: Iterable[Video], *, project: Path, behaviors: Sequence[str], annotator: str | None
) -> dict[str, Brief]:
    """Say in brief what the label file of each labeled video holds.

    Parameters
    ----------
    videos
        Rows of the video table; those without labels are left out.
    project
        The project's folder; notes on known files lie in its ``.snakemake``.
    behaviors
        Names of the behaviors.
    annotator
        Whose labels count; may be None where each file holds those of one person only.

    Returns
    -------
    dict
        By id of the video.

    Raises
    ------
    LabelError
        If a label file cannot be used.
    """
    notes = LabelNotes(project=project, behaviors=behaviors, annotator=annotator)
    labels = {video.video: video.labels for video in videos if video.labels is not None}
    briefs = {video: notes.brief(file) for video, file in labels.items()}
    notes.save()
    return briefs
