"""What is wrong with the place of work: permissions, other runs, disk, packages."""

import importlib.metadata
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

from packaging.requirements import Requirement

from deg_core import extras
from deg_core.presets import DEFAULT_PRESETS, base_preset, resolve
from deg_core.project import lock, machine
from deg_core.project.findings import Finding, caught, warning
from deg_core.project.folder import Project, quoted
from deg_core.splits import runs

# Spatial and flow features of one frame and run, as 32-bit numbers; the rest is small beside them.
FEATURE_BYTES = 2 * 512 * 4
TRAININGS = ("flow", "features", "sequence")
# Trains within minutes without a graphics card.
SMALL_PRESETS = ("lite", "keypoints", "clusters")


def examine_place(
    project: Project, environment: Mapping[str, str], *, n_frames: int, import_bytes: float
) -> Iterator[Finding]:
    """Check all that is outside of settings, videos and labels.

    Parameters
    ----------
    project
        The project.
    environment
        Of the process.
    n_frames
        Frames of all videos.
    import_bytes
        What the imports will take on disk.
    """
    yield from _writable(project.folder)
    yield from caught(_busy(project.folder))
    yield from _disk(project, n_frames, import_bytes)
    yield from _packages()
    yield from _int8(project)
    yield from _graphics(project, environment)


def _writable(folder: Path) -> Iterator[Finding]:
    for place in (folder, folder / "results", folder / "state"):
        if not place.exists():
            continue
        try:
            with tempfile.NamedTemporaryFile(dir=place):
                pass
        except OSError as error:
            yield Finding(f"{place}: cannot be written ({error.strerror}); mend its permissions.")


def _busy(folder: Path) -> Iterator[Finding]:
    busy = machine.workers(folder)
    if busy:
        ids = ", ".join(map(str, busy))
        yield warning(f"{folder}: a run is at work in this folder (process {ids}); wait for it.")
    elif lock.killed_here(folder):
        yield warning(
            f"{folder}: the last run was killed, or the power was cut; `deg run {quoted(folder)}` "
            "clears up what it left behind, and goes on."
        )
    elif lock.snakemake_locks(folder):
        yield warning(
            f"{folder}: locked by a run that does not run on this machine; if it runs nowhere "
            f"else, it was killed, and `deg run {quoted(folder)} --unlock` removes the lock."
        )


def _disk(project: Project, n_frames: int, import_bytes: float) -> Iterator[Finding]:
    need = import_bytes + n_frames * FEATURE_BYTES * len(runs(project.config))
    free = shutil.disk_usage(project.folder).free
    if need > 0.8 * free:
        text = (
            f"{project.folder}: a run will need about {need / 1e9:.1f} GB (imports and features), "
            f"{free / 1e9:.1f} GB are free; free some, or choose fewer runs, a smaller import.size "
            "or extract: {dtype: float16}."
        )
        yield Finding(text) if need > free else warning(text)


def _packages() -> Iterator[Finding]:
    """Compare the installed packages with what deg-core asks for."""
    for text in importlib.metadata.requires("deg-core") or []:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            version = None
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            yield Finding(
                f"package {requirement.name}: expected {requirement.specifier}, found "
                f"{version or 'none'}; install deg-core again (make install)."
            )


def _int8(project: Project) -> Iterator[Finding]:
    """Check that the packages are there that extraction in int8 needs, where it is chosen."""
    problem = extras.missing()
    if problem and resolve(project.config, "extract")["precision"] == "int8":
        yield Finding(problem)


def _graphics(project: Project, environment: Mapping[str, str]) -> Iterator[Finding]:
    found = machine.count_gpus(environment)
    presets = project.config.get("presets") or DEFAULT_PRESETS
    if found:
        for preset, section in product(presets, TRAININGS):
            if (wanted := resolve(project.config, section, preset)["gpus"]) > found:
                yield warning(
                    f"config.yaml: {section} of preset {preset} is to train on {wanted} graphics "
                    f"cards (`gpus`), but this machine shows {found}; lower it, or run where there "
                    "are more."
                )
        if not torch_sees_gpu(environment):
            yield warning(
                "this machine has a graphics card that the installed torch cannot use, so "
                "everything runs on the processor; install a torch that fits the card's driver."
            )
        return
    large = [name for name in presets if base_preset(project.config, name) not in SMALL_PRESETS]
    if large:
        yield warning(
            f"no graphics card: preset {', '.join(large)} will train on {machine.count_cores()} "
            "processor cores, which takes days for hours of video; `presets: [lite]` in "
            "config.yaml is made for that."
        )


def torch_sees_gpu(environment: Mapping[str, str]) -> bool:
    """Ask torch, in a process of its own, whether it can use a graphics card."""
    code = "import torch; print(torch.cuda.is_available())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env=dict(environment),
    )  # fmt: skip
    return done.stdout.strip() == "True"
