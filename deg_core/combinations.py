"""Settings that do not go together although each on its own is right.

Asked while config.yaml is read, before any torch: a training would complain only when its turn
comes, hours later. Reads no file.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from deg_core.explain import nearest
from deg_core.presets import DEFAULT_PRESETS, resolve, sections_of

# Backbones of one width, since their weights may come from elsewhere.
ONE_WIDTH = ("resnet18", "resnet50", "resnet3d_34")


def problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what does not go together in any preset that is in use, one sentence each.

    Parameters
    ----------
    config
        A project's settings, of which each by itself is right; unused presets do not matter.
    """
    yield from _postprocess(config)
    for preset in config.get("presets") or DEFAULT_PRESETS:
        present = sections_of(config, preset)
        for section, check in CHECKS.items():
            for problem in check(resolve(config, section, preset)) if section in present else ():
                yield f"{section} (preset {preset}): {problem}"


def _postprocess(config: Mapping[str, Any]) -> Iterator[str]:
    names = [one.get("behavior", "") for one in resolve(config, "postprocess")["per_behavior"]]
    for name in dict.fromkeys(names):
        if name not in config["behaviors"]:
            yield (
                f"postprocess.per_behavior: the behavior '{name}' is not in behaviors; "
                f"{nearest(name, config['behaviors'])}"
            )
        elif names.count(name) > 1:
            yield f"postprocess.per_behavior: '{name}' stands there twice; remove one."


def _features(settings: Mapping[str, Any]) -> Iterator[str]:
    backbone, width = settings["backbone"], settings["width"]
    if backbone in ONE_WIDTH and width != 1:
        yield (
            f"width: expected 1 for the backbone {backbone}, found {width:g}; choose "
            "`backbone: small_cnn`, which can be narrowed."
        )
    if settings["members"] > 1 and settings["fusion"] == "concatenate":
        yield (
            f"members: expected 1 with `fusion: concatenate`, found {settings['members']}; choose "
            "`fusion: average`."
        )
    if settings["members"] > 1 and settings["weights"] == "imagenet":
        yield (
            f"members: expected 1 with `weights: imagenet`, found {settings['members']}; members "
            "that start alike stay alike."
        )


def _sequence(settings: Mapping[str, Any]) -> Iterator[str]:
    if settings["network"] == "transformer":
        yield from _transformer(settings)
    if settings["network"] == "mlp" and settings["mlp_window"] % 2 == 0:
        yield (
            "mlp_window: expected an odd number, the frame itself in the middle, found "
            f"{settings['mlp_window']}; take {settings['mlp_window'] + 1}."
        )


def _transformer(settings: Mapping[str, Any]) -> Iterator[str]:
    window, hidden, n_heads = (settings[k] for k in ("attention_window", "hidden", "n_heads"))
    if window % 2 == 0:
        yield (
            "attention_window: expected an odd number, the frame itself in the middle, found "
            f"{window}; take {window + 1}."
        )
    if hidden % n_heads:
        yield (
            f"hidden: expected a multiple of n_heads ({n_heads}), found {hidden}; take "
            f"{-(-hidden // n_heads) * n_heads}, or another n_heads."
        )


CHECKS = {"features": _features, "sequence": _sequence}
