"""Whether a model file goes with a project's settings: read, compared, refused in a sentence.

Trainings ask before they load weights, and `deg doctor` before anything runs.
"""

import inspect
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from deg_core.errors import ModelError
from deg_core.models import files, sequence
from deg_core.models.compat import checkpoint
from deg_core.progress import log
from deg_core.registry import SEQUENCE_NETWORKS, find
from deg_core.settings import TrainSettings

GroupNames = Sequence[Sequence[str]]

# Settings without which the same tensors would mean something else, or nothing.
MEANING = {
    "train_flow": ("network", "clip"),
    "train_features": (
        "backbone", "streams", "inputs", "fusion", "flow_weight", "picture",
        "final_bn",
    ),
    "train_sequence": ("network", "standardize"),
}  # fmt: skip
# Facts of a file that say behind what it was trained, and how to come by that.
PARTNERS = {
    "train_features": (
        ("flow_sha256", "flow_origin"),
        "another flow model; name the one that came with it under flow as `weights`, with "
        "`epochs: 0`,",
    ),
    "train_sequence": (
        ("features_digest",),
        "other features; name the flow model and the feature extractor that came with it under "
        "flow and features as `weights`, with `epochs: 0`,",
    ),
}


def read(file: Path, stage: str) -> dict[str, Any]:
    """Read a model file that `weights` names.

    Parameters
    ----------
    file
        The file.
    stage
        Rule that must have trained it.

    Returns
    -------
    dict
        As `files.load` gives it.

    Raises
    ------
    ModelError
        If the file is missing, damaged, foreign, of another stage or of the original program.
    """
    if not file.exists():
        raise ModelError(
            f"{file}: no such file to take weights from; give its place relative to the project "
            "folder, or write `weights: none` in config.yaml."
        )
    try:
        return files.load(file, stage=stage, remedy="name another one under `weights`")
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


def check(
    file: Path,
    content: Mapping[str, Any],
    settings: TrainSettings,
    *,
    stage: str,
    behaviors: Sequence[str] = (),
    groups: GroupNames = (),
    partners: Sequence[str] | None = None,
) -> None:
    """Check that a file's weights mean under these settings what they meant in their training.

    Parameters
    ----------
    file
        The file, for the messages.
    content
        What `read` gave.
    settings
        Of the project; with ``epochs: 0`` the file is used as it is, and more must agree.
    stage
        The rule that would load it.
    behaviors, groups
        Names of the project's behaviors, and of those that exclude each other.
    partners
        Digests of what stands in front: of the flow model, or of the features. None: nothing does,
        or nobody knows.

    Raises
    ------
    ModelError
        If they do not.
    """
    _check_settings(file, content, settings, stage)
    if settings.epochs == 0:
        _check_as_it_is(file, content, behaviors, groups)
        _check_partners(file, content, stage, partners)


def _check_settings(
    file: Path, content: Mapping[str, Any], settings: TrainSettings, stage: str
) -> None:
    """Compare what decides on the meaning of the weights; tensors alone do not show it."""
    needed = meaning(stage, files.settings_of(content, file, type(settings)))
    given = {name: value_of(settings, name) for name in needed}
    wrong = [name for name in needed if given[name] != needed[name]]
    if wrong:
        found = _as_yaml({name: given[name] for name in wrong})
        raise ModelError(
            f"{file}: its weights need settings of their own; expected under "
            f"{stage.removeprefix('train_')} in config.yaml "
            f"`{_as_yaml({name: needed[name] for name in wrong})}`, found `{found}`; change these, "
            "or choose other weights."
        )


def meaning(stage: str, settings: TrainSettings) -> dict[str, Any]:
    """Return the settings of a stage that decide on the meaning of its network's weights.

    Parameters
    ----------
    stage
        The rule that trains.
    settings
        All of them.

    Returns
    -------
    dict
        Values by name; where `auto` was given, what it stands for.
    """
    names = MEANING[stage]
    if stage == "train_sequence":
        asked = inspect.signature(find(SEQUENCE_NETWORKS, settings.network)).parameters
        shaping = [name for name in vars(settings) if name in asked and "dropout" not in name]
        names = (*names, *shaping)
    return {name: value_of(settings, name) for name in names}


def value_of(settings: TrainSettings, name: str) -> Any:
    """Return a setting's value, or what its `auto` stands for."""
    return sequence.n_layers(settings) if name == "n_layers" else getattr(settings, name)


def _as_yaml(values: Mapping[str, Any]) -> str:
    plain = {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}
    style = {"default_flow_style": True, "sort_keys": False, "allow_unicode": True}
    return yaml.safe_dump(plain, width=math.inf, **style).strip().strip("{}")


def _check_as_it_is(
    file: Path, content: Mapping[str, Any], behaviors: Sequence[str], groups: GroupNames
) -> None:
    """Check what a model that is not trained any further must have in common with the project."""
    remedy = "give `epochs` of 1 or more, so that it is trained further, or use another file."
    if set(behaviors) != set(content.get("behaviors", ())):
        raise ModelError(
            f"{file}: `epochs: 0` uses it as it is, but it was made for the behaviors "
            f"{listed(content['behaviors'])} in place of {listed(behaviors)}; {remedy}"
        )
    if not same_groups(groups, content.get("groups", ())):
        needed = _as_yaml({"exclusive_groups": [list(group) for group in content["groups"]]})
        raise ModelError(
            f"{file}: `epochs: 0` uses it as it is, and it needs `{needed}` in config.yaml; set "
            f"that, or {remedy}"
        )


def same_groups(one: GroupNames, other: GroupNames) -> bool:
    """Tell whether the same behaviors exclude each other, in whatever order they are named."""
    return set(map(frozenset, one)) == set(map(frozenset, other))


def _check_partners(
    file: Path, content: Mapping[str, Any], stage: str, partners: Sequence[str] | None
) -> None:
    """Check that what stands in front of a model is what it was trained behind."""
    if partners is None or stage not in PARTNERS:
        return
    facts, remedy = PARTNERS[stage]
    told = {content[fact] for fact in facts if content.get(fact)}
    if not told:
        log(
            f"{file}: does not say behind which models it was trained, and is right only behind "
            "those; see to it that flow and features take theirs as they are (docs/models.md)"
        )
    elif told.isdisjoint(partners):
        raise ModelError(
            f"{file}: `epochs: 0` uses it as it is, but it was trained behind {remedy} or give "
            "`epochs` of 1 or more, so that it is trained further."
        )


def listed(names: Iterable[str]) -> str:
    """Write names one after the other."""
    return ", ".join(names)
