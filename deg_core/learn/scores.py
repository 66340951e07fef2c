"""Validation scores while training; every one of them is better when higher."""

import numpy as np
from sklearn.metrics import average_precision_score


def classification_scores(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Score frame-wise predictions, averaged over the behaviors that can be scored.

    Parameters
    ----------
    probabilities
        (n, K) float.
    labels
        (n, K) int; 1 present, 0 absent, -1 unknown, which is left out.

    Returns
    -------
    dict
        ``f1_macro``: best F1 over all thresholds, per behavior; ``average_precision_macro``.
        Behaviors without known positives are left out; without any, both are 0. Both are NaN if
        a probability is, which a training that goes astray may give.
    """
    if np.isnan(probabilities).any():
        return {"f1_macro": float("nan"), "average_precision_macro": float("nan")}
    f1s, precisions = [], []
    for k in range(labels.shape[1]):
        known = labels[:, k] >= 0
        truth, p = labels[known, k], probabilities[known, k]
        if truth.any():
            f1s.append(best_f1(p, truth))
            precisions.append(average_precision_score(truth, p))
    mean = {"f1_macro": f1s, "average_precision_macro": precisions}
    return {name: float(np.mean(v)) if v else 0.0 for name, v in mean.items()}


def best_f1(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Highest F1 that any threshold on ``probabilities`` (n,) reaches against ``truth`` (n,)."""
    order = np.argsort(-probabilities, kind="stable")
    hits = np.cumsum(truth[order])
    called = np.arange(1, len(truth) + 1)
    last_of_tie = np.append(np.diff(probabilities[order]) != 0, True)  # ties share a threshold
    return float((2 * hits / (called + truth.sum()))[last_of_tie].max())
