"""Weights that come with the program: what `lite` learned from drawings of animals in arenas.

Reads drawn/lite.npz beside this module, which tools/pretraining wrote.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deg_core.models.two_stream import TwoStream

PRESET = "lite"
NAME = "deg_core/models/drawn/lite.npz"  # wherever the program is installed
FILE = Path(__file__).with_name("drawn") / "lite.npz"


def packed(network: TwoStream) -> dict[str, NDArray[np.float16]]:
    """Return the backbones of both streams in half precision, by their names in the network."""
    state = network.state_dict()
    return {key: value.half().numpy() for key, value in state.items() if ".backbone." in key}


def fitting(network: TwoStream) -> Mapping[str, Tensor]:
    """Return the weights for a network of the same backbones; nothing for any other.

    Parameters
    ----------
    network
        With any last layers. A stream that it lacks is left out; one of another shape (another
        width, clip, backbone or input) makes all of it another network.
    """
    own = {key: value for key, value in network.state_dict().items() if ".backbone." in key}
    with np.load(FILE) as file:
        if any(key not in file or file[key].shape != tuple(own[key].shape) for key in own):
            return {}
        return {key: torch.from_numpy(file[key]).to(own[key].dtype) for key in own}
