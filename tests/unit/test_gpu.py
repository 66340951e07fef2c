"""The networks and a training step on a GPU: the same numbers as on the processor, nearly."""

import copy
import signal

import numpy as np
import pytest
import several
import torch

from deg_core.errors import Interrupted
from deg_core.learn import device, leases, losses
from deg_core.learn.augment import augment
from deg_core.learn.clips import ClipBatch, clips_ahead, to_unit
from deg_core.learn.engine import Engine, InFormat
from deg_core.learn.fit import Fit
from deg_core.learn.parts import within_memory
from deg_core.learn.streaming import stream
from deg_core.learn.workers import together
from deg_core.models import flow, sequence, two_stream
from deg_core.registry import BACKBONES, FLOW_NETWORKS, SEQUENCE_NETWORKS
from deg_core.settings import (
    AugmentSettings,
    FeatureSettings,
    FlowSettings,
    SequenceSettings,
    TrainSettings,
)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.fixture(autouse=True)
def exact():
    """Without TF32, whose ten bits of mantissa would be all that the comparison sees."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


@pytest.fixture
def clips():
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (2, 11, 33, 47, 3), np.uint8))


def close(on_gpu, on_cpu):
    scale = on_cpu.abs().max().item()
    torch.testing.assert_close(on_gpu.cpu(), on_cpu, rtol=0, atol=1e-4 * max(scale, 1e-3))


@pytest.fixture
def own_leases(monkeypatch, tmp_path):
    """Lease cards in a folder of one's own: tests may run beside each other."""
    monkeypatch.setenv("DEG_LEASES", str(tmp_path / "leases"))
    monkeypatch.delenv("DEG_DEVICE", raising=False)
    monkeypatch.setattr(leases, "_held", {})
    return tmp_path / "leases"


def test_the_gpu_is_chosen(own_leases):
    assert device.choose(1).type == "cuda"


@pytest.mark.parametrize("name", FLOW_NETWORKS)
def test_motion_networks_agree(name, clips):
    torch.manual_seed(0)
    network = flow.build(FlowSettings(network=name, width=0.25)).eval()
    x = to_unit(clips, torch.device("cpu"))
    expected = network(x)
    found = network.cuda()(x.cuda())
    for a, b in zip(found, expected, strict=True):
        close(a, b)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_two_streams_agree(backbone, clips):
    torch.manual_seed(0)
    difference = flow.build(FlowSettings(network="difference"))
    network = two_stream.build(FeatureSettings(backbone=backbone), difference, 3).eval()
    x = to_unit(clips, torch.device("cpu"))
    motion = difference(x)[0]
    expected = network(x, motion)
    found = network.cuda()(x.cuda(), motion.cuda())
    close(found.logits, expected.logits)
    close(found.flow, expected.flow)


@pytest.mark.parametrize("name", SEQUENCE_NETWORKS)
def test_sequence_models_agree(name):
    torch.manual_seed(0)
    settings = SequenceSettings(network=name, hidden=8)
    network = sequence.build(settings, n_features=16, n_behaviors=3).eval()
    x = torch.randn(1, 16, 100)
    expected = network(x)
    close(network.cuda()(x.cuda()), expected)


def test_the_same_augmentation_is_drawn(clips):
    settings = AugmentSettings(flip_ud=0.5, rotate_p=1.0, color_p=1.0)
    drawn = [
        augment(to_unit(clips, torch.device(d)), settings, torch.Generator().manual_seed(3)).cpu()
        for d in ("cpu", "cuda")
    ]
    torch.testing.assert_close(drawn[1], drawn[0], rtol=0, atol=2e-3)  # half a gray level


def test_a_flow_step_has_the_same_gradient(clips):
    grads = {}
    for name in ("cpu", "cuda"):
        torch.manual_seed(0)
        network = flow.build(FlowSettings(width=0.25)).to(name)
        x = to_unit(clips, torch.device(name))
        losses.flow_reconstruction(x, network(x))["loss"].backward()
        grads[name] = network.conv4[0].weight.grad.cpu()
    cosine = torch.cosine_similarity(grads["cpu"].flatten(), grads["cuda"].flatten(), dim=0)
    assert cosine > 0.999


@pytest.mark.parametrize("wanted", ["auto", "bf16", "fp16"])
def test_networks_compute_in_fewer_bits_and_agree_roughly(clips, wanted):
    torch.manual_seed(0)
    network = flow.build(FlowSettings(width=0.25)).cuda().eval()
    precision = device.precision_of(wanted, torch.device("cuda"))
    x = to_unit(clips, torch.device("cuda"))
    with torch.no_grad():
        expected = network(x)[0]
        with precision.autocast():
            found = network(x)[0]
    assert found.dtype == precision.dtype != torch.float32
    assert (found.float() - expected).abs().max() < 0.05 * expected.abs().max()


# --- cards, memory, copies ahead


def test_a_card_is_leased_by_its_uuid(own_leases):
    chosen = device.choose(1)
    name = str(torch.cuda.get_device_properties(chosen).uuid)
    assert leases.held() == [name]
    assert leases.holder(name, own_leases).startswith("process ")


def test_memory_that_runs_out_is_free_again():
    before = torch.cuda.memory_allocated()
    assert within_memory(lambda: torch.empty(2**45, dtype=torch.uint8, device="cuda")) is None
    assert torch.cuda.memory_allocated() == before


def test_batches_copied_ahead_are_whole(clips):
    """Much is computed on each, so that a copy that did not wait would be noticed."""
    cuda, busy = torch.device("cuda"), torch.randn(2048, 2048, device="cuda")
    many = [(clips + i).pin_memory() for i in range(8)]
    for i, batch in enumerate(clips_ahead(lambda i: ClipBatch(many[i], None), range(8), cuda)):
        for _ in range(20):
            busy = torch.tanh(busy @ busy)
        assert torch.equal(batch.clips.cpu(), many[i])


def test_a_compiled_network_agrees(clips):
    torch.manual_seed(0)
    network = flow.build(FlowSettings(width=0.25)).cuda().eval()
    x = to_unit(clips, torch.device("cuda"))
    with torch.inference_mode():
        expected = InFormat(network, torch.float32)(x)[0]
        fast = InFormat(network, torch.float32, compiled=True)
        for _ in range(2):  # a shape that comes again is compiled
            close(fast(x)[0], expected.cpu())


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_two_cards_agree_with_one_process(tmp_path):
    cards = [torch.device("cuda", 0), torch.device("cuda", 1)]
    together(several.run_cases, {"settings": several.SETTINGS, "folder": tmp_path}, cards)
    alone = several.fit(several.Task(several.SETTINGS), tmp_path / "alone")
    for name, value in several.read(tmp_path, 0)["plain"]["weights"].items():
        torch.testing.assert_close(value.cpu(), alone["weights"][name].cpu(), rtol=0, atol=1e-4)


class Frames:
    """A store of frames that change."""

    shape, n_frames = (33, 47), 50

    def __init__(self):
        self.frames = np.random.default_rng(1).integers(0, 256, (50, 33, 47, 3), np.uint8)

    def read(self, indices):
        return self.frames[indices]


@pytest.mark.parametrize("fetch", [False, True])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_videos_are_scored_alike(precision, fetch):
    torch.manual_seed(0)
    motion = flow.build(FlowSettings(width=0.25)).eval()
    network = two_stream.build(FeatureSettings(weights="none"), motion, 3).eval()
    normalization, found = {"mean": [0.4] * 3, "std": [0.2] * 3}, {}
    for name in ("cpu", "cuda"):
        engine = Engine(
            copy.deepcopy(motion).to(name), copy.deepcopy(network).to(name), normalization,
            torch.device(name), precision="fp32" if name == "cpu" else precision,
        )  # fmt: skip
        answers = list(
            stream(engine, Frames(), batch=8, pad=np.full(3, 100, np.uint8), fetch=fetch)
        )
        assert fetch <= all(answer.spatial.device.type == "cpu" for answer in answers)
        found[name] = torch.cat([answer.spatial.cpu().float() for answer in answers])
    cosine = torch.cosine_similarity(found["cpu"], found["cuda"], dim=1)
    assert len(cosine) == 50
    assert cosine.min() > (0.99999 if precision == "fp32" else 0.99)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_training_on_a_card_goes_on_where_it_was_stopped(tmp_path, precision):
    class Task:
        metric, direction = "loss", "lower"

        def __init__(self):
            torch.manual_seed(0)
            self.precision = device.precision_of(precision, torch.device("cuda"))
            self.network = torch.nn.Linear(5, 3).cuda()
            self.stopped = None

        def n_steps(self):
            return 4

        def batches(self, epoch, start):
            data = torch.randn(4, 6, 5, generator=torch.Generator().manual_seed(epoch)).cuda()
            for step in range(start, 4):
                if (epoch, step) == self.stopped:
                    signal.raise_signal(signal.SIGTERM)
                yield data[step]

        def loss(self, batch, generator):
            with self.precision.autocast():
                out = self.network(batch)
            return (out.float() - 1).square().mean()

        def validate(self):
            return {"loss": float(self.network.weight.square().sum())}

    settings, found = TrainSettings(epochs=2, batch_size=6, lr=0.1), []
    for stopped in (None, (1, 1)):
        task, place = Task(), tmp_path / str(stopped)
        task.stopped = stopped
        if stopped:
            with pytest.raises(Interrupted):
                Fit(task, settings=settings, state=place, fingerprint="x").run()
            task = Task()
        Fit(task, settings=settings, state=place, fingerprint="x").run()
        found.append(task.network.weight.detach().cpu())
    assert torch.equal(*found)
