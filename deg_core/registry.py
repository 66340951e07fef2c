"""The networks by their names in config.yaml: one entry per network, and nothing else to change.

A new network is one file under `deg_core.models` and one entry here. The names become the choices
of the settings and of the schema (`make schema`); the modules are imported when one is built, so
that reading a configuration loads no torch.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

FLOW_NETWORKS: Mapping[str, str] = {
    "tiny_motion_net": "deg_core.models.flow.tiny_motion_net:TinyMotionNet",
    "motion_net": "deg_core.models.flow.motion_net:MotionNet",
    "tiny_motion_net_3d": "deg_core.models.flow.tiny_motion_net_3d:TinyMotionNet3D",
    "difference": "deg_core.models.flow.difference:Difference",
}

BACKBONES: Mapping[str, str] = {
    "resnet18": "deg_core.models.backbones.resnet:ResNet18",
    "resnet50": "deg_core.models.backbones.resnet:ResNet50",
    "resnet3d_34": "deg_core.models.backbones.resnet3d:ResNet3D34",
    "small_cnn": "deg_core.models.backbones.small_cnn:SmallCNN",
}

SEQUENCE_NETWORKS: Mapping[str, str] = {
    "tgm_late": "deg_core.models.sequence.tgm:TGMLate",
    "tgm": "deg_core.models.sequence.tgm:TGM",
    "tgm_hidden": "deg_core.models.sequence.tgm:TGMHidden",
    "linear": "deg_core.models.sequence.linear:Linear",
    "conv": "deg_core.models.sequence.conv:Conv",
    "rnn": "deg_core.models.sequence.recurrent:Recurrent",
    "tcn": "deg_core.models.sequence.tcn:TCN",
    "transformer": "deg_core.models.sequence.transformer:Transformer",
    "mlp": "deg_core.models.sequence.mlp:WindowMLP",
}


def find(registry: Mapping[str, str], name: str) -> Callable[..., Any]:
    """Import the network that a registry names ``name``.

    Raises
    ------
    KeyError
        If the registry has no such name; settings are checked against its names before.
    """
    module, _, attribute = registry[name].partition(":")
    return getattr(import_module(module), attribute)
