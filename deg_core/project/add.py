"""`deg add`: check videos, choose their ids, bring their labels along, and enter them in the table.

Writes videos.tsv, labels/<video>.csv and, where asked, videos/.
"""

import filecmp
import itertools
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deg_core.config import read_yaml
from deg_core.data.publish import publish_file
from deg_core.data.video import VideoInfo, probe
from deg_core.errors import ConfigError, DegError, StateError, VideoError
from deg_core.progress import log
from deg_core.project import beside, names, tabular
from deg_core.project.folder import CONFIG, require_project, table_path
from deg_core.table import Video, read_videos

PLACES = {
    "in-place": "leave the files where they are; the default",
    "copy": "copy the files into the project's folder videos/",
    "link": "link to the files from the project's folder videos/",
}


@dataclass(frozen=True)
class Request:
    """What the user asks for, for all videos of one call."""

    place: str = "in-place"
    group: str | None = None
    labels: Path | None = None
    pretrain: str | None = None


def add_videos(
    folder: Path,
    videos: Sequence[Path],
    *,
    place: str = "in-place",
    group: str | None = None,
    labels: Path | None = None,
    pretrain: str | None = None,
) -> int:
    """Add videos to a project; one that cannot be used does not keep the others out.

    Parameters
    ----------
    folder
        The project.
    videos
        Video files, or folders of numbered images.
    place
        ``in-place``, ``copy`` or ``link``.
    group
        Animal, cage or session of all of them; default: each its own.
    labels
        The label file of the only video; default: what lies beside the video.
    pretrain
        ``yes`` or ``no``; default: yes until a flow model exists.

    Returns
    -------
    int
        0, or 2 if a video was not added.

    Raises
    ------
    ConfigError
        If there is no project, its table cannot be used, or ``labels`` comes with several videos.
    """
    config = read_yaml(require_project(folder) / CONFIG)
    config = config if isinstance(config, dict) else {}
    table = table_path(folder, config)
    read_videos(table, project=folder)
    if labels is not None and len(videos) != 1:
        raise ConfigError(
            f"--labels: {labels} can belong to one video, not to {len(videos)}; "
            "add the videos one by one."
        )
    request = Request(place, group, labels, pretrain or default_pretrain(folder))
    refused, found = 0, []
    for video in videos:
        try:
            found.append(add_video(folder, table, video, request))
        except DegError as error:
            log(f"deg: not added: {error}")
            refused += 1
    tell_unknown(folder, found, config.get("behaviors"))
    log(f"{table}: {len(videos) - refused} of {len(videos)} videos added.")
    return 2 if refused else 0


def default_pretrain(folder: Path) -> str:
    """Say whether new videos join the flow training: no longer, once a flow model exists."""
    trained = any((folder / "results" / "models" / "flow").glob("*.pt"))
    return "no" if trained else "yes"


def add_video(folder: Path, table: Path, path: Path, request: Request) -> list[str]:
    """Add one video.

    Returns
    -------
    list of str
        Names of the behaviors in its label file.

    Raises
    ------
    VideoError
        If the video does not exist or cannot be read.
    LabelError
        If the label file that was named cannot be read.
    ConfigError
        If the recording is in the table already.
    StateError
        If something cannot be written.
    """
    if not path.exists():
        raise VideoError(f"{path}: no such file or folder; correct the name.")
    known = read_videos(table, project=folder)
    refuse_twice(folder, path, known)
    info = probe(path)
    name = names.unique(names.slug(path.name if path.is_dir() else path.stem), known)
    source = beside.choose(path, request.labels)
    beside.refuse_other(folder, name, source)
    where = put(folder, path, name, place=request.place)
    if source is not None:
        beside.copy(folder, name, source)
    row = {"video": name, "path": where, "pretrain": request.pretrain or "yes"}
    if request.group:
        row["group"] = request.group
    tabular.append(table, row)
    log(f"{path}: added as {name}, {describe(info)}{'' if source is None else f'; {source.note}'}")
    return [] if source is None else source.behaviors


def refuse_twice(folder: Path, path: Path, known: Sequence[Video]) -> None:
    """Refuse a recording that the table has already, under whatever name.

    Raises
    ------
    ConfigError
        If it does: twice the same recording would be trained on and tested with.
    """
    for video in known:
        if same_recording(path, folder / video.path):
            raise ConfigError(
                f"{path}: is in the table already, as video '{video.video}' ({video.path}); "
                "to add it anew, delete that row first."
            )


def same_recording(one: Path, other: Path) -> bool:
    """Tell whether two paths hold the same: one file or folder, or the same bytes."""
    if not one.exists() or not other.exists():
        return False
    if one.samefile(other):
        return True
    if one.is_dir() or other.is_dir():
        return one.is_dir() and other.is_dir() and _listing(one) == _listing(other)
    return filecmp.cmp(one, other, shallow=False)


def _listing(folder: Path) -> list[tuple[str, int]]:
    with os.scandir(folder) as entries:
        return sorted((entry.name, entry.stat().st_size) for entry in entries)


def put(folder: Path, path: Path, name: str, *, place: str) -> str:
    """Put a raw video where the project will find it.

    Returns
    -------
    str
        Its path for the table: relative where it lies in the project, else absolute.

    Raises
    ------
    ConfigError
        If the path cannot be written into a table.
    StateError
        If it cannot be copied or linked.
    """
    if place == "in-place":
        return names.for_table(path, folder)
    target = folder / "videos" / (name + ("" if path.is_dir() else path.suffix.lower()))
    if target.exists() or target.is_symlink():
        raise StateError(f"{target}: exists already; move it away, nothing is overwritten.")
    try:
        target.parent.mkdir(exist_ok=True)
        if place == "link":
            target.symlink_to(path.resolve())
        else:
            copy_recording(path, target)
    except OSError as error:
        raise StateError(f"{target}: cannot be written ({error.strerror or error}).") from error
    return names.for_table(target, folder)


def copy_recording(path: Path, target: Path) -> None:
    """Copy a file, or a folder of images, so that it appears whole or not at all."""
    if not path.is_dir():
        with publish_file(target) as temporary:
            shutil.copy2(path, temporary)
        return
    partial = target.with_name(f".{target.name}.part")
    try:
        shutil.copytree(path, partial, dirs_exist_ok=True)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def describe(info: VideoInfo) -> str:
    """Tell size, rate and length of a video."""
    length = f"{info.n_expected} frames" if info.n_expected >= 0 else "unknown length"
    return f"{info.width} x {info.height} pixels, {info.fps:g} frames per second, {length}"


def tell_unknown(folder: Path, found: Sequence[list[str]], behaviors: object) -> None:
    """Name the behaviors that the label files hold and the settings do not."""
    known = behaviors if isinstance(behaviors, list) else []
    new = [name for name in dict.fromkeys(itertools.chain(*found)) if name not in known]
    if new:
        log(
            f"{folder / CONFIG}: `behaviors` does not name {', '.join(new)}, which the label files "
            "hold; add them there if they are to be found."
        )
