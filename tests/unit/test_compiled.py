"""Compiled networks: one shape only, and the network itself wherever compiling fails."""

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


def test_the_first_shape_alone_is_compiled(compiled):
    network = nn.Linear(3, 2)
    fast = Compiled(network)
    for n in (4, 4, 2, 4):
        x = torch.randn(n, 3)
        assert torch.equal(fast(x), network(x))
    assert compiled == [(4, 3)] * 3


def test_where_compiling_fails_the_network_computes(monkeypatch, capsys):
    def fail(x):
        raise RuntimeError("no compiler found\nand much more")

    monkeypatch.setattr(torch, "compile", lambda network, dynamic: fail)
    network = nn.Linear(3, 2)
    fast = Compiled(network)
    x = torch.randn(4, 3)
    assert torch.equal(fast(x), network(x))
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
    assert torch.equal(InFormat(network, torch.float32, compiled=True)(x), plain)
    assert compiled == [(1, 1, 5, 5)]
