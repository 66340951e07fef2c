"""How often trainings were started, and how much of their work was done twice: by their logs."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO


@dataclass
class Trainings:
    """The attempts of each training of a project, as far as their logs were seen.

    Snakemake removes a job's log when the job starts again; so each is read after every kill.
    """

    repeated: list[int]  # epochs done twice, by continuation
    done: dict[str, int] = field(default_factory=dict)  # epochs, by the last log that said some
    excused: set[str] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)  # more than one epoch was
    # Kept open, so that no later log gets the same number of the file system.
    logs: dict[str, TextIO] = field(default_factory=dict)

    def excuse(self) -> None:
        """Let each training repeat any number of epochs once: files were damaged from outside."""
        self.excused |= set(self.done)

    def look(self, folder: Path) -> None:
        """Read the logs of all trainings of a project."""
        for path in sorted((folder / "logs").glob("train_*/**/*.log")):
            name = path.relative_to(folder / "logs").as_posix()
            log = path.open(errors="replace")
            begun, ended = _epochs(log.read())
            if begun is None:  # stopped before it looked for a state
                log.close()
                continue
            before = self.done.get(name, 0)
            if self._is_new(name, log):
                if name not in self.excused:
                    self.repeated.append(max(0, before - begun))
                    if before - begun > 1:
                        self.lost.append(f"{name}: {before} epochs done, continued after {begun}")
                self.excused.discard(name)
            if name in self.logs:
                self.logs[name].close()
            self.done[name], self.logs[name] = ended, log

    def close(self) -> None:
        """Let go of the logs."""
        for log in self.logs.values():
            log.close()
        self.logs.clear()

    def _is_new(self, name: str, log: TextIO) -> bool:
        """Tell whether a log is that of another attempt than the one seen before."""
        seen = self.logs.get(name)
        return seen is not None and not os.path.sameopenfile(seen.fileno(), log.fileno())


def _epochs(said: str) -> tuple[int | None, int]:
    """Return how many epochs a log's training had when it began, and when it was stopped."""
    finished = [int(n) for n in re.findall(r"^epoch (\d+):", said, flags=re.MULTILINE)]
    going_on = re.search(r"^continuing from epoch (\d+), step", said, flags=re.MULTILINE)
    if going_on:
        begun = int(going_on[1]) - 1
        return begun, max([begun, *finished])
    return (0, max(finished)) if finished else (None, 0)
