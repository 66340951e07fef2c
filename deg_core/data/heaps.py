"""HDF5's heaps of texts, checked before its library reads them.

Texts of free length, as h5py writes them unless told otherwise, lie in global heaps, which have no
checksum. A heap of which a piece was lost makes the library (seen with 2.0) loop without end.
"""

import mmap
import struct
from pathlib import Path

_NAME = b"GCOL"
_HEAD = struct.Struct("<4sB3xQ")  # name, version, bytes of the heap
_OBJECT = struct.Struct("<HH4xQ")  # number, references, bytes
_SMALLEST = 4096  # of a heap


def check_heaps(path: Path) -> None:
    """Walk through all heaps of a file as the library would.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If the objects of a heap do not follow each other to its end.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        place = content.find(_NAME)
        while place >= 0:
            _check(content, place)
            place = content.find(_NAME, place + 1)


def _check(content: mmap.mmap, place: int) -> None:
    if place + _HEAD.size > len(content):
        return
    _, version, size = _HEAD.unpack_from(content, place)
    end = place + size
    # Something else that has the name in it, or what the library itself refuses.
    if version != 1 or size < _SMALLEST or end > len(content):
        return
    place += _HEAD.size
    while end - place >= _OBJECT.size:
        number, _, length = _OBJECT.unpack_from(content, place)
        # Number 0 is the free space at the end, whose length counts its head.
        step = length if number == 0 else _OBJECT.size + -(-length // 8) * 8
        if step < _OBJECT.size or step > end - place:
            raise ValueError("a heap of texts is damaged")
        place += step
