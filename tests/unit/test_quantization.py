"""Calibration: both networks as one graph, and int8 whose answers stay close to float32's."""

import os
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from deg_core.learn import quantization
from deg_core.learn.engine import Engine
from deg_core.learn.quantized import QuantizedEngine, full_range
from deg_core.models import flow, two_stream

pytest.importorskip("openvino")
pytest.importorskip("nncf")

CPU = torch.device("cpu")
NORMALIZATION = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}
T, SIZE, N = 5, (32, 40), 4
BITS = 8 if full_range() else 7


def networks(motion="tiny_motion_net", **settings):
    torch.manual_seed(0)
    network = flow.build(replace(tiny.FLOW, network=motion)).eval()
    torch.manual_seed(1)
    return network, two_stream.build(replace(tiny.FEATURES, **settings), network, 2).eval()


def windows(background, n=N, seed=0):
    rng = np.random.default_rng(seed)
    still = (rng.integers(0, 256, (*SIZE, 3), np.uint8),) * background
    return [(rng.integers(0, 256, (T, *SIZE, 3), np.uint8), *still) for _ in range(n)]


def engine_of(graph, network, threads=1):
    facts = {"clip": T, "size": SIZE, "length": network.length}
    return QuantizedEngine(graph, facts, threads=threads)


def exact(motion, network, given):
    engine = Engine(motion, network, NORMALIZATION, CPU, precision="fp32")
    scored = [
        engine.score(engine.prepare(frames), *map(engine.normalize, still))
        for frames, *still in given
    ]
    return {
        name: torch.cat([getattr(answer, name) for answer in scored]).numpy()
        for name in ("logits", "spatial", "flow")
    }


CUBES = {"motion": "tiny_motion_net_3d", "backbone": "resnet3d_34", "width": 1.0}
VARIANTS = [
    {"motion": "tiny_motion_net"},
    {"motion": "difference", "inputs": ("frame",)},
    {"streams": ("spatial",)},
    {"streams": ("flow",), "inputs": ("frame",)},
    {"fusion": "concatenate", "final_bn": True},
    pytest.param(CUBES, marks=pytest.mark.slow),
    pytest.param({"motion": "motion_net"}, marks=pytest.mark.slow),
    pytest.param({"backbone": "resnet18", "width": 1.0, "flow_weight": 1.5},
                 marks=pytest.mark.slow),
]  # fmt: skip


def in_int8(motion, network, given):
    whole = quantization.WholeExtractor(motion, network, NORMALIZATION)
    return quantization.quantized(
        quantization.to_graph(whole, given[0]), given, lambda sample: sample, kind=motion.kind,
        bits=BITS,
    )  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_the_graph_says_what_the_networks_say(variant):
    """Before it is quantised; also that the networks stay as they are."""
    motion, network = networks(**variant)
    before = {name: x.clone() for name, x in network.state_dict().items()}
    given = windows(network.needs_background)
    whole = quantization.WholeExtractor(motion, network, NORMALIZATION)
    found = engine_of(quantization.to_graph(whole, given[0]), network).score_windows(given)
    for name, expected in exact(motion, network, given).items():
        # What the processor computes in bfloat16 has 8 bits.
        tolerance = 0.03 * max(np.abs(expected).max(), 1e-3)
        np.testing.assert_allclose(getattr(found, name).numpy(), expected, atol=tolerance)
    assert all(torch.equal(x, before[name]) for name, x in network.state_dict().items())


@pytest.mark.parametrize("variant", [*VARIANTS[:3], *VARIANTS[5:]], ids=str)
def test_int8_says_nearly_the_same(variant):
    motion, network = networks(**variant)
    given = windows(network.needs_background)
    graph = in_int8(motion, network, given)
    found = engine_of(graph, network).score_windows(given)
    for name, expected in exact(motion, network, given).items():
        ours = getattr(found, name).numpy()
        if not expected.any():  # a stream that there is not
            assert not ours.any()
        elif name != "logits":
            product = np.linalg.norm(ours, axis=1) * np.linalg.norm(expected, axis=1)
            assert ((ours * expected).sum(1) / product).min() > 0.99
    assert "FakeQuantize" in {node.get_type_name() for node in graph.get_ops()}


def quantised_layers(graph):
    """Name the convolutions that read quantised numbers."""
    return {
        node.get_friendly_name()
        for node in graph.get_ops()
        if node.get_type_name() == "Convolution"
        and node.input_value(0).get_node().get_type_name() == "FakeQuantize"
    }


def test_layers_that_would_lose_most_stay_out():
    motion, network = networks(inputs=("frame",))
    given = windows(0)
    graph = in_int8(motion, network, given)
    names = quantised_layers(graph)
    assert any("both.motion" in name for name in names)
    assert any("both.network.spatial.backbone" in name for name in names)
    assert not any("predict_flow2" in name or "both.network.flow" in name for name in names)
    (last,) = [
        node
        for node in graph.get_ops()
        if node.get_type_name() == "Convolution" and "predict_flow2" in node.get_friendly_name()
    ]
    # Where the rest is computed in bfloat16, this one keeps its digits; the name is OpenVINO's.
    marks = " ".join(last.get_rt_info())
    assert "precise" in marks or "DisablePrecisionConversion" in marks


def test_two_calibrations_give_the_same():
    motion, network = networks(inputs=("frame",))
    given = windows(0)
    one, other = (
        engine_of(in_int8(motion, network, given), network).score_windows(given).logits.numpy()
        for _ in range(2)
    )
    np.testing.assert_array_equal(one, other)


# --- processors


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux only")
def test_a_block_keeps_to_its_processors_and_gives_them_back():
    before = os.sched_getaffinity(0)
    with quantization.on_processors(1):
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before
    with quantization.on_processors(10_000):
        assert os.sched_getaffinity(0) == before
    with pytest.raises(KeyError), quantization.on_processors(1):
        raise KeyError
    assert os.sched_getaffinity(0) == before
