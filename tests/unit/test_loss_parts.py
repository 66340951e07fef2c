"""Losses of the parts of a batch add up to the batch's, and so do gradients, for every task."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import several
import torch
from torch import nn

from deg_core.errors import ConfigError
from deg_core.learn.clips import ClipBatch
from deg_core.learn.fit import Fit
from deg_core.models import flow
from deg_core.settings import FeatureSettings, FlowSettings, SequenceSettings
from deg_core.stages.networks import Motion
from deg_core.stages.train_features import FeatureTask
from deg_core.stages.train_flow import FlowTask
from deg_core.stages.train_sequence import SequenceTask

CPU = torch.device("cpu")
N, T, K, SIZE = 5, 3, 4, 16
PARTS = [slice(0, 2), slice(2, 3), slice(3, 5)]
COLORS = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.3]}


def labels_of(*shape):
    """Draw labels, of which few are known in the first samples and all in the last."""
    labels = np.random.default_rng(1).integers(0, 2, shape).astype(np.int8)
    for i in range(len(labels) - 1):
        labels[i, i % K :] = -1
    return labels


def clips_of(labels=None):
    clips = np.random.default_rng(2).integers(0, 256, (N, T, SIZE, SIZE, 3), np.uint8)
    return ClipBatch(torch.from_numpy(clips), labels)


def without_norms(network):
    """Put nothing in the place of batch norms, whose statistics are those of each part."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.modules.batchnorm._BatchNorm):
                setattr(module, name, nn.Identity())
    return network


def flow_task():
    source = SimpleNamespace(n_frames=[60])
    settings = FlowSettings(clip=T, width=0.2, precision="fp32", sparsity_weight=0.1)
    task = FlowTask(source, settings, CPU)
    task.normalize_by(COLORS)
    return task, clips_of()


def feature_task(groups=(), **settings):
    motion = Motion(flow.build(FlowSettings(network="difference", clip=T)), T, COLORS, "", "")
    chosen = FeatureSettings(
        backbone="small_cnn", width=0.5, dropout=0.0, precision="fp32", **settings
    )
    labels = [labels_of(20, K)]
    task = FeatureTask(
        (None, labels), (None, labels), settings=chosen, motion=motion, device=CPU, groups=groups
    )
    return task, clips_of(torch.from_numpy(labels_of(N, K)))


def sequence_task(groups=(), **settings):
    chosen = SequenceSettings(
        window=12, hidden=8, input_dropout=0.0, dropout=0.0, precision="fp32", **settings
    )
    labels = [labels_of(60, K)]
    labels[0][12:36] = -1  # two windows of which nothing is known, but for a frame
    labels[0][[20, 30]] = 1
    features = [np.random.default_rng(3).normal(size=(60, 6)).astype(np.float32)]
    task = SequenceTask(
        (features, labels), (features, labels), settings=chosen, device=CPU, groups=groups
    )
    return task, task.read(task.windows(0))


CASES = {
    "flow": flow_task,
    "features": feature_task,
    "exclusive features": lambda: feature_task(groups=((0, 2),), loss_weight_exp=1.0),
    "members": lambda: feature_task(members=2, fusion="average"),
    "sums": lambda: feature_task(groups=((1, 3),), normalise=False),
    "sequence": sequence_task,
    "stages": lambda: sequence_task(network="tcn", n_layers=2, groups=((0, 1),)),
}


@pytest.mark.parametrize("case", CASES)
def test_gradients_of_parts_add_up_to_those_of_the_batch(case):
    task, batch = CASES[case]()
    without_norms(task.network).train()
    found = {}
    for name, parts in {"whole": [()], "parts": [(rows,) for rows in PARTS]}.items():
        task.network.zero_grad()
        losses = []
        for rows in parts:
            losses.append(task.loss(batch, torch.Generator().manual_seed(4), *rows))
            losses[-1].backward()
        grads = [p.grad.flatten() for p in task.network.parameters() if p.grad is not None]
        found[name] = sum(loss.item() for loss in losses), torch.cat(grads)
    assert found["parts"][0] == pytest.approx(found["whole"][0], rel=1e-6)
    scale = found["whole"][1].abs().max()
    assert scale > 1e-3
    assert (found["parts"][1] - found["whole"][1]).abs().max() < 1e-6 * max(1, scale)


# --- in the loop


def train(task, folder, **settings):
    return several.fit(task, folder, settings=replace(task.settings, **settings))


def test_a_training_goes_on_where_memory_runs_out(tmp_path, capsys):
    whole = train(several.Task(several.SETTINGS), tmp_path / "whole")
    divided = train(several.Task(several.SETTINGS, holds=(2,)), tmp_path / "divided")
    for name, value in whole["weights"].items():
        torch.testing.assert_close(divided["weights"][name], value, rtol=0, atol=1e-5)
    assert divided["history"]["train_loss"] == pytest.approx(whole["history"]["train_loss"])
    assert (whole["micro_batch"], divided["micro_batch"]) == (None, 2)  # of 9 and 5 and 3
    said = capsys.readouterr().err
    assert "out of memory with 9 samples at once: going on with 5 at once; gradients are" in said
    assert said.count("out of memory") == 3


def test_a_resumed_training_goes_on_with_what_memory_holds(tmp_path, capsys):
    class Killed(Exception):
        pass

    def die(epoch, step):
        if epoch == 1:
            raise Killed

    task = several.Task(several.SETTINGS, holds=(2,))
    whole = train(several.Task(several.SETTINGS, holds=(2,)), tmp_path / "whole")
    task.before = die
    with pytest.raises(Killed):
        train(task, tmp_path / "cut")
    capsys.readouterr()
    again = train(several.Task(several.SETTINGS, holds=(2,)), tmp_path / "cut")
    assert "out of memory" not in capsys.readouterr().err
    assert again["micro_batch"] == 2
    assert all(torch.equal(again["weights"][k], v) for k, v in whole["weights"].items())


@pytest.mark.parametrize(("norm", "left"), [(False, 1), (True, 2)])
def test_a_step_that_cannot_be_divided_is_told(tmp_path, norm, left):
    task = several.Task(several.SETTINGS, norm=norm, holds=(0,))
    with pytest.raises(ConfigError, match=f"does not even hold a training step of {left} samples"):
        train(task, tmp_path / "none")


def test_other_errors_are_no_lack_of_memory(tmp_path):
    task = several.Task(several.SETTINGS)
    task.loss = lambda batch, generator: torch.ones(2) @ torch.ones(3)
    with pytest.raises(RuntimeError, match="size"):
        Fit(task, settings=task.settings, state=tmp_path, fingerprint="a").run()
