"""torchvision's ImageNet weights, for backbones with any number of input channels.

Reads them from where torch keeps its downloads, and downloads them where there is a network.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from deg_core.data.publish import sha256
from deg_core.errors import ConfigError
from deg_core.models.two_stream import TwoStream
from deg_core.models.vision import torchvision_models
from deg_core.recording import reading
from deg_core.starting import WITH_IMAGENET

STEM, LAST = "conv1.weight", "fc."


@dataclass(frozen=True)
class Fetched:
    """A state dict of torchvision's, the address it has, and the digest of the whole file."""

    state_dict: Mapping[str, Tensor]
    url: str
    sha256: str


def fetch(backbone: str) -> Fetched:
    """Return the weights of a backbone, downloading them the first time.

    Parameters
    ----------
    backbone
        Its name in the settings.

    Raises
    ------
    ConfigError
        If there are no such weights, or they are neither here nor to be had, or the file here is
        damaged.
    """
    if backbone not in WITH_IMAGENET:
        raise ConfigError(
            f"config.yaml: features: weights: imagenet exists for {' and '.join(WITH_IMAGENET)}, "
            f"not for the backbone {backbone}; write `weights: none`, or choose another backbone."
        )
    url = torchvision_models().get_model_weights(backbone).IMAGENET1K_V1.url
    path = Path(torch.hub.get_dir(), "checkpoints", url.rsplit("/", 1)[-1])
    prefix = path.stem.rsplit("-", 1)[-1]  # torchvision puts the digest's beginning in the name
    if not path.exists():
        _download(url, path, prefix)
    reading(path)
    digest = sha256(path)
    if not digest.startswith(prefix):
        raise ConfigError(
            f"{path}: expected the weights whose SHA-256 begins with {prefix}, found {digest[:8]}; "
            f"the file is damaged: delete it and run again, or get it anew from {url}."
        )
    return Fetched(torch.load(path, weights_only=True, map_location="cpu"), url, digest)


def _download(url: str, path: Path, prefix: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(url, str(path), hash_prefix=prefix, progress=False)
    except (OSError, RuntimeError) as error:  # no network; a file that came damaged
        reason = " ".join(str(error).split())[:100].rstrip(". ")
        raise ConfigError(
            f"config.yaml: features: `weights: imagenet` needs {path}, which is missing and could "
            f"not be downloaded ({reason}); get {url} where there is a network and put it there, "
            "or write `weights: none`."
        ) from error


def adapted(network: TwoStream, state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Bring torchvision's tensors to the names and shapes of a two-stream network.

    Parameters
    ----------
    network
        Its backbones are torchvision's, but for the number of input channels.
    state_dict
        torchvision's weights of one backbone.

    Returns
    -------
    dict
        Values for both streams' backbones, without the last layer. A stem of three channels gets
        its kernels as they are; any other the mean over red, green and blue for each channel.
    """
    given = {}
    for name, stream in {"spatial": network.spatial, "flow": network.flow}.items():
        if stream is None:
            continue
        channels = stream.backbone.conv1.in_channels
        for key, value in state_dict.items():
            if not key.startswith(LAST):
                ready = _stem(value, channels) if key == STEM else value
                given[f"{name}.backbone.{key}"] = ready
    return given


def _stem(kernel: Tensor, channels: int) -> Tensor:
    """Bring kernels (n, 3, h, w) to (n, channels, h, w)."""
    if channels == kernel.shape[1]:
        return kernel
    return kernel.mean(1, keepdim=True).expand(-1, channels, -1, -1)
