"""What a network starts from: nothing, weights of torchvision, or a model file of this program.

Reads model files, and torchvision's weights from where torch keeps its downloads.
"""

import inspect
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from deg_core.errors import ConfigError, ModelError
from deg_core.models import files, imagenet
from deg_core.models.compat import checkpoint
from deg_core.models.two_stream import TwoStream
from deg_core.progress import log
from deg_core.registry import SEQUENCE_NETWORKS, find
from deg_core.settings import FeatureSettings, TrainSettings, from_dict
from deg_core.starting import IMAGENET, weights_file

Groups = Sequence[Sequence[str]]

SHOWN = 3  # tensors that a message names
# Settings without which the same tensors would mean something else, or nothing.
MEANING = {
    "train_flow": ("network", "clip"),
    "train_features": (
        "backbone", "streams", "inputs", "fusion", "flow_weight", "picture", "final_bn",
    ),
    "train_sequence": ("network", "standardize"),
}  # fmt: skip


@dataclass(frozen=True)
class Loaded:
    """What a network got, from where.

    Attributes
    ----------
    source
        File or address; None if the network starts from random numbers.
    sha256
        Digest of the file.
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
    files: tuple[Path, ...] = ()
    matched: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    reinitialised: tuple[str, ...] = ()
    anchors: Mapping[str, Tensor] = field(default_factory=dict)
    behaviors: tuple[str, ...] = ()
    groups: Groups = ()
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
    groups: Groups = (),
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
        Of the project; where a model file has others, the last layers stay as they are.
    groups
        Names of the project's exclusive behaviors. Compared where a file is used as it is.
    partners
        Digests of the files of the motion network in front. Compared likewise; None: there is none.

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
    file = weights_file(settings.weights)
    if file is None:
        return Loaded()
    content = _read(file, stage)
    _check_settings(file, content, settings, stage)
    if settings.epochs == 0:
        _check_as_it_is(file, content, behaviors, groups, partners)
    theirs = tuple(content.get("behaviors", ()))
    fresh = network.head_prefixes() if theirs != tuple(behaviors) else ()
    reinitialised = tuple(key for key in network.state_dict() if key.startswith(fresh))
    if fresh:
        log(
            f"{file}: made for {_listed(theirs)} in place of {_listed(behaviors)}: the last layers "
            f"start anew ({_listed(reinitialised)})"
        )
    given = {k: v for k, v in content["state_dict"].items() if not k.startswith(fresh)}
    _check_shapes(file, network, given, but=reinitialised)
    return _filled(
        network, given, source=str(file), sha256=content["sha256"], files=(file,),
        reinitialised=reinitialised, behaviors=theirs,
        groups=tuple(map(tuple, content.get("groups", ()))), settings=content["settings"],
        normalization=content.get("normalization"),
    )  # fmt: skip


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


def _read(file: Path, stage: str) -> dict[str, Any]:
    if not file.exists():
        raise ModelError(
            f"{file}: no such file to take weights from; give its place relative to the project "
            "folder, or write `weights: none` in config.yaml."
        )
    try:
        return files.load(file, stage=stage)
    except ModelError:
        if _is_original(file):
            raise ModelError(
                f"{file}: a file of the original program, expected a model file of deg; run "
                f"`deg import-model {file} --out NEW.pt` and name the new file under `weights`."
            ) from None
        raise


def _is_original(file: Path) -> bool:
    try:
        checkpoint.read(file)
    except ModelError:
        return False
    return True


def _check_settings(
    file: Path, content: Mapping[str, Any], settings: TrainSettings, stage: str
) -> None:
    """Compare what decides on the meaning of the weights; tensors alone do not show it."""
    theirs = from_dict(type(settings), content["settings"])
    names = meaningful(stage, theirs)
    needed = {name: getattr(theirs, name) for name in names}
    wrong = [name for name in names if getattr(settings, name) != needed[name]]
    if wrong:
        found = _as_yaml({name: getattr(settings, name) for name in wrong})
        raise ModelError(
            f"{file}: its weights need settings of their own; expected under "
            f"{stage.removeprefix('train_')} in config.yaml "
            f"`{_as_yaml({name: needed[name] for name in wrong})}`, found `{found}`; change these, "
            "or choose other weights."
        )


def meaningful(stage: str, settings: TrainSettings) -> tuple[str, ...]:
    """Name the settings of a stage that decide on the meaning of its network's weights."""
    if stage != "train_sequence":
        return MEANING[stage]
    asked = inspect.signature(find(SEQUENCE_NETWORKS, settings.network)).parameters
    shaping = [name for name in vars(settings) if name in asked and "dropout" not in name]
    return (*MEANING[stage], *shaping)


def _as_yaml(values: Mapping[str, Any]) -> str:
    plain = {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}
    style = {"default_flow_style": True, "sort_keys": False, "allow_unicode": True}
    return yaml.safe_dump(plain, width=math.inf, **style).strip().strip("{}")


def _check_as_it_is(
    file: Path,
    content: Mapping[str, Any],
    behaviors: Sequence[str],
    groups: Groups,
    partners: Sequence[str] | None,
) -> None:
    """Check what a model that is not trained any further must have in common with the project."""
    remedy = "give `epochs` of 1 or more, so that it is trained further, or use another file."
    if list(behaviors) != list(content.get("behaviors", ())):
        raise ModelError(
            f"{file}: `epochs: 0` uses it as it is, but it was made for the behaviors "
            f"{_listed(content['behaviors'])} in place of {_listed(behaviors)}; {remedy}"
        )
    theirs = content.get("groups", ())
    if set(map(frozenset, groups)) != set(map(frozenset, theirs)):
        needed = _as_yaml({"exclusive_groups": [list(group) for group in theirs]})
        raise ModelError(
            f"{file}: `epochs: 0` uses it as it is, and it needs `{needed}` in config.yaml; set "
            f"that, or {remedy}"
        )
    if partners is not None and content.get("flow_sha256") not in partners:
        raise ModelError(
            f"{file}: `epochs: 0` uses it as it is, but it was trained behind another flow model; "
            f"name the one that came with it under flow as `weights`, with `epochs: 0`, or {remedy}"
        )


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
            f"({_listed(wrong[:SHOWN])}{more}); set network, width and sizes as the file was "
            "trained with, or choose other weights."
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


# --- torchvision's


def _from_imagenet(network: nn.Module, settings: TrainSettings, stage: str) -> Loaded:
    if not isinstance(network, TwoStream) or not isinstance(settings, FeatureSettings):
        raise ConfigError(
            f"config.yaml: {stage.removeprefix('train_')}: weights: expected none or a model file, "
            "found imagenet, which only backbones of features have; write `weights: none`."
        )
    found = imagenet.fetch(settings.backbone)
    given = imagenet.adapted(network, found.state_dict)
    return _filled(network, given, source=found.url, sha256=found.sha256)
