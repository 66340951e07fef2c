"""A sequence model over a whole video: in bounded memory, or window by window.

`tiled` equals one pass over the whole video. `windowed` is the original program's inference, with
the borders that it has.
"""

from typing import Protocol

import numpy as np
import torch

from deg_core.models.sequence import Unscaled

TILE = 4096


class Rows(Protocol):
    """An array (T, D) in float32 or float16 of which a slice of frames is all that is asked."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice) -> np.ndarray: ...


def _score(network: Unscaled, rows: np.ndarray, device: torch.device) -> np.ndarray:
    """Score frames (T, D) in one pass: (T, K) float32."""
    x = torch.from_numpy(np.ascontiguousarray(rows.T))[None].to(device).float()  # (1, D, T)
    return network(x)[0].T.float().cpu().numpy()


@torch.inference_mode()
def tiled(
    network: Unscaled, features: Rows, device: torch.device, *, tile: int = TILE
) -> np.ndarray:
    """Score every frame of a video as one pass over all of it would.

    Tiles overlap by the network's reach, so that no frame sees a border that the video has not.

    Parameters
    ----------
    network
        Sequence model, (1, D, T) to (1, K, T), in eval mode.
    features
        (T, D) float32 or float16: an array, or rows that are read from a file a tile at a time.
    device
        Where to compute.
    tile
        Frames scored at once.

    Returns
    -------
    ndarray
        (T, K) float32 logits.

    Notes
    -----
    A network without bound, as a recurrent one is, gets the whole video at once, whatever the
    tile. That takes memory for all features and all that its layers give: for 100,000 frames,
    1024 features and layers of 2 x 128 units about 0.4 + 0.1 GB per layer.
    """
    n_frames = len(features)
    if network.reach is None:
        return _score(network, features[0:n_frames], device)
    pieces = []
    for a in range(0, n_frames, tile):
        b = min(a + tile, n_frames)
        start, stop = max(0, a - network.reach), min(n_frames, b + network.reach)
        pieces.append(_score(network, features[start:stop], device)[a - start : b - start])
    return np.concatenate(pieces)


def scored(
    network: Unscaled, features: Rows, device: torch.device, *, window: int = 0
) -> np.ndarray:
    """Score every frame of a video as the settings say: as a whole, or window by window.

    Parameters
    ----------
    network, features, device
        As for `tiled` and `windowed`.
    window
        The setting ``inference_window``; 0 is the whole video.

    Returns
    -------
    ndarray
        (T, K) float32 logits.
    """
    if window:
        return windowed(network, features, device, window=window)
    return tiled(network, features, device)


@torch.inference_mode()
def windowed(
    network: Unscaled, features: Rows, device: torch.device, *, window: int = 180
) -> np.ndarray:
    """Score a video as the original program does, with its borders.

    Windows are neighbors, and each is scored as if it were the whole video: temporal filters see
    zeros at every border. The last one is filled up with frames of zeros, which are cut off
    again. It is there to reproduce the original's numbers; `tiled` has no borders.

    Parameters
    ----------
    network
        Sequence model, (1, D, T) to (1, K, T), in eval mode.
    features
        (T, D) float32 or float16: an array, or rows that are read from a file a window at a time.
    device
        Where to compute.
    window
        Frames of a window, the original's ``sequence_length``.

    Returns
    -------
    ndarray
        (T, K) float32 logits.
    """
    n_frames, padding = len(features), network.mean.T.cpu().numpy()
    pieces = []
    for a in range(0, n_frames, window):
        rows = features[a : min(a + window, n_frames)]
        filled = np.concatenate([rows, padding.repeat(window - len(rows), axis=0)])
        pieces.append(_score(network, filled, device)[: len(rows)])
    return np.concatenate(pieces)
