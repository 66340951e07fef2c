"""What Snakemake would do, and why, in words: its dry-run's output parsed.

Reads no file; `snakemake --dry-run` is asked.
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deg_core.project import workflow

DRY_RUN = ["--dry-run", "--quiet", "host", "progress"]
FOLLOWS = "follows from that"
# What Snakemake calls a reason, and what it means to a user.
REASONS: dict[str, str] = {
    "Missing output files": "not computed yet",
    "Incomplete output files": "left unfinished by a run that was stopped",
    "Input files updated by another job": FOLLOWS,
    "Set of input files has changed since last execution": (
        "has other inputs than last time: a video, a label file or a split was added or removed"
    ),
    "Code has changed since last execution": "the workflow's command is another one than last time",
    "Software environment definition has changed since last execution": (
        "the software environment is another one than last time"
    ),
    "Forced execution": "asked for",
}
SHOWN_NAMES = 4


@dataclass(frozen=True)
class Job:
    """One job that Snakemake would run: its rule, what it is for, and the reason as it says it."""

    rule: str
    target: str
    reason: str


def planned(
    folder: Path, *, environment: Mapping[str, str], targets: Sequence[str] = ()
) -> list[Job]:
    """Ask Snakemake which jobs a project needs.

    Parameters
    ----------
    folder
        The project.
    environment
        Of the process.
    targets
        Files of the project that are wanted; without, all.

    Raises
    ------
    StateError
        If Snakemake cannot plan them.
    """
    return parse(workflow.ask(folder, options=[*targets, *DRY_RUN], environment=environment))


def parse(text: str) -> list[Job]:
    """Find the jobs in a dry-run's output; rules that only collect others are left out."""
    jobs = []
    for block in re.split(r"^(?=(?:local)?rule \w+:$)", text, flags=re.MULTILINE)[1:]:
        head, *lines = block.splitlines()
        rule = head.rstrip(":").split()[-1]
        values = dict(re.findall(r"^    (\w+): (.*)$", "\n".join(lines), flags=re.MULTILINE))
        if "output" in values:
            target = _target(values.get("wildcards", ""), values["output"])
            jobs.append(Job(rule, target, values.get("reason", "").strip()))
    return jobs


def _target(wildcards: str, output: str) -> str:
    """Name a job by its video or run, or else by the file that it makes."""
    named = dict(re.findall(r"(\w+)=([^,]+)(?:, |$)", wildcards))
    run = "/".join(named[key] for key in ("preset", "split", "n_train") if key in named)
    return " ".join(filter(None, [run, named.get("video")])) or Path(output.split(", ")[0]).name


def in_words(jobs: Iterable[Job]) -> list[str]:
    """Describe the jobs: one line per rule and reason, then those that only follow from them.

    Returns
    -------
    list of str
        Such as ``import_labels: 1 job (m3): labels/m3.csv changed``.
    """
    causes: dict[tuple[str, str], list[str]] = {}
    followers: Counter[str] = Counter()
    for job in jobs:
        reason = reason_in_words(job.reason)
        if reason == FOLLOWS:
            followers[job.rule] += 1
        else:
            causes.setdefault((job.rule, reason), []).append(job.target)
    lines = [
        f"{rule}: {len(targets)} job{'s' if len(targets) > 1 else ''} ({_few(targets)}): {reason}"
        for (rule, reason), targets in causes.items()
    ]
    if followers:
        counted = ", ".join(f"{rule} {count}" for rule, count in followers.items())
        lines.append(f"{FOLLOWS}: {counted}")
    return lines


def _few(names: Iterable[str]) -> str:
    unique = sorted(set(names))
    more = len(unique) - SHOWN_NAMES
    return ", ".join(unique[:SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")


def reason_in_words(reason: str) -> str:
    """Translate one reason; a job's own reason counts more than that an earlier job will run."""
    parts = [_part_in_words(part) for part in _split(reason)]
    own = [part for part in parts if part != FOLLOWS]
    if REASONS["Missing output files"] in own:
        return REASONS["Missing output files"]
    return "; ".join(own) or (FOLLOWS if parts else "needed")


def _split(reason: str) -> list[str]:
    names = "|".join(map(re.escape, [*REASONS, "Updated input files", "Params have changed since"]))
    return [part for part in re.split(rf"(?:^|; )(?={names})", reason) if part.strip()]


def _part_in_words(part: str) -> str:
    name, _, details = part.partition(": ")
    if name == "Updated input files":
        return f"{_few(details.split(', '))} changed"
    if name.startswith("Params have changed"):
        return changed_settings(details)
    return REASONS.get(name, name)


def changed_settings(details: str) -> str:
    """Say which settings differ, from Snakemake's account of parameters before and now.

    Parameters
    ----------
    details
        ``... before: <values> now: <values>``, each value as Python would write it.
    """
    before, _, now = details.partition(" now: ")
    old, new = _objects(before), _objects(now)
    changes = [text for pair in zip(old, new, strict=False) for text in differences(*pair)]
    if changes:
        return "settings changed: " + ", ".join(changes)
    return "its settings, its inputs' sizes or the version of the stage changed"


def _objects(text: str) -> list[dict[str, Any]]:
    """Find the JSON objects among values written as Python literals."""
    found = []
    for literal in re.findall(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"", text):
        try:
            value = json.loads(ast.literal_eval(literal))
        except (ValueError, SyntaxError):
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """List the settings that differ, as ``name old -> new``; nested ones with dots."""
    found = []
    for key in sorted({*old, *new}):
        before, now = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(now, dict):
            found += differences(before, now, f"{prefix}{key}.")
        elif before != now or (key in old) != (key in new):
            found.append(f"{prefix}{key} {json.dumps(before)} -> {json.dumps(now)}")
    return found
