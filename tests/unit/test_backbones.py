"""Backbones: the paper's sizes and starts, any size of picture, clips of any length."""

import pytest
import torch
from torch import nn

from deg_core.errors import ConfigError
from deg_core.models import backbones
from deg_core.models.backbones.resnet3d import Block, ResNet3D34
from deg_core.models.backbones.small_cnn import SmallCNN
from deg_core.registry import BACKBONES

RESNETS = [name for name in BACKBONES if name.startswith("resnet")]


def n_parameters(network):
    return sum(p.numel() for p in network.parameters())


def picture(network, n, channels, frames, *size):
    """Draw an input of the layout that the network takes."""
    shape = (channels, frames) if network.volume else (channels * frames,)
    return torch.randn(n, *shape, *size)


# REFERENCE's counts for K = 5 less the 5 * 512 + 5 = 2,565 parameters of the last layer.
@pytest.mark.parametrize(
    ("name", "channels", "frames", "expected"),
    [
        ("resnet18", 3, 1, 11_179_077 - 2565),
        ("resnet18", 2, 10, 11_232_389 - 2565),
        ("resnet50", 3, 1, 24_559_685 - 2565),
        ("resnet50", 2, 10, 24_612_997 - 2565),
        ("resnet3d_34", 3, 11, 63_516_101 - 2565),
        ("resnet3d_34", 2, 10, 63_494_149 - 2565),
    ],
)
def test_sizes_are_the_papers(name, channels, frames, expected):
    network = backbones.build(name, channels, frames)
    assert n_parameters(network) == expected
    assert network.length == 512


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("size", [(16, 16), (33, 47), (48, 32)])
@pytest.mark.parametrize("frames", [1, 2, 4])
def test_any_size_and_any_number_of_frames(name, size, frames):
    network = backbones.build(name, 3, frames).eval()
    with torch.no_grad():
        found = network(picture(network, 2, 3, frames, *size))
    assert found.shape == (2, network.length)
    assert backbones.volume(name) == network.volume


@pytest.mark.parametrize("name", RESNETS)
def test_resnets_cannot_be_narrowed(name):
    message = rf"width: expected 1 for the backbone {name}, got 0\.5"
    with pytest.raises(ConfigError, match=message):
        backbones.build(name, 3, 1, width=0.5)


@pytest.mark.parametrize(
    ("name", "inner"),
    [("resnet18", "layer4.1.conv2"), ("resnet50", "layer2.1.conv2"), ("resnet3d_34",
                                                                     "layer2.1.conv2")],
)  # fmt: skip
def test_resnets_start_as_the_paper_says(name, inner):
    """Kaiming normal, fan out: the variance of a weight is 2 / (outputs * kernel volume)."""
    network = backbones.build(name, 2, 10)
    for convolution in (network.conv1, network.get_submodule(inner)):
        weight = convolution.weight
        fan_out = weight[:, 0].numel()
        assert weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.02)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm3d)]
    assert all((m.weight == 1).all() and (m.bias == 0).all() for m in norms)


def test_resnet50_projects_to_512_features_without_negatives():
    network = backbones.build("resnet50", 3, 1).eval()
    with torch.no_grad():
        features = network(torch.randn(2, 3, 32, 32))
    assert features.shape == (2, 512)
    assert features.min() == 0
    assert features.max() > 0


def test_stride_of_resnet50_lies_on_the_3x3_convolution():
    block = backbones.build("resnet50", 3, 1).layer2[0]
    assert [c.stride for c in (block.conv1, block.conv2, block.conv3)] == [(1, 1), (2, 2), (1, 1)]


def test_resnet3d_halves_time_after_the_stem():
    """Stem: time kept, size halved. Pooling and stages 2 to 4: all three halved, rounded up."""
    network = ResNet3D34(3, 11).eval()
    shapes = {}
    for name in ("conv1", "maxpool", "layer1", "layer2", "layer3", "layer4"):
        network.get_submodule(name).register_forward_hook(
            lambda _, __, out, name=name: shapes.__setitem__(name, tuple(out.shape[1:]))
        )
    with torch.no_grad():
        network(torch.randn(1, 3, 11, 40, 64))
    assert shapes == {
        "conv1": (64, 11, 20, 32),
        "maxpool": (64, 6, 10, 16),
        "layer1": (64, 6, 10, 16),
        "layer2": (128, 3, 5, 8),
        "layer3": (256, 2, 3, 4),
        "layer4": (512, 1, 2, 2),
    }
    assert [len(getattr(network, f"layer{i}")) for i in (1, 2, 3, 4)] == [3, 4, 6, 3]


@pytest.mark.parametrize(("c_in", "stride"), [(4, 1), (4, 2), (2, 1)])
def test_a_3d_block_has_a_shortcut_of_its_own_where_the_shape_changes(c_in, stride):
    block = Block(c_in, 4, stride=stride).eval()
    assert (block.downsample is None) == (c_in == 4 and stride == 1)
    x = torch.randn(1, c_in, 4, 6, 6)
    nn.init.zeros_(block.bn2.weight)  # nothing comes from the convolutions
    kept = x if block.downsample is None else block.downsample(x)
    with torch.no_grad():
        torch.testing.assert_close(block(x), torch.relu(kept))


def test_small_cnn_keeps_mean_and_maximum():
    network = SmallCNN(3, width=0.25).eval()
    assert network.length == 64  # 128 / 4 channels, twice
    network.body = nn.Identity()
    x = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]])
    assert network(x).tolist() == [[3.0, 6.0]]
    assert SmallCNN(3, width=0.01).length == 16  # never fewer than 8 channels
