"""The batch size `auto`: what a step keeps is counted, and what fits is a power of two."""

import pytest
import torch
from torch import nn

from deg_core.learn import memory
from deg_core.learn.memory import fitting_batch, free_memory, kept_bytes

WIDTH = 1024
FLOAT = 4


def step(n):
    """Keep two float32 maps of n x 1024 for the backward pass."""
    x = torch.ones(n, WIDTH, requires_grad=True)
    return (x.exp().exp()).sum()


def test_kept_bytes_are_those_of_the_backward_pass():
    assert kept_bytes(step, 3) == 2 * 3 * WIDTH * FLOAT
    assert kept_bytes(step, 6) == 2 * kept_bytes(step, 3)


def test_what_several_steps_share_counts_once():
    def square(n):
        x = torch.ones(n, WIDTH, requires_grad=True)
        return (x * x).sum()  # keeps x twice

    assert kept_bytes(square, 2) == 2 * WIDTH * FLOAT


@pytest.mark.parametrize(
    ("samples", "expected"), [(1, 8), (8, 8), (15.9, 8), (16.1, 16), (40, 32), (10**6, 512)]
)
def test_the_largest_power_of_two_that_fits(samples, expected):
    free = samples * 2 * WIDTH * FLOAT * memory.BACKWARD / memory.SHARE
    assert fitting_batch(step, free=int(free)) == expected


@pytest.mark.parametrize(("most", "expected"), [(1, 1), (5, 5), (20, 16), (64, 64)])
def test_never_more_than_there_are(most, expected):
    assert fitting_batch(step, free=2**40, most=most) == expected


def test_weights_are_no_price_of_a_sample():
    layer = nn.Linear(WIDTH, WIDTH)

    def loss(n):
        return layer(torch.ones(n, WIDTH, requires_grad=True)).exp().sum()

    each = (kept_bytes(loss, 4) - kept_bytes(loss, 2)) / 2
    assert each == 2 * WIDTH * FLOAT  # its input and its result
    fixed = WIDTH * WIDTH * FLOAT
    free = int((64.5 * each + fixed) * memory.BACKWARD / memory.SHARE)
    assert fitting_batch(loss, free=free) == 64


def test_the_jobs_own_limit_counts(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "CGROUP", limit)
    cpu = torch.device("cpu")
    whole = free_memory(cpu)
    assert whole > 2**20
    limit.write_text("1048576\n")
    assert free_memory(cpu) == 2**20
    limit.write_text("max\n")
    assert free_memory(cpu) > 2**20
