"""Folders of numbered images, read as the frames of a video.

Reads png, jpg, tif and bmp files in the order of their numbers; writes nothing.
"""

import os
import re
import struct
import warnings
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image

from deg_core.errors import VideoError

_PNG = b"\x89PNG\r\n\x1a\n"
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")


@dataclass(frozen=True)
class ImageFolder:
    """The images of one folder, in order, and how many there should be."""

    paths: tuple[Path, ...]
    n_expected: int


def find_images(folder: Path) -> ImageFolder:
    """List the images of a folder in natural order (2 before 10).

    Parameters
    ----------
    folder
        Its hidden files, and files that are no images, do not count.

    Returns
    -------
    ImageFolder
        ``n_expected`` is larger than the number of paths if numbers are missing in between.

    Raises
    ------
    VideoError
        If there is no image, images are of several kinds, one has no number, or two share one.
    """
    found = [path for path in sorted(folder.iterdir()) if _is_image(path)]
    if not found:
        raise VideoError(
            f"{folder}: a folder without images; expected numbered {', '.join(SUFFIXES)} files."
        )
    kinds = Counter(path.suffix.lower() for path in found)
    if len(kinds) > 1:
        text = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        raise VideoError(f"{folder}: images of several kinds ({text}); keep one kind.")
    for path in found:
        if not re.search(r"\d", path.stem):
            raise VideoError(
                f"{path}: has no number in its name, so its place among the frames is unknown; "
                "number it or take it out of the folder."
            )
    paths = tuple(sorted(found, key=_natural))
    return ImageFolder(paths=paths, n_expected=_count_expected(folder, paths))


def read_image(path: Path) -> np.ndarray:
    """Read one image.

    Parameters
    ----------
    path
        Its transparency is dropped; of 16 bits the upper 8 are kept.

    Returns
    -------
    np.ndarray
        (H, W, 1) or (H, W, 3) uint8, RGB.

    Raises
    ------
    VideoError
        If it cannot be decoded, holds several pages, or is neither of 8 nor of 16 bits.
    """
    image = _decode(path)
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if image.dtype != np.uint8:
        raise VideoError(f"{path}: pixels are {image.dtype}; expected 8 or 16 bits per channel.")
    if image.ndim == 2:
        return image[..., None]
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _decode(path: Path) -> np.ndarray:
    image, wrong = None, ""
    with suppress(OSError):  # OpenCV finds the same, below
        wrong = excess(path)
    if wrong:
        raise VideoError(
            f"{path}: cannot be decoded, since {wrong}; replace this image or take it out."
        )
    with suppress(cv2.error):
        if path.suffix.lower() in (".tif", ".tiff") and cv2.imcount(str(path)) > 1:
            raise VideoError(f"{path}: holds several pages; save each page as an image of its own.")
        image = cv2.imread(str(path), cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
    if image is None:
        raise VideoError(f"{path}: cannot be decoded; replace this image or take it out.")
    return image


def excess(path: Path) -> str:
    """Say what an image claims beyond all reason, before OpenCV makes room for it; else nothing.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as file:
        if file.read(8) == _PNG and not _chunks_fit(file):
            return "a part of it reaches beyond its end"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path):
                return ""
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        return f"it claims more than {Image.MAX_IMAGE_PIXELS} pixels"
    except (OSError, ValueError, EOFError, ArithmeticError):
        return ""  # OpenCV reads some that Pillow does not, and refuses the others


def _chunks_fit(file: BinaryIO) -> bool:
    """Tell whether the parts of a PNG, from the first one on, end within the file."""
    place, size = file.tell(), file.seek(0, os.SEEK_END)
    while place + 12 <= size:
        file.seek(place)
        length, name = struct.unpack(">I4s", file.read(8))
        place += 12 + length
        if name == b"IEND":
            break
    return place <= size


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _natural(path: Path) -> tuple[tuple[str | int, ...], str]:
    # re.split with a group gives text and digits in turn, so like is compared with like.
    parts = re.split(r"(\d+)", path.stem.lower())
    return tuple(int(part) if part.isdigit() else part for part in parts), path.name


def _count_expected(folder: Path, paths: tuple[Path, ...]) -> int:
    """Count frames as the numbers do: 1, 2, 4 are three images of four.

    Numbers that mostly do not follow each other, such as times, say nothing about what is missing.
    """
    numbers = np.array([int(re.findall(r"\d+", path.stem)[-1]) for path in paths], dtype=object)
    steps = np.diff(numbers)
    if len(steps) == 0 or np.count_nonzero(steps == 1) <= len(steps) / 2:
        return len(paths)
    if np.any(steps <= 0):
        first = int(np.flatnonzero(steps <= 0)[0])
        raise VideoError(
            f"{folder}: the number of {paths[first + 1].name} does not follow that of "
            f"{paths[first].name}; keep the images of one recording, numbered in one way."
        )
    return int(numbers[-1] - numbers[0]) + 1
