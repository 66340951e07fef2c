"""Windowed attention against attention over all frames at once, and its limits."""

import math
import re

import pytest
import torch
from torch.nn import functional as F

from deg_core.errors import ConfigError
from deg_core.models.sequence.transformer import Transformer, WindowedAttention

D, K, WIDTH = 6, 3, 8


def attention_of(side, *, n_heads=2):
    torch.manual_seed(0)
    attention = WindowedAttention(WIDTH, n_heads=n_heads, side=side)
    torch.nn.init.normal_(attention.position_bias)
    return attention


def over_all_frames(attention, x, real):
    """Attend with one matrix of all frames by all frames."""
    n, n_frames, _ = x.shape
    heads, side = attention.n_heads, attention.side
    parts = attention.project(x).chunk(3, -1)
    query, key, value = (p.view(n, n_frames, heads, -1).transpose(1, 2) for p in parts)
    scores = query @ key.transpose(2, 3) / math.sqrt(WIDTH // heads)  # (N, heads, T, T)
    distance = torch.arange(n_frames) - torch.arange(n_frames)[:, None]
    scores = scores + attention.position_bias[:, (distance + side).clamp(0, 2 * side)]
    seen = (distance.abs() <= side) & real[:, None, None, :] | (distance == 0)
    mixed = torch.softmax(scores.masked_fill(~seen, -torch.inf), -1) @ value
    return attention.out(mixed.transpose(1, 2).flatten(2))


@pytest.mark.parametrize("side", [0, 1, 5, 20])
@pytest.mark.parametrize("n_frames", [1, 2, 31, 32, 33, 100])
def test_blocks_equal_attention_over_all_frames(side, n_frames):
    attention, x = attention_of(side), torch.randn(2, n_frames, WIDTH)
    real = torch.ones(2, n_frames, dtype=torch.bool)
    real[1, n_frames // 2 :] = False
    with torch.no_grad():
        found, expected = attention(x, real), over_all_frames(attention, x, real)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


def test_attention_is_computed_in_blocks(monkeypatch):
    sizes = []
    attend = F.scaled_dot_product_attention

    def noting(query, key, value, **options):
        sizes.append(query.shape[1] * query.shape[3] * key.shape[3])
        return attend(query, key, value, **options)

    monkeypatch.setattr(F, "scaled_dot_product_attention", noting)
    attention = attention_of(side=16)
    for n_frames in (320, 3200):
        attention(torch.randn(1, n_frames, WIDTH), torch.ones(1, n_frames, dtype=torch.bool))
    # Blocks of 32 frames see 32 + 2 * 16 keys each.
    assert sizes == [320 * 64, 3200 * 64]


def test_gradients_stay_finite_in_padding():
    network = Transformer(D, K, hidden=8, n_layers=2, n_heads=2, attention_window=7)
    x = torch.randn(2, D, 40)
    x[0, :, 3:] = 0
    x[1] = 0  # nothing but padding
    network(x).square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


def test_reach_grows_with_blocks():
    network = Transformer(D, K, hidden=8, n_layers=3, n_heads=2, attention_window=7)
    assert network.reach == 9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention_window": 30}, "expected an odd number, the frame itself in the middle, found "
                                   "30; take 31."),
        ({"hidden": 30, "n_heads": 4}, "expected a multiple of n_heads (4), found 30; take 32"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(options, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        Transformer(D, K, **options)
