"""Tell whether a computed file is whole, by what its own format shows; no stage is run.

HDF5 of features and predictions, archives (models, arrays) and pictures hold checksums; text shows
by its end, its rows and the absence of null characters that nothing was cut off.
"""

import csv
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py

from deg_core.data.hdf5 import whole_dataset
from deg_core.data.publish import damage_of, open_hdf5
from deg_core.errors import StateError

ENDS = {".svg": "</svg>", ".html": "</html>", ".xml": ">"}
_PNG = b"\x89PNG\r\n\x1a\n"
_BLOCK_BYTES = 8 * 2**20


def check_whole(path: Path, *, thoroughly: bool) -> None:
    """Read a computed file as far as needed to see that it is whole.

    Parameters
    ----------
    path
        The file; of an ending that is not known only its first bytes are looked at.
    thoroughly
        Whether HDF5 and archives are read to the last byte; else such large files only where they
        end.

    Raises
    ------
    StateError
        If it is empty, cut off, or otherwise damaged.
    """
    path = Path(path)
    check = CHECKS.get(path.suffix, _check_some_bytes)
    with damage_of(path):
        try:
            check(path, thoroughly)
        except (zipfile.BadZipFile, zlib.error, csv.Error, EOFError) as error:
            raise ValueError(str(error) or "cut off") from error


def _check_hdf5(path: Path, thoroughly: bool) -> None:
    with open_hdf5(path) as file:
        for name in file:
            data = whole_dataset(file, name)
            if data.size:
                _read(data, thoroughly)


def _read(data: h5py.Dataset, thoroughly: bool) -> None:
    """Have the library check its sums: of all rows, or of the last ones."""
    if not data.ndim:
        data[()]
        return
    rows = max(1, _BLOCK_BYTES * len(data) // max(data.nbytes, 1))
    for start in range(0, len(data), rows) if thoroughly else [len(data) - 1]:
        data[start : start + rows]


def _check_archive(path: Path, thoroughly: bool) -> None:
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip() if thoroughly else None
    if damaged:
        raise ValueError(f"the checksum of {damaged} is wrong")


def _check_json(path: Path, _: bool) -> None:
    json.loads(_text(path))


def _check_table(path: Path, _: bool) -> None:
    text = _text(path)
    if not text.endswith("\n"):
        raise ValueError("its last line has no end")
    rows = csv.reader(io.StringIO(text), delimiter="\t" if path.suffix == ".tsv" else ",")
    width = len(next(rows))
    for number, row in enumerate(rows, start=2):
        if len(row) != width:
            raise ValueError(f"{len(row)} cells in row {number}, {width} in the first")


def _check_marked(path: Path, _: bool) -> None:
    if not _text(path).rstrip().endswith(ENDS[path.suffix]):
        raise ValueError(f"{ENDS[path.suffix]} is missing at its end")


def _check_picture(path: Path, _: bool) -> None:
    """Check the sum of each part of a PNG, down to the one that ends it."""
    content = path.read_bytes()
    if not content.startswith(_PNG):
        raise ValueError("no PNG")
    place, name = len(_PNG), b""
    while name != b"IEND":
        if place + 12 > len(content):
            raise ValueError("cut off")
        (length,) = struct.unpack_from(">I", content, place)
        name, stop = content[place + 4 : place + 8], place + 8 + length
        found = int.from_bytes(content[stop : stop + 4], "big")
        if zlib.crc32(content[place + 4 : stop]) != found:
            raise ValueError("a checksum is wrong")
        place = stop + 4


def _check_some_bytes(path: Path, _: bool) -> None:
    with path.open("rb") as file:
        if not file.read(4096).strip(b"\0"):
            raise ValueError("nothing is in it")


def _text(path: Path) -> str:
    text = path.read_bytes().decode()
    if not text.strip():
        raise ValueError("nothing is in it")
    if "\0" in text:
        raise ValueError("null characters")
    return text


CHECKS: dict[str, Callable[[Path, bool], None]] = {
    ".h5": _check_hdf5,
    ".pt": _check_archive,
    ".npz": _check_archive,
    ".json": _check_json,
    ".csv": _check_table,
    ".tsv": _check_table,
    ".png": _check_picture,
    **dict.fromkeys(ENDS, _check_marked),
}


def damage(path: Path, *, thoroughly: bool) -> StateError | None:
    """Return what `check_whole` raises; None for a whole file."""
    try:
        check_whole(path, thoroughly=thoroughly)
    except StateError as error:
        return error
    return None
