"""What files said when they were last read, kept for as long as they are the same.

Reads and writes a JSON file of such notes, which is safe to delete. Standard library only:
Snakemake imports this module while it parses.
"""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from deg_core.errors import DegError

# A file may change twice within one tick of its file system's clock, and keep its size: what was
# changed so lately is read again next time.
SETTLED_S = 2.0


class Notes:
    """Answers about files, kept between processes.

    Parameters
    ----------
    path
        The notes; missing, damaged or foreign ones are begun anew.
    about
        What the answers depend on beside the files: settings, version of the reader.
    root
        Folder to which the names of the files are relative.

    Notes
    -----
    A file counts as the same while its size, its inode and the times of the last change of its
    content and of its entry (mtime, ctime; in nanoseconds) are. A program can set the former time,
    and not the latter. So an edit could stay unseen only where a file system keeps no ctime, and
    size and mtime are the same: no one could see it there without reading the file.
    """

    def __init__(self, path: Path, *, about: Mapping[str, Any], root: Path) -> None:
        self.path, self.root = path, root
        self.about = json.loads(json.dumps(about))
        self.before = _load(path, self.about)
        self.now: dict[str, list[Any]] = {}

    def of(self, file: Path, read: Callable[[Path], Any]) -> Any:
        """Answer from the notes, or by reading the file.

        Parameters
        ----------
        file
            Relative to the root.
        read
            Called with the file's place if it is not known as it is; returns what JSON can hold.

        Raises
        ------
        Exception
            What ``read`` raises; nothing is noted then.
        """
        place, name = self.root / file, file.as_posix()
        mark = _mark(place)
        known = self.before.get(name)
        if known is not None and mark is not None and known[0] == mark:
            self.now[name] = known
            return known[1]
        answer = read(place)
        if mark is not None and mark == _mark(place) and _is_settled(mark):
            self.now[name] = [mark, answer]
        return answer

    def save(self) -> None:
        """Keep what was asked for since the start; without permission to write, keep nothing."""
        if self.now == self.before:
            return
        from deg_core.data.publish import publish_text

        text = json.dumps({"about": self.about, "files": self.now})
        with suppress(DegError):
            publish_text(self.path, text)


def _load(path: Path, about: Mapping[str, Any]) -> dict[str, list[Any]]:
    try:
        content = json.loads(path.read_bytes())
        files = content["files"] if content["about"] == about else {}
        return {name: [list(mark), answer] for name, (mark, answer) in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _mark(place: Path) -> list[int] | None:
    """Return what tells a file from its later forms; None if it cannot be looked at."""
    try:
        found = place.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _is_settled(mark: list[int]) -> bool:
    return max(mark[1], mark[2]) / 1e9 < time.time() - SETTLED_S
