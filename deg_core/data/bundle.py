"""A run in one file: its models, how its probabilities become bouts, and its settings.

Writes and reads a zip archive whose members are stored as they are, beside a manifest with their
SHA-256. It holds nothing that is executed, and no path of it is ever used as one.
"""

import hashlib
import json
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deg_core.data.publish import publish_file, sha256
from deg_core.errors import ModelError
from deg_core.recording import reading

FORMAT = "deg-core run 1"
MANIFEST = "manifest.json"
# What a run consists of, as named in the archive; the last three only where int8 was chosen.
MEMBERS = ("flow.pt", "features.pt", "sequence.pt", "postprocess.json")
SECTIONS = ("import", "stats", "extract")  # of the settings
QUANTIZED = ("quantized.xml", "quantized.bin", "quantized.run.json")
_MOST_MANIFEST = 2**20  # bytes
_BLOCK = 2**20
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # one time for all, so that the same run is the same bytes
_REMEDY = "export the run again with `deg export-model`"


@dataclass(frozen=True)
class Manifest:
    """What a run says of itself.

    Parameters
    ----------
    run
        Preset, split and number of training videos, as ``lite/final/all``.
    behaviors
        Names of the K behaviors.
    settings
        The sections ``import``, ``stats`` and ``extract``, with every key.
    versions
        Of the stages that the run's predictions go through, when it was exported.
    needs_background
        Whether its extractor looks at the empty arena.
    program
        Version of this program that wrote the file.
    members
        SHA-256 and size in bytes of each file, by name.
    """

    run: str
    behaviors: list[str]
    settings: dict[str, dict[str, Any]]
    versions: dict[str, int]
    needs_background: bool
    program: str
    members: dict[str, dict[str, Any]]

    @property
    def digest(self) -> str:
        """What the run is known by: of all that it computes with, whoever wrote the file."""
        known = asdict(self) | {"program": None}
        return hashlib.sha256(_to_text(known).encode()).hexdigest()

    @property
    def quantized(self) -> bool:
        """Whether it holds an int8 extractor."""
        return QUANTIZED[0] in self.members


def describe(files: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """Return digest and size of files, for `Manifest.members`."""
    return {
        name: {"sha256": sha256(path), "bytes": path.stat().st_size}
        for name, path in sorted(files.items())
    }


def write(path: Path, manifest: Manifest, files: Mapping[str, Path]) -> None:
    """Publish a run as one file.

    Parameters
    ----------
    path
        Where; appears whole or not at all.
    manifest
        What the run says of itself.
    files
        The members, by name.

    Raises
    ------
    StateError
        If a file cannot be read, or the archive not be written.
    ModelError
        If a file changed since the manifest was made.
    """
    content = {"format": FORMAT} | asdict(manifest)

    def verify(temporary: Path) -> None:
        with opened(temporary):
            pass

    with (
        publish_file(path, verify=verify) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,
    ):
        archive.writestr(zipfile.ZipInfo(MANIFEST, _EARLIEST), _to_text(content))
        for name, file in sorted(files.items()):
            info = zipfile.ZipInfo(name, _EARLIEST)
            with file.open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, _BLOCK)


@contextmanager
def opened(path: Path) -> Iterator[tuple[Manifest, zipfile.ZipFile]]:
    """Open a run's file, with every member compared with its digest.

    Raises
    ------
    ModelError
        If the file is missing, damaged, foreign, or of a later version of the format.
    """
    path = Path(path)
    reading(path)
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = _read_manifest(archive)
            _check(archive, manifest)
            yield manifest, archive
    except FileNotFoundError as error:
        raise ModelError(
            f"{path}: no such file; `deg export-model PROJECT --out {path.name}` writes one."
        ) from error
    except PermissionError as error:
        raise ModelError(f"{path}: no permission to read it; mend the file's mode.") from error
    except _DAMAGE as error:
        what = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise ModelError(
            f"{path}: expected a run that `deg export-model` wrote, but the file is damaged or "
            f"another one ({what}); {_REMEDY}."
        ) from error


# What a damaged or foreign archive raises.
_DAMAGE = (
    zipfile.BadZipFile, OSError, EOFError, ValueError, KeyError, TypeError, AttributeError,
    NotImplementedError, RuntimeError, RecursionError, OverflowError, struct.error,
)  # fmt: skip


def unpack(path: Path, folder: Path) -> Manifest:
    """Write a run's files into a folder.

    Parameters
    ----------
    path
        The run's file.
    folder
        Files of the members' names are overwritten.

    Raises
    ------
    ModelError
        As of `opened`.
    StateError
        If they cannot be written.
    """
    with opened(path) as (manifest, archive):
        for name in manifest.members:
            with (
                publish_file(folder / name) as temporary,
                archive.open(name) as source,
                temporary.open("wb") as target,
            ):
                shutil.copyfileobj(source, target, _BLOCK)
        return manifest


def _maps_to(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(type(x) is kind for x in value.values())


# What each part of a manifest must be.
_FITS: dict[str, Callable[[Any], bool]] = {
    "run": lambda value: isinstance(value, str),
    "behaviors": lambda value: isinstance(value, list) and all(type(x) is str for x in value),
    "settings": lambda value: _maps_to(dict)(value) and set(value) == {*SECTIONS},
    "versions": _maps_to(int),
    "needs_background": lambda value: isinstance(value, bool),
    "program": lambda value: isinstance(value, str),
    "members": _maps_to(dict),
}


def _read_manifest(archive: zipfile.ZipFile) -> Manifest:
    if archive.getinfo(MANIFEST).file_size > _MOST_MANIFEST:
        raise ValueError("its manifest is too long")
    content = json.loads(archive.read(MANIFEST))
    if content.pop("format") != FORMAT:
        raise ValueError(f"its format is not '{FORMAT}'")
    manifest = Manifest(**content)
    for name, fits in _FITS.items():
        if not fits(content[name]):
            raise ValueError(f"its '{name}' is {str(content[name])[:40]}")
    names = set(manifest.members)
    if names not in ({*MEMBERS}, {*MEMBERS, *QUANTIZED}):
        raise ValueError(f"its files are {', '.join(sorted(names))}")
    return manifest


def _check(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Compare the members with the manifest; nothing is unpacked that says to be another size."""
    for name, expected in manifest.members.items():
        info, digest = archive.getinfo(name), hashlib.sha256()
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != expected["bytes"]:
            raise ValueError(f"{name} is not as long as the manifest says")
        with archive.open(name) as source:
            while block := source.read(_BLOCK):
                digest.update(block)
        if digest.hexdigest() != expected["sha256"]:
            raise ValueError(f"the checksum of {name} is wrong")


def _to_text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False)
