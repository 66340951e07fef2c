"""`deg provenance`: how a file came to be, or whether all results still are what they were."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deg_core.errors import ConfigError
from deg_core.ledger import CONFIG, Ledger, digest, find_project
from deg_core.progress import log
from deg_core.project import verify
from deg_core.project.lineage import CHANGED, MISSING, SAME, Key, Lineage, Node, job_id, trace

_WIDTH = 160  # of a setting's text; --json has all of it
_STATES = {SAME: "as it was made", MISSING: "is no longer there"}
_NOT_RECORDED = "not recorded"


def show(path: Path, *, project: Path | None, depth: int | None, as_json: bool) -> int:
    """Print how a file came to be.

    Parameters
    ----------
    path
        The file.
    project
        Whose ledger to ask; default: that of the folder that the file is in.
    depth
        How many steps back to go; default: to the beginning.
    as_json
        Print everything, for programs.

    Returns
    -------
    int
        0; 2 if it is not recorded, or the file is no longer what was made.

    Raises
    ------
    ConfigError
        If the file is in no project, or is a folder.
    StateError
        If there is no such file.
    """
    if path.is_dir():
        raise ConfigError(
            f"{path}: is a folder; name a file in it, or check all of a project with --check."
        )
    folder = project or find_project(path)
    if folder is None:
        raise ConfigError(
            f"{path}: is in no project's folder; say with --project whose records to search."
        )
    ledger = Ledger(folder)
    found = trace(ledger, path)
    name = ledger.name_of(path)
    if as_json:
        print(json.dumps(as_graph(found, name), indent=1))
    else:
        print("\n".join(lines_of(found, ledger, name, depth)))
    return 0 if found.file.record is not None and found.file.state == SAME else 2


def check(project: Path) -> int:
    """Compare all results with what was recorded when they were made; print what differs.

    Returns
    -------
    int
        0; 2 if a file is damaged or was changed.

    Raises
    ------
    StateError
        If nothing is recorded.
    """
    found = verify.verify(project)
    for sentence in found.damaged:
        print(f"error: {sentence}")
    for sentence in found.notes:
        print(f"note: {sentence}")
    log(
        f"{project}: {found.n_same} files are what they were when they were made, "
        f"{len(found.damaged)} are not."
    )
    return 2 if found.damaged else 0


def as_graph(found: Lineage, name: str) -> dict[str, Any]:
    """Return a lineage as plain values: the files, and the jobs that made them."""
    return {
        "file": name,
        "node": _id(found.file.key),
        "files": {
            _id(key): {
                "file": node.name,
                **node.fact.as_json(),
                "state": node.state,
                "job": job_id(node.record) if node.record else None,
            }
            for key, node in found.nodes.items()
        },
        "jobs": found.jobs(),
    }


def lines_of(found: Lineage, ledger: Ledger, name: str, depth: int | None) -> Iterator[str]:
    """Yield the text about a file: its job, what it was made from, and what has changed since."""
    file = found.file
    yield name if name == file.name else f"{name}: a copy of {file.name}"
    if file.record is None:
        yield f"  {_NOT_RECORDED}: no job of this project has made a file of this content"
        yield f"  content   sha256 {file.fact.sha256}, {_size(file.fact.bytes)}"
        return
    yield from _facts(file, file.record, ledger)
    yield "made from"
    yield from _tree(found, file, depth, seen=set(), indent=1)
    yield from _verdict(found)


def _facts(file: Node, record: Mapping[str, Any], ledger: Ledger) -> Iterator[str]:
    state = _STATES.get(file.state, "but the file has other content now: changed or damaged")
    yield f"  content   sha256 {file.fact.sha256}, {_size(file.fact.bytes)}, {state}"
    version = f", version {record['version']}" if record["version"] is not None else ""
    yield f"  made by   {record['stage']}{version}"
    yield f"  command   {_short(record['command'])}"
    for name, value in record["settings"].items():
        if value is not None:
            yield f"  --{name.replace('_', '-')} {_short(_text(value))}"
    yield f"  seed      {'none' if record['seed'] is None else record['seed']}"
    spent = f"{record['seconds']:g} s, {record['cpu_seconds']:g} s of processor time"
    yield f"  when      {record['started']} to {record['ended']}, {spent}"
    yield f"  where     {_machine(record['machine'])}"
    yield f"  with      {_software(record['software'])}"
    yield f"  settings  {_settings_file(record, ledger)}"


def _machine(found: Mapping[str, Any]) -> str:
    threads = f"{found['threads']} threads, " if found["threads"] else ""
    cards = ", ".join(found["gpus"]) or "no graphics card used"
    told = "".join(f"; {name}={value}" for name, value in found["environment"].items())
    cores = f"{found['cores']} cores, {threads}{cards}"
    return f"{found['host']}: {found['processor']}, {cores}; {found['system']}{told}"


def _software(found: Mapping[str, Any]) -> str:
    commit = f"commit {found['commit'][:12]}, " if found["commit"] else ""
    packages = ", ".join(f"{name} {version}" for name, version in found["packages"].items())
    program = f"deg-core {found['deg-core']} ({commit}code {found['code'][:12]})"
    return f"{program}, Python {found['python']}; {packages}"


def _settings_file(record: Mapping[str, Any], ledger: Ledger) -> str:
    then, path = record["project"].get(CONFIG), ledger.path_of(CONFIG)
    if then is None:
        return f"there was no {CONFIG}"
    now = digest(path) if path.is_file() else None
    state = "as it is now" if now == then else "another one is there now"
    return f"{CONFIG} of sha256 {then[:12]}, {state}"


def _tree(
    found: Lineage, node: Node, depth: int | None, *, seen: set[Key], indent: int
) -> Iterator[str]:
    """Yield one line for each input, and below it those of that one; each file's once."""
    if depth is not None and indent > depth:
        return
    for key in node.inputs:
        child = found.nodes[key]
        more = "  (see above)" if key in seen and child.inputs else ""
        yield f"{'  ' * indent}{_line(child)}{more}"
        if key not in seen:
            seen.add(key)
            yield from _tree(found, child, depth, seen=seen, indent=indent + 1)


def _line(node: Node) -> str:
    made = ""
    if node.record is not None:
        version = node.record["version"]
        made = f"  by {node.record['stage']}" + (f" {version}" if version is not None else "")
    elif not node.is_source:
        again = node.state == CHANGED
        made = "  made again since, so of this version " if again else "  how it was made is "
        made += _NOT_RECORDED
    return f"{node.name}  {(node.fact.sha256 or '?')[:12]}  {node.state}{made}"


def _verdict(found: Lineage) -> Iterator[str]:
    states = Counter(node.state for node in found.behind())
    told = ", ".join(f"{n} {state}" for state, n in states.most_common()) or "none"
    yield f"files behind it: {told}"
    for node in found.behind():
        if node.state != SAME:
            yield f"  {node.name}: {node.state}"
    if any(node.state == CHANGED for node in found.behind()):
        yield "  `deg status` says what would be computed again."


def _id(key: Key) -> str:
    return f"{key[0]}@{key[1][:12]}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]} ... (--json has all)"


def _size(n_bytes: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes} bytes"
