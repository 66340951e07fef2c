"""Where a training stands, and reading it back from its state file."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

FORMAT = "deg-core state 2"


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


def read_state(path: Path, *, log: Callable[[str], None]) -> dict[str, Any] | None:
    """Read a training state; a damaged or foreign one counts as none, and that is said.

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
        content = torch.load(path, weights_only=True, map_location="cpu")
        if content["format"] == FORMAT:
            return content
        reason = f"format {content['format']}"
    except Exception as error:  # what a damaged pickle raises has no end of kinds
        reason = type(error).__name__
    log(f"{path}: the saved state cannot be used ({reason}); training starts again.")
    return None
