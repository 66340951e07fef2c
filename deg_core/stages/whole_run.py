"""All files of one run together: whether they load, and belong to each other."""

from collections.abc import Mapping
from pathlib import Path

import torch

from deg_core.errors import ModelError
from deg_core.stages.networks import Motion, load_sequence, load_two_stream
from deg_core.stages.scored import read_treatments


def facts_of(files: Mapping[str, Path]) -> tuple[list[str], bool]:
    """Load a run's models, so that nothing is exported that could not be used.

    Parameters
    ----------
    files
        `flow.pt`, `features.pt`, `sequence.pt` and `postprocess.json`, by these names.

    Returns
    -------
    tuple
        The behaviors, and whether the extractor looks at the empty arena.

    Raises
    ------
    ModelError
        If a model is damaged, or they do not belong together.
    """
    device = torch.device("cpu")
    network, extracting = load_two_stream(
        files["features.pt"], Motion.load(files["flow.pt"], device), device
    )
    _, last = load_sequence(files["sequence.pt"], device)
    behaviors, _ = read_treatments(files["postprocess.json"])
    for path, found in (
        ("features.pt", extracting["behaviors"]),
        ("sequence.pt", last["behaviors"]),
    ):
        if list(found) != list(behaviors):
            raise ModelError(
                f"{files[path]}: expected a model of {', '.join(behaviors)}, found one of "
                f"{', '.join(found)}; run the project again."
            )
    return list(behaviors), bool(network.needs_background)
