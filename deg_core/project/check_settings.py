"""What is wrong with config.yaml and videos.tsv: everything, not only the first mistake."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deg_core.config import check_config, read_yaml
from deg_core.errors import ConfigError
from deg_core.project.check_weights import model_file_problems
from deg_core.project.findings import Finding
from deg_core.project.folder import CONFIG, Project, require_project, table_path
from deg_core.starting import weights_problems
from deg_core.table import Video, read_rows, read_videos, videos_of

FIRST = (("behaviors",), ("presets", "preset_base"))  # keys that other keys speak of


def examine_settings(folder: Path) -> tuple[Project, list[Finding]]:
    """Read as much of a project as can be read.

    Parameters
    ----------
    folder
        The project.

    Returns
    -------
    tuple[Project, list[Finding]]
        The project, with those settings and rows that are usable, and all that is wrong.

    Raises
    ------
    ConfigError
        If the folder holds no project.
    """
    path = require_project(folder) / CONFIG
    config, findings = readable_config(path)
    table = table_path(folder, config)
    try:
        videos = read_videos(table, project=folder)
    except ConfigError as error:
        videos, rows = readable_rows(table, folder)
        findings += rows or [Finding(str(error))]
    return Project(folder, config, videos), findings


def readable_config(path: Path) -> tuple[dict[str, Any], list[Finding]]:
    """Read settings; of those with mistakes, keep what other checks need."""
    try:
        raw = read_yaml(path)
    except ConfigError as error:
        return {"behaviors": []}, [Finding(str(error))]
    try:
        config = check_config(raw, str(path))
    except ConfigError as error:
        texts = all_problems(raw, str(path)) or [str(error)]
        return usable_part(raw), [Finding(text) for text in dict.fromkeys(texts)]
    texts = [
        *weights_problems(config, project=path.parent),
        *model_file_problems(config, project=path.parent),
    ]
    return config, [Finding(text) for text in texts]


def all_problems(config: Any, source: str) -> list[str]:
    """List all that is wrong with settings, of which `check_config` tells the first only.

    Parameters
    ----------
    config
        What the file says.
    source
        The file, for the messages.
    """
    if not isinstance(config, Mapping):
        return problems_of(config, {}, source)
    texts = [] if "behaviors" in config else problems_of({}, {}, source)
    context: dict[str, Any] = {"behaviors": ["any"]}
    # Others speak of the behaviors and the presets, so these come first, and along with each other.
    for keys in FIRST:
        part = {key: value for key, value in config.items() if key in keys}
        wrong = problems_of(part, context, source)
        texts += wrong
        if not wrong:
            context |= part
    told = {key for keys in FIRST for key in keys}
    if context["behaviors"] == ["any"]:
        told.add("exclusive_groups")  # of behaviors that are not known
    for key, value in config.items():
        if key not in told:
            texts += problems_of({key: value}, context, source)
    return texts


def problems_of(part: Any, context: Mapping[str, Any], source: str) -> list[str]:
    """Check a part of the settings; where it is wrong, check smaller and smaller parts of it."""
    try:
        check_config({**context, **part} if isinstance(part, Mapping) else part, source)
    except ConfigError as error:
        inner = [text for piece in pieces(part) for text in problems_of(piece, context, source)]
        return inner or [str(error)]
    return []


def pieces(part: Any) -> list[dict[str, Any]]:
    """Divide nested settings at the first level that has several keys."""
    if not isinstance(part, Mapping):
        return []
    if len(part) == 1:
        return [{key: piece} for key, value in part.items() for piece in pieces(value)]
    return [{key: value} for key, value in part.items()]


def usable_part(config: Any) -> dict[str, Any]:
    """Keep what the checks of videos and labels need, where it has the right form."""
    given = config if isinstance(config, Mapping) else {}
    behaviors = given.get("behaviors")
    named = behaviors if isinstance(behaviors, list) else []
    part: dict[str, Any] = {"behaviors": [name for name in named if isinstance(name, str)]}
    kinds = {"videos": str, "labels": dict, "example": dict}
    return part | {
        key: given[key] for key, kind in kinds.items() if isinstance(given.get(key), kind)
    }


def readable_rows(table: Path, folder: Path) -> tuple[list[Video], list[Finding]]:
    """Read a table row by row, since reading it at once stops at the first mistake.

    Returns
    -------
    tuple[list[Video], list[Finding]]
        The rows that can be used, and what is wrong with the others; nothing is found if rows are
        right one by one, and only do not go together.
    """
    videos: list[Video] = []
    findings: list[Finding] = []
    try:
        rows = read_rows(table)
    except ConfigError:
        return videos, findings
    for row in rows[1:]:
        try:
            videos += videos_of([rows[0], row], table, project=folder)
        except ConfigError as error:
            findings.append(Finding(str(error)))
    return videos, list(dict.fromkeys(findings))
