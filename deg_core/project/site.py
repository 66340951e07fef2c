"""Which profile a run uses, and what of it `deg run` has to know; Snakemake reads the rest."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from deg_core.project import workflow

PROFILES = ("--profile", "--workflow-profile")
EXECUTORS = ("--executor", "-e")
PARTITION = "slurm_partition"


@dataclass(frozen=True)
class Profile:
    """Where a run computes, as options and profile say; options count more.

    ``path`` is the profile's file, None without one; ``given`` holds options by flag.
    """

    path: Path | None
    content: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)

    def value(self, *flags: str) -> Any:
        """Return what was chosen for a flag of Snakemake, under any of its names; else None."""
        for flag in flags:
            if flag in self.given:
                return self.given[flag]
        return self.content.get(flags[0].removeprefix("--"))

    @property
    def executor(self) -> str | None:
        """What runs the jobs; None is this machine."""
        return self.value(*EXECUTORS)

    @property
    def partitions(self) -> set[str]:
        """The partitions of Slurm that the profile names, as written there."""
        blocks = [self.content.get("default-resources"), *_values(self.content, "set-resources")]
        named = (block.get(PARTITION) for block in blocks if isinstance(block, Mapping))
        return {str(name).strip() for name in named if name}


def _values(content: Mapping[str, Any], key: str) -> list[Any]:
    block = content.get(key)
    return list(block.values()) if isinstance(block, Mapping) else []


def read(folder: Path, *, options: Sequence[str], environment: Mapping[str, str]) -> Profile:
    """Find the profile of a run, as Snakemake will.

    Parameters
    ----------
    folder
        The project.
    options
        The user's, for Snakemake.
    environment
        ``SNAKEMAKE_PROFILE`` names one where no option does.
    """
    given = values(workflow.command(folder, options=options, environment=environment))
    if "--profile" not in given and environment.get("SNAKEMAKE_PROFILE"):
        given["--profile"] = environment["SNAKEMAKE_PROFILE"]
    merged: dict[str, Any] = {}
    path = None
    # As in Snakemake, the workflow's profile counts more than the user's.
    for flag in PROFILES:
        found = locate(given.get(flag, ""), environment)
        if found is None:
            continue
        content = _parse(found)
        merged |= content
        path = found if path is None or "executor" in content else path
    return Profile(path, merged, given)


def values(parts: Sequence[str]) -> dict[str, str]:
    """Return the flags of a command line with their values, ``--flag=value`` and ``-eVALUE`` too.

    A flag without a value has the empty text.
    """
    found: dict[str, str] = {}
    for position, part in enumerate(parts):
        if part.startswith("-e") and len(part) > 2:
            found["-e"] = part[2:]
        elif part.startswith("-"):
            flag, joined, value = part.partition("=")
            following = parts[position + 1] if position + 1 < len(parts) else "-"
            found[flag] = value if joined or following.startswith("-") else following
    return found


def locate(name: str, environment: Mapping[str, str]) -> Path | None:
    """Find a profile's file: a path, or a name in Snakemake's folders for settings."""
    if not name or name == "none":
        return None
    home = Path(environment.get("HOME", "~")).expanduser()
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    site_wide = Path((environment.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)[0])
    for place in (Path(name), config / "snakemake" / name, site_wide / "snakemake" / name):
        if place.is_file():
            return place
        files = {_oldest(path): path for path in place.glob("*.yaml")}
        usable = [oldest for oldest in files if 0 <= oldest <= _major()]
        if usable:
            return files[max(usable)]
    return None


def _oldest(path: Path) -> int:
    """Say from which version of Snakemake on a file is meant, as its name tells; -1: no profile."""
    named = re.fullmatch(r"(?:profile|config)(?:\.v(\d+)\+)?\.yaml", path.name)
    return int(named[1] or 0) if named else -1


def _major() -> int:
    return int(version("snakemake").split(".")[0])


def _parse(path: Path) -> dict[str, Any]:
    """Read a profile; what cannot be read is for Snakemake to complain about."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return {}
    return content if isinstance(content, dict) else {}
