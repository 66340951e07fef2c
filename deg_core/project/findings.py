"""What a check finds: an error that stops a run, or a warning that does not."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from deg_core.errors import DegError


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and how to mend it, in one sentence."""

    text: str
    serious: bool = True

    def __str__(self) -> str:
        """Write it as a line of the doctor's list."""
        return f"{'error' if self.serious else 'warning'}: {self.text}"


def warning(text: str) -> Finding:
    """Make a finding that does not stop a run."""
    return Finding(text, serious=False)


def caught(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Pass findings on; an error that is raised while they are sought becomes the last one."""
    try:
        yield from findings
    except DegError as error:
        yield Finding(str(error))
