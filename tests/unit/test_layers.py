"""Rooms and arrows: who imports whom, and what stays out of Snakemake's parsing."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "deg_core"
RULES = ROOT / "workflow" / "rules"

# Imports go to the left only. The hall are the files beside the rooms, and the settings, a folder
# only for their length; `example` is a side room.
ARROWS = [
    "hall", "data", "ethogram", "movie", "models", "learn", "stages", "bench", "project", "cli",
]  # fmt: skip
SIDEWAYS = {"ethogram": {"data"}, "example": set(ARROWS[2:]), "project": {"bench"}}
ENTRANCE = {"cli", "commands", "flags"}
EXTERNAL = {
    "hall": {"yaml", "jsonschema", "tqdm"},
    "data": {"numpy", "cv2", "PIL", "av", "h5py", "pandas"},
    "ethogram": {"numpy", "pandas", "scipy", "sklearn"},
    "movie": {"numpy", "cv2", "PIL", "matplotlib"},
    "example": {"numpy", "cv2", "av"},
    "bench": {"numpy", "cv2", "av", "psutil", "torch"},
    "cli": set(),
}
TORCH = {"torch", "torchvision", "kornia"}
WITH_TORCH = {"models", "learn", "stages", "bench"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(parts: tuple[str, ...]) -> str:
    """Return the room of a module, given its path inside the package without suffix."""
    if parts[:1] == ("settings",):
        return "hall"
    if not parts or (len(parts) == 1 and not (PACKAGE / parts[0]).is_dir()):
        return "cli" if parts and parts[0] in ENTRANCE else "hall"
    return parts[0]


def imported(path: Path) -> Iterator[tuple[str, ...]]:
    """Yield the modules that a file imports, also inside functions, as tuples of their parts."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = tuple((node.module or "").split("."))
            # `from deg_core import splits` names a module, `from deg_core.splits import plan` not.
            yield from (
                (*module, alias.name) if module == ("deg_core",) else module for alias in node.names
            )


def may_import(room: str, other: str) -> bool:
    if other in SIDEWAYS.get(room, ()):
        return False
    if room == "example":
        return other in {"hall", "data", "example"}
    if other == "example":
        return room in {"cli", "bench"}
    return ARROWS.index(other) <= ARROWS.index(room)


def test_the_arrows_themselves():
    assert may_import("stages", "learn")
    assert not may_import("learn", "stages")
    assert not may_import("data", "ethogram")
    assert not may_import("ethogram", "data")
    assert not may_import("example", "stages")
    assert may_import("bench", "stages")
    assert not may_import("stages", "bench")
    assert not may_import("project", "bench")
    assert room_of(("splits",)) == "hall"
    assert room_of(("data", "video")) == room_of(("data",)) == "data"
    assert room_of(("cli",)) == "cli"
    assert len(MODULES) > 30


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_obey_the_arrows(path):
    room = room_of(path.relative_to(PACKAGE).with_suffix("").parts)
    for module in imported(path):
        if module[0] == "deg_core":
            other = room_of(module[1:3])
            assert may_import(room, other), f"{room} imports {'.'.join(module)}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_packages_stay_in_their_rooms(path):
    room = room_of(path.relative_to(PACKAGE).with_suffix("").parts)
    packages = {module[0] for module in imported(path)} - {"deg_core"} - sys.stdlib_module_names
    assert "snakemake" not in packages
    assert room in WITH_TORCH or not packages & TORCH
    if room in EXTERNAL:
        assert packages <= EXTERNAL[room]
    if path == PACKAGE / "data" / "labels.py":  # Snakemake's parsing imports it
        assert packages <= {"numpy"}


@pytest.mark.parametrize("script", sorted((ROOT / "workflow" / "scripts").glob("*.py")))
def test_figure_scripts_read_results_only(script):
    for module in imported(script):
        if module[0] == "deg_core":
            assert room_of(module[1:3]) in {"data", "ethogram"}
        else:
            assert module[0] not in TORCH


def parse_imports() -> list[str]:
    """List the import statements of the rules."""
    lines = []
    for path in sorted(RULES.glob("*.smk")):
        found = re.findall(r"^(?:from|import) .*$", path.read_text(encoding="utf-8"), re.MULTILINE)
        lines += [line for line in found if "deg_core" in line]
    return lines


def test_rules_import_the_hall_and_label_counts_only():
    modules = {line.split()[1] for line in parse_imports()}
    assert "deg_core.splits" in modules
    rooms = {module: room_of(tuple(module.split(".")[1:])) for module in modules}
    assert {m for m, room in rooms.items() if room != "hall"} == {"deg_core.data.label_notes"}


def test_parsing_loads_nothing_heavy():
    heavy = ["torch", "pandas", "numpy", "cv2", "av", "matplotlib", "sklearn", "h5py", "kornia"]
    code = "\n".join([*parse_imports(), "import sys", "print(*sys.modules)"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "deg_core.splits" in loaded
    assert not loaded & set(heavy)
