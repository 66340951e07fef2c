"""What feature extractor and sequence model are trained for: labels in, loss and scores out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from deg_core.ethogram.groups import classes, probabilities
from deg_core.groups import Groups
from deg_core.learn.losses import (
    classification_loss,
    log_odds,
    positive_weights,
    softmax_weights,
)
from deg_core.learn.scores import classification_scores
from deg_core.progress import log
from deg_core.settings import FeatureSettings, SequenceSettings


@dataclass(frozen=True)
class Criterion:
    """Loss and scores of K behaviors.

    Parameters
    ----------
    settings
        Focal exponent, smoothing and normalisation of the loss.
    pos_weight
        (K,) weight of the positive part, on the training's device.
    group_weights
        Per exclusive group, the weights of its background and its members.
    groups
        Exclusive behaviors, by column.
    metric, direction
        What chooses the best epoch, and whether higher or lower is better.
    """

    settings: FeatureSettings | SequenceSettings
    pos_weight: Tensor
    group_weights: tuple[Tensor, ...]
    groups: Groups
    metric: str
    direction: str

    @classmethod
    def of(
        cls,
        labels: Sequence[np.ndarray],
        val_labels: Sequence[np.ndarray],
        settings: FeatureSettings | SequenceSettings,
        groups: Groups,
        device: torch.device,
    ) -> "Criterion":
        """Weigh the behaviors by the training labels, (T, K) per video.

        A class of a group weighs (frames of another / its own) ** exponent times as much as that
        other, as the positives of a behavior of its own do.
        """
        exponent = settings.loss_weight_exp
        weight = positive_weights(*count(labels), exponent).to(device)
        in_groups = []
        for group, frames in zip(groups, count_classes(labels, groups), strict=True):
            in_groups.append(softmax_weights(frames, exponent).to(device))
            if not frames.any():
                numbers = " and ".join(str(k + 1) for k in group)
                log(
                    f"exclusive group of the behaviors {numbers} of config.yaml: no training frame "
                    "tells which of them is present, or that none is; nothing is learned of them."
                )
        return cls(settings, weight, tuple(in_groups), groups, *chosen_by(val_labels))

    def loss(self, logits: Tensor, labels: Tensor, *, whole: Tensor | None = None) -> Tensor:
        """Mean loss of (N, K) or (N, K, T) logits over the known labels.

        ``whole`` are the labels of the whole batch, where these are a part of it: the losses of all
        parts add up to that of the batch.
        """
        s = self.settings
        return classification_loss(
            logits, labels, groups=self.groups, pos_weight=self.pos_weight,
            group_weights=self.group_weights, gamma=s.loss_gamma, smoothing=s.label_smoothing,
            normalise=s.normalise, whole=whole,
        )  # fmt: skip

    def scores(self, logits: Tensor, labels: Tensor) -> dict[str, float]:
        """Loss, F1 and average precision of (n, K) frames."""
        found = probabilities(logits.cpu().numpy(), self.groups)
        truth = labels.cpu().numpy()
        return {"loss": float(self.loss(logits, labels)), **classification_scores(found, truth)}


def chosen_by(val_labels: Sequence[np.ndarray]) -> tuple[str, str]:
    """Name the metric that chooses the best epoch, and which direction is better.

    F1 on validation; where no behavior ever occurs there, every F1 is 0 and the loss chooses.
    """
    if any((table == 1).any() for table in val_labels):
        return "f1_macro", "higher"
    log("no behavior occurs in the validation part; the best epoch is chosen by the loss.")
    return "loss", "lower"


def count(labels: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Count positive and negative frames per behavior, (K,) each."""
    joined = np.concatenate(list(labels))
    return torch.from_numpy((joined == 1).sum(0)), torch.from_numpy((joined == 0).sum(0))


def count_classes(labels: Sequence[np.ndarray], groups: Groups) -> tuple[Tensor, ...]:
    """Count the frames of each group's background and members, (1 + members,) per group."""
    joined = np.concatenate(list(labels))
    found = [(classes(joined, group), len(group) + 1) for group in groups]
    return tuple(torch.from_numpy(np.bincount(of[of >= 0], minlength=size)) for of, size in found)


def start_bias(labels: Sequence[np.ndarray], groups: Groups) -> Tensor:
    """Return the (K,) logits that give each behavior its share of the training frames.

    A member of a group is compared with the group's background, whose logit is 0.
    """
    positives, against = count(labels)
    for group, frames in zip(groups, count_classes(labels, groups), strict=True):
        # Without any background, its members would all start alike.
        against[list(group)] = frames[0].clamp(min=1)
    return log_odds(positives, against)
