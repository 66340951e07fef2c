"""`deg new`: a project folder with commented settings, an empty table and a place for labels.

Writes config.yaml, videos.tsv, .gitignore and labels/; never overwrites anything.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from deg_core.config import check_config
from deg_core.data.publish import publish_text
from deg_core.errors import ConfigError, StateError
from deg_core.presets import suited
from deg_core.progress import log
from deg_core.project.folder import CONFIG, TABLE, quoted
from deg_core.project.machine import count_gpus, has_imagenet_weights
from deg_core.settings import SECTIONS, to_dict

COLUMNS = ("video", "path", "group", "pretrain", "labels", "split")
GITIGNORE = """\
# Computed, and safe to delete; what a person made is kept.
results/
state/
logs/
benchmarks/
.snakemake/
report.html
# Raw videos are large; keep them in a store of their own.
videos/
"""
CONFIG_TEXT = """\
# Settings of this project. Every key is described, with its limits and its default, in
# workflow/schemas/config.schema.yaml of deg-core; only what differs from a default need stand here.
# After a change, `deg status .` says what it makes stale, and `deg run .` computes just that.

# What is to be found, spelled as in the label files. `background` (none of them) is derived.
# Adding, renaming or reordering behaviors trains anew, but never touches a label file.
behaviors: {behaviors}

# Behaviors that never happen together: each frame has at most one of a group.
# exclusive_groups: [[walk, rear]]

# The models to train: lite is small and learns within minutes, on a processor, too; fast, medium
# and slow are the paper's and want a graphics card and pretrained weights; keypoints and clusters
# are made of what other programs found (docs/baselines.md). Several are trained and reported side
# by side. Chosen by `deg new`: {reason}.
presets: {presets}

# Whose labels train, where a label file holds those of several annotators.
# labels: {labels}

# Height and width in pixels to which each video is resized, once. Keep the videos' proportions;
# larger sees more and takes longer. A change imports and trains everything anew.
import:
  size: {size}

# Which videos train, choose and test. A split never divides a group (see videos.tsv); the column
# `split` there fixes single videos. `final: true` also trains a model on all labeled videos, which
# is the one to use for new videos.
splits: {splits}

# Augmentation: which changes of a picture leave its behaviors the same. flip_ud only suits views
# from above.
# augment: {augment}

# Settings of one stage: `common` is for all presets, a preset's name for that preset alone.
{features}

# Bouts shorter than this percentile of the labeled bouts are removed. `method: auto` chooses on
# the validation videos what makes better bouts, for each behavior.
# postprocess: {postprocess}

# How much labeling is enough? Also train with fewer videos.
# sweep: {{train_sizes: auto}}

# Of which videos the ethogram is drawn: all, test or none.
# figures: {figures}
"""


FEATURES = """\
# features:
#   common: {epochs: 30}
#   fast: {batch_size: 16}"""
FEATURES_OF_IMAGENET = """\
# ImageNet's weights, which torchvision's file on this machine holds, are where `fast` starts.
features:
  fast: {weights: imagenet}
#   common: {epochs: 30}"""


def create(folder: Path, *, behaviors: Sequence[str], environment: Mapping[str, str]) -> None:
    """Make a project folder and say what comes next.

    Parameters
    ----------
    folder
        Made where it is missing; other files in it are left alone.
    behaviors
        Names of the behaviors; may be empty, and then has to be filled in by hand.
    environment
        Of the process; tells where graphics cards and pretrained weights are looked for.

    Raises
    ------
    ConfigError
        If there is a project already, or a name cannot be used.
    StateError
        If the folder cannot be written.
    """
    for name in (CONFIG, TABLE):
        if (folder / name).exists():
            raise ConfigError(
                f"{folder / name}: exists already; `deg new` never overwrites, "
                f"so take another folder, or add videos with `deg add {quoted(folder)} VIDEO`."
            )
    weights = has_imagenet_weights(environment)
    presets, reason = suited(gpus=count_gpus(environment), weights=weights)
    text = config_text(behaviors, presets, reason, weights=weights)
    if behaviors:
        check_config(yaml.safe_load(text), f"{folder / CONFIG}")
    try:
        (folder / "labels").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(
            f"{folder}: cannot be made ({error.strerror}); choose a place that you may write."
        ) from error
    publish_text(folder / CONFIG, text)
    publish_text(folder / TABLE, "\t".join(COLUMNS) + "\n")
    if not (folder / ".gitignore").exists():
        publish_text(folder / ".gitignore", GITIGNORE)
    log(f"{folder}: presets {', '.join(presets)}, since {reason}")
    log(next_steps(folder, named=bool(behaviors)))


def config_text(
    behaviors: Sequence[str], presets: Sequence[str], reason: str, *, weights: bool = False
) -> str:
    """Write the commented settings of a new project, with the defaults that the code declares.

    Parameters
    ----------
    behaviors, presets
        Names.
    reason
        Why these presets, as the end of a sentence.
    weights
        Whether the preset `fast` starts from ImageNet's weights, which are on this machine.
    """

    def of(section: str, *keys: str) -> str:
        values = to_dict(SECTIONS[section]())
        return flow_style({key: values[key] for key in keys})

    return CONFIG_TEXT.format(
        behaviors=flow_style(list(behaviors)),
        labels=flow_style({"annotator": "anna"}),
        size=flow_style(to_dict(SECTIONS["import"]())["size"]),
        splits=of("splits", "count", "final", "val", "test", "seed"),
        augment=of("augment", "flip_lr", "flip_ud", "degrees"),
        postprocess=of("postprocess", "method", "percentile"),
        figures=of("figures", "ethograms"),
        features=FEATURES_OF_IMAGENET if weights and "fast" in presets else FEATURES,
        presets=flow_style(list(presets)),
        reason=reason,
    )


def flow_style(value: Any) -> str:
    """Write a value as YAML on one line, quoting only what needs it."""
    return yaml.safe_dump(
        json.loads(json.dumps(value)),
        default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000,
    ).strip()  # fmt: skip


def next_steps(folder: Path, *, named: bool) -> str:
    """Say what to do with a new project."""
    first = [] if named else [f"name the behaviors in {folder / CONFIG}"]
    steps = [
        *first,
        f"add videos: deg add {quoted(folder)} VIDEO ...",
        f"check everything: deg doctor {quoted(folder)}",
        f"compute: deg run {quoted(folder)}",
    ]
    lines = [f"{number}. {step}" for number, step in enumerate(steps, start=1)]
    return "\n".join([f"{folder}: new project. Next:", *lines])
