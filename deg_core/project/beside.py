"""Label files that lie beside a video, found and copied into the project.

Writes labels/<video>.csv.
"""

import filecmp
import shutil
from dataclasses import dataclass
from pathlib import Path

from deg_core.data.labels import unknown_names
from deg_core.data.publish import publish_file
from deg_core.errors import LabelError
from deg_core.progress import log


@dataclass(frozen=True)
class Source:
    """A label file to bring along, the behaviors that it names, and what to say of it."""

    path: Path
    behaviors: list[str]
    note: str


def choose(video: Path, named: Path | None) -> Source | None:
    """Find the label file of a video: the one that the user named, or else one beside the video.

    Parameters
    ----------
    video
        The raw file, or folder of images.
    named
        What the user named; None to look beside the video.

    Returns
    -------
    Source or None
        None if there is no label file.

    Raises
    ------
    LabelError
        If the file that the user named is missing, or is no label file.
    """
    if named is not None:
        if not named.is_file():
            raise LabelError(f"{named}: no such label file; correct --labels.")
        return Source(named, unknown_names(named, []), f"labels from {named}")
    for path in candidates(video):
        if not path.is_file():
            continue
        try:
            return Source(path, unknown_names(path, []), f"labels from {path.name} beside it")
        except LabelError as error:
            log(f"{path}: lies beside {video.name}, but is not taken for its label file: {error}")
    return None


def candidates(video: Path) -> list[Path]:
    """List where a video's label file may lie, the surest place first."""
    stem = video.name if video.is_dir() else video.stem
    return [video.with_name(f"{stem}_labels.csv"), video.with_name(f"{stem}.csv")]


def place(folder: Path, name: str) -> Path:
    """Say where a video's label file belongs."""
    return folder / "labels" / f"{name}.csv"


def refuse_other(folder: Path, name: str, source: Source | None) -> None:
    """Refuse to replace labels that are there already.

    Raises
    ------
    LabelError
        If labels/<video>.csv exists and says something else than the file to be copied.
    """
    target = place(folder, name)
    if source is None or not target.exists() or target.samefile(source.path):
        return
    if not filecmp.cmp(target, source.path, shallow=False):
        raise LabelError(
            f"{target}: exists already and differs from {source.path}; "
            "delete the one that is wrong, nothing is overwritten."
        )


def copy(folder: Path, name: str, source: Source) -> None:
    """Copy a label file to its place, unless it is there.

    Raises
    ------
    StateError
        If it cannot be written.
    """
    target = place(folder, name)
    if not target.exists():
        with publish_file(target) as temporary:
            shutil.copyfile(source.path, temporary)
