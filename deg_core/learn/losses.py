"""The losses: flow reconstruction, focal binary cross-entropy with unknowns, weight decay."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHARBONNIER_EPS = 1e-7  # the paper's, for image and flow differences alike
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2
SMOOTH_BY_SCALE = (0.01, 0.02, 0.04)


def focal_bce(
    logits: Tensor,
    labels: Tensor,
    *,
    pos_weight: Tensor | None = None,
    gamma: float = 1.0,
    smoothing: float = 0.05,
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

    Returns
    -------
    Tensor
        Scalar: the sum over behaviors, averaged over the known entries of each batch. Unknown
        entries contribute nothing, to neither numerator nor denominator; without any known entry
        the loss is 0 and so are its gradients.

    Notes
    -----
    Focal loss after Lin et al. 2017; class weights and smoothing as in Bohnslav et al. 2021.
    """
    known = (labels >= 0).to(logits.dtype)
    y = labels.clamp(min=0).to(logits.dtype)
    p = torch.sigmoid(logits).clamp(1e-7, 1 - 1e-7)
    focal = (1 - p) ** gamma * y + p**gamma * (1 - y)
    target = y * (1 - 2 * smoothing) + smoothing
    positive = target * F.logsigmoid(logits)
    if pos_weight is not None:
        positive = positive * pos_weight.view(1, -1, *[1] * (logits.ndim - 2))
    loss = -(positive + (1 - target) * F.logsigmoid(-logits)) * focal * known
    return loss.sum() / known.sum().clamp(min=1) * logits.shape[1]


def positive_weights(positives: Tensor, negatives: Tensor, exponent: float) -> Tensor:
    """Weight the positives of each behavior by (negatives / positives) ** exponent.

    A behavior without positives has nothing to weight (0), one without negatives weighs 1.
    """
    weight = (negatives.double() / positives.double().clamp(min=1)) ** exponent
    weight = torch.where(positives == 0, 0.0, weight)
    return torch.where(negatives == 0, 1.0, weight).float()


def log_odds(positives: Tensor, negatives: Tensor) -> Tensor:
    """Return log(positives / negatives) per behavior: where an untrained output should start.

    0 without any positive, 1 without any negative, so that no bias is infinite.
    """
    odds = torch.log(positives.double().clamp(min=1) / negatives.double().clamp(min=1))
    odds = torch.where(negatives == 0, 1.0, odds)
    return torch.where(positives == 0, 0.0, odds).float()


def decayed(network: nn.Module) -> list[nn.Parameter]:
    """List the parameters that weight decay concerns: trainable ones of two or more axes.

    Biases, batch norms and the few numbers that place temporal filters are left alone.
    """
    return [p for p in network.parameters() if p.requires_grad and p.ndim > 1]


def l2(parameters: Sequence[nn.Parameter]) -> Tensor:
    """Half the sum of squares of all weights."""
    return 0.5 * torch.stack([p.square().sum() for p in parameters]).sum()


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Sample ``image`` where ``flow`` points to.

    Parameters
    ----------
    image
        (N, C, h, w).
    flow
        (N, 2, h, w): dx, dy in pixels of this map.

    Returns
    -------
    Tensor
        (N, C, h, w): out(x, y) = image(x + dx, y + dy), bilinear; the border is repeated.

    Notes
    -----
    As in the original, the shift is dx * w / (w - 1) pixels, on a map of 64 pixels 1.6 % more than
    dx, and dy * h / (h - 1).
    """
    h, w = image.shape[-2:]
    x = (2 * torch.arange(w, device=image.device, dtype=image.dtype) + 1) / w - 1
    y = (2 * torch.arange(h, device=image.device, dtype=image.dtype) + 1) / h - 1
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)  # (h, w, 2)
    step = torch.tensor([2 / max(w - 1, 1), 2 / max(h - 1, 1)], device=image.device)
    grid = grid + flow.permute(0, 2, 3, 1) * step.to(image.dtype)
    return F.grid_sample(image, grid, padding_mode="border", align_corners=False)


def charbonnier(difference: Tensor, *, alpha: float, eps: float = CHARBONNIER_EPS) -> Tensor:
    """Generalised Charbonnier penalty, (d^2 + eps^2)^alpha, per element."""
    return (difference.square() + eps**2) ** alpha


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Structural similarity of two images, per pixel and channel.

    Parameters
    ----------
    a, b
        (N, C, h, w) in 0..1.

    Returns
    -------
    Tensor
        (N, C, h, w); 1 where they agree. Gaussian window of 11 pixels, sigma 1.5 (Wang et al.
        2004), zeros outside.
    """
    means = _blur(torch.cat([a, b, a * a, b * b, a * b], dim=1)).chunk(5, dim=1)
    mu_a, mu_b, aa, bb, ab = means
    var_a, var_b, cov = aa - mu_a**2, bb - mu_b**2, ab - mu_a * mu_b
    up = (2 * mu_a * mu_b + SSIM_C1) * (2 * cov + SSIM_C2)
    return up / ((mu_a**2 + mu_b**2 + SSIM_C1) * (var_a + var_b + SSIM_C2))


def _blur(x: Tensor, *, size: int = 11, sigma: float = 1.5) -> Tensor:
    t = torch.arange(size, device=x.device, dtype=x.dtype) - size // 2
    window = torch.exp(-(t**2) / (2 * sigma**2))
    window = window / window.sum()
    c = x.shape[1]
    x = F.conv2d(x, window.view(1, 1, 1, -1).expand(c, 1, 1, -1), padding=(0, 5), groups=c)
    return F.conv2d(x, window.view(1, 1, -1, 1).expand(c, 1, -1, 1), padding=(5, 0), groups=c)


def smoothness(flow: Tensor) -> Tensor:
    """Penalise differences of neighboring flow vectors, (N, 2, h, w) to (N,)."""
    gx = F.pad(flow[..., :-1] - flow[..., 1:], (0, 1))
    gy = F.pad(flow[..., :-1, :] - flow[..., 1:, :], (0, 0, 0, 1))
    return (charbonnier(gx, alpha=0.3) + charbonnier(gy, alpha=0.3)).mean((1, 2, 3))


def flow_reconstruction(
    clip: Tensor,
    flows: Sequence[Tensor],
    *,
    smooth_weight: float = 1.0,
    sparsity_weight: float = 0.0,
) -> dict[str, Tensor]:
    """Score flows by how well they rebuild each frame from the next one.

    Parameters
    ----------
    clip
        (N, T, 3, H, W) in 0..1.
    flows
        Flow maps (N, 2(T-1), h, w), finest first.
    smooth_weight
        Factor on the smoothness terms.
    sparsity_weight
        Weight of the mean absolute flow.

    Returns
    -------
    dict
        ``loss`` and its parts ``l1``, ``ssim`` (1 - similarity), ``smoothness``, ``sparsity``,
        each a scalar, summed over scales and averaged over frame pairs; lower is better.

    Notes
    -----
    After Zhu et al. 2018 and Bohnslav et al. 2021: the scales weigh alike, smoothness more on
    coarse ones.
    """
    total: dict[str, Tensor] = {}
    for scale, flow in enumerate(flows):
        for name, part in _one_scale(clip, flow).items():
            weight = SMOOTH_BY_SCALE[scale] * smooth_weight if name == "smoothness" else 1.0
            weight = sparsity_weight if name == "sparsity" else weight
            total[name] = total.get(name, 0.0) + weight * part
    return {"loss": torch.stack(list(total.values())).sum(), **total}


def _one_scale(clip: Tensor, flow: Tensor) -> dict[str, Tensor]:
    n, t = clip.shape[:2]
    h, w = flow.shape[-2:]
    small = F.interpolate(clip.flatten(0, 1), (h, w), mode="bilinear", align_corners=False)
    small = small.view(n, t, 3, h, w)
    now = small[:, :-1].flatten(0, 1)  # (N(T-1), 3, h, w)
    rebuilt = warp(small[:, 1:].flatten(0, 1), flow.reshape(n * (t - 1), 2, h, w))
    return {
        "l1": charbonnier(now - rebuilt, alpha=0.4).mean(),
        "ssim": (1 - ssim(now, rebuilt)).mean(),
        "smoothness": smoothness(flow.reshape(n * (t - 1), 2, h, w)).mean(),
        "sparsity": flow.abs().mean(),
    }
