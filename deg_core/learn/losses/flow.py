"""How well motion rebuilds each frame from the next one, and how smooth it is.

Motion of every network, 3-D ones included, comes as (N, 2(T-1), h, w): channels 2i and 2i + 1 are
dx and dy, in pixels of that map, that take frame i to frame i + 1.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

CHARBONNIER_EPS = 1e-7  # the paper's, for image and flow differences alike
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2
SMOOTH_FINEST = 0.01  # weight of smoothness on the finest map; twice as much on the next coarser


def flow_reconstruction(
    clip: Tensor,
    flows: Sequence[Tensor],
    *,
    smooth_weight: float = 1.0,
    sparsity_weight: float = 0.0,
    image_eps: float = CHARBONNIER_EPS,
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
    image_eps
        Smoothing of the image differences' penalty; 1e-7 in the paper, 1e-4 in the original
        program.

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
    terms = flow_terms(
        clip, flows, smooth_weight=smooth_weight, sparsity_weight=sparsity_weight,
        image_eps=image_eps,
    )  # fmt: skip
    total = {name: term.mean() for name, term in terms.items()}
    return {"loss": torch.stack(list(total.values())).sum(), **total}


def flow_terms(
    clip: Tensor,
    flows: Sequence[Tensor],
    *,
    smooth_weight: float = 1.0,
    sparsity_weight: float = 0.0,
    image_eps: float = CHARBONNIER_EPS,
) -> dict[str, Tensor]:
    """Score each pair of frames; arguments and parts as of `flow_reconstruction`.

    Returns
    -------
    dict
        ``l1``, ``ssim``, ``smoothness``, ``sparsity``: (N(T-1),) each, the pairs of the first clip
        first; weighted, summed over scales and averaged over channels and pixels.
    """
    total: dict[str, Tensor] = {}
    for scale, flow in enumerate(flows):
        weights = {
            "smoothness": SMOOTH_FINEST * 2**scale * smooth_weight,
            "sparsity": sparsity_weight,
        }
        # Mixed precision would blur in half precision, and lose the small variances of `ssim`.
        with torch.autocast(clip.device.type, enabled=False):
            terms = _one_scale(_precise(clip), _precise(flow), image_eps=image_eps)
        for name, term in terms.items():
            total[name] = total.get(name, 0.0) + weights.get(name, 1.0) * term
    return total


def _one_scale(clip: Tensor, flow: Tensor, *, image_eps: float) -> dict[str, Tensor]:
    target, rebuilt = rebuild(clip, flow)
    pairs = flow.reshape(len(target), 2, *flow.shape[-2:])
    penalty = charbonnier(target - rebuilt, alpha=0.4, eps=image_eps)
    return {
        "l1": penalty.mean((1, 2, 3)),
        "ssim": (1 - ssim(target, rebuilt)).mean((1, 2, 3)),
        "smoothness": smoothness(pairs),
        "sparsity": pairs.abs().mean((1, 2, 3)),
    }


def rebuild(clip: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """Shrink each frame to the flow's size, and rebuild it from the frame after it.

    Parameters
    ----------
    clip
        (N, T, 3, H, W).
    flow
        (N, 2(T-1), h, w).

    Returns
    -------
    target, rebuilt
        (N(T-1), 3, h, w) each, the pairs of the first clip first.
    """
    n, t = clip.shape[:2]
    h, w = flow.shape[-2:]
    small = F.interpolate(clip.flatten(0, 1), (h, w), mode="bilinear", align_corners=False)
    small = small.view(n, t, 3, h, w)
    target = small[:, :-1].flatten(0, 1)  # (N(T-1), 3, h, w)
    return target, warp(small[:, 1:].flatten(0, 1), flow.reshape(n * (t - 1), 2, h, w))


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
    # In this order of operations rounding is the original's: gradients of a penalty with a kink
    # near 0 tell one order from another.
    still = torch.eye(2, 3, device=image.device, dtype=image.dtype)[None]
    grid = F.affine_grid(still, [1, 1, h, w], align_corners=False)  # (1, h, w, 2)
    half = torch.tensor([max(w - 1, 1) / 2, max(h - 1, 1) / 2], device=image.device)
    grid = grid + flow.permute(0, 2, 3, 1) / half.to(image.dtype)
    if image.device.type == "mps":  # whose grid_sample knows no border, before torch 2.13
        return F.grid_sample(image, inside(grid, h, w), align_corners=False)
    return F.grid_sample(image, grid, padding_mode="border", align_corners=False)


def inside(grid: Tensor, h: int, w: int) -> Tensor:
    """Move places (N, h, w, 2) of `grid_sample` that lie outside to the outermost pixels.

    Sampling there is sampling with a repeated border, up to rounding.
    """
    edge = torch.tensor([1 - 1 / w, 1 - 1 / h], device=grid.device, dtype=grid.dtype)
    return grid.clamp(-edge, edge)


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
    return smoothness_map(flow).mean((1, 2, 3))


def smoothness_map(flow: Tensor) -> Tensor:
    """Penalise differences of neighbors per element, (N, C, h, w)."""
    gx, gy = differences(flow)
    return charbonnier(gx, alpha=0.3) + charbonnier(gy, alpha=0.3)


def differences(image: Tensor) -> tuple[Tensor, Tensor]:
    """Subtract the right, and the lower, neighbor; 0 in the last column, and row."""
    gx = F.pad(image[..., :-1] - image[..., 1:], (0, 1))
    gy = F.pad(image[..., :-1, :] - image[..., 1:, :], (0, 0, 0, 1))
    return gx, gy


def _precise(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
