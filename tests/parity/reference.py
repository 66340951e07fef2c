"""What the original program computed: its arrays, inputs and weights, for tests to compare with.

``reference/`` holds the files; ``docs/parity.md`` says which of our functions answers each.
"""

import json
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from fill_weights import fill

FOLDER = Path(__file__).parent / "reference"
PROJECT = FOLDER / "sample_project"
STATE_DICTS = json.loads((FOLDER / "state_dicts.json").read_text())
"""Lists of (key, shape, dtype), by name of network."""


def load(name: str) -> tuple[dict, dict[str, np.ndarray]]:
    """One fixture: how it was made, and its arrays.

    Arrays of a fixture with several cases begin with the case's prefix; see `case`.
    """
    with np.load(FOLDER / f"{name}.npz") as stored:
        arrays = {key: stored[key] for key in stored.files if key != "meta"}
        return json.loads(str(stored["meta"])), arrays


def case(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Arrays of one case, without its prefix."""
    return {
        key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)
    }


def network_input(meta: dict, *, key: str = "input") -> torch.Tensor:
    """Input of a network's fixture, float32; ``key="fe_logits"`` gives its second input."""
    seed = meta["input"]["seed"] + (key == "fe_logits")
    drawn = np.random.default_rng(seed).standard_normal(meta[key]["shape"])
    return torch.from_numpy(drawn.astype("float32"))


def filled(listing: str | Iterable) -> OrderedDict[str, torch.Tensor]:
    """Weights by the name of a network, or by its list of (key, shape, dtype)."""
    entries = STATE_DICTS[listing] if isinstance(listing, str) else listing
    return fill({key: (shape, dtype) for key, shape, dtype in entries})


def weights_of(meta: dict) -> OrderedDict[str, torch.Tensor]:
    """Weights of a network's fixture: its own list, or that of the network it names."""
    return filled(meta.get("state_dict", meta["network"]))


def close(actual: object, expected: object, rtol: float = 1e-4) -> None:
    """Fail unless shapes agree and no value is off by more than ``rtol`` of the largest."""
    actual, expected = (
        np.asarray(x.detach() if isinstance(x, torch.Tensor) else x) for x in (actual, expected)
    )
    assert actual.shape == expected.shape
    if expected.size == 0:
        return
    missing = np.isnan(expected)
    np.testing.assert_array_equal(np.isnan(actual), missing)
    bound = rtol * np.abs(expected[~missing]).max(initial=0)
    error = np.abs(actual[~missing].astype(float) - expected[~missing]).max(initial=0)
    assert error <= bound, f"off by {error:.3g}; at most {bound:.3g} expected"
