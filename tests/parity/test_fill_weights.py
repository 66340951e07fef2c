import json

import numpy as np
import pytest
import reference
import torch
from fill_weights import fill

CHECKS = json.loads((reference.FOLDER / "fill_check.json").read_text())
MANY = 15_000_000


@pytest.mark.parametrize("name", sorted(set(CHECKS) - {"flownet_s"}))
def test_weights_are_the_ones_the_original_program_was_filled_with(name):
    check = CHECKS[name]
    key, values = check["first"]
    listing = reference.STATE_DICTS[name]
    assert len(listing) == check["tensors"]
    if check["parameters"] > MANY:  # the same rules draw them; all of them would take seconds
        listing = [entry for entry in listing if entry[0] == key]
    weights = reference.filled(listing)
    for name, shape, dtype in listing:
        assert list(weights[name].shape) == shape
        assert str(weights[name].dtype) == f"torch.{dtype}"

    np.testing.assert_allclose(weights[key].flatten()[:4], values, rtol=1e-7)
    for one, other in check["shared"]:
        assert torch.equal(weights[one], weights[other])
    if check["parameters"] > MANY:
        return  # the same rules draw them; their sums alone would take seconds each
    total = sum(float(w.double().sum()) for w in weights.values())
    squares = sum(float((w.double() ** 2).sum()) for w in weights.values())
    assert total == pytest.approx(check["sum"], rel=1e-9)
    assert squares == pytest.approx(check["sum_of_squares"], rel=1e-9)


def test_a_tensor_is_filled_as_its_shape_and_dtype_are():
    as_listed = fill({"0.weight": ([2, 3], "float32"), "0.steps": ([], "float32")})
    as_tensors = fill({"0.weight": torch.empty(2, 3), "0.steps": torch.empty(())})
    assert list(as_listed) == list(as_tensors)
    for key, value in as_listed.items():
        assert torch.equal(value, as_tensors[key])
        assert value.dtype == torch.float32


def test_a_difference_beyond_the_tolerance_fails():
    reference.close([1.0, 100.0], [1.009, 100.0], rtol=1e-4)
    with pytest.raises(AssertionError, match="off by"):
        reference.close([1.0, 100.0], [1.02, 100.0], rtol=1e-4)
    with pytest.raises(AssertionError):
        reference.close([np.nan], [1.0])
    with pytest.raises(AssertionError):
        reference.close([[1.0]], [1.0])
