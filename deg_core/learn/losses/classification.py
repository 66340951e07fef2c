"""How far logits are from labels: behaviors of their own, exclusive groups, smooth outputs.

Labels are 1 present, 0 absent, -1 unknown; an unknown label takes part in nothing. Half-precision
logits are computed in float32.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from deg_core.ethogram.groups import classes

Groups = Sequence[Sequence[int]]


def classification_loss(
    logits: Tensor,
    labels: Tensor,
    *,
    groups: Groups = (),
    pos_weight: Tensor | None = None,
    group_weights: Sequence[Tensor] | None = None,
    gamma: float = 1.0,
    smoothing: float = 0.05,
    normalise: bool = True,
    whole: Tensor | None = None,
) -> Tensor:
    """Score logits: exclusive groups by cross-entropy, the other behaviors by `focal_bce`.

    Parameters
    ----------
    logits
        (N, K) or (N, K, T) float.
    labels
        Same shape; 1 present, 0 absent, -1 unknown.
    groups
        Columns of each exclusive group.
    pos_weight
        (K,) weight of the positive part; those of members of a group are not used.
    group_weights
        Per group, the weights of its background and its members, as of `softmax_weights`.
    gamma, smoothing
        Of `focal_bce`; groups have neither, as the original's softmax.
    normalise
        Whether to average over known labels, see `focal_bce` and `cross_entropy`.
    whole
        Labels of the whole batch, (M, K) or (M, K, T), where these are a part of it. What is
        divided by is then the whole batch's, so that the losses of all parts add up to its loss.

    Returns
    -------
    Tensor
        Scalar: the sum over the groups' losses and that of the other behaviors. Without groups
        exactly `focal_bce`.
    """
    if not groups:
        return focal_bce(
            logits, labels, pos_weight=pos_weight, gamma=gamma, smoothing=smoothing,
            normalise=normalise, whole=whole,
        )  # fmt: skip
    free = _free(logits.shape[1], groups)
    loss = focal_bce(
        logits[:, free], labels[:, free],
        pos_weight=None if pos_weight is None else pos_weight[free],
        gamma=gamma, smoothing=smoothing, normalise=normalise,
        whole=None if whole is None else whole[:, free],
    )  # fmt: skip
    weights = group_weights or [None] * len(groups)
    for group, weight in zip(groups, weights, strict=True):
        loss = loss + cross_entropy(
            _with_background(logits[:, list(group)]), classes(labels, group),
            weight=weight, normalise=normalise,
            whole=None if whole is None else classes(whole, group),
        )  # fmt: skip
    return loss


def focal_bce(
    logits: Tensor,
    labels: Tensor,
    *,
    pos_weight: Tensor | None = None,
    gamma: float = 1.0,
    smoothing: float = 0.05,
    normalise: bool = True,
    whole: Tensor | None = None,
) -> Tensor:
    """Focal binary cross-entropy over known labels.

    Parameters
    ----------
    logits
        (N, K) or (N, K, T) float.
    labels
        Same shape; 1 present, 0 absent, -1 unknown.
    pos_weight
        (K,) weight of the positive part.
    gamma
        Focal exponent; the factor comes from the label before smoothing.
    smoothing
        Targets are ``smoothing`` and ``1 - smoothing``.
    normalise
        Whether to divide by the number of known labels. Where not, the loss grows with the length
        of a window and shrinks with its unknown frames, as in the original program.
    whole
        Labels of the whole batch where these are a part of it, see `classification_loss`.

    Returns
    -------
    Tensor
        Scalar. Normalised: the sum over behaviors, averaged over the known entries of each batch.
        Unknown entries contribute nothing, to neither numerator nor denominator; without any known
        entry the loss is 0 and so are its gradients. Not normalised: the sum over behaviors and
        frames, averaged over N.

    Notes
    -----
    Focal loss after Lin et al. 2017; class weights and smoothing as in Bohnslav et al. 2021.
    """
    known = labels >= 0
    logits = _where(known, _precise(logits))
    y = labels.clamp(min=0).to(logits.dtype)
    p = torch.sigmoid(logits).clamp(1e-7, 1 - 1e-7)
    focal = (1 - p) ** gamma * y + p**gamma * (1 - y)
    target = y * (1 - 2 * smoothing) + smoothing
    if pos_weight is not None:
        pos_weight = pos_weight.to(logits.dtype).view(-1, *[1] * (logits.ndim - 2))
    entropy = F.binary_cross_entropy_with_logits(
        logits, target, pos_weight=pos_weight, reduction="none"
    )
    loss = torch.where(known, entropy * focal, 0)
    if not normalise:
        return loss.sum() / max(len(logits if whole is None else whole), 1)
    n_known = (known if whole is None else whole >= 0).sum()
    return loss.sum() / n_known.clamp(min=1) * logits.shape[1]


def cross_entropy(
    logits: Tensor,
    indices: Tensor,
    *,
    weight: Tensor | None = None,
    normalise: bool = True,
    whole: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of a softmax over exclusive classes.

    Parameters
    ----------
    logits
        (N, C) or (N, C, T) float.
    indices
        (N,) or (N, T) int; the class present, negative for unknown.
    weight
        (C,) weight of each class.
    normalise
        Whether to average over the known entries; with ``weight``, over their weights.
    whole
        ``indices`` of the whole batch where these are a part of it, see `classification_loss`.

    Returns
    -------
    Tensor
        Scalar; 0 without any known entry. Not normalised, as in the original program: the
        (weighted) sum over frames, averaged over N, unknown entries counted as 0.
    """
    logits = _where((indices >= 0)[:, None], _precise(logits))
    weight = None if weight is None else weight.to(logits.dtype)
    share = _shares(indices, weight, logits.dtype)
    loss = F.cross_entropy(logits, indices.clamp(min=0).long(), reduction="none") * share
    if not normalise:
        return loss.sum() / max(len(logits if whole is None else whole), 1)
    total = (share if whole is None else _shares(whole, weight, logits.dtype)).sum()
    return loss.sum() / torch.where(total > 0, total, 1)


def _shares(indices: Tensor, weight: Tensor | None, dtype: torch.dtype) -> Tensor:
    """Return what each entry counts: 0 where it is unknown, else 1 or the weight of its class."""
    share = (indices >= 0).to(dtype)
    return share if weight is None else share * weight[indices.clamp(min=0).long()]


def truncated_smoothing(
    logits: Tensor,
    known: Tensor,
    *,
    tau: float = 4.0,
    groups: Groups = (),
    whole: Tensor | None = None,
) -> Tensor:
    """Punish log-probabilities that jump from frame to frame.

    Parameters
    ----------
    logits
        (N, K, T) float.
    known
        (N, T) or (N, K, T) bool; false in frames that do not count, as padding. A difference
        counts where both of its frames do.
    tau
        Largest jump of a log-probability that is punished more than smaller ones.
    groups
        Columns of each exclusive group: its jumps are those of the logarithm of its softmax, and
        a member is known where all of them are.
    whole
        ``known`` of the whole batch where these are a part of it, see `classification_loss`.

    Returns
    -------
    Tensor
        Scalar: min(|log p_t - log p_(t-1)|, tau)^2, averaged over known frames and over present
        and absent of each behavior; 0 where no two neighbors are known.

    Notes
    -----
    Truncated mean squared error of Farha & Gall 2019, with log p and log(1 - p) of independent
    behaviors in the place of a softmax over all. As there, gradients flow through the later frame
    of each pair only.
    """
    mask = _pairs_known(known, logits.shape[1], groups)
    if known.ndim == logits.ndim - 1:
        known = known[:, None].expand_as(logits)
    values = _log_probabilities(_where(known.bool(), _precise(logits)), groups)
    jump = (values[..., 1:] - values[..., :-1].detach()).abs().clamp(max=tau).square()
    both = mask.to(jump.dtype)
    counted = mask if whole is None else _pairs_known(whole, logits.shape[1], groups)
    return (jump * both).sum() / counted.to(jump.dtype).sum().clamp(min=1)


def _log_probabilities(logits: Tensor, groups: Groups) -> Tensor:
    """Return (N, C, T) log-probabilities of all outcomes."""
    alone = logits[:, _free(logits.shape[1], groups)]
    values = [F.logsigmoid(alone), F.logsigmoid(-alone)]
    values += [F.log_softmax(_with_background(logits[:, list(g)]), dim=1) for g in groups]
    return torch.cat(values, dim=1)


def _pairs_known(known: Tensor, n_behaviors: int, groups: Groups) -> Tensor:
    """Tell of each outcome whether a frame and the next one are known, (N, C, T - 1) bool."""
    if known.ndim == 2:
        known = known[:, None].expand(-1, n_behaviors, -1)
    known = known.bool()
    alone = known[:, _free(n_behaviors, groups)]
    masks = [alone, alone]
    for group in groups:
        of_all = known[:, list(group)].all(dim=1, keepdim=True)
        masks.append(of_all.expand(-1, len(group) + 1, -1))
    mask = torch.cat(masks, dim=1)
    return mask[..., 1:] & mask[..., :-1]


def _free(n_behaviors: int, groups: Groups) -> list[int]:
    """List the columns that belong to no group."""
    grouped = {member for group in groups for member in group}
    return [k for k in range(n_behaviors) if k not in grouped]


def _with_background(logits: Tensor) -> Tensor:
    """Put the background's logit, 0, before those of a group."""
    return torch.cat([torch.zeros_like(logits[:, :1]), logits], dim=1)


def _where(known: Tensor, logits: Tensor) -> Tensor:
    """Put 0 where nothing is known: 0 times an infinite loss would be no number."""
    return torch.where(known, logits, 0)


def _precise(logits: Tensor) -> Tensor:
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
