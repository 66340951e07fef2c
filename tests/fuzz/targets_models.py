"""Readers of models: our files, checkpoints of the original program, states of trainings."""

import io
import random
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import golden_inputs
import mutations
import torch
from harness import Target
from parity.fill_weights import fill

from deg_core.errors import DegError, ModelError
from deg_core.learn.device import Precision
from deg_core.learn.fit import Fit
from deg_core.models import agreement, compat
from deg_core.models.compat import checkpoint
from deg_core.models.compat.convert import convert
from deg_core.models.vision import torchvision_models
from deg_core.settings import FeatureSettings, FlowSettings, SequenceSettings, TrainSettings
from deg_core.stages.networks import Motion, load_sequence, load_two_stream
from deg_core.states import LAST

CPU = torch.device("cpu")
BEHAVIORS = list(golden_inputs.BEHAVIORS)
FEW_STEPS = TrainSettings(epochs=2, batch_size=4)


def read_flow(path: Path) -> None:
    """Read a flow model as extraction does, and as weights to start from."""
    Motion.load(path, CPU)
    _as_weights(path, "train_flow", golden_inputs.FLOW)


def read_extractor(path: Path) -> None:
    """Read a feature extractor behind its flow model."""
    load_two_stream(path, Motion.load(path.with_name("flow.pt"), CPU), CPU)
    _as_weights(path, "train_features", golden_inputs.FEATURES)


def read_sequence(path: Path) -> None:
    """Read a sequence model."""
    load_sequence(path, CPU)
    _as_weights(path, "train_sequence", golden_inputs.SEQUENCE)


def _as_weights(
    path: Path, stage: str, settings: FlowSettings | FeatureSettings | SequenceSettings
) -> None:
    content = agreement.read(path, stage)
    agreement.check(path, content, settings, stage=stage, behaviors=BEHAVIORS)


def read_checkpoint(path: Path) -> None:
    """Read a checkpoint of the original program and turn it into a model."""
    content = checkpoint.read(path)
    try:
        convert(content.state_dict, {}, behaviors=["a", "b"], activation="sigmoid")
    except DegError as error:  # as import_model does
        raise ModelError(f"{path}: {error}") from error


def read_training_state(path: Path) -> None:
    """Go on with a training from its state, which counts as none where it is damaged."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        shutil.copy(path, folder)
        Fit(LinearTask(), settings=FEW_STEPS, state=Path(folder), fingerprint="fuzz").run()


# --- damage that keeps the file a model file


def facts(rng: random.Random, content: bytes) -> bytes:
    """Change what stands beside the tensors, or the tensors' names, types and shapes."""
    value = torch.load(io.BytesIO(content), weights_only=True)
    weights = value.pop("state_dict", None)
    if rng.random() < 0.75 or not weights:
        value = mutations.changed(rng, value)
        value = mutations.changed(rng, value) if rng.random() < 0.3 else value
    else:
        weights = _other_weights(rng, dict(weights))
    if isinstance(value, dict) and weights is not None and rng.random() < 0.97:
        value["state_dict"] = weights
    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


def _other_weights(rng: random.Random, weights: dict) -> object:
    name = rng.choice(list(weights))
    kind = rng.randrange(7)
    if kind == 0:
        del weights[name]
    elif kind == 1:
        weights[rng.choice(("x", name + ".x", 3))] = weights[name]
    elif kind == 2:
        weights[name] = torch.zeros(rng.choice(((), (0,), (3,), (2, 2), (1, 1, 1, 1, 1))))
    elif kind == 3:
        kinds = (torch.int8, torch.float16, torch.complex64, torch.bool, torch.float64)
        weights[name] = weights[name].to(rng.choice(kinds))
    elif kind == 4:
        weights[name] = rng.choice((None, 3, "x", [1.0], {}))
    elif kind == 5:
        weights[name] = torch.zeros(1).expand(2**20, 2**10)  # four bytes that claim gigabytes
    else:
        weights[name] = torch.eye(2).to_sparse()
    return weights if rng.random() < 0.95 else list(weights)


MODEL = mutations.chosen(
    mutations.BYTES, facts, facts, mutations.in_archive(mutations.pickled), most=1
)
ZIPPED = mutations.chosen(mutations.BYTES, mutations.in_archive(mutations.pickled), most=1)
STREAM = mutations.chosen(mutations.BYTES, mutations.pickled, mutations.pickled, most=1)


def compat_state(name: str, **options: object) -> dict:
    """Make a state dict of the original's, as small as may be."""
    translation = compat.NETWORKS[name]
    complete = {**translation.defaults, **options}
    module = translation.build(complete)
    compat.translation.add_unused(module, translation.unused(complete))
    origin = compat.translation.Origin(name, translation, complete, ())
    places = compat.translation.correspondence(module, origin)
    return fill({key: (shape, str(t.dtype)[6:]) for key, (t, shape) in places.items()})


def _checkpoints(*, zipped: bool) -> dict[str, bytes]:
    states = {
        "linear.pt": compat_state("linear", K=3, D=4),
        "rnn.pt": compat_state("rnn", K=3, D=4, hidden_size=3, num_layers=1),
        "tgmj.pt": compat_state("tgmj", K=3, D=4, n_filters=2, c_out=2, num_features=5),
    }
    found = {}
    for name, state in states.items():
        out = io.BytesIO()
        content = {"epoch": 1, "state_dict": state, "hyper_parameters": {"a": {"lr": 0.1}}}
        torch.save(content, out, _use_new_zipfile_serialization=zipped)
        found[name] = out.getvalue()
    return found


class LinearTask:
    """A training of nine numbers."""

    metric, direction = "loss", "lower"
    precision = Precision(CPU, torch.float32)

    def __init__(self) -> None:
        self.network = torch.nn.Linear(3, 3)

    def n_steps(self) -> int:
        return 2

    def batches(self, epoch: int, start: int) -> Generator[torch.Tensor, None, None]:
        yield from torch.ones(2, 4, 3)[start:]

    def loss(self, batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return self.network(batch).square().mean()

    def validate(self) -> dict[str, float]:
        return {"loss": 1.0}


def _state(folder: Path) -> bytes:
    Fit(LinearTask(), settings=FEW_STEPS, state=folder, fingerprint="fuzz").run()
    return (folder / LAST).read_bytes()


def targets(folder: Path) -> dict[str, Target]:
    """Make small files of each kind."""
    torchvision_models()  # which loads libraries of its own, once: no input's doing
    folder.mkdir(parents=True, exist_ok=True)
    flow = golden_inputs.write_flow(folder / "flow.pt")
    extractor = golden_inputs.write_extractor(folder / "features.pt", flow)
    sequence = golden_inputs.write_sequence(folder / "sequence.pt")
    return {
        "model, flow": Target(read_flow, {"f.pt": flow.read_bytes()}, MODEL),
        "model, features": Target(
            read_extractor, {"e.pt": extractor.read_bytes()}, MODEL,
            needs={"flow.pt": flow.read_bytes()},
        ),
        "model, sequence": Target(read_sequence, {"s.pt": sequence.read_bytes()}, MODEL),
        "checkpoint, archive": Target(read_checkpoint, _checkpoints(zipped=True), ZIPPED),
        "checkpoint, stream": Target(read_checkpoint, _checkpoints(zipped=False), STREAM),
        "training state": Target(
            read_training_state, {LAST: _state(folder / "state")}, MODEL
        ),
    }  # fmt: skip
