"""The losses: classification with unknowns and groups, flow reconstruction, weight decay."""

from deg_core.learn.losses.classification import (
    classification_loss,
    cross_entropy,
    focal_bce,
    group_targets,
    truncated_smoothing,
)
from deg_core.learn.losses.flow import (
    CHARBONNIER_EPS,
    SMOOTH_BY_SCALE,
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
    group_weights,
    initial_bias,
    log_odds,
    positive_weights,
    softmax_weights,
)

__all__ = [
    "CHARBONNIER_EPS",
    "SMOOTH_BY_SCALE",
    "charbonnier",
    "classification_loss",
    "cross_entropy",
    "decayed",
    "differences",
    "flow_reconstruction",
    "flow_terms",
    "focal_bce",
    "group_targets",
    "group_weights",
    "initial_bias",
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
