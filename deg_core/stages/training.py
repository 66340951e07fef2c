"""What the three training stages share: identity of their inputs, the loop, publishing."""

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import torch

from deg_core import states
from deg_core.data.publish import identity, publish_csv, publish_json
from deg_core.learn import distributed
from deg_core.learn.device import describe, name_of
from deg_core.learn.fit import Fit, Fitted, Task
from deg_core.learn.memory import fitting_batch, free_memory, untouched
from deg_core.models import files
from deg_core.models.weights import Loaded
from deg_core.progress import log
from deg_core.settings import AUTO, TrainSettings, changed, to_dict, to_json
from deg_core.versions import VERSIONS

PACKAGES = ("deg-core", "torch", "torchvision", "kornia", "numpy", "h5py", "av", "snakemake")
S = TypeVar("S", bound=TrainSettings)


@dataclass(frozen=True)
class Training:
    """One training: what it depends on, where it is kept, and what it leaves behind.

    Parameters
    ----------
    stage
        Name of the rule.
    settings
        As the user gave them; ``batch_size`` may be ``auto``.
    inputs, ids
        Files and names that the result depends on.
    state
        Folder of the resumable state.
    device, threads
        What computes.
    """

    stage: str
    settings: TrainSettings
    inputs: tuple[Path, ...]
    ids: tuple[str, ...]
    state: Path
    device: torch.device
    threads: int

    @property
    def fingerprint(self) -> str:
        """Digest of all that it depends on; a saved state is continued only if this is equal."""
        settings = changed(type(self.settings), to_dict(self.settings))
        parts = [self.stage, str(VERSIONS[self.stage]), to_json(settings)]
        parts += [identity(self.inputs), *self.ids]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def fit(self, task: Task, loaded: Loaded, *, phase: str = "") -> Fitted:
        """Train one task, from its saved state if there is one.

        Parameters
        ----------
        task
            Network, data and metric; its settings say how.
        loaded
            Weights that the network starts from.
        phase
            Name of this part of the training, where there are several.
        """
        fit = Fit(
            task,
            settings=task.settings,
            state=self.state / phase,
            fingerprint=self.fingerprint,
            anchors=loaded.anchors,
        )
        return fit.run()

    def publish(
        self,
        task: Task,
        fitted: Fitted,
        loaded: Loaded,
        *,
        model: Path,
        history: Path,
        record: Path,
        in_record: Mapping[str, Any],
        in_model: Mapping[str, Any],
    ) -> None:
        """Publish learning curves, run record and model; the state is kept as a finished one.

        Parameters
        ----------
        task, fitted, loaded
            The network, what the loop returned, and what it had started from.
        model, history, record
            Files to write.
        in_record, in_model
            Facts of the stage.
        """
        publish_csv(history, fitted.history)
        about = environment(PACKAGES) | {
            "device": describe(self.device),
            "precision": name_of(task.precision.dtype),
            "threads": self.threads,
            "seed": self.settings.seed,
            "batch_size": task.settings.batch_size,
            "settings": to_dict(self.settings),
            "weights": loaded.record(),
        }
        publish_json(record, about | fitted.record | dict(in_record))
        files.save(
            model, stage=self.stage, network=task.network, settings=to_dict(self.settings),
            version=VERSIONS[self.stage], origin=None if self.settings.epochs else loaded.origin,
            **in_model,
        )  # fmt: skip
        # Until the whole run has ended well, for Snakemake deletes what it could not note as done.
        states.finish(self.state)

    def with_batch_size(self, task: Any, n_samples: int) -> None:
        """Give a task whose batch size is `auto` the number that fits the free memory.

        The task's network stays as it is, so that the training equals one that was given the
        number. A training that continues keeps the number that it began with, also on another
        device: its steps are counted in such batches.

        Parameters
        ----------
        task
            With ``trial(n)``, which computes the loss of n samples.
        n_samples
            Samples there are.

        Raises
        ------
        StateError
            If the number cannot be noted.
        """
        if task.settings.batch_size != AUTO:
            return
        if self.settings.epochs:
            size = distributed.from_first(
                lambda: self._noted_size() or self._fitting_size(task, n_samples)
            )
        else:  # no step is made, and validation keeps nothing for a backward pass
            size = type(self.settings)().batch_size
        task.settings = replace(task.settings, batch_size=size)

    @property
    def _note(self) -> Path:
        return self.state / states.NOTE

    def _fitting_size(self, task: Any, n_samples: int) -> int:
        n = distributed.size()
        free = free_memory(self.device) // (n if self.device.type == "cpu" else 1)
        with untouched(task.network):
            size = n * fitting_batch(task.trial, free=free, most=max(1, n_samples // n))
        publish_json(
            self._note,
            {"fingerprint": self.fingerprint, "device": describe(self.device), "batch_size": size},
        )
        log(f"{self.stage}: batches of {size} fit the memory")
        return size

    def _noted_size(self) -> int | None:
        """Return the batch size that this training began with, where it has begun."""
        try:
            content = json.loads(self._note.read_text())
            if content["fingerprint"] != self.fingerprint:
                return None
            size, device = content["batch_size"], content["device"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if device == describe(self.device):
            return size
        if not states.has_state(self.state):  # no step made: this device's memory decides
            return None
        log(f"{self.stage}: goes on with batches of {size}, which fitted the memory of {device}")
        return size


def chained(phases: Mapping[str, Fitted]) -> Fitted:
    """Put the phases of a training together: the last one's result, and all learning curves.

    Parameters
    ----------
    phases
        By name, in order.

    Returns
    -------
    Fitted
        Epochs, steps and seconds count on from phase to phase, and ``phase`` names each epoch's.
        Attempts and peak memory are the largest of any phase.
    """
    tables, epochs, steps, seconds = [], 0, 0, 0.0
    for name, fitted in phases.items():
        record = fitted.record | {"best_epoch": fitted.record["best_epoch"] + epochs}
        own = fitted.history.assign(phase=name)
        own = own.assign(
            epoch=own["epoch"] + epochs,
            step=own["step"] + steps,
            seconds=(own["seconds"] + seconds).round(1),
        )
        epochs, steps = int(own["epoch"].max()), int(own["step"].max())
        seconds += record["seconds"]
        tables.append(own)
    record |= {"epochs": epochs, "seconds": round(seconds, 1)}
    for fact in ("attempts", "peak_memory_mb"):
        record[fact] = max(fitted.record[fact] for fitted in phases.values())
    if divided := [n for fitted in phases.values() if (n := fitted.record.get("micro_batch"))]:
        record["micro_batch"] = min(divided)
    return Fitted(pd.concat(tables, ignore_index=True), record)


def environment(packages: Iterable[str]) -> dict[str, Any]:
    """Name the versions of what computed, for the run record."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version(name) for name in packages},
    }


def paths(folder: Path, ids: Iterable[str], suffix: str) -> list[Path]:
    """List one file per video of a folder."""
    return [folder / f"{video}{suffix}" for video in ids]
