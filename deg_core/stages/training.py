"""What the three training stages share: identity of their inputs, and publishing."""

import hashlib
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from deg_core.data.publish import identity, publish_csv, publish_json
from deg_core.learn.device import describe
from deg_core.learn.fit import Fitted
from deg_core.settings import to_dict, to_json
from deg_core.versions import VERSIONS

NO_WEIGHTS = {"loaded": None, "matched": 0, "missing": 0}
PACKAGES = ("deg-core", "torch", "torchvision", "kornia", "numpy", "h5py", "av", "snakemake")


def fingerprint(stage: str, settings: Any, inputs: Iterable[Path], *ids: str) -> str:
    """Digest what a training depends on; its saved state is continued only if this is equal."""
    parts = [stage, str(VERSIONS[stage]), to_json(to_dict(settings)), identity(inputs), *ids]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def publish_training(
    fitted: Fitted,
    *,
    history: Path,
    record: Path,
    settings: Any,
    device: torch.device,
    threads: int,
    **facts: Any,
) -> None:
    """Publish the learning curves and the run record of a training.

    Parameters
    ----------
    fitted
        What the loop returned.
    history, record
        Where to write the table of epochs and the JSON of facts.
    settings
        Settings of the stage.
    device, threads
        What computed.
    **facts
        More of the record: videos, sizes of the data.
    """
    publish_csv(history, fitted.history)
    about = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version(name) for name in PACKAGES},
        "device": describe(device),
        "threads": threads,
        "seed": settings.seed,
        "settings": to_dict(settings),
        "weights": NO_WEIGHTS,
    }
    publish_json(record, about | fitted.record | facts)
