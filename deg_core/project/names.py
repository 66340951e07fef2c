"""Ids and paths as they are written into the video table."""

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from deg_core.errors import ConfigError
from deg_core.table import Video

# Letters that do not fall apart into a plain one and an accent.
LETTERS = str.maketrans(
    {
        "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l",
        "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i",
    }
)  # fmt: skip
# File names have 255 bytes; an id shares them with suffixes.
LONGEST = 100
# results/stats/rgb.json holds the statistics of all videos together.
RESERVED = ("rgb",)


def slug(name: str) -> str:
    """Turn a file name into an id: accents dropped, everything but letters and digits replaced.

    Returns
    -------
    str
        Matching ``[A-Za-z0-9][A-Za-z0-9_-]*``; ``video`` if nothing of the name is left.
    """
    apart = unicodedata.normalize("NFKD", name.translate(LETTERS))
    plain = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return re.sub(r"[^A-Za-z0-9-]+", "_", plain).strip("_-")[:LONGEST] or "video"


def unique(name: str, known: Iterable[Video]) -> str:
    """Add a number to an id that is taken: ``m-2``; upper and lower case count as the same."""
    taken = {video.video.lower() for video in known} | set(RESERVED)
    if name.lower() not in taken:
        return name
    number = 2
    while f"{name}-{number}".lower() in taken:
        number += 1
    return f"{name}-{number}"


def for_table(path: Path, folder: Path) -> str:
    """Write a path for the table: relative to the project if it lies in it, else absolute.

    Raises
    ------
    ConfigError
        If it holds line breaks, or begins or ends with a space.
    """
    # Not resolve(): a link in the project stays a link in the project.
    absolute, root = (Path(os.path.abspath(place)) for place in (path, folder))  # noqa: PTH100
    inside = absolute.is_relative_to(root)
    text = str(absolute.relative_to(root) if inside else absolute)
    if text != text.strip() or any(ord(letter) < 32 for letter in text):
        raise ConfigError(
            f"{text!r}: the table cannot hold a path with line breaks, tabs, or a space at its "
            "end; rename the file, or add it with --copy."
        )
    return text
