"""Networks that turn a picture, or a volume of pictures, into one feature vector.

A backbone is ``Class(channels, frames, width=...)``. Its ``length`` is D of the feature vector. Its
``volume`` says what it takes: false, (N, channels * frames, H, W), frame by frame; true, (N,
channels, frames, H, W).
"""

from torch import nn

from deg_core.registry import BACKBONES, find


def build(name: str, channels: int, frames: int, *, width: float = 1.0) -> nn.Module:
    """Build a backbone by its name in the settings.

    Parameters
    ----------
    name
        A key of `deg_core.registry.BACKBONES`.
    channels
        Channels of each frame.
    frames
        Frames that it sees at once.
    width
        Factor on the numbers of channels.

    Raises
    ------
    ConfigError
        If the network has one width only and another is asked for.
    """
    return find(BACKBONES, name)(channels, frames, width=width)


def volume(name: str) -> bool:
    """Tell whether a backbone takes volumes."""
    return find(BACKBONES, name).volume
