"""Networks that turn a clip into motion: flow generators, and plain differences.

A clip is (N, T, 3, H, W), normalised. Every network returns a tuple of motion maps, finest scale
first, and has ``kind`` ("flow" or "difference"), ``n_frames`` (T), ``per_pair`` (channels for each
pair of neighboring frames) and ``channels`` (per_pair * (T-1)), which lie pair by pair. If it is
``pairwise``, each pair's motion depends on that pair alone, and a clip may be of any length; if it
is a ``volume`` network, it convolves over time, too. ``sensitive``, where there is one, names the
modules that inference computes in float32 whatever the precision.
"""

from torch import nn

from deg_core.registry import FLOW_NETWORKS, find
from deg_core.settings import FlowSettings


def build(settings: FlowSettings) -> nn.Module:
    """Build the motion network that the settings describe."""
    return find(FLOW_NETWORKS, settings.network)(settings.clip, width=settings.width)
