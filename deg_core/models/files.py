"""Model files: weights with all that is needed to rebuild and use them, nothing executable."""

import hashlib
import io
import math
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from deg_core.data.publish import publish_file, sha256
from deg_core.errors import ConfigError, ModelError
from deg_core.recording import reading
from deg_core.settings import from_dict

FORMAT = "deg-core model 1"
S = TypeVar("S")


def _is_names(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)


def _is_weights(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(key, str) and isinstance(tensor, torch.Tensor)
        and tensor.layout == torch.strided and tensor.device.type == "cpu"
        and not tensor.is_quantized
        for key, tensor in value.items()
    )  # fmt: skip


def _is_text_or_none(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_normalization(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(value.get(name), list | tuple)
        and len(value[name]) == 3
        and all(type(x) in (int, float) and math.isfinite(x) for x in value[name])
        for name in ("mean", "std")
    )


# What facts must be, where they are there.
KINDS: Mapping[str, Callable[[Any], bool]] = {
    "settings": lambda value: isinstance(value, Mapping) and _is_names(list(value)),
    "state_dict": _is_weights,
    "normalization": _is_normalization,
    "behaviors": _is_names,
    "flow_sha256": lambda value: isinstance(value, str),
    "n_features": lambda value: type(value) is int and value > 0,
    "groups": lambda value: isinstance(value, list | tuple) and all(map(_is_names, value)),
    **dict.fromkeys(("origin", "flow_origin", "features_digest"), _is_text_or_none),
}


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
    with publish_file(path, verify=unpickle) as temporary:
        temporary.write_bytes(to_bytes(content))


def to_bytes(content: Mapping[str, Any]) -> memoryview:
    """Pickle tensors and plain values; on a full disk torch's own writer hides what happened."""
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getbuffer()


def unpickle(path: Path) -> Any:
    """Read what torch saved, without executing anything in it.

    Raises
    ------
    Exception
        Of no end of kinds, if the file is damaged or foreign.
    """
    with path.open("rb") as file:  # before all of it is read, which may be a video
        if file.read(2) != b"PK":
            raise OSError("it is no archive as torch writes")
    stream = io.BytesIO(path.read_bytes())
    with zipfile.ZipFile(stream) as archive:
        if any(item.compress_type != zipfile.ZIP_STORED for item in archive.infolist()):
            raise OSError("it is compressed, as torch never does")  # and could be of any size
        # torch writes sums and does not look at them: wrong numbers would be loaded.
        if damaged := archive.testzip():
            raise OSError(f"the checksum of {damaged} is wrong")
    stream.seek(0)
    return torch.load(stream, weights_only=True, map_location="cpu")


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
    reading(path)
    try:
        content = unpickle(path)
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
    check_facts(content, path, "settings", "state_dict", remedy=remedy)
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


def rebuilt(content: Mapping[str, Any], source: Path, build: Callable[[], nn.Module]) -> nn.Module:
    """Build the network of a model file and give it its weights, every one of them.

    Parameters
    ----------
    content
        What `load` returned.
    source
        The file, for the messages.
    build
        Builds the network that the file's settings describe.

    Raises
    ------
    ModelError
        If the settings describe no network, or a tensor is missing, left over, or of another
        shape. This is found out without the memory that such a network would take.
    """
    weights = content["state_dict"]
    try:
        with torch.device("meta"):
            planned = {key: tuple(value.shape) for key, value in build().state_dict().items()}
    except (ConfigError, RuntimeError, TypeError, ValueError, ArithmeticError) as error:
        raise ModelError(
            f"{source}: its settings describe no network ({_first_line(error)}); train it again."
        ) from error
    there = {key: tuple(value.shape) for key, value in weights.items()}
    if planned != there:
        key = min(set(planned.items()) ^ set(there.items()))[0]
        raise ModelError(
            f"{source}: the weights do not fit the network that its settings describe ('{key}': "
            f"expected {planned.get(key, 'none')}, found {there.get(key, 'none')}); train it again."
        )
    network = build()
    network.load_state_dict(dict(weights), strict=True)
    return network


def settings_of(content: Mapping[str, Any], source: Path, kind: type[S]) -> S:
    """Return the settings of a model file.

    Raises
    ------
    ModelError
        If they are not of this kind.
    """
    try:
        return from_dict(kind, content["settings"])
    except ConfigError as error:
        raise ModelError(f"{source}: its {str(error).rstrip('.')}; train it again.") from error


def check_facts(
    content: Mapping[str, Any],
    source: Path,
    *needed: str,
    remedy: str = "delete it and run again",
) -> None:
    """Check that a model file says what is asked of it, and that its facts are what they must be.

    Raises
    ------
    ModelError
        If one of ``needed`` is missing, or any fact is of another kind.
    """
    for name, is_right in KINDS.items():
        if (content.get(name) is not None or name in needed) and not is_right(content.get(name)):
            raise ModelError(
                f"{source}: expected a model of {content['stage']}, but its '{name}' is missing or "
                f"no such thing; {remedy}."
            )
