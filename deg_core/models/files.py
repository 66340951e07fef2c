"""Model files: weights with all that is needed to rebuild and use them, nothing executable."""

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from deg_core.data.publish import publish_file, sha256
from deg_core.errors import ModelError

FORMAT = "deg-core model 1"


def save(path: Path, *, stage: str, network: nn.Module, **facts: Any) -> None:
    """Publish a model.

    Parameters
    ----------
    path
        Where; appears whole or not at all.
    stage
        Rule that trained it.
    network
        Its weights are stored.
    **facts
        Plain values: settings, behaviors, normalisation, version, digests.

    Raises
    ------
    StateError
        If the disk is full or the place is not writable.
    """
    weights = {key: value.detach().cpu().clone() for key, value in network.state_dict().items()}
    content = {"format": FORMAT, "stage": stage, **facts, "state_dict": weights}
    with publish_file(path, verify=_unpickle) as temporary:
        temporary.write_bytes(to_bytes(content))


def to_bytes(content: Mapping[str, Any]) -> memoryview:
    """Pickle tensors and plain values; on a full disk torch's own writer hides what happened."""
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getbuffer()


def _unpickle(path: Path) -> Any:
    return torch.load(io.BytesIO(path.read_bytes()), weights_only=True, map_location="cpu")


def load(path: Path, *, stage: str, remedy: str = "delete it and run again") -> dict[str, Any]:
    """Read a model file without executing anything in it.

    Parameters
    ----------
    path
        A file that `save` wrote.
    stage
        Rule that must have trained it.
    remedy
        What to do with a file that cannot be used.

    Returns
    -------
    dict
        The facts, ``state_dict``, and ``sha256`` of the file.

    Raises
    ------
    ModelError
        If the file is missing, damaged, foreign or of another stage.
    """
    path = Path(path)
    try:
        content = _unpickle(path)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such model file; run the rule {stage} first.") from error
    except PermissionError as error:
        raise ModelError(f"{path}: no permission to read it; mend the file's mode.") from error
    except Exception as error:  # what a damaged or foreign pickle raises has no end of kinds
        raise ModelError(
            f"{path}: expected a model of {stage}, but the file is damaged or not written by this "
            f"program ({_first_line(error)}); {remedy}."
        ) from error
    kind = _kind(content)
    if kind != stage:
        raise ModelError(
            f"{path}: expected a model of {stage}, found {kind}; give the right file, or {remedy}."
        )
    return dict(content) | {"sha256": sha256(path)}


def origin(content: Mapping[str, Any]) -> str:
    """Return the digest of the file that had these weights first; they may be handed on as is.

    Parameters
    ----------
    content
        What `load` returned.
    """
    return content.get("origin") or content["sha256"]


def digest_of_features(flow: str, features: str) -> str:
    """Return what features are known by: the `origin` of both models that give them."""
    return hashlib.sha256(f"{flow} {features}".encode()).hexdigest()


def _kind(content: Any) -> str:
    """Name the stage that wrote a model; of foreign content, what it is."""
    if not isinstance(content, Mapping):
        return f"a bare {type(content).__name__}"
    if content.get("format") != FORMAT:
        return f"the format '{content.get('format')}' in place of '{FORMAT}'"
    return str(content.get("stage"))


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:80].rstrip(". ")


def fill(network: nn.Module, weights: Mapping[str, torch.Tensor], source: Path) -> None:
    """Load weights into a network, every one of them.

    Raises
    ------
    ModelError
        If a tensor is missing, left over, or of another shape.
    """
    try:
        network.load_state_dict(dict(weights), strict=True)
    except RuntimeError as error:
        first = [line.strip() for line in str(error).splitlines()[1:2]]
        raise ModelError(
            f"{source}: the weights do not fit the network that its settings describe "
            f"({' '.join(first)[:200]}); train it again."
        ) from error
