"""Networks side by side: each learns by itself, and their mean answers."""

import pytest
import torch
from torch import nn

from deg_core.models.members import MeanHead, Members
from deg_core.models.two_stream import TwoStream

K, M = 3, 4


def network(**changes):
    torch.manual_seed(0)
    options = {
        "n_behaviors": K, "n_frames": 3, "per_pair": 2, "backbone": "small_cnn", "width": 0.25,
        "members": M,
    }  # fmt: skip
    return TwoStream(**(options | changes))


@pytest.fixture
def seen():
    generator = torch.Generator().manual_seed(1)
    clip = torch.randn(2, 3, 3, 32, 32, generator=generator)
    return clip, torch.randn(2, 4, 16, 16, generator=generator)


def test_features_of_all_stand_side_by_side(seen):
    built, one = network().eval(), network(members=1)
    out = built(*seen)
    assert built.length == M * one.length
    assert out.spatial.shape == out.flow.shape == (2, M * one.length)
    for stream in (built.spatial, built.flow):
        assert isinstance(stream.backbone, Members)
        assert isinstance(stream.head, MeanHead)
    assert isinstance(one.spatial.head, nn.Linear)  # one is no list of one: older files fit


def test_the_answer_is_the_mean_of_networks_that_would_answer_alone(seen):
    built = network().eval()
    alone = []
    for i in range(M):
        one = network(members=1).eval()
        state = built.state_dict()
        mine = {name.replace(f"members.{i}.", ""): value for name, value in state.items()}
        one.load_state_dict({name: mine[name] for name in one.state_dict()})
        alone.append(one(*seen).logits)
    torch.testing.assert_close(built(*seen).logits, torch.stack(alone).mean(0))
    assert len({tuple(logits.flatten().tolist()) for logits in alone}) == M  # none like another


def test_each_learns_by_itself(seen):
    """What one says moves no weight of another."""
    built = network(dropout=0.0).train()
    logits = built(*seen).logits
    assert logits.shape == (2, K, M)
    logits[..., 1].square().sum().backward()
    moved = {
        name for name, p in built.named_parameters() if p.grad is not None and p.grad.abs().sum()
    }
    assert moved == {name for name, _ in built.named_parameters() if ".members.1." in name}


@pytest.mark.parametrize("final_bn", [False, True])
def test_all_start_at_the_same_bias(seen, final_bn):
    built = network(final_bn=final_bn).eval()
    bias = torch.tensor([-3.0, 0.0, 2.0])
    built.set_bias(bias)
    for head in built.heads:
        for layer in head.modules():
            if isinstance(layer, nn.Linear):
                nn.init.zeros_(layer.weight)
    torch.testing.assert_close(built(*seen).logits, bias.expand(2, K))
