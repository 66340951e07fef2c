"""Compiled networks: full batches only, and the network itself wherever compiling fails."""

import pytest
import torch
from torch import nn

from deg_core.learn.compiled import Compiled
from deg_core.learn.device import compiles
from deg_core.learn.engine import InFormat


@pytest.fixture
def compiled(monkeypatch):
    """Note what is compiled, in place of compiling it."""
    calls = []

    def fake(network, *, dynamic):
        assert dynamic is False

        def fast(x):
            calls.append(tuple(x.shape))
            return network(x)

        return fast

    monkeypatch.setattr(torch, "compile", fake)
    return calls


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([4], []),  # one batch is computed sooner than compiled
        ([4, 4, 4, 2], [4, 4]),  # a video and its last batch
        ([2, 4, 4, 4], [4, 4]),  # a stretch shorter than a batch comes first
        ([4, 2, 4, 2, 4, 2], [4, 4]),  # stretches of one and a half batches
        ([2, 2, 4, 4, 2], [2, 4, 2]),  # two short ones as long as each other, and then full ones
    ],
)
def test_the_largest_shape_that_comes_again_is_compiled(compiled, sizes, expected):
    network = nn.Linear(3, 2)
    fast = Compiled(network)
    for n in sizes:
        x = torch.randn(n, 3)
        assert torch.equal(fast(x), network(x))
    assert compiled == [(n, 3) for n in expected]


def test_where_compiling_fails_the_network_computes(monkeypatch, capsys):
    def fail(x):
        raise RuntimeError("no compiler found\nand much more")

    monkeypatch.setattr(torch, "compile", lambda network, dynamic: fail)
    network = nn.Linear(3, 2)
    fast = Compiled(network)
    x = torch.randn(4, 3)
    for _ in range(4):
        assert torch.equal(fast(x), network(x))
    assert capsys.readouterr().err == "not compiled (no compiler found); computing without\n"


@pytest.mark.parametrize(
    ("word", "device", "expected"),
    [(None, "cuda", False), ("0", "cuda", False), ("1", "cuda", True), ("1", "cpu", False)],
)
def test_it_is_asked_for_and_for_cards_only(monkeypatch, word, device, expected):
    monkeypatch.delenv("DEG_COMPILE", raising=False)
    if word is not None:
        monkeypatch.setenv("DEG_COMPILE", word)
    assert compiles(torch.device(device)) is expected


def test_inference_networks_are_compiled_when_asked_to(compiled):
    network = nn.Conv2d(1, 2, 3).eval()
    x = torch.randn(1, 1, 5, 5)
    plain = InFormat(network, torch.float32)(x)
    assert compiled == []
    fast = InFormat(network, torch.float32, compiled=True)
    assert torch.equal(fast(x), plain)
    assert torch.equal(fast(x), plain)
    assert compiled == [(1, 1, 5, 5)]
