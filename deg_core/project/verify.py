"""Whether the results of a project still are what they were when they were made.

Reads the ledger and every product; so a disk's silent errors are found before they are published.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deg_core.errors import StateError
from deg_core.ledger import FOLDER, Fact, Ledger, digest, fact_of, look
from deg_core.progress import track
from deg_core.project.lineage import CHANGED, MISSING, SAME, UNSETTLED, States

_SHOWN = 5


@dataclass
class Verified:
    """What the comparison found.

    Attributes
    ----------
    n_same
        Products whose content is what it was.
    damaged
        One sentence for each product whose content is another.
    notes
        Sentences on what is no damage: products that are gone, inputs that have changed since,
        files of unknown origin.
    """

    n_same: int = 0
    damaged: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def verify(project: Path) -> Verified:
    """Compare all products of a project with their records.

    Raises
    ------
    StateError
        If nothing is recorded.
    """
    ledger = Ledger(project)
    products = dict(recorded(ledger))
    if not products:
        raise StateError(
            f"{project / FOLDER}: nothing is recorded of this project; `deg run` records what it "
            "makes, and results from before are not known."
        )
    found, gone = Verified(), []
    for name, (then, record) in track(products.items(), total=len(products), label="files"):
        path = ledger.path_of(name)
        now = look(path)
        if now is None:
            gone.append(name)
        elif (sentence := difference(path, then, now, record)) is None:
            found.n_same += 1
        else:
            found.damaged.append(sentence)
    found.notes += _note("recorded, but no longer there; `deg run` makes what is needed", gone)
    found.notes += _sources(ledger, products)
    found.notes += _note("of unknown origin: no record says how they were made",
                         unrecorded(ledger, products))  # fmt: skip
    return found


def recorded(ledger: Ledger) -> Iterator[tuple[str, tuple[Fact, Mapping[str, Any]]]]:
    """Yield each product that has a record, with what it was and the record."""
    for record in ledger.records():
        for name, entry in record["outputs"].items():
            own = ledger.read(name)
            # A later job may have made this one of several products anew.
            if own is not None and own["outputs"] == record["outputs"]:
                yield name, (fact_of(entry), record)


def difference(path: Path, then: Fact, now: Fact, record: Mapping[str, Any]) -> str | None:
    """Say in a sentence how a product differs from what was made; None if it does not."""
    made = f"{record['stage']} made it on {record['ended'][:10]}"
    if now.bytes != then.bytes:
        return (
            f"{path}: has {now.bytes} bytes in place of {then.bytes} since {made}; "
            "delete it and run again."
        )
    try:
        content = digest(path)
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror}); delete it and run again."
    if content == then.sha256:
        return None
    # Snakemake sets a product's time when its job has ended, a little after our record.
    written = datetime.fromtimestamp(now.mtime_ns // 10**9, UTC).isoformat()
    return (
        f"{path}: has other content of the same size since {made} (the job ended "
        f"{record['ended']}, the file says it was last written {written}; if that is about the "
        "same, the disk may be failing); delete it and run again."
    )


def unrecorded(ledger: Ledger, products: Iterable[str]) -> list[str]:
    """List the files among the results that no record tells of."""
    known, kept = set(products), ledger.project / FOLDER
    found = []
    for path in sorted((ledger.project / "results").rglob("*")):
        hidden = path.name.startswith(".") or kept in path.parents
        if not hidden and path.is_file() and ledger.name_of(path) not in known:
            found.append(ledger.name_of(path))
    return found


def _sources(
    ledger: Ledger, products: Mapping[str, tuple[Fact, Mapping[str, Any]]]
) -> Iterator[str]:
    """Yield notes on inputs that are no longer what products were made from."""
    states, seen = States(ledger), set()
    found: dict[str, list[str]] = {CHANGED: [], MISSING: [], UNSETTLED: []}
    for _, record in products.values():
        for name, entry in record["inputs"].items():
            then = fact_of(entry)
            if (name, then) in seen or name in products:
                continue
            seen.add((name, then))
            state = states.of(name, then)
            if state != SAME and name not in found[state]:
                found[state].append(name)
    yield from _note("changed since results were made from them", found[CHANGED])
    yield from _note("gone since results were made from them", found[MISSING])
    yield from _note("changed while a job read them; delete what it made", found[UNSETTLED])
    yield from _note("made from earlier versions of other results; `deg status` says what is stale",
                     _outdated(products))  # fmt: skip


def _outdated(products: Mapping[str, tuple[Fact, Mapping[str, Any]]]) -> list[str]:
    return [
        name
        for name, (_, record) in products.items()
        if any(
            other in products and products[other][0].sha256 != entry["sha256"]
            for other, entry in record["inputs"].items()
        )
    ]


def _note(text: str, names: list[str]) -> Iterator[str]:
    if names:
        shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        yield f"{len(names)} {'file' if len(names) == 1 else 'files'} {text}: {shown}"
