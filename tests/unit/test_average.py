"""The running average of weights, and giving weights back."""

import pytest
import torch
from torch import nn

from deg_core.learn.average import averaged, given_back, running_average, share_after


def network_of(value):
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, value)
    return network


def test_no_share_is_no_average():
    assert running_average(nn.Linear(1, 1), 0) is None


@pytest.mark.parametrize(
    ("n_steps", "expected"), [(1, 2 / 11), (8, 0.5), (80, 0.9), (890, 0.99), (10**6, 0.99)]
)
def test_the_first_steps_keep_less(n_steps, expected):
    assert share_after(n_steps, 0.99) == pytest.approx(expected)


def test_the_first_weights_are_soon_forgotten():
    """With a fixed share of 0.999 the average would be near 0.98 still."""
    network = network_of(1.0)
    average = running_average(network, 0.999)
    average.update_parameters(network)
    nn.init.constant_(network.weight, 0.0)
    expected = 1.0
    for n_steps in range(1, 21):
        average.update_parameters(network)
        expected *= (1 + n_steps) / (10 + n_steps)
    assert average.module.weight.item() == pytest.approx(expected, rel=1e-5)
    assert expected < 1e-5


def test_batch_statistics_are_averaged_too():
    network = nn.BatchNorm1d(1)
    average = running_average(network, 0.5)
    average.update_parameters(network)
    network.running_mean.fill_(11.0)
    average.update_parameters(network)
    assert average.module.running_mean.item() == pytest.approx(11 * (1 - 2 / 11))


def test_the_average_takes_the_place_of_the_weights_for_a_while():
    network = network_of(1.0)
    average = running_average(network, 0.5)
    average.update_parameters(network)
    nn.init.constant_(network.weight, 3.0)
    with averaged(network, average):
        assert network.weight.item() == 1.0
    assert network.weight.item() == 3.0
    with averaged(network, None):
        assert network.weight.item() == 3.0


def spoil(network):
    """Change weights and batch statistics, and be killed."""
    network(torch.randn(4, 1))
    nn.init.constant_(network[0].weight, 9.0)
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "taken", [given_back, lambda network: averaged(network, running_average(network, 0.5))]
)
def test_weights_are_given_back_whatever_happens(taken):
    network = nn.Sequential(network_of(1.0), nn.BatchNorm1d(1))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(KeyboardInterrupt), taken(network):
        spoil(network)
    assert all(torch.equal(network.state_dict()[key], value) for key, value in before.items())
