"""The losses: classification with unknowns and groups, flow reconstruction, weight decay."""

from deg_core.learn.losses.classification import (
    classification_loss,
    cross_entropy,
    focal_bce,
    truncated_smoothing,
)
from deg_core.learn.losses.flow import (
    CHARBONNIER_EPS,
    SMOOTH_FINEST,
    charbonnier,
    differences,
    flow_reconstruction,
    flow_terms,
    rebuild,
    smoothness,
    smoothness_map,
    ssim,
    warp,
)
from deg_core.learn.losses.regularization import decayed, l2, l2_sp, pulled
from deg_core.learn.losses.weights import (
    log_odds,
    positive_weights,
    softmax_weights,
)

__all__ = [
    "CHARBONNIER_EPS",
    "SMOOTH_FINEST",
    "charbonnier",
    "classification_loss",
    "cross_entropy",
    "decayed",
    "differences",
    "flow_reconstruction",
    "flow_terms",
    "focal_bce",
    "l2",
    "l2_sp",
    "log_odds",
    "positive_weights",
    "pulled",
    "rebuild",
    "smoothness",
    "smoothness_map",
    "softmax_weights",
    "ssim",
    "truncated_smoothing",
    "warp",
]
