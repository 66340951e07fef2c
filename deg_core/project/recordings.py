"""The videos that `deg predict` is given: their list, their part of it, the names of results.

Reads a list of paths; looks at the videos' sizes and times, and into them where these changed.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deg_core.data.publish import identity
from deg_core.errors import ConfigError, StateError, VideoError

ENDINGS = {
    "predictions": "predictions/{}.h5",
    "ethogram": "ethograms/{}.csv",
    "bouts": "ethograms/{}.bouts.csv",
    "record": "records/{}.json",
}


@dataclass(frozen=True)
class Recording:
    """One video to predict.

    Parameters
    ----------
    raw
        The file, or the folder of images.
    name
        How its results are called, without ending; with folders if videos lie in several.
    """

    raw: Path
    name: str

    @property
    def key(self) -> str:
        """A name without folders, for what lies beside the results only while it is at work."""
        return hashlib.sha256(self.name.encode()).hexdigest()[:32]

    def place(self, out: Path, kind: str) -> Path:
        """Say where one of its results belongs; ``kind`` as in `ENDINGS`."""
        return out / ENDINGS[kind].format(self.name)


def read_list(path: Path) -> list[Path]:
    """Read a list of videos: one path per line, relative to where the list lies.

    Parameters
    ----------
    path
        UTF-8; empty lines and those that begin with # are left out.

    Raises
    ------
    ConfigError
        If it cannot be read, or names nothing.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"--list: {path} cannot be read ({error}); expected text in UTF-8, a path per line."
        ) from error
    named = [line.strip() for line in lines]
    found = [path.parent / line for line in named if line and not line.startswith("#")]
    if not found:
        raise ConfigError(f"--list: {path} names no video; write one path per line.")
    return found


def name_all(videos: Iterable[Path], *, root: Path | None) -> list[Recording]:
    """Give each video the name of its results; one named twice counts once.

    Parameters
    ----------
    videos
        Files and folders of images.
    root
        Folder below which all videos lie; results lie in the same folders. Without it, the name is
        that of the file alone.

    Returns
    -------
    list of Recording
        Sorted by name, whatever the order of the videos.

    Raises
    ------
    ConfigError
        If results of two videos would have one name, or a video does not lie below the root.
    """
    taken: dict[str, Recording] = {}
    found = []
    for raw in dict.fromkeys(videos):
        recording = Recording(raw, _name(raw, root))
        for kind in ("ethogram", "bouts"):
            # Case counts on one system and not on the next.
            place = str(recording.place(Path(), kind)).casefold()
            other = taken.setdefault(place, recording)
            if other is not recording:
                raise ConfigError(
                    f"{raw} and {other.raw}: their results would have one name, {place}; give "
                    "--root FOLDER, below which results lie as the videos do, or rename one."
                )
        found.append(recording)
    return sorted(found, key=lambda one: one.name)


def _name(raw: Path, root: Path | None) -> str:
    stem = raw.resolve().name if raw.is_dir() else raw.stem
    if root is None:
        return stem
    try:
        return (raw.resolve().parent.relative_to(root.resolve()) / stem).as_posix()
    except ValueError as error:
        raise ConfigError(
            f"{raw}: lies outside of --root {root}; give a folder above all videos."
        ) from error


def part_of(recordings: Sequence[Recording], part: str | None) -> list[Recording]:
    """Choose one of n parts: of each n neighbors in the order of names, the same one.

    Parameters
    ----------
    recordings
        All of them, sorted.
    part
        As ``3/8``: the third of eight; None is all.

    Raises
    ------
    ConfigError
        If the text is no such part.
    """
    if part is None:
        return list(recordings)
    number, _, count = part.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise ConfigError(
            f"--part: expected a number and how many parts there are, as 1/8 to 8/8, got '{part}'."
        )
    return list(recordings[int(number) - 1 :: int(count)])


def mark_of(raw: Path) -> list[Any]:
    """Return what shows, without reading a video, that it may have changed: sizes and times.

    Raises
    ------
    VideoError
        If it does not exist or cannot be looked at.
    """
    try:
        if not raw.is_dir():
            seen = raw.stat()
            return [seen.st_size, seen.st_mtime_ns]
        digest = hashlib.sha256()
        for image in _images(raw):
            seen = image.stat()
            digest.update(f"{image.name} {seen.st_size} {seen.st_mtime_ns}\n".encode())
        return [digest.hexdigest()]
    except OSError as error:
        raise VideoError(
            f"{raw}: cannot be read ({error.strerror}); correct its path, or mend the permissions."
        ) from error


def content_of(raw: Path) -> str:
    """Return a digest of what a video holds; of files above 64 MB, of size and time instead.

    Raises
    ------
    VideoError
        If it cannot be read.
    """
    try:
        return identity(_images(raw) if raw.is_dir() else [raw])
    except (StateError, OSError) as error:
        raise VideoError(f"{raw}: cannot be read; correct its path, or copy it again.") from error


def _images(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")
    )
