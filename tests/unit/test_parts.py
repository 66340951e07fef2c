"""A batch in parts: how it is divided, and what counts as memory that ran out."""

import pytest
import torch
from torch import nn

from deg_core.errors import ConfigError
from deg_core.learn.parts import as_fits, evenly, fewest, is_out_of_memory, within_memory


@pytest.mark.parametrize(
    ("rows", "most", "least", "sizes"),
    [
        (slice(0, 8), 0, 1, [8]),  # no limit
        (slice(0, 8), 8, 1, [8]),
        (slice(0, 8), 4, 1, [4, 4]),
        (slice(3, 10), 4, 1, [3, 4]),
        (slice(0, 5), 2, 1, [1, 2, 2]),
        (slice(0, 5), 2, 2, [2, 3]),  # what the network needs goes first
        (slice(0, 1), 4, 2, [1]),
        (slice(0, 3), 1, 1, [1, 1, 1]),
    ],
)
def test_parts_are_even_and_hold_every_row_once(rows, most, least, sizes):
    parts = evenly(rows, most=most, least=least)
    assert [part.stop - part.start for part in parts] == sizes
    assert [i for p in parts for i in range(100)[p]] == list(range(100))[rows]


def test_batch_norm_needs_two_samples():
    assert fewest(nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))) == 1
    assert fewest(nn.Sequential(nn.Conv2d(2, 2, 1), nn.Sequential(nn.BatchNorm2d(2)))) == 2


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        MemoryError(),
        RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
)
def test_what_means_that_memory_ran_out(error):
    def fail():
        raise error

    assert is_out_of_memory(error)
    assert within_memory(fail) is None


def test_a_processor_that_has_no_more_memory():
    """As torch itself says it, of a tensor that no machine holds."""
    assert within_memory(lambda: torch.empty(2**50, dtype=torch.uint8)) is None


@pytest.mark.parametrize(
    "error", [RuntimeError("shape mismatch"), ValueError("CUDA out of memory"), OSError()]
)
def test_any_other_error_is_raised(error):
    def fail():
        raise error

    assert not is_out_of_memory(error)
    with pytest.raises(type(error)):
        within_memory(fail)


def test_what_fits_is_computed_at_once():
    assert as_fits(lambda rows: rows, 5, most=8) == ([slice(0, 5)], 8)


def test_parts_are_halved_until_they_fit(capsys):
    tried = []

    def compute(rows):
        tried.append(rows.stop - rows.start)
        if tried[-1] > 3:
            raise MemoryError
        return list(range(10))[rows]

    answers, most = as_fits(compute, 10, most=32)
    assert [i for answer in answers for i in answer] == list(range(10))
    assert (tried, most) == ([10, 5, 2, 3, 2, 3], 3)  # of ten, of five, of three
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "out of memory with 10 samples at once: going on with 5 at once"
    assert len(said) == 2


def test_a_sample_that_does_not_fit_by_itself_is_told():
    def compute(rows):
        raise MemoryError

    with pytest.raises(ConfigError, match="does not even hold a single sample; choose a smaller"):
        as_fits(compute, 4, most=4)
