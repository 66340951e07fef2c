"""Tiles of a long video give what one pass over all of it gives."""

import numpy as np
import pytest
import torch

from deg_core.learn.tiling import TILE, tiled
from deg_core.models.sequence import NETWORKS, receptive_field
from deg_core.settings import SequenceSettings
from deg_core.stages.networks import build_sequence

CPU = torch.device("cpu")
SETTINGS = SequenceSettings(filter_length=6, n_filters=3, n_layers=3, c_out=2, hidden=4)
D, K, T = 5, 2, 101


def network_of(settings):
    torch.manual_seed(0)
    network = build_sequence(settings, n_features=D, n_behaviors=K).eval()
    network.set_moments(torch.randn(D), torch.rand(D) + 0.5)
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


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("tile", [1, 3, 7, 50, 100, 101, 102, TILE])
def test_tiles_equal_the_whole(name, tile):
    settings = SequenceSettings(**vars(SETTINGS) | {"network": name})
    network, features = network_of(settings), features_of(T)
    found = tiled(network, features, settings, CPU, tile=tile)
    assert found.shape == (T, K)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, whole(network, features), atol=1e-6, rtol=0)


@pytest.mark.parametrize("n_frames", [1, 2, 5])
def test_short_videos(n_frames):
    network, features = network_of(SETTINGS), features_of(n_frames)
    for tile in (1, 2, TILE):
        found = tiled(network, features, SETTINGS, CPU, tile=tile)
        np.testing.assert_allclose(found, whole(network, features), atol=1e-6, rtol=0)


def test_a_tile_alone_would_differ_at_its_border():
    """The overlap is needed: without it the test above would say nothing."""
    network, features = network_of(SETTINGS), features_of(T)
    alone = whole(network, features[50:100])
    assert np.abs(alone - whole(network, features)[50:100]).max() > 1e-3


def test_memory_is_bounded_by_the_tile():
    rows = Rows(features_of(T))
    tiled(network_of(SETTINGS), rows, SETTINGS, CPU, tile=20)
    reach = receptive_field(**vars(SETTINGS))
    assert reach == 9  # 3 layers of ceil((6 - 1) / 2)
    assert rows.asked == [(0, 29), (11, 49), (31, 69), (51, 89), (71, 101), (91, 101)]


def test_no_gradients_are_kept():
    network = network_of(SETTINGS)
    tiled(network, features_of(T), SETTINGS, CPU)
    assert all(p.grad is None for p in network.parameters())
    assert not torch.is_inference_mode_enabled()
