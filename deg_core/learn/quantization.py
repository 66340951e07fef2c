"""From the trained extractor to int8: both networks as one graph, quantised by what it sees."""

import io
import logging
import os
import random
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from copy import deepcopy
from typing import Any, TypeVar
from xml.etree import ElementTree

import torch
from torch import Tensor, nn

from deg_core import extras
from deg_core.learn.quantized import PARTS, Inputs, serialized
from deg_core.models.folding import folded
from deg_core.models.two_stream import EndToEnd, TwoStream

S = TypeVar("S")

# What stays out of int8, as names in the graph: all but the motion network and the spatial
# backbone, which are nearly all of the work. Rounding what reads the flow off, and what looks at
# it, is most of what int8 would change; differences of frames are small numbers of large ones.
FLOW = r".*predict_flow2.*"
BEHIND = r".*both\.network(?!\.spatial\.backbone).*"
MOTION = r".*both\.motion.*"


class WholeExtractor(nn.Module):
    """Both networks, from the bytes of one window to logits and features.

    Parameters
    ----------
    motion, network
        The networks; copies of them are used.
    normalization
        ``mean`` and ``std`` of the three channels, of pixels in 0..1.
    """

    def __init__(
        self, motion: nn.Module, network: TwoStream, normalization: Mapping[str, Sequence[float]]
    ) -> None:
        super().__init__()
        network = deepcopy(network)
        for stream in (network.spatial, network.flow):
            if stream is not None:
                stream.backbone = folded(stream.backbone)
        self.both = EndToEnd(folded(motion), network).cpu().eval()
        self.register_buffer("mean", 255 * torch.tensor(normalization["mean"]))
        self.register_buffer("scale", 1 / (255 * torch.tensor(normalization["std"])))

    @property
    def names(self) -> tuple[str, ...]:
        """What `forward` returns."""
        return ("logits", *(p for p in PARTS if getattr(self.both.network, p) is not None))

    def forward(self, frames: Tensor, background: Tensor | None = None) -> tuple[Tensor, ...]:
        """Score the center frame of one window.

        Parameters
        ----------
        frames
            (T, H, W, 3) uint8.
        background
            (H, W, 3) uint8 median of the video, where the network needs it.

        Returns
        -------
        tuple of Tensor
            Logits (1, K), and the features (1, D) of each stream that there is.
        """
        clip = self._normalized(frames).permute(0, 3, 1, 2)[None]
        still = None
        if background is not None:
            still = self._normalized(background).permute(2, 0, 1)[None]
        answer, _ = self.both(clip, still)
        return tuple(getattr(answer, name) for name in self.names)

    def _normalized(self, frames: Tensor) -> Tensor:
        return (frames.to(torch.float32) - self.mean) * self.scale


def to_graph(extractor: WholeExtractor, example: Inputs) -> Any:
    """Turn the extractor into an OpenVINO graph in float32.

    Parameters
    ----------
    extractor
        Both networks.
    example
        One window; the graph takes windows of this size only.

    Raises
    ------
    ConfigError
        If OpenVINO is not installed.
    """
    package = extras.load("openvino")
    tensors = tuple(torch.from_numpy(array) for array in example)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing makes constants of the sizes, as it shall
        graph = package.convert_model(
            extractor, example_input=tensors, input=[list(x.shape) for x in tensors]
        )
    for output, name in zip(graph.outputs, extractor.names, strict=True):
        output.set_names({name})
    return graph


def quantized(
    graph: Any, samples: Sequence[S], read: Callable[[S], Inputs], *, kind: str, bits: int
) -> Any:
    """Quantise a graph, by the smallest and largest numbers that its layers see.

    Parameters
    ----------
    graph
        What `to_graph` returned; stays as it is.
    samples
        What to calibrate on.
    read
        Gives the window of a sample.
    kind
        Of the motion network: ``flow`` or ``difference``.
    bits
        Of the weights: 8, or 7 for processors of `full_range` false.

    Returns
    -------
    openvino.Model
        In int8, but for the layers that would lose most.

    Raises
    ------
    ConfigError
        If NNCF is not installed.

    Notes
    -----
    Behaviors are rare: means over the windows of each layer's largest number, which NNCF would
    take, cut off what the few windows with an animal in motion show. NNCF's correction of biases
    does harm here, and is left out.
    """
    nncf = extras.load("nncf")
    ranges = extras.load("nncf.quantization.range_estimator").RangeEstimatorParametersSet.MINMAX
    nncf.set_log_level(logging.ERROR)  # it would list every layer that stays out of int8
    patterns = [BEHIND, MOTION if kind == "difference" else FLOW]
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):  # it draws bars into logs
        warnings.simplefilter("ignore")
        graph = nncf.quantize(
            graph,
            nncf.Dataset(list(samples), lambda sample: tuple(read(sample))),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(samples),
            ignored_scope=nncf.IgnoredScope(patterns=patterns, validate=False),
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                overflow_fix=nncf.OverflowFix.DISABLE if bits == 8 else nncf.OverflowFix.ENABLE,
                disable_bias_correction=True,
                activations_range_estimator_params=ranges,
            ),
        )
    return in_float32(graph, FLOW)


def in_float32(graph: Any, pattern: str) -> Any:
    """Return a graph some of whose convolutions stay in float32 where others use bfloat16.

    Parameters
    ----------
    graph
        An OpenVINO graph.
    pattern
        Of the convolutions' names.
    """
    description, weights = serialized(graph)
    tree = ElementTree.fromstring(description)
    for layer in tree.iter("layer"):
        if layer.get("type") == "Convolution" and re.fullmatch(pattern, layer.get("name", "")):
            notes = layer.find("rt_info")
            notes = ElementTree.SubElement(layer, "rt_info") if notes is None else notes
            # What OpenVINO itself marks them with; from Python there is no other way to do so.
            ElementTree.SubElement(notes, "attribute", name="precise", version="0")
    return extras.load("openvino").Core().read_model(ElementTree.tostring(tree), weights)


@contextmanager
def on_processors(number: int) -> Iterator[None]:
    """Keep to so many processors within the block: NNCF itself takes all that there are.

    Nothing happens where the system cannot tell processes apart in this way, as on macOS.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    # Drawn, so that several jobs do not crowd on the first ones.
    os.sched_setaffinity(0, random.sample(sorted(allowed), min(number, len(allowed))))
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
