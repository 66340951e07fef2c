"""The ledger of a project: for each file that a job made, a record of how it came to be.

Records are JSON files below ``results/provenance/``, one per job and in a place that follows from
the name of its first product; the job's other products have a line there that points to it. They
are beside the results and never in them, so that times and machines do not change any result.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path("results", "provenance")
FORMAT = "deg-core provenance 1"
CONFIG = "config.yaml"
# Smaller files are read faster than their record.
_SMALL = 2**20


@dataclass(frozen=True)
class Fact:
    """What a file was: its size in bytes, when it was last changed, and its content.

    ``sha256`` is None for a file that changed while the job read it. A folder of images has the
    sum of the sizes, the time of the last change, and the digest of its files' names and digests.
    """

    bytes: int
    mtime_ns: int
    sha256: str | None = None

    def looks_like(self, other: "Fact") -> bool:
        """Tell whether size and time are the same, so that the content need not be read."""
        return (self.bytes, self.mtime_ns) == (other.bytes, other.mtime_ns)

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"sha256": self.sha256, "bytes": self.bytes, "mtime_ns": self.mtime_ns}


def fact_of(entry: Mapping[str, Any]) -> Fact:
    """Read a fact back from a record."""
    return Fact(entry["bytes"], entry["mtime_ns"], entry["sha256"])


def look(path: Path) -> Fact | None:
    """Return size and time of a file or of a folder's files; None if there is no such thing."""
    try:
        status = path.stat()
        if not path.is_dir():
            return Fact(status.st_size, status.st_mtime_ns)
        found = [file.stat() for file in _files_of(path)]
    except (OSError, ValueError):
        return None
    return Fact(sum(s.st_size for s in found), max((s.st_mtime_ns for s in found), default=0))


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of a folder's list of names and digests.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    if path.is_dir():
        lines = "".join(f"{digest(file)}  {file.name}\n" for file in _files_of(path))
        return _sha256(lines)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files_of(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.iterdir()) if p.is_file() and not p.name.startswith(".")]


def absolute(path: str | Path) -> str:
    """Write a path from the root, without dots; links stay, since a project may hold some."""
    return os.path.normpath(Path(path).absolute())


def find_project(*paths: Path) -> Path | None:
    """Return the nearest folder at or above one of some paths that is a project, or was one."""
    for path in paths:
        whole = Path(absolute(path))
        for folder in (whole, *whole.parents):
            if (folder / CONFIG).is_file() or (folder / FOLDER).is_dir():
                return folder
    return None


class Ledger:
    """The records of one project.

    Parameters
    ----------
    project
        Its folder. Names of files are relative to it, and absolute or upwards outside of it.
    """

    def __init__(self, project: Path) -> None:
        self.project = Path(project)

    def name_of(self, path: str | Path) -> str:
        """Name a file as records do."""
        whole, root = absolute(path), absolute(self.project)
        for folder in (root, os.path.realpath(root)):
            if whole.startswith(folder + os.sep):
                return Path(whole).relative_to(folder).as_posix()
        return whole if Path(path).is_absolute() else os.path.relpath(whole, root)

    def path_of(self, name: str) -> Path:
        """Return where a file of that name is."""
        return self.project / name

    def place_of(self, name: str) -> Path:
        """Return where the record of a file is kept, or would be."""
        parts = Path(name).parts
        if parts[0] == "results":
            inside = Path(*parts[1:])
        elif Path(name).is_absolute() or parts[0] == "..":
            short = _sha256(name)[:12]
            inside = Path("elsewhere", "outside", f"{short}-{parts[-1]}")
        else:
            inside = Path("elsewhere", "project", name)
        return self.project / FOLDER / inside.with_name(f"{inside.name}.json")

    def read(self, name: str) -> dict[str, Any] | None:
        """Return the record of the job that made a file; None if there is no readable one."""
        content = _read(self._record_of(name))
        # A job that now makes other files has replaced what a line pointed to.
        if content is None or name not in content.get("outputs", {}):
            return None
        return content

    def is_damaged(self, name: str) -> bool:
        """Tell whether the record of a file, or the line that points to it, cannot be read."""
        place = self._record_of(name)
        return _read(place) is None and place.exists()

    def _record_of(self, name: str) -> Path:
        """Return where the record is that a file's own place holds, or points to by one line."""
        place = self.place_of(name)
        content = _read(place)
        return self.place_of(content["record"]) if content and "record" in content else place

    def write(self, record: Mapping[str, Any]) -> None:
        """Keep a record, under the names of all its outputs.

        Each file appears whole: jobs run side by side, and readers look at any time.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        first, *others = record["outputs"]
        _write(self.place_of(first), {"format": FORMAT, **record})
        for name in others:
            _write(self.place_of(name), {"format": FORMAT, "record": first})

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield all readable records, by name of their first output."""
        for path in sorted((self.project / FOLDER).rglob("*.json")):
            content = _read(path)
            if content is not None and "outputs" in content:
                yield content

    def digest_of(self, name: str, now: Fact) -> str:
        """Return the SHA-256 of a file; of a large one as noted, if it still looks the same.

        Parameters
        ----------
        name
            The file.
        now
            Its size and time.

        Raises
        ------
        OSError
            If it cannot be read.
        """
        path = self.path_of(name)
        if now.bytes < _SMALL:
            return digest(path)
        for noted in self._noted(name):
            if noted.looks_like(now) and noted.sha256:
                return noted.sha256
        found = digest(path)
        # So a raw video is read once for this, and not again with every change of a setting; and a
        # product, whose time Snakemake changes when its job has ended, once by those that use it.
        with suppress(OSError):
            _write(self._source(name), {"file": name, **Fact(*_pair(now), found).as_json()})
        return found

    def _noted(self, name: str) -> Iterator[Fact]:
        record, note = self.read(name), _read(self._source(name))
        if record is not None:
            yield fact_of(record["outputs"][name])
        if note is not None:
            yield fact_of(note)

    def _source(self, name: str) -> Path:
        short = _sha256(name)[:16]
        return self.project / FOLDER / "sources" / f"{short}.json"


def _sha256(text: str) -> str:
    # A name of a file need not be UTF-8; its odd bytes are then surrogates in the text.
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def _pair(fact: Fact) -> tuple[int, int]:
    return fact.bytes, fact.mtime_ns


def _read(path: Path) -> dict[str, Any] | None:
    """Read a file of the ledger; a damaged one tells nothing, like a missing one."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        text = json.dumps(content, indent=1, ensure_ascii=False)
        # Bytes of a name that are not UTF-8 become JSON's own escapes, such as \\udcff.
        with temporary.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())  # with a damaged record, results count as damaged, too
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
