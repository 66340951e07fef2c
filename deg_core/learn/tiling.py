"""A sequence model over a whole video in bounded memory, equal to one pass over all of it."""

from typing import Protocol

import numpy as np
import torch
from torch import nn

from deg_core.models.sequence import receptive_field
from deg_core.settings import SequenceSettings

TILE = 4096


class Rows(Protocol):
    """An array (T, D) float32 of which a slice of frames is all that is ever asked."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice) -> np.ndarray: ...


@torch.inference_mode()
def tiled(
    network: nn.Module,
    features: Rows,
    settings: SequenceSettings,
    device: torch.device,
    *,
    tile: int = TILE,
) -> np.ndarray:
    """Score every frame of a video.

    Tiles overlap by the receptive field, so that no frame sees a border that the video has not.

    Parameters
    ----------
    network
        Sequence model, (1, D, T) to (1, K, T).
    features
        (T, D) float32: an array, or rows that are read from a file a tile at a time.
    settings
        The model's settings: they tell its receptive field.
    device
        Where to compute.
    tile
        Frames scored at once.

    Returns
    -------
    ndarray
        (T, K) float32 logits.
    """
    reach = receptive_field(n_layers=settings.n_layers, filter_length=settings.filter_length)
    pieces = []
    for a in range(0, len(features), tile):
        b = min(a + tile, len(features))
        start, stop = max(0, a - reach), min(len(features), b + reach)
        x = torch.from_numpy(np.ascontiguousarray(features[start:stop].T))[None].to(device)
        pieces.append(network(x)[0, :, a - start : b - start].T.float().cpu().numpy())
    return np.concatenate(pieces)
