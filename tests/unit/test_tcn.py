"""The dilated network: what its layers see by hand, its stages, how far it looks."""

import pytest
import torch

from deg_core.models.sequence.tcn import TCN, DilatedLayer

D, K = 6, 3


def network_of(**changes):
    torch.manual_seed(0)
    return TCN(D, K, **{"hidden": 8, "n_layers": 3, "n_stages": 3} | changes).eval()


def test_a_dual_layer_looks_near_and_far_by_hand():
    layer = DilatedLayer(1, 4, 1, dropout=0.0)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.look[0].weight[0, 0, 0] = 1.0  # four frames before
        layer.look[1].weight[0, 0, 2] = 1.0  # one frame behind
        layer.mix.weight[0, :, 0] = torch.tensor([10.0, 100.0])
    x = torch.arange(1.0, 8.0).view(1, 1, 7)
    # Frame 4 (value 5): itself, 10 times frame 0 (value 1), 100 times frame 5 (value 6).
    expected = [1 + 200, 2 + 300, 3 + 400, 4 + 500, 5 + 10 + 600, 6 + 20 + 700, 7 + 30]
    found = layer(x, torch.ones(1, 1, 7))
    assert found.flatten().tolist() == expected


def test_layers_keep_padding_at_zero():
    layer = DilatedLayer(4, 2, dropout=0.0)
    mask = torch.tensor([1.0, 1.0, 0.0]).view(1, 1, 3)
    found = layer(torch.randn(1, 4, 3), mask)
    assert found[..., 2].tolist() == [[0.0] * 4]
    assert (found[..., :2] != 0).all()


def test_dilations_double_and_those_of_the_first_stage_come_in_pairs():
    network = network_of(n_layers=4, n_stages=2)
    dilations = [
        [tuple(conv.dilation[0] for conv in layer.look) for layer in part.layers]
        for part in network.parts
    ]
    assert dilations == [[(1, 8), (2, 4), (4, 2), (8, 1)], [(1,), (2,), (4,), (8,)]]


@pytest.mark.parametrize(
    ("n_layers", "n_stages", "reach"),
    [
        (1, 1, 1),
        (3, 1, 4 + 2 + 4),  # the wider of each pair: (1, 4), (2, 2), (4, 1)
        (3, 3, 10 + 2 * (1 + 2 + 4)),
        (4, 2, (8 + 4 + 4 + 8) + 15),
    ],
)
def test_reach_adds_up_over_layers_and_stages(n_layers, n_stages, reach):
    assert network_of(n_layers=n_layers, n_stages=n_stages).reach == reach


def test_every_stage_gives_logits_and_the_last_ones_count():
    network = network_of()
    x = torch.randn(2, D, 20)
    stages = network.stages(x)
    assert [s.shape for s in stages] == [(2, K, 20)] * 3
    assert torch.equal(network(x), stages[-1])
    assert not torch.equal(stages[0], stages[1])


def test_a_later_stage_sees_probabilities_only():
    network = network_of(n_stages=2)
    x = torch.randn(2, D, 20)
    first, second = network.stages(x)
    again = network.parts[1](torch.sigmoid(first), torch.ones(2, 1, 20))
    assert torch.equal(again, second)


def test_all_that_depends_on_the_behaviors_is_named():
    assert set(network_of(n_stages=2).head_prefixes()) == {
        "parts.0.classify.", "parts.1.classify.", "parts.1.enter.",
    }  # fmt: skip
