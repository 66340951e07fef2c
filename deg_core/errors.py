"""Everything that a caller of deg_core may want to catch.

DegError              a sentence for the user; the command line exits with its ``exit_code``
+-- ConfigError       config.yaml, videos.tsv, settings, splits
+-- VideoError        a raw video, or the store imported from it
+-- LabelError        a label file
+-- ModelError        a model file
+-- StateError        a damaged result, a full disk, missing permissions
+-- ClusterError      a cluster cannot be asked, or is at work in a project already
+-- Interrupted       a training that saved its state and can be continued
"""

import re

LONGEST, REST = 5000, 1000  # of a sentence, and of its end, where the remedy stands
LONGEST_WORD = 80  # of what a file holds; names of files may be longer
LONGEST_PATH = 4200


class DegError(Exception):
    """An error that the user can mend; its text is one sentence with file and remedy.

    Such sentences quote what damaged files hold: whatever that is, it becomes one readable line.
    """

    exit_code = 2

    def __init__(self, text: object = "") -> None:
        super().__init__(readable(str(text)))


def readable(text: str) -> str:
    """Put a text on one line: signs that cannot be printed are escaped, long words shortened."""
    line = re.sub(r"[\r\n]+[ \t]*", " ", text)
    shown = "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in line
    )
    words = re.sub(r"\S{81,}", lambda match: _shortened(match[0]), shown)
    if len(words) <= LONGEST:
        return words
    return f"{words[: LONGEST - REST]} ... {words[-REST:]}"


def _shortened(word: str) -> str:
    most = LONGEST_PATH if "/" in word else LONGEST_WORD
    return word if len(word) <= most else f"{word[: most - 3]}..."


class ConfigError(DegError):
    """A setting, the video table or the splits are not usable."""


class VideoError(DegError):
    """A raw video or an imported one cannot be used."""


class LabelError(DegError):
    """A label file cannot be used."""


class ModelError(DegError):
    """A model file does not fit what is asked of it."""


class StateError(DegError):
    """A computed file is damaged, or cannot be written."""


class ClusterError(DegError):
    """A cluster's scheduler cannot be asked, or still has jobs of the project."""


class Interrupted(DegError):
    """A training was asked to stop; its state is saved and the next call continues it."""

    exit_code = 75
