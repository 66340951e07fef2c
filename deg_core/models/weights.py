"""What a network starts from: nothing, weights of torchvision or of this program, a model file.

Reads model files, and torchvision's weights from where torch keeps its downloads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deg_core.data.publish import sha256
from deg_core.errors import ConfigError, ModelError
from deg_core.models import agreement, drawn, files, imagenet
from deg_core.models.agreement import GroupNames, listed
from deg_core.models.sequence.base import prefixes
from deg_core.models.two_stream import TwoStream
from deg_core.progress import log
from deg_core.settings import TrainSettings
from deg_core.starting import DRAWN, IMAGENET, only_features_have, weights_file

SHOWN = 3  # tensors that a message names


@dataclass(frozen=True)
class Loaded:
    """What a network got, from where.

    Attributes
    ----------
    source
        File or address; None if the network starts from random numbers.
    sha256
        Digest of the file.
    origin
        Of a model file: digest of the file that had these weights first.
    files
        Files that the training depends on by this.
    missing, reinitialised
        Names of the network's tensors that the source does not have, and of those that were made
        anew because the behaviors are others.
    anchors
        Values of the loaded parameters, by our names: what L2-SP pulls to.
    behaviors, groups, settings, normalization
        What a model file says; empty or None where it says nothing.
    """

    source: str | None = None
    sha256: str | None = None
    origin: str | None = None
    files: tuple[Path, ...] = ()
    matched: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    reinitialised: tuple[str, ...] = ()
    anchors: Mapping[str, Tensor] = field(default_factory=dict)
    behaviors: tuple[str, ...] = ()
    groups: GroupNames = ()
    settings: Mapping[str, Any] | None = None
    normalization: dict[str, list[float]] | None = None

    def record(self) -> dict[str, Any]:
        """Return the facts for the run record."""
        return {
            "loaded": self.source,
            "sha256": self.sha256,
            "matched": len(self.matched),
            "missing": list(self.missing),
            "reinitialised": list(self.reinitialised),
        }


def load(
    network: nn.Module,
    settings: TrainSettings,
    *,
    stage: str,
    behaviors: Sequence[str] = (),
    groups: GroupNames = (),
    partners: Sequence[str] | None = None,
) -> Loaded:
    """Fill a network with the weights that its settings name.

    Parameters
    ----------
    network
        As the settings describe it; the values of its tensors change.
    settings
        Of the stage; ``weights`` says what to load.
    stage
        The rule that trains.
    behaviors
        Of the project; where a model file has others, the last layers stay as they are. In another
        order, their rows are put in this one.
    groups
        Names of the project's exclusive behaviors. Compared where a file is used as it is.
    partners
        Digests of what stands in front: of the motion network, or of the features. Compared
        likewise; None: there is nothing.

    Returns
    -------
    Loaded
        Where the weights came from, and which tensors matched.

    Raises
    ------
    ConfigError
        If torchvision has no such weights, or they cannot be had.
    ModelError
        If the file is missing, damaged, foreign, of another stage or of another architecture; or
        it is to be used as it is and was made for other behaviors or behind other motion.
    """
    if settings.weights == IMAGENET:
        return _from_imagenet(network, settings, stage)
    if settings.weights == DRAWN:
        return _from_drawings(network, stage)
    file = weights_file(settings.weights)
    if file is None:
        return Loaded()
    content = agreement.read(file, stage)
    agreement.check(
        file, content, settings, stage=stage, behaviors=behaviors, groups=groups, partners=partners
    )
    given, reinitialised = _chosen(network, file, content, behaviors, groups)
    return _filled(
        network, given, source=str(file), sha256=content["sha256"], origin=files.origin(content),
        files=(file,), reinitialised=reinitialised,
        behaviors=tuple(content.get("behaviors", ())),
        groups=tuple(map(tuple, content.get("groups", ()))), settings=content["settings"],
        normalization=content.get("normalization"),
    )  # fmt: skip


def _chosen(
    network: nn.Module,
    file: Path,
    content: Mapping[str, Any],
    behaviors: Sequence[str],
    groups: GroupNames,
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return the tensors to load, and the names of those that start anew; say what is unequal."""
    theirs, exclusive = tuple(content.get("behaviors", ())), content.get("groups", ())
    fresh = network.head_prefixes() if set(theirs) != set(behaviors) else ()
    reinitialised = tuple(key for key in network.state_dict() if key.startswith(fresh))
    given = {k: v for k, v in content["state_dict"].items() if not k.startswith(fresh)}
    _check_shapes(file, network, given, but=reinitialised)
    if fresh:
        log(
            f"{file}: made for {listed(theirs)} in place of {listed(behaviors)}: the last layers "
            f"start anew ({listed(reinitialised)})"
        )
        return given, reinitialised
    if not agreement.same_groups(groups, exclusive):
        log(
            f"{file}: made for the exclusive groups {_shown(exclusive)} in place of "
            f"{_shown(groups)}: the same last layers now mean other probabilities"
        )
    if theirs != tuple(behaviors):
        log(f"{file}: made for {listed(theirs)}: its last layers are put in this project's order")
        given = reordered(network, given, [theirs.index(name) for name in behaviors])
    return given, ()


def _shown(groups: GroupNames) -> str:
    return "; ".join(map(listed, groups)) or "none"


def reordered(
    network: nn.Module, weights: Mapping[str, Tensor], order: Sequence[int]
) -> dict[str, Tensor]:
    """Put the behaviors of a state dict in another order.

    Parameters
    ----------
    network
        Tells which of its tensors depend on the behaviors: rows of its ``heads``, columns of the
        others that ``head_prefixes`` names, which read predictions.
    weights
        Its state dict.
    order
        Which of the old behaviors each of the new ones is.
    """
    rows = prefixes(network, network.heads)
    found = dict(weights)
    for key, value in weights.items():
        if key.startswith(rows) and value.ndim:
            found[key] = value[list(order)]
        elif key.startswith(network.head_prefixes()) and not key.startswith(rows):
            found[key] = value[:, list(order)] if value.ndim > 1 else value
    return found


def _filled(network: nn.Module, given: Mapping[str, Tensor], **facts: Any) -> Loaded:
    """Copy tensors of the right names and shapes, and account for them."""
    own = network.state_dict()
    with torch.no_grad():
        for key, value in given.items():
            own[key].copy_(value)
    anchors = {k: p.detach().clone() for k, p in network.named_parameters() if k in given}
    new = facts.get("reinitialised", ())
    missing = tuple(key for key in own if key not in given and key not in new)
    log(f"weights: {len(given)} of {len(own)} tensors from {facts['source']}")
    return Loaded(matched=tuple(given), missing=missing, anchors=anchors, **facts)


# --- model files


def _check_shapes(
    file: Path, network: nn.Module, given: Mapping[str, Tensor], *, but: Sequence[str]
) -> None:
    own = {key: list(v.shape) for key, v in network.state_dict().items() if key not in but}
    found = {key: list(value.shape) for key, value in given.items()}
    wrong = [f"no '{key}'" for key in own if key not in found]
    wrong += [f"'{key}' unknown" for key in found if key not in own]
    wrong += [
        f"'{key}' {found[key]} in place of {own[key]}"
        for key in own
        if key in found and own[key] != found[key]
    ]
    if wrong:
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise ModelError(
            f"{file}: its tensors are not those of the network that config.yaml describes "
            f"({listed(wrong[:SHOWN])}{more}); set network, width and sizes as the file was "
            "trained with, or choose other weights."
        )


# --- torchvision's, and the program's own


def _from_imagenet(network: nn.Module, settings: TrainSettings, stage: str) -> Loaded:
    _require_backbones(network, IMAGENET, stage)
    found = imagenet.fetch(settings.backbone)
    given = imagenet.adapted(network, found.state_dict)
    return _filled(network, given, source=found.url, sha256=found.sha256)


def _from_drawings(network: nn.Module, stage: str) -> Loaded:
    """Fill both backbones where they are of the size that was trained; else leave them, and say so.

    Whoever makes `lite` narrower, or shows it something else, has not asked for an error.
    """
    _require_backbones(network, DRAWN, stage)
    given = drawn.fitting(network)
    if not given:
        log(
            f"weights: {DRAWN} are for networks of full width, inputs, motion and clip as those of "
            "lite, without members; this one starts from random numbers"
        )
        return Loaded()
    return _filled(
        network, given, source=drawn.NAME, sha256=sha256(drawn.FILE), files=(drawn.FILE,)
    )


def _require_backbones(network: nn.Module, weights: str, stage: str) -> None:
    if not isinstance(network, TwoStream):
        section = stage.removeprefix("train_")
        raise ConfigError(f"config.yaml: {section}: {only_features_have(weights)}")
