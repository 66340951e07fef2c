"""The temporal mixture layer: both forms are one, and are measured in turn."""

import subprocess
import sys

import pytest
import torch
from measuring import check_figures

from deg_core.bench import tgm
from deg_core.models.sequence.tgm import TGMLayer

SHAPE = {"n": 2, "d": 6, "t": 20, "c_in": 3, "c_out": 4, "length": 5}
CPU = torch.device("cpu")


@pytest.mark.parametrize("length", [1, 4, 5, 15])
def test_the_grouped_form_is_the_layer(length):
    layer, x = tgm.subject(SHAPE | {"length": length}, CPU)
    torch.testing.assert_close(tgm.grouped(layer, x), layer(x))
    assert tgm.grouped(layer, x).shape == (2, 4, 6, 20)


def test_both_forms_have_the_same_gradients():
    layer, x = tgm.subject(SHAPE, CPU)
    found = []
    for form in tgm.FORMS.values():
        tgm.step(layer, x, form)
        found.append([x.grad.clone(), *(p.grad.clone() for p in layer.parameters())])
    assert len(found[0]) == 5  # input, centers, widths, both attentions
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_the_grouped_form_against_sums_by_hand():
    """Two copies of a constant: each output is the constant times the sum of its kernels."""
    layer = TGMLayer(2, 1, n_filters=3, length=1)
    x = torch.stack([torch.full((1, 4), 2.0), torch.full((1, 4), 6.0)])[None]
    # A filter of one frame sums to 1 / (1 + 1e-6); the attention weighs the copies.
    weights = torch.softmax(layer.cls_attn, dim=1)[0]
    expected = (2 * weights[0] + 6 * weights[1]).item()
    torch.testing.assert_close(tgm.grouped(layer, x), torch.full((1, 1, 1, 4), expected))


def test_a_shape_is_measured():
    found = tgm.measure(shape=SHAPE, pairs=3, threads=1)
    assert check_figures(found) == 6
    assert found["wall_ratio"]["n"] == 3
    assert found["largest_difference"] < 1e-5
    pairs = zip(found["grouped"]["cpu_s"]["values"], found["dense"]["cpu_s"]["values"], strict=True)
    assert found["cpu_ratio"]["values"] == [a / b for a, b in pairs]


def test_memory_of_a_step_is_more_for_the_grouped_form():
    """The tensor of c_out x c_in copies alone has 75 MB.

    Started from a small process, as always: one begins with its parent's peak.
    """
    shape = {"n": 2, "d": 512, "t": 300, "c_in": 8, "c_out": 8, "length": 5}
    code = (
        "from deg_core.bench.jobs import do\n"
        "for form in ('grouped', 'dense'):\n"
        f"    print(do('tgm_memory', shape={shape}, form=form, threads=1)['added_mb'])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    grouped, dense = map(float, out.stdout.split())
    assert grouped > 75
    assert 0 < dense < grouped / 2
