"""Projects with stub stages, built once per session and restored after every test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from stub_project import Stub, copy_repository, make_python, write_project

COMPUTED = ("results", ".snakemake")


@pytest.fixture(scope="session")
def stub_python(tmp_path_factory) -> Path:
    """The Python of an environment whose `deg` is a stub."""
    return make_python(tmp_path_factory.mktemp("environment"))


def build(place: Path, folder: str, python: Path) -> Stub:
    """Make and finish a project in ``work/``, and keep a copy beside it."""
    work = place / "work"
    copy_repository(work / "repository")
    write_project(work / folder)
    stub = Stub(work / folder, work / "repository", python)
    stub.run()
    for name in ("logs", "benchmarks", ".snakemake/log"):  # nothing depends on them
        shutil.rmtree(stub.folder / name)
    shutil.copytree(work, place / "kept")
    return stub


@pytest.fixture(scope="session")
def built_elsewhere(tmp_path_factory, stub_python) -> Stub:
    """A finished project in a folder that is not the repository."""
    return build(tmp_path_factory.mktemp("elsewhere"), "my project", stub_python)


@pytest.fixture(scope="session")
def built_in_repository(tmp_path_factory, stub_python) -> Stub:
    """A finished project in the repository itself."""
    return build(tmp_path_factory.mktemp("inside"), "repository", stub_python)


def restore(stub: Stub) -> None:
    """Undo a test's changes, at the same path, as Snakemake knows it.

    What was computed is only put back if it may have changed: these are a thousand files.
    """
    work = stub.repository.parent
    kept = work.parent / "kept"
    names = [path.relative_to(kept) for folder in kept.iterdir() for path in folder.iterdir()]
    for name in names:
        if name.name in COMPUTED and not stub.changed:
            continue
        if (work / name).is_dir():
            shutil.rmtree(work / name)
        if (kept / name).is_dir():
            shutil.copytree(kept / name, work / name)
        else:
            shutil.copy2(kept / name, work / name)
    stub.changed.clear()


@pytest.fixture(params=["elsewhere", "in_repository"])
def stub(request) -> Iterator[Stub]:
    """A finished project to change: in a folder of its own, then in the repository."""
    built = request.getfixturevalue(f"built_{request.param}")
    yield built
    restore(built)


@pytest.fixture
def project(built_elsewhere) -> Iterator[Stub]:
    """A finished project to change, in a folder of its own."""
    yield built_elsewhere
    restore(built_elsewhere)
