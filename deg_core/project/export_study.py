"""`deg export-study`: what a publication needs of a project, with its provenance, as an RO-Crate.

Copies settings, table, labels, results, workflow and ledger into a folder or zip file; what is too
large, above all raw videos, is named by digest and size.
"""

import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deg_core import __version__
from deg_core.data.publish import publish_file, publish_text, sha256
from deg_core.errors import ConfigError, StateError
from deg_core.ledger import FOLDER, Fact, Ledger, look
from deg_core.progress import log
from deg_core.project.crate import METADATA, WORKFLOW, About, Crate, whole_run
from deg_core.project.folder import CONFIG, Project, open_project, quoted, repository
from deg_core.project.lineage import Key, Record, job_id, version_of

# Of the results, what is small and what a reader looks at.
RESULTS = ("ethograms", "figures", "metrics", "report", "summary", "thresholds")
MODELS = ("models",)
_CODE = ("Snakefile", "workflow")
_KEPT_OUT = {".pyc", ".pyo"}
_README = """# {name}

{description}

A study made with deg-core {version}. `{metadata}` describes every file, every job that took part,
its settings, versions, machine and times, as an RO-Crate.

- `{config}`, the video table and `labels/` are what people made; `results/` is what was computed.
- Raw videos and large results are not in here: the metadata names them by SHA-256 and size.
- `deg provenance FILE` tells how a file came to be; `--check .` whether all is whole.
- To compute everything again, put the raw videos in their places and call `deg run .`.
"""


@dataclass(frozen=True)
class Origin:
    """Where all that is behind some files came from.

    Attributes
    ----------
    jobs
        Records of the jobs that took part, in order of time.
    sources
        Files that no job made, by name and digest.
    """

    jobs: Sequence[Record]
    sources: Mapping[Key, Fact]


def export(
    folder: Path,
    *,
    out: Path,
    with_models: bool,
    name: str | None,
    license: str,
    authors: Sequence[str],
) -> int:
    """Write a study as an RO-Crate.

    Parameters
    ----------
    folder
        The project; its run must have finished.
    out
        A folder that does not exist yet, or a .zip file.
    with_models
        Whether trained models are copied, which may be large.
    name
        Title of the study; default: the folder's name.
    license
        Of the data, best the address of a known license.
    authors
        Names of people.

    Returns
    -------
    int
        0.

    Raises
    ------
    ConfigError
        If there is no such project, or ``out`` exists.
    StateError
        If nothing was computed, a result is damaged, or the files cannot be written.
    """
    project = open_project(folder)
    if out.exists():
        raise ConfigError(f"--out: {out} exists already; name a new folder or .zip file.")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    title = name or folder.resolve().name
    text = (
        f"Which of the behaviors {', '.join(project.behaviors)} are present on each frame of "
        f"{len(project.videos)} videos: settings, labels, results, and how they were computed."
    )
    about = About(title, text, license, now, authors)
    # Beside its place, so that it can be renamed into it; a crate appears whole or not at all.
    draft = out.with_name(f".{out.name}.draft-{os.getpid()}")
    try:
        origin = write(project, draft, about, with_models=with_models)
        _finish(draft, out)
    except OSError as error:
        raise StateError(f"{out}: cannot be written ({error.strerror}); mend this.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    log(f"{out}: written, with {len(origin.jobs)} jobs and {len(origin.sources)} files they used.")
    return 0


def write(project: Project, out: Path, about: About, *, with_models: bool) -> Origin:
    """Copy the files of a study and write the metadata beside them.

    Parameters
    ----------
    project
        The project.
    out
        The crate's folder.
    about
        What people say of the study.
    with_models
        Whether trained models are copied.

    Returns
    -------
    Origin
        Of the results that were copied.

    Raises
    ------
    StateError
        If there are no results, or one of them is damaged.
    """
    ledger = Ledger(project.folder)
    parts = [*RESULTS, *(MODELS if with_models else ())]
    products = list(files_below(project.folder, [f"results/{part}" for part in parts]))
    if not products:
        raise StateError(
            f"{project.folder}: there are no results; `deg run {quoted(project.folder)}` first."
        )
    report = ["report.html"] if (project.folder / "report.html").is_file() else []
    names = [*people_made(project, ledger), *report, *products]
    copied = {name: copy(project.folder / name, out / name) for name in names}
    check_whole(ledger, copied)
    root = repository()
    for name in files_below(root, _CODE):
        place = WORKFLOW if name == "Snakefile" else name
        copied[place] = copy(root / name, out / place)
    kept = project.folder / FOLDER
    if kept.is_dir():
        shutil.copytree(kept, out / FOLDER, ignore=shutil.ignore_patterns(".*"))
    facts = {"name": about.name, "description": about.description, "version": __version__}
    text = _README.format(metadata=METADATA, config=CONFIG, **facts)
    publish_text(out / "README.md", text)
    copied["README.md"] = measured(out / "README.md")
    origin = origin_of(ledger, [*report, *products])
    crate = Crate(about, copied)
    for record in origin.jobs:
        crate.add_job(record)
    crate.add_file("README.md", copied["README.md"], about={"@id": "./"})
    run = whole_run(origin.jobs, crate, sources=origin.sources, products=[*report, *products])
    graph = crate.graph({"version": __version__}, run)
    text = json.dumps(graph, indent=1, ensure_ascii=False) + "\n"
    # A name that is not UTF-8 keeps JSON's own escapes, as it has in the ledger.
    publish_text(out / METADATA, text.encode(errors="backslashreplace").decode())
    return origin


def people_made(project: Project, ledger: Ledger) -> Iterator[str]:
    """Yield settings, table and label files; of these, the ones inside of the project."""
    paths = [project.folder / CONFIG, project.table]
    paths += [project.place(video.labels) for video in project.videos if video.labels]
    for path in dict.fromkeys(paths):
        name = ledger.name_of(path.absolute())
        if not Path(name).is_absolute():
            yield name


def files_below(folder: Path, parts: Sequence[str]) -> Iterator[str]:
    """Yield the files of some parts of a folder, without hidden and compiled ones."""
    for part in parts:
        path = folder / part
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            relative = file.relative_to(folder)
            hidden = any(name.startswith((".", "__pycache__")) for name in relative.parts)
            if file.is_file() and not hidden and file.suffix not in _KEPT_OUT:
                yield relative.as_posix()


def copy(source: Path, target: Path) -> Fact:
    """Copy a file with its time, and return what arrived."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    return measured(target)


def measured(path: Path) -> Fact:
    """Return a file's size, time and digest.

    Raises
    ------
    StateError
        If it is gone.
    """
    found = look(path)
    if found is None:
        raise StateError(f"{path}: has vanished; call the command again.")
    return Fact(found.bytes, found.mtime_ns, sha256(path))


def check_whole(ledger: Ledger, copied: Mapping[str, Fact]) -> None:
    """Refuse to export a result that is not what was made; tell of those of unknown origin.

    Raises
    ------
    StateError
        If the content of a result differs from its record.
    """
    unknown = []
    for name, fact in copied.items():
        record = ledger.read(name)
        if record is None:
            unknown += [name] if name.startswith("results/") else []
        elif record["outputs"][name]["sha256"] != fact.sha256:
            raise StateError(
                f"{ledger.path_of(name)}: has other content than when {record['stage']} made it; "
                "delete it and run again before exporting."
            )
    if unknown:
        log(f"how {len(unknown)} files were made is not recorded, such as {unknown[0]}.")


def origin_of(ledger: Ledger, names: Sequence[str]) -> Origin:
    """Find all jobs and files behind some results.

    Parameters
    ----------
    ledger
        Of the project.
    names
        Results; those of unknown origin have nothing behind them.
    """
    jobs: dict[str, Record] = {}
    sources: dict[Key, Fact] = {}
    seen: set[Key] = set()
    waiting = [record for name in names if (record := ledger.read(name)) is not None]
    while waiting:
        record = waiting.pop()
        if job_id(record) in jobs:
            continue
        jobs[job_id(record)] = record
        for name, entry in record["inputs"].items():
            key = (name, entry["sha256"] or "")
            if key in seen:
                continue
            seen.add(key)
            made_by = version_of(ledger, name, entry["sha256"])
            if made_by is not None:
                waiting.append(made_by)
            else:
                sources[key] = Fact(entry["bytes"], entry["mtime_ns"], entry["sha256"])
    in_order = sorted(jobs.values(), key=lambda record: (record["started"], job_id(record)))
    return Origin(in_order, dict(sorted(sources.items())))


def _finish(draft: Path, out: Path) -> None:
    if out.suffix != ".zip":
        draft.rename(out)
        return
    # Not by shutil.make_archive: ZIP knows no times before 1980, which files may well have.
    with (
        publish_file(out) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive,
    ):
        for file in sorted(path for path in draft.rglob("*") if path.is_file()):
            archive.write(file, file.relative_to(draft))
