"""Whether the model files that `weights` names can be used: read and compared, before a run.

Reads model files, and imports torch only where there are some.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deg_core.errors import ModelError
from deg_core.presets import DEFAULT_PRESETS, resolve, sections_of
from deg_core.settings import SECTIONS, TrainSettings, from_dict
from deg_core.starting import weights_file
from deg_core.table import is_file


def model_file_problems(config: Mapping[str, Any], *, project: Path) -> Iterator[str]:
    """Yield what is wrong with the model files that a project starts from, each once.

    Parameters
    ----------
    config
        The project's configuration, checked.
    project
        Its folder, to which names of files are relative. Missing files are for
        `deg_core.starting` to tell.
    """
    told = set()
    for preset in config.get("presets") or DEFAULT_PRESETS:
        for section, problem in _problems_of(preset, config, project):
            if (section, problem) not in told:
                told.add((section, problem))
                yield f"config.yaml: {section} (preset {preset}): weights: {problem}"


def _problems_of(
    preset: str, config: Mapping[str, Any], project: Path
) -> Iterator[tuple[str, str]]:
    settings = {
        section: from_dict(SECTIONS[section], resolve(config, section, preset))
        for section in sections_of(config, preset)
    }
    in_front: dict[str, Any] = {}  # content of models that are used as they are; None: unreadable
    for section, chosen in settings.items():
        file = weights_file(chosen.weights)
        if file is None or not is_file(project / file):
            continue
        try:
            content = _checked(project / file, section, chosen, config, in_front)
        except ModelError as error:
            yield section, str(error)
            content = None
        if chosen.epochs == 0:
            in_front[section] = content


def _checked(
    file: Path,
    section: str,
    settings: TrainSettings,
    config: Mapping[str, Any],
    in_front: Mapping[str, Any],
) -> dict[str, Any]:
    """Read a model file and compare it with the settings; return what is in it."""
    from deg_core.models import agreement

    stage = f"train_{section}"
    content = agreement.read(file, stage)
    named = {} if section == "flow" else {
        "behaviors": config["behaviors"], "groups": config.get("exclusive_groups", []),
        "partners": _partners(section, in_front),
    }  # fmt: skip
    agreement.check(file, content, settings, stage=stage, **named)
    return content


def _partners(section: str, in_front: Mapping[str, Any]) -> list[str] | None:
    """Return the digest of what will stand in front of a model; none of what will be trained."""
    from deg_core.models import files

    needed = ("flow",) if section == "features" else ("flow", "features")
    if not set(needed) <= set(in_front):
        return []
    if None in (in_front[name] for name in needed):  # what is wrong there has been told
        return None
    origins = [files.origin(in_front[name]) for name in needed]
    return origins if section == "features" else [files.digest_of_features(*origins)]
