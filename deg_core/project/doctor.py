"""`deg doctor`: everything that a run would need, checked; all that is wrong, said at once.

Reads a project's files and changes none.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from deg_core.project import machine
from deg_core.project.check_labels import examine_labels, examine_splits
from deg_core.project.check_place import examine_place
from deg_core.project.check_results import examine_results
from deg_core.project.check_settings import examine_settings
from deg_core.project.check_sources import examine_sources
from deg_core.project.check_videos import Measured, examine_videos
from deg_core.project.findings import Finding
from deg_core.project.folder import Project


def examine(folder: Path, *, environment: Mapping[str, str], deep: bool = False) -> int:
    """Check a project and print what is wrong with it.

    Parameters
    ----------
    folder
        The project.
    environment
        Of the process.
    deep
        Whether to read all computed files and raw videos to the last byte.

    Returns
    -------
    int
        0 if nothing would stop a run, else 2.

    Raises
    ------
    ConfigError
        If the folder holds no project.
    """
    project, findings = examine_settings(folder)
    findings += further(project, environment, settings_good=not findings, deep=deep)
    print("\n".join(account(folder, project, findings)))
    return 2 if any(finding.serious for finding in findings) else 0


def further(
    project: Project, environment: Mapping[str, str], *, settings_good: bool, deep: bool = False
) -> Iterator[Finding]:
    """Check all but settings and table; splits only if these are right."""
    measured = Measured()
    yield from examine_videos(project, measured)
    yield from examine_labels(project, measured.lengths)
    if settings_good:
        yield from examine_sources(project, measured.lengths)
        yield from examine_splits(project)
    yield from examine_place(
        project,
        environment,
        n_frames=sum(measured.lengths.values()),
        import_bytes=measured.import_bytes,
    )
    yield from examine_results(project, thoroughly=deep)


def account(folder: Path, project: Project, findings: list[Finding]) -> list[str]:
    """Write the findings as lines: errors first, then warnings."""
    errors = [finding for finding in findings if finding.serious]
    warnings = [finding for finding in findings if not finding.serious]
    labeled = sum(video.labels is not None for video in project.videos)
    counted = f"{len(project.videos)} videos, {labeled} labeled, {machine.count_cores()} cores"
    if errors:
        lines = [f"{folder}: {_count(errors, 'error')}, {_count(warnings, 'warning')} ({counted})"]
    else:
        lines = [f"{folder}: nothing wrong ({counted})"]
    return lines + [f"  {finding}" for finding in (*errors, *warnings)]


def _count(findings: list[Finding], what: str) -> str:
    return f"{len(findings)} {what}{'' if len(findings) == 1 else 's'}"
