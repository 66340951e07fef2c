"""Batch norms folded into convolutions: the same outputs, whatever the network."""

import copy

import pytest
import torch
from torch import nn

from deg_core.models import backbones, flow
from deg_core.models.folding import folded, for_inference, with_channels_last
from deg_core.registry import BACKBONES, FLOW_NETWORKS
from deg_core.settings import FlowSettings


def used(network):
    """Give batch norms statistics as after a training."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.copy_(torch.randn(module.num_features, generator=generator) * 0.1)
            module.running_var.copy_(torch.rand(module.num_features, generator=generator) + 0.5)
            module.weight.data.copy_(torch.rand(module.num_features, generator=generator) + 0.5)
    return network.eval()


def n_norms(network):
    return sum(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules())


def motion_network(name):
    torch.manual_seed(0)
    return used(flow.build(FlowSettings(network=name, width=0.25))), torch.randn(2, 11, 3, 33, 46)


def backbone(name):
    torch.manual_seed(0)
    shape = (2, 3, 5, 32, 40) if backbones.volume(name) else (2, 15, 32, 40)
    return used(backbones.build(name, 3, 5)), torch.randn(shape)


CASES = [(motion_network, name) for name in FLOW_NETWORKS] + [
    (backbone, name) for name in BACKBONES
]


def outputs(network, x):
    with torch.no_grad():
        out = network(x)
    return out if isinstance(out, tuple) else (out,)


@pytest.mark.parametrize(("make", "name"), CASES)
def test_every_network_answers_as_before(make, name):
    network, x = make(name)
    expected = outputs(network, x)
    fast = for_inference(network, torch.float32)
    assert n_norms(fast) == 0
    for a, b in zip(outputs(fast, x), expected, strict=True):
        scale = b.abs().max().item()
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize(("make", "name"), CASES)
def test_in_bfloat16_it_answers_nearly_as_before(make, name):
    network, x = make(name)
    found = outputs(for_inference(network, torch.bfloat16), x.bfloat16())
    for a, b in zip(found, outputs(network, x), strict=True):
        assert a.dtype in (torch.bfloat16, torch.float32)
        assert torch.cosine_similarity(a.float().flatten(), b.flatten(), dim=0) > 0.999


def test_the_network_itself_stays_as_it_is():
    network, _ = motion_network("tiny_motion_net")
    before = copy.deepcopy(network.state_dict())
    for_inference(network.train(), torch.bfloat16)
    assert network.training
    assert network.state_dict().keys() == before.keys()
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert all(p.requires_grad for p in network.parameters())
    assert not any(getattr(m, "inplace", False) for m in network.modules())


class Twice(nn.Module):
    """A convolution whose output is also used without the batch norm behind it."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x):
        x = self.conv(x)
        return self.norm(x) + x


class Shared(nn.Module):
    """One convolution before two batch norms."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.first, self.second = nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, x):
        return self.second(self.conv(self.first(self.conv(x))))


class Branching(nn.Module):
    """A computation that depends on values, which cannot be followed."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x):
        x = self.norm(self.conv(x))
        return x if x.sum() > 0 else -x


@pytest.mark.parametrize("kind", [Twice, Shared, Branching])
def test_what_must_not_be_folded_stays(kind):
    torch.manual_seed(0)
    network, x = used(kind()), torch.randn(2, 3, 8, 8)
    fast = folded(network)
    assert n_norms(fast) == n_norms(network)
    torch.testing.assert_close(outputs(fast, x)[0], outputs(network, x)[0])


def test_kernels_lie_channels_last():
    network, _ = backbone("resnet18")
    laid = with_channels_last(network)
    assert laid is network
    assert laid.conv1.weight.is_contiguous(memory_format=torch.channels_last)
    cubes = with_channels_last(backbone("resnet3d_34")[0].bfloat16())
    assert cubes.conv1.weight.is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize("name", ["tiny_motion_net", "motion_net", "tiny_motion_net_3d"])
def test_what_is_sensitive_keeps_all_its_digits(name):
    network, x = motion_network(name)
    fast = for_inference(network, torch.bfloat16)
    kinds = {key: p.dtype for key, p in fast.named_parameters()}
    exact = {key for key, kind in kinds.items() if kind == torch.float32}
    assert exact == {key for key in kinds if key.startswith(("xconv2.", "predict_flow2."))}
    finest = outputs(fast, x.bfloat16())[0]
    expected = outputs(network, x)[0]
    assert finest.dtype == torch.float32
    assert torch.cosine_similarity(finest.flatten(), expected.flatten(), dim=0) > 0.9999
