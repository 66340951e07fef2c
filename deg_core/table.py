"""The video table: one row per video, read as text and checked row by row.

Reads videos.tsv; looks whether label files and raw videos are there, never into them.
"""

import csv
import difflib
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from deg_core.errors import ConfigError, VideoError

REQUIRED = ("video", "path", "pretrain")
COLUMNS = ("video", "path", "group", "pretrain", "labels", "split", "keypoints", "clusters")
PATHS = ("path", "labels", "keypoints", "clusters")
SPLITS = ("train", "val", "test")
T = TypeVar("T")
Row = tuple[int, list[str]]  # number of a line, and its cells
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Video:
    """One row of the table.

    Parameters
    ----------
    video
        The id, which becomes part of file names.
    path
        The raw file, or the folder of images, relative to the project folder.
    group
        Animal, cage or session; a split never divides a group.
    pretrain
        Whether the video belongs to the set of the statistics and of the flow training.
    labels
        The label file, relative to the project folder; None for an unlabeled video.
    split
        The part that the table fixes for this video; None if a split may choose.
    keypoints, clusters
        Files of what a tracker, or an unsupervised method, found, relative to the project folder;
        None where there is none.
    """

    video: str
    path: Path
    group: str
    pretrain: bool
    labels: Path | None
    split: str | None
    keypoints: Path | None = None
    clusters: Path | None = None


def read_videos(path: Path, *, project: Path | None = None) -> list[Video]:
    """Read the video table.

    Parameters
    ----------
    path
        The table: tab separated, UTF-8, with a header.
    project
        The project folder, which the paths in the table are relative to; default: the folder of
        the table.

    Returns
    -------
    list of Video
        In the order of the rows; empty if the table has a header only.

    Raises
    ------
    ConfigError
        If the table is missing or not text; a column is missing, unknown or there twice; a row has
        too many cells; an id is not usable or there twice; `path` is empty; a path has a brace;
        `pretrain` is neither yes nor no; `split` is not a part; a group has two fixed parts; a
        label file, or one of keypoints or clusters, that the table names is missing.
    """
    return videos_of(read_rows(path), path, project=path.parent if project is None else project)


def videos_of(rows: Sequence[Row], path: Path, *, project: Path) -> list[Video]:
    """Make videos of the rows of a table, the header first; what is wrong is as in `read_videos`.

    Parameters
    ----------
    rows
        Number and cells of each line.
    path, project
        See `read_videos`.
    """
    header = [name.strip() for name in (rows[0][1] if rows else [])]
    _check_header(header, path)
    videos = [_read_row(path, line, header, cells, project) for line, cells in rows[1:]]
    _check_ids(videos, path)
    _check_groups(videos, path)
    return videos


def read_rows(path: Path) -> list[Row]:
    """Return the lines of a table that are not blank, each with its number.

    Raises
    ------
    ConfigError
        If the table is missing or not text.
    """
    try:
        # utf-8-sig: spreadsheets like to put a byte-order mark in front.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter="\t")
            return [(reader.line_num, row) for row in reader if any(map(str.strip, row))]
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: no such file; it holds one row per video, and `deg add` writes it."
        ) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(
            f"{path}: cannot be read ({error}); expected tab-separated text in UTF-8."
        ) from error


def _check_header(header: Sequence[str], path: Path) -> None:
    for name in header:
        if name not in COLUMNS:
            raise ConfigError(f"{path}: {_unknown_column(name)}")
        if header.count(name) > 1:
            raise ConfigError(f"{path}: column '{name}' is there twice; keep one of them.")
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        found = ", ".join(header) or "an empty file"
        raise ConfigError(
            f"{path}: column '{missing[0]}' is missing; the first line must name at least "
            f"{', '.join(REQUIRED)}, separated by tabs, and it holds {found}."
        )


def _unknown_column(name: str) -> str:
    if "," in name or ";" in name:
        return f"the columns must be separated by tabs, but the first line holds '{name}'."
    close = difflib.get_close_matches(name.lower(), COLUMNS, n=1)
    if close:
        return f"unknown column '{name}'; did you mean '{close[0]}'?"
    return f"unknown column '{name}'; the columns are {', '.join(COLUMNS)}."


def _read_row(
    path: Path, line: int, header: Sequence[str], cells: Sequence[str], project: Path
) -> Video:
    if any(cell.strip() for cell in cells[len(header) :]):
        raise ConfigError(
            f"{path}: line {line} has {len(cells)} cells, but there are {len(header)} columns; "
            "remove what is too much."
        )
    row = dict.fromkeys(COLUMNS, "") | dict(zip(header, map(str.strip, cells), strict=False))
    video = row["video"]
    if not ID.fullmatch(video):
        raise ConfigError(
            f"{path}: line {line}: '{video}' cannot be an id; use letters without accents, digits, "
            "_ and -, with a letter or digit first (the file itself may have any name)."
        )
    where = f"{path}: video {video}"
    if not row["path"]:
        raise ConfigError(f"{where}: the column 'path' is empty; name the raw file.")
    for name in PATHS:
        if re.search(r"[{}]", row[name]):
            raise ConfigError(
                f"{where}: the column '{name}' has a brace in '{row[name]}', which means something "
                "else to Snakemake; rename the file or its folder."
            )
    return Video(
        video=video,
        path=Path(row["path"]),
        group=row["group"] or video,
        pretrain=_choose(row["pretrain"], {"yes": True, "no": False}, f"{where}: pretrain"),
        labels=_labels(where, row["labels"], video, project),
        split=_choose(row["split"], {"": None} | {p: p for p in SPLITS}, f"{where}: split"),
        keypoints=_beside(where, "keypoints", row["keypoints"], project),
        clusters=_beside(where, "clusters", row["clusters"], project),
    )


def _choose(text: str, choices: Mapping[str, T], where: str) -> T:
    if text.lower() not in choices:
        names = " or ".join(name for name in choices if name)
        raise ConfigError(
            f"{where} must be {names}{' or empty' if '' in choices else ''}, not '{text}'."
        )
    return choices[text.lower()]


def _labels(where: str, named: str, video: str, project: Path) -> Path | None:
    if not named:
        usual = Path("labels", f"{video}.csv")
        return usual if is_file(project / usual) else None
    if not is_file(project / named):
        raise ConfigError(
            f"{where}: no label file {named}; correct the column 'labels', or leave it empty."
        )
    return Path(named)


def _beside(where: str, column: str, named: str, project: Path) -> Path | None:
    """Return what a column says of a file that is used as it is."""
    if named and not is_file(project / named):
        raise ConfigError(
            f"{where}: no file {named}; correct the column '{column}', or leave it empty."
        )
    return Path(named) if named else None


def _check_ids(videos: Iterable[Video], path: Path) -> None:
    seen: set[str] = set()
    for video in videos:
        if video.video in seen:
            raise ConfigError(
                f"{path}: two rows have the id '{video.video}'; give one of them another id."
            )
        seen.add(video.video)


def _check_groups(videos: Iterable[Video], path: Path) -> None:
    fixed: dict[str, Video] = {}
    for video in videos:
        if video.split is None:
            continue
        other = fixed.setdefault(video.group, video)
        if other.split != video.split:
            raise ConfigError(
                f"{path}: group '{video.group}' has two fixed parts: {other.video} is in "
                f"{other.split}, {video.video} in {video.split}; a split never divides a group, "
                "so give them the same part or another group."
            )


def fixed_parts(videos: Iterable[Video]) -> dict[str, str]:
    """Return the part of each group that has a fixed one."""
    return {video.group: video.split for video in videos if video.split}


def check_usable(
    videos: Sequence[Video], path: Path, *, project: Path, drawn: Path | None = None
) -> None:
    """Check that a table says enough to compute anything, and that its raw videos are there.

    Parameters
    ----------
    videos
        The table.
    path
        Where it was read, for the messages.
    project
        The project folder.
    drawn
        Folder, relative to the project, of the videos that the example draws when they are missing.

    Raises
    ------
    ConfigError
        If there is no video, or none for the statistics and the flow training.
    VideoError
        If a raw video is missing that was not imported before.
    """
    if not videos:
        raise ConfigError(f"{path}: there is no video yet; `deg add` adds some.")
    if not any(video.pretrain for video in videos):
        raise ConfigError(
            f"{path}: no video has `yes` in the column 'pretrain', so there is nothing to learn "
            "motion from; write yes for a few typical videos."
        )
    for video in videos:
        imported = project / "results" / "import" / f"{video.video}.h5"
        if not (is_drawn(video, drawn) or exists(project / video.path) or exists(imported)):
            raise VideoError(
                f"{path}: video {video.video}: there is no file {video.path}; correct the column "
                "'path', or delete the row."
            )


def is_file(path: Path) -> bool:
    """Tell whether there is a file; what cannot be a name is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def exists(path: Path) -> bool:
    """Tell whether there is a file or folder; what cannot be a name is none."""
    try:
        return path.exists()
    except OSError:
        return False


def is_drawn(video: Video, drawn: Path | None) -> bool:
    """Tell whether a raw video is one that the example draws into the folder ``drawn``."""
    return drawn is not None and video.path == drawn / f"{video.video}.mp4"


def drawing_of(example: Mapping[str, Any]) -> str:
    """Say what decides the drawn videos: the settings of the example but for their folder."""
    return ", ".join(f"{key} {example[key]}" for key in sorted(example) if key != "videos")


def size_of(path: Path) -> int:
    """Measure a raw video: bytes of a file, or number of entries of a folder of images.

    Notes
    -----
    Tells whether a raw video was replaced by another one, without reading it. The sizes of images
    are left out, since asking a network drive for 100,000 of them takes minutes.
    """
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        with os.scandir(path) as entries:
            return sum(1 for _ in entries)
    return found.st_size
