"""What a movie shows of a video: small labels, predictions and probabilities."""

import numpy as np

from deg_core.movie.strip import Tracks


def make_tracks(n=1000, *, k=2, labeled=True, fps=10.0):
    """Each behavior is present for frames 100 to 200, later behaviors 10 frames later."""
    present = np.zeros((n, k), bool)
    for j in range(k):
        present[100 + 10 * j : 200 + 10 * j, j] = True
    human = present.astype(np.int8)
    human[400:500] = -1
    probabilities = np.where(present, 1.0, 0.0).astype(np.float32)
    names = [f"b{j}" for j in range(k)]
    return Tracks(names, human if labeled else None, present, probabilities, [0.5] * k, fps)
