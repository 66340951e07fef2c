"""Weights that come with the program: what `lite` learned from drawings of animals in arenas.

Reads drawn/lite.npz beside this module, which tools/pretraining wrote.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deg_core.data.publish import damage_of
from deg_core.models.two_stream import TwoStream

PRESET, INPUTS = "lite", ("frame", "background_difference")
NAME = "deg_core/models/drawn/lite.npz"  # wherever the program is installed
FILE = Path(__file__).with_name("drawn") / "lite.npz"


def packed(network: TwoStream) -> dict[str, NDArray[np.float16]]:
    """Return the backbones of both streams in half precision, by their names in the network."""
    state = network.state_dict()
    return {key: value.half().numpy() for key, value in state.items() if ".backbone." in key}


def fitting(network: TwoStream) -> dict[str, Tensor]:
    """Return the weights of each stream that is the one which was trained.

    Parameters
    ----------
    network
        With any last layers.

    Returns
    -------
    dict
        Tensors by their names in the network; nothing for a stream of another backbone, width or
        clip, or that is shown something else.

    Raises
    ------
    StateError
        If the file is damaged or missing.
    """
    shown = {
        "spatial": network.inputs == INPUTS and network.picture == "center",
        "flow": network.per_pair == 1,  # differences of neighboring frames
    }
    found = {}
    with damage_of(FILE), FILE.open("rb") as opened, np.load(opened) as file:
        for name in (name for name, as_trained in shown.items() if as_trained):
            prefix = f"{name}.backbone."
            own = {k: v for k, v in network.state_dict().items() if k.startswith(prefix)}
            theirs = [key for key in file if key.startswith(prefix)]
            if {k: v.shape for k, v in own.items()} == {k: file[k].shape for k in theirs}:
                found |= {k: torch.from_numpy(file[k]).to(own[k].dtype) for k in theirs}
    return found
