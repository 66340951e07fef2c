"""The extractor as inference runs it equals the extractor as training knows it."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from deg_core.learn.clips import to_unit
from deg_core.learn.engine import Engine
from deg_core.models import flow, two_stream
from deg_core.registry import FLOW_NETWORKS
from deg_core.stages.networks import Extractor, Motion

CPU = torch.device("cpu")
NORMALIZATION = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}
T, B, SIZE = 5, 4, (32, 38)


def networks(motion="tiny_motion_net", **settings):
    torch.manual_seed(0)
    network = flow.build(replace(tiny.FLOW, network=motion)).eval()
    torch.manual_seed(1)
    built = two_stream.build(replace(tiny.FEATURES, **settings), network, 2)
    return network, built.eval()


def frames_of(n=B + T - 1):
    return np.random.default_rng(0).integers(0, 256, (n, *SIZE, 3), np.uint8)


def one_by_one(motion, network, frames, still):
    """Score every window by itself, as training does."""
    extractor = Extractor(Motion(motion, T, NORMALIZATION, "", ""), network, CPU)
    windows = [frames[i : i + T] for i in range(len(frames) - T + 1)]
    if still is not None:
        windows = [np.concatenate([window, still[None]]) for window in windows]
    with torch.no_grad():
        return extractor.score(to_unit(torch.from_numpy(np.stack(windows)), CPU))


VARIANTS = [
    *({"motion": name} for name in FLOW_NETWORKS),
    {"inputs": ("frame",)},
    {"streams": ("spatial",)},
    {"streams": ("flow",)},
    {"fusion": "concatenate"},
    {"flow_weight": 1.5},
    {"backbone": "resnet3d_34", "width": 1.0},
    {"backbone": "resnet3d_34", "width": 1.0, "motion": "tiny_motion_net_3d"},
    {"picture": "channel_slice"},
    {"final_bn": True},
    {"members": 3},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_windows_of_a_ring_equal_single_windows(variant):
    motion, network = networks(**variant)
    engine = Engine(motion, network, NORMALIZATION, CPU, precision="fp32")
    frames, still = frames_of(), frames_of(1)[0] if network.needs_background else None
    background = None if still is None else engine.normalize(still)
    found = engine.score(engine.prepare(frames), background)
    expected = one_by_one(motion, network, frames, still)
    for name in ("logits", "spatial", "flow"):
        a, b = getattr(found, name), getattr(expected, name)
        assert a.shape == b.shape
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5 * max(b.abs().max().item(), 1e-3))


@pytest.mark.parametrize("motion", FLOW_NETWORKS)
def test_bfloat16_is_close(motion):
    motion, network = networks(motion=motion)
    found, expected = (
        (engine := Engine(motion, network, NORMALIZATION, CPU, precision=precision)).score(
            engine.prepare(frames_of()), engine.normalize(frames_of(1)[0])
        )
        for precision in ("bf16", "fp32")
    )
    for name in ("spatial", "flow"):
        a, b = getattr(found, name), getattr(expected, name)
        assert a.dtype == torch.float32
        assert torch.cosine_similarity(a.flatten(), b.flatten(), dim=0) > 0.9999
    assert not torch.equal(found.spatial, expected.spatial)  # it did compute in other numbers


def test_frames_that_were_prepared_are_not_prepared_again(monkeypatch):
    motion, network = networks()
    engine = Engine(motion, network, NORMALIZATION, CPU, precision="fp32")
    frames, seen = frames_of(12), []
    normalize = engine.normalize
    monkeypatch.setattr(engine, "normalize", lambda x: seen.append(len(x)) or normalize(x))
    first = engine.prepare(frames[:8])
    second = engine.prepare(frames[8:], first[:, :, -4:])
    assert seen == [8, 4]
    torch.testing.assert_close(second, engine.prepare(frames[4:]), rtol=0, atol=0)


def test_the_networks_given_stay_as_they_are():
    motion, network = networks()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    Engine(motion, network, NORMALIZATION, CPU, precision="bf16")
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_last_layers_keep_all_their_digits():
    motion, network = networks()
    engine = Engine(motion, network, NORMALIZATION, CPU, precision="bf16")
    assert engine.dtype == torch.bfloat16
    assert {p.dtype for head in engine.network.heads for p in head.parameters()} == {torch.float32}
    assert engine.kept == torch.float32  # the background is about to be subtracted


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_agrees():
    motion, network = networks()
    on_cpu = Engine(motion, network, NORMALIZATION, CPU, precision="fp32")
    expected = on_cpu.score(on_cpu.prepare(frames_of()), on_cpu.normalize(frames_of(1)[0]))
    on_gpu = Engine(
        motion.cuda(), network.cuda(), NORMALIZATION, torch.device("cuda"), precision="fp32"
    )
    found = on_gpu.score(on_gpu.prepare(frames_of()), on_gpu.normalize(frames_of(1)[0]))
    torch.testing.assert_close(found.logits.cpu(), expected.logits, rtol=0, atol=1e-2)
