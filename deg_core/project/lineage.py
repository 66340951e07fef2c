"""What a file was made from, and that from what, down to raw videos and labels.

Reads a project's ledger, and of the files only what is needed to tell whether they still are what
they were.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deg_core.errors import StateError
from deg_core.ledger import Fact, Ledger, digest, fact_of, look

SAME, CHANGED, MISSING = "same", "changed", "missing"
UNSETTLED = "changed while it was read"
Record = Mapping[str, Any]
Key = tuple[str, str]  # name and digest: of one file, several versions may have gone in


@dataclass(frozen=True)
class Node:
    """One version of one file.

    Attributes
    ----------
    name
        Of the file, relative to the project.
    fact
        What it was when it was made or read.
    state
        Whether the file on disk still is that version: SAME, CHANGED, MISSING, or UNSETTLED.
    record
        Of the job that made this version; None for what a person made, and where it is not known.
    """

    name: str
    fact: Fact
    state: str
    record: Record | None

    @property
    def key(self) -> Key:
        """What tells this version from others."""
        return self.name, self.fact.sha256 or ""

    @property
    def inputs(self) -> list[Key]:
        """The versions that it was made from, by name."""
        found = self.record["inputs"] if self.record else {}
        return [(name, entry["sha256"] or "") for name, entry in sorted(found.items())]

    @property
    def is_source(self) -> bool:
        """Whether it comes from outside of the workflow, so that no job made it."""
        return self.record is None and not self.name.startswith("results/")


@dataclass(frozen=True)
class Lineage:
    """A file and all that is behind it; ``nodes`` holds the file itself, too."""

    file: Node
    nodes: Mapping[Key, Node]

    def behind(self) -> list[Node]:
        """List all but the file itself."""
        return [node for key, node in self.nodes.items() if key != self.file.key]

    def jobs(self) -> dict[str, Record]:
        """List the jobs that took part, by the name of their first product and its digest."""
        found = {}
        for node in self.nodes.values():
            if node.record is not None:
                found.setdefault(job_id(node.record), node.record)
        return found


def job_id(record: Record) -> str:
    """Name a job after the version of its first product."""
    name, entry = next(iter(record["outputs"].items()))
    return f"{name}@{entry['sha256'][:12]}"


class States:
    """Tells whether files are what they were; each is read once, and only where it looks new.

    Parameters
    ----------
    ledger
        Of the project.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._found: dict[str, str | None] = {}

    def of(self, name: str, then: Fact) -> str:
        """Compare a file on disk with what it was."""
        now = look(self._ledger.path_of(name))
        if now is None:
            return MISSING
        if then.sha256 is None:
            return UNSETTLED
        if now.looks_like(then):
            return SAME
        same = now.bytes == then.bytes and self._digest(name) == then.sha256
        return SAME if same else CHANGED

    def _digest(self, name: str) -> str | None:
        if name not in self._found:
            try:
                self._found[name] = digest(self._ledger.path_of(name))
            except OSError:
                self._found[name] = None
        return self._found[name]


def trace(ledger: Ledger, path: Path) -> Lineage:
    """Find out what a file was made from.

    Parameters
    ----------
    ledger
        Of the project.
    path
        Any file; a copy of a product is known by its content.

    Returns
    -------
    Lineage
        The file's own content is read and compared; of the others, those that look different.

    Raises
    ------
    StateError
        If there is no such file, or it cannot be read.
    """
    file = _file(ledger, path)
    states, nodes, waiting = States(ledger), {file.key: file}, [file]
    while waiting:
        node = waiting.pop()
        for name, then in _inputs(node.record):
            if (name, then.sha256 or "") not in nodes:
                record = version_of(ledger, name, then.sha256)
                found = Node(name, then, states.of(name, then), record)
                nodes[found.key] = found
                waiting.append(found)
    return Lineage(file, nodes)


def version_of(ledger: Ledger, name: str, sha256: str | None) -> Record | None:
    """Return the record of the job that made this version of a file, and no other version."""
    record = ledger.read(name)
    if record is None or record["outputs"][name]["sha256"] != sha256:
        return None
    return record


def _inputs(record: Record | None) -> Iterator[tuple[str, Fact]]:
    for name, entry in record["inputs"].items() if record else ():
        yield name, fact_of(entry)


def _file(ledger: Ledger, path: Path) -> Node:
    name, now = ledger.name_of(path), look(path)
    record = ledger.read(name)
    if now is None:
        if record is None:
            raise StateError(f"{path}: no such file, and none that was ever recorded; check it.")
        return Node(name, fact_of(record["outputs"][name]), MISSING, record)
    try:
        content = digest(path)
    except OSError as error:
        raise StateError(f"{path}: cannot be read ({error.strerror}); mend this.") from error
    if record is None or record["outputs"][name]["sha256"] != content:
        twin = _of_content(ledger, content)
        if twin is not None:
            return twin
    if record is None:
        return Node(name, Fact(now.bytes, now.mtime_ns, content), SAME, None)
    then = fact_of(record["outputs"][name])
    return Node(name, then, SAME if then.sha256 == content else CHANGED, record)


def _of_content(ledger: Ledger, content: str) -> Node | None:
    """Find the product of which a file is a copy."""
    for record in ledger.records():
        for name, entry in record["outputs"].items():
            if entry["sha256"] == content and version_of(ledger, name, content) is not None:
                return Node(name, fact_of(entry), SAME, record)
    return None
