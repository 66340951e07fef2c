"""Weights that come with the program: what `lite` learned from drawings of animals in arenas.

Reads drawn/lite.npz beside this module, which tools/pretraining wrote.
"""

from collections.abc import Mapping
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
        given = {key: torch.from_numpy(file[key]) for key in file}
    for name, as_trained in shown.items():
        own, theirs = _of_stream(name, network.state_dict()), _of_stream(name, given)
        if as_trained and _shapes(own) == _shapes(theirs):
            found |= {key: value.to(own[key].dtype) for key, value in theirs.items()}
    return found


def _of_stream(name: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: value for key, value in state.items() if key.startswith(f"{name}.backbone.")}


def _shapes(state: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {key: value.shape for key, value in state.items()}
