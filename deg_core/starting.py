"""Which file a training starts from: what `weights` in config.yaml says, before any torch.

The rules ask for the files, since a file is an input; they and `deg doctor` ask what is wrong.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deg_core.errors import ConfigError
from deg_core.presets import DEFAULT_PRESETS, resolve, sections_of

NONE, IMAGENET = "none", "imagenet"
DRAWN = "drawn"  # what comes with the program: `deg_core.models.drawn`
# torchvision's files of such weights, by backbone; torch keeps them in its hub/checkpoints.
IMAGENET_FILES = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet50": "resnet50-0676ba61.pth",
}
WITH_IMAGENET = tuple(IMAGENET_FILES)


def weights_file(weights: str) -> Path | None:
    """Return the file that a value of ``weights`` names, if it names one."""
    return None if weights in (NONE, IMAGENET, DRAWN) else Path(weights)


def only_features_have(weights: str) -> str:
    """Complain of weights that a network without backbones is to start from."""
    return (
        f"weights: expected none or a model file, found {weights}, which only backbones of "
        "features have; write `weights: none`."
    )


def check_weights(config: Mapping[str, Any], *, project: Path) -> None:
    """Check what the trainings of a project start from.

    Parameters
    ----------
    config
        The project's configuration, checked.
    project
        Its folder, to which names of files are relative.

    Raises
    ------
    ConfigError
        If a file is missing, there are no such weights, or weights that do not exist are to be
        used as they are.
    """
    for problem in weights_problems(config, project=project):
        raise ConfigError(problem)


def weights_problems(config: Mapping[str, Any], *, project: Path) -> Iterator[str]:
    """Yield all that `check_weights` would complain about, each once."""
    told = set()
    for preset in config.get("presets") or DEFAULT_PRESETS:
        for section in sections_of(config, preset):
            problem = _problem(resolve(config, section, preset), section, project)
            if problem and (section, problem) not in told:
                told.add((section, problem))
                yield f"config.yaml: {section} (preset {preset}): {problem}"


def _problem(settings: Mapping[str, Any], section: str, project: Path) -> str | None:
    weights, file = settings["weights"], weights_file(settings["weights"])
    if weights in (IMAGENET, DRAWN) and section != "features":
        return only_features_have(weights)
    if weights == IMAGENET and settings["backbone"] not in WITH_IMAGENET:
        return (
            f"weights: imagenet exists for {' and '.join(WITH_IMAGENET)}, not for the backbone "
            f"{settings['backbone']}; write `weights: none`, or choose another backbone."
        )
    if file is None and settings["epochs"] == 0 and settings.get("network") != "difference":
        return (
            f"epochs: 0 uses a model file as it is, but weights is {weights}; name a model file, "
            "or train for at least one epoch."
        )
    if file is not None and not (project / file).is_file():
        if not file.suffix and file.name == str(file):  # `pretrained`, `latest`
            return (
                "weights: expected none, imagenet or drawn (under features), or a model file, "
                f"found {file}; of DeepEthogram's checkpoints `deg import-model` makes model files."
            )
        return (
            f"weights: {project / file}: no such file; give its place relative to the project "
            "folder, or write `weights: none`."
        )
    return None
