"""The learning rate over a training: a plateau that lowers it, or a cosine over all steps."""

import math

import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from deg_core.settings import TrainSettings

LONGEST_WARM_UP = 100  # steps
LOWEST = 1e-3  # factor at which the fall of a cosine ends


def plateau(
    optimizer: torch.optim.Optimizer, settings: TrainSettings, direction: str
) -> ReduceLROnPlateau:
    """Lower the rate when a metric stalls; ``direction`` says what of it is better."""
    return ReduceLROnPlateau(
        optimizer,
        mode={"higher": "max", "lower": "min"}[direction],
        factor=settings.reduction_factor,
        patience=settings.patience,
        min_lr=settings.min_lr,
    )


def is_at_bottom(rate: float, settings: TrainSettings) -> bool:
    """Tell whether a plateau has brought the rate down to where training stops."""
    return rate <= settings.min_lr + 1e-8


def cosine(done: int, total: int) -> float:
    """Return the factor on the rate after ``done`` of ``total`` steps: a short rise, then a fall.

    It rises over the first twentieth of the steps, 100 at most.
    """
    warm = max(1, min(LONGEST_WARM_UP, total // 20))
    factor = min((done + 1) / warm, 0.5 * (1 + math.cos(math.pi * done / total)))
    return max(factor, LOWEST)
