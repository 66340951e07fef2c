"""Tiles of a long video give what one pass over all of it gives; windows have borders."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from deg_core.learn.tiling import TILE, tiled, windowed
from deg_core.models import sequence
from deg_core.registry import SEQUENCE_NETWORKS
from deg_core.settings import SequenceSettings

CPU = torch.device("cpu")
SETTINGS = SequenceSettings(
    filter_length=6, n_filters=3, n_layers=3, c_out=2, hidden=4, n_heads=2, attention_window=7,
    n_stages=2,
)  # fmt: skip
D, K, T = 5, 2, 101
OPTIONS = [
    {"network": "tgm_late", "soft_attention": False, "reduction": "conv1x1", "final_bn": True},
    {"network": "tgm", "filters": "lorentzian", "reduction": "mean", "filter_length": 15},
    {"network": "tgm", "standardize": False},
    {"network": "rnn", "bidirectional": False},
    {"network": "tcn", "n_layers": 5, "n_stages": 3},
    {"network": "transformer", "attention_window": 31},
]
VARIANTS = [{"network": name} for name in SEQUENCE_NETWORKS] + OPTIONS


def by_name(variant):
    return "-".join(str(value) for value in variant.values())


def network_of(name="tgm_late", **changes):
    """A network whose every tensor is random, batch statistics and biases of filters too."""
    torch.manual_seed(0)
    settings = replace(SETTINGS, **{"network": name} | changes)
    network = sequence.build(settings, n_features=D, n_behaviors=K).eval()
    network.set_moments(torch.randn(D), torch.rand(D) + 0.5)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.normal_(module.bias)
    return network


def features_of(n_frames):
    return np.random.default_rng(0).normal(size=(n_frames, D)).astype(np.float32)


def whole(network, features):
    with torch.no_grad():
        return network(torch.from_numpy(features.T)[None])[0].T.numpy()


class Rows:
    """Features that note which frames are asked for, as a file would be."""

    def __init__(self, array):
        self.array, self.asked = array, []

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        self.asked.append((rows.start, rows.stop))
        return self.array[rows]


# --- tiles


@pytest.mark.parametrize("variant", VARIANTS, ids=by_name)
@pytest.mark.parametrize("tile", [1, 7, 50, 100, 101, 102, TILE])
def test_tiles_equal_the_whole(variant, tile):
    network, features = network_of(**variant), features_of(T)
    found = tiled(network, features, CPU, tile=tile)
    assert found.shape == (T, K)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, whole(network, features), atol=2e-6, rtol=0)


@pytest.mark.parametrize("name", SEQUENCE_NETWORKS)
@pytest.mark.parametrize("n_frames", [1, 2, 5])
def test_short_videos(name, n_frames):
    network, features = network_of(name), features_of(n_frames)
    for tile in (1, 2, TILE):
        found = tiled(network, features, CPU, tile=tile)
        np.testing.assert_allclose(found, whole(network, features), atol=2e-6, rtol=0)


@pytest.mark.parametrize("name", sorted(set(SEQUENCE_NETWORKS) - {"linear"}))
def test_a_tile_alone_would_differ_at_its_border(name):
    """The overlap is needed: without it the tests above would say nothing."""
    network, features = network_of(name), features_of(T)
    alone = whole(network, features[50:100])
    assert np.abs(alone - whole(network, features)[50:100]).max() > 1e-3


def test_memory_is_bounded_by_the_tile():
    rows, network = Rows(features_of(T)), network_of()
    tiled(network, rows, CPU, tile=20)
    assert network.reach == 9  # 3 layers of ceil((6 - 1) / 2)
    assert rows.asked == [(0, 29), (11, 49), (31, 69), (51, 89), (71, 101), (91, 101)]


def test_a_network_without_bound_gets_the_whole_video():
    rows = Rows(features_of(T))
    tiled(network_of("rnn"), rows, CPU, tile=20)
    assert rows.asked == [(0, T)]


@pytest.mark.parametrize("way", [tiled, windowed])
def test_half_precision_is_widened(way):
    narrow = features_of(T).astype(np.float16)
    found = way(network_of(), narrow, CPU)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, way(network_of(), narrow.astype(np.float32), CPU))


def test_no_gradients_are_kept():
    network = network_of()
    tiled(network, features_of(T), CPU)
    assert all(p.grad is None for p in network.parameters())
    assert not torch.is_inference_mode_enabled()


# --- windows


@pytest.mark.parametrize("name", SEQUENCE_NETWORKS)
@pytest.mark.parametrize("window", [1, 20, 101, 180])
def test_windows_are_scored_one_by_one(name, window):
    network, features = network_of(name), features_of(T)
    expected = []
    for a in range(0, T, window):
        rows = np.tile(network.mean.numpy().T, (window, 1))  # 0 once standardised
        n = min(window, T - a)
        rows[:n] = features[a : a + n]
        expected.append(whole(network, rows)[:n])
    found = windowed(network, features, CPU, window=window)
    assert found.shape == (T, K)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.concatenate(expected), atol=2e-6, rtol=0)


def test_windows_differ_from_the_whole_at_their_borders_only():
    network, features = network_of(), features_of(120)
    difference = np.abs(windowed(network, features, CPU, window=40) - whole(network, features))
    far = np.abs(difference).max(1) > 1e-5
    inside = (np.arange(120) % 40 >= network.reach) & (np.arange(120) % 40 < 40 - network.reach)
    assert not far[inside].any()
    assert far[[39, 40, 79, 80]].all()


def test_features_of_windows_are_read_one_window_at_a_time():
    rows = Rows(features_of(50))
    windowed(network_of(), rows, CPU, window=20)
    assert rows.asked == [(0, 20), (20, 40), (40, 50)]
