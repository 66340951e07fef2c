"""Models to measure: a project's own, or untrained ones, whose cost is that of trained ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deg_core.data.statistics import read_background, read_moments
from deg_core.learn.clips import ClipSource, normalize, to_unit
from deg_core.models import files, flow, two_stream
from deg_core.settings import FeatureSettings, FlowSettings, from_dict, to_dict
from deg_core.stages.networks import Motion, load_two_stream

SEED = 0
BEHAVIORS = tuple(f"behavior {k}" for k in range(1, 6))
CLIPS = 4  # that batch norms are settled on
FLOW, FEATURES = "flow.pt", "features.pt"
CPU = torch.device("cpu")


def make_models(
    *, folder: str, store: str, statistics: str, settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Publish both models of a preset: seeded weights, batch norms settled on clips of a video.

    Parameters
    ----------
    folder
        Gets flow.pt and features.pt.
    store
        Imported video.
    statistics
        Folder of `deg_core.bench.material.make_statistics`.
    settings
        Of ``flow`` and ``features``.

    Returns
    -------
    dict
        ``weights``: what to call them; ``n_features`` of both streams together.
    """
    place = Path(folder)
    moments = read_moments(Path(statistics) / "rgb.json")
    normalization = {name: list(moments[name]) for name in ("mean", "std")}
    chosen = from_dict(FlowSettings, settings["flow"])
    clips = some_clips(Path(store), chosen.clip, normalization, Path(statistics))
    clips, backgrounds = clips[:, :-1], clips[:, -1]
    torch.manual_seed(SEED)
    network = flow.build(chosen)
    settle(network, clips)
    files.save(
        place / FLOW, stage="train_flow", network=network, settings=to_dict(chosen),
        normalization=normalization,
    )  # fmt: skip
    motion = Motion.load(place / FLOW, CPU)
    asked = from_dict(FeatureSettings, settings["features"])
    both = two_stream.build(asked, motion.network, len(BEHAVIORS))
    settle(both, clips, motion(clips), backgrounds)
    files.save(
        place / FEATURES, stage="train_features", network=both, settings=to_dict(asked),
        behaviors=list(BEHAVIORS), flow_sha256=motion.sha256, normalization=normalization,
    )  # fmt: skip
    return {"weights": f"untrained, seed {SEED}", "n_features": 2 * both.length}


def read_models(*, flow: str, features: str) -> dict[str, Any]:
    """Say what `make_models` says, of trained models.

    Raises
    ------
    ModelError
        If they cannot be used, or do not belong together.
    """
    motion = Motion.load(Path(flow), CPU)
    network, _ = load_two_stream(Path(features), motion, CPU)
    return {"weights": f"trained, SHA-256 {motion.sha256[:8]}", "n_features": 2 * network.length}


def some_clips(
    store: Path, length: int, normalization: Mapping[str, list[float]], statistics: Path
) -> Tensor:
    """Read normalised clips (N, T + 1, 3, H, W) from all over a video, the background last."""
    picture = read_background(statistics / "video.background.png")
    source = ClipSource([store], length=length, mean=normalization["mean"], backgrounds=[picture])
    mean, std = (torch.tensor(normalization[name]) for name in ("mean", "std"))
    frames = np.linspace(0, source.n_frames[0] - 1, CLIPS).astype(int)
    rows = np.stack([np.zeros_like(frames), frames], axis=1)
    return normalize(to_unit(source.batch(rows).clips, CPU), mean, std)


@torch.no_grad()
def settle(network: nn.Module, *inputs: Tensor) -> None:
    """Give batch norms the mean and variance of their inputs, as a training would.

    Without it activations grow from block to block, which is harder on low precision than any
    trained network.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0  # forget what they started from
    network.train()
    network(*inputs)
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum
    network.eval()
