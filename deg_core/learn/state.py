"""Where a training stands, and its state files: the last state, the one before, a finished one.

Files are written beside their place and renamed. The state before the last is kept until the
training is published, for a power cut may take the last one, and a finished state until the whole
run has ended well (`deg run` removes it): Snakemake deletes what a job made if it was stopped
before it could note that the job is done, and days of training must not go with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import NoneType
from typing import Any

from torch import Tensor

from deg_core.data.publish import publish_file
from deg_core.models.files import unpickle
from deg_core.states import FINISHED, NAMES, PREVIOUS

FORMAT = "deg-core state 2"
Log = Callable[[str], None]


@dataclass
class Progress:
    """Where a training stands; all of it is in the state file."""

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    best: float | None = None
    best_epoch: int = -1
    since_best: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    attempts: int = 0
    finished: bool = False
    micro_batch: int = 0  # samples that memory holds at once, since it ran out; 0: all of a batch

    @classmethod
    def restored(cls, saved: Mapping[str, Any]) -> "Progress":
        """Return what a state holds.

        Raises
        ------
        TypeError
            If it is of another kind than what is written.
        ValueError
            If an epoch has no metrics, or a finished training no best one.
        """
        progress = cls(**saved)
        for each in fields(cls):
            value, usual = getattr(progress, each.name), getattr(cls(), each.name)
            kinds = (float, NoneType) if usual is None else (type(usual),)
            if not isinstance(value, kinds):
                raise TypeError(f"{each.name} is {type(value).__name__}")
        if not all(isinstance(row, dict) and row for row in progress.history):
            raise ValueError("history")
        if progress.finished and (progress.best is None or not progress.history):
            raise ValueError("finished")
        return progress


def write_state(path: Path, content: memoryview) -> None:
    """Write a state; the one that was there becomes the previous one.

    At each moment at least one whole state has a name that `find_state` looks for.

    Parameters
    ----------
    path
        The state file.
    content
        What it is to hold.

    Raises
    ------
    StateError
        If it cannot be written; the last state is then kept.
    """

    def keep_last(_: Path) -> None:
        if path.exists():
            path.replace(path.with_name(PREVIOUS))

    # The new state is on the disk by then, and takes the last one's place next.
    with publish_file(path, verify=keep_last) as temporary:
        temporary.write_bytes(content)
    path.with_name(FINISHED).unlink(missing_ok=True)  # of other settings or inputs


def find_state(path: Path, *, fingerprint: str, log: Log) -> dict[str, Any] | None:
    """Read the newest state that is whole and of this training; say what was passed over.

    Parameters
    ----------
    path
        The state file, which may be missing.
    fingerprint
        Identity of settings, version and inputs.
    log
        Where to say it.

    Returns
    -------
    dict or None
        The state; None if the training must start.
    """
    passed: list[str] = []
    for place in map(path.with_name, NAMES):
        content = read_state(place, log=passed.append)
        if content is not None and content.get("fingerprint") == fingerprint:
            break
        if content is not None:
            passed.append(f"{place}: settings or inputs have changed since")
    else:
        content = None
    then = "training starts again" if content is None else "the state before it is continued"
    for text in passed:
        log(f"{text}; {then}.")
    return content


def read_state(path: Path, *, log: Log) -> dict[str, Any] | None:
    """Read one state file; a damaged or foreign one counts as none, and that is said.

    Parameters
    ----------
    path
        File that may be missing.
    log
        Where to say it.
    """
    if not path.exists():
        return None
    try:
        content = unpickle(path)
        if content["format"] == FORMAT:
            return content
        reason = f"format {content['format']}"
    except Exception as error:  # what a damaged pickle raises has no end of kinds
        reason = type(error).__name__
    log(f"{path}: the saved state cannot be used ({reason})")
    return None
