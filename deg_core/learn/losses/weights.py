"""What the numbers of positive and negative frames say: weights of a loss, first outputs."""

import torch
from torch import Tensor


def positive_weights(positives: Tensor, negatives: Tensor, exponent: float) -> Tensor:
    """Weight the positives of each behavior by (negatives / positives) ** exponent.

    A behavior without positives has nothing to weight (0), one without negatives weighs 1; with
    exponent 0 all weigh 1.
    """
    ratio = negatives.double() / positives.double().clamp(min=1)
    ratio = torch.where(positives == 0, 0.0, ratio)
    return (torch.where(negatives == 0, 1.0, ratio) ** exponent).float()


def softmax_weights(positives: Tensor, exponent: float) -> Tensor:
    """Weight the classes of a softmax by the share of 1 / positives, to the power of exponent.

    Parameters
    ----------
    positives
        (C,) frames of each class.
    exponent
        0 weights nothing.

    Returns
    -------
    Tensor
        (C,) float32; a class without any frame weighs 0 unless the exponent is 0.
    """
    inverse = torch.where(positives == 0, 0.0, 1 / positives.double().clamp(min=1))
    return ((inverse / inverse.sum().clamp(min=1e-300)) ** exponent).float()


def log_odds(positives: Tensor, negatives: Tensor) -> Tensor:
    """Return log(positives / negatives) per behavior: where an untrained output should start.

    0 without any positive, 1 without any negative, so that no bias is infinite.
    """
    odds = torch.log(positives.double().clamp(min=1) / negatives.double().clamp(min=1))
    odds = torch.where(negatives == 0, 1.0, odds)
    return torch.where(positives == 0, 0.0, odds).float()
