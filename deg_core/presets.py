"""The presets: what each changes against the defaults of the settings, and how all are merged."""

from collections.abc import Mapping
from typing import Any

from deg_core.errors import ConfigError
from deg_core.settings import SECTIONS, AugmentSettings, to_dict

PER_PRESET = ("flow", "features", "sequence")
AUGMENTED = ("flow", "features")
VIDEO, KEYPOINTS, CLUSTERS = "video", "keypoints", "clusters"

# What a preset changes against the defaults of the settings, by the stages that it has. `fast`,
# `medium` and `slow` are the three models of the paper's Table 2; `lite` is small enough to learn
# on a processor, and has seen drawn animals before (`deg_core.models.drawn`). `keypoints` and
# `clusters` look at no picture: they are what others are compared with (`source_of`).
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "fast": {"flow": {}, "features": {}, "sequence": {}},
    "medium": {
        "flow": {"network": "motion_net"}, "features": {"backbone": "resnet50"}, "sequence": {},
    },
    "slow": {
        "flow": {
            "network": "tiny_motion_net_3d", "smooth_weight": 0.25, "sparsity_weight": 0.05,
        },
        "features": {"backbone": "resnet3d_34"},
        "sequence": {},
    },
    "lite": {
        "flow": {"network": "difference", "epochs": 1},
        "features": {
            "backbone": "small_cnn", "inputs": ["frame", "background_difference"],
            "weights": "drawn", "epochs": 8, "choose_after": 0.5,
            "steps_per_epoch": 100, "lr": 1e-3, "schedule": "cosine", "weight_decay": 1e-4,
            "augment": {"hue": 0.0, "saturation": 0.0},
        },
        "sequence": {
            "epochs": 40, "lr": 2e-3, "schedule": "cosine", "batch_size": 8,
            "windows_per_video": 8, "weight_decay": 0.01, "c_out": 2, "center_after": 500,
            "choose_after": 0.5,
        },
    },
    KEYPOINTS: {
        "sequence": {
            "network": "mlp", "dropout": 0.35, "epochs": 40, "lr": 1e-3, "schedule": "cosine",
            "batch_size": 8, "windows_per_video": 8, "weight_decay": 0.01,
        },
    },
    CLUSTERS: {},
}  # fmt: skip


LOOKING = tuple(name for name, stages in PRESETS.items() if "features" in stages)  # at pictures
DEFAULT_PRESETS = ["lite"]  # runs anywhere; what a config.yaml without `presets` gets


def suited(*, gpus: int, weights: bool) -> tuple[list[str], str]:
    """Choose the presets of a new project by what its machine has, and say why.

    The paper's networks need pretrained weights or days of training; from random weights and on a
    processor they learn almost nothing in an hour. So `lite` alone is chosen where there is
    neither a graphics card nor weights.

    Parameters
    ----------
    gpus
        Number of graphics cards.
    weights
        Whether pretrained weights are on this machine.

    Returns
    -------
    tuple
        Names of presets, and the reason as the end of a sentence.
    """
    if not gpus and not weights:
        return ["lite"], "there is neither a graphics card nor a file of pretrained weights here"
    found = ["a graphics card"] * (gpus > 0) + ["pretrained weights"] * weights
    there = f"there {'are' if weights else 'is'} {' and '.join(found)} here"
    return ["fast", "lite"], f"{there}; keep what scores better"


def resolve(config: Mapping[str, Any], section: str, preset: str | None = None) -> dict[str, Any]:
    """Merge the settings of one section: defaults, preset, the user's common part and preset.

    Parameters
    ----------
    config
        A project's configuration, checked.
    section
        Name of the section.
    preset
        Name of the preset, for the sections that have one block per preset.

    Returns
    -------
    dict
        Plain values, ready for `to_json`.

    Raises
    ------
    ConfigError
        If the preset is unknown.
    """
    cls = SECTIONS[section]
    merged = to_dict(cls())
    given = dict(config.get(section) or {})
    if section not in PER_PRESET:
        return merged | given
    base = base_preset(config, preset or "")
    own = PRESETS[base].get(section, {})
    merged |= own | (given.get("common") or {}) | (given.get(base) or {})
    if preset != base:
        merged |= given.get(preset) or {}
    if section in AUGMENTED:
        blocks = [own, {"augment": config.get("augment")}]
        blocks += [given.get(name) or {} for name in ("common", base, preset or "")]
        merged["augment"] = to_dict(AugmentSettings())
        for block in blocks:
            merged["augment"] |= block.get("augment") or {}
    return merged


def base_preset(config: Mapping[str, Any], preset: str) -> str:
    """Name the built-in preset that ``preset`` is, or starts from.

    Raises
    ------
    ConfigError
        If there is no such preset.
    """
    base = (config.get("preset_base") or {}).get(preset, preset)
    if base not in PRESETS:
        raise ConfigError(
            f"config.yaml: preset '{preset}' is not known; use one of {', '.join(PRESETS)}, "
            f"or name in `preset_base` the one that '{preset}' starts from."
        )
    return base


def sections_of(config: Mapping[str, Any], preset: str) -> tuple[str, ...]:
    """List the stages that a preset has, of those with one block of settings per preset.

    Raises
    ------
    ConfigError
        If there is no such preset.
    """
    return tuple(PRESETS[base_preset(config, preset)])


def source_of(config: Mapping[str, Any], preset: str) -> str:
    """Say what a preset looks at: `VIDEO`, or the files named in that column of videos.tsv.

    Raises
    ------
    ConfigError
        If there is no such preset.
    """
    base = base_preset(config, preset)
    return base if base in (KEYPOINTS, CLUSTERS) else VIDEO
