"""What the trainings share: which changes start them anew, and what they publish."""

import json
import math
from dataclasses import replace

import pandas as pd
import pytest
import tiny
import torch

from deg_core import versions
from deg_core.learn.fit import Fitted
from deg_core.stages.training import fingerprint, publish_training


@pytest.fixture
def inputs(tmp_path):
    paths = [tmp_path / "a.h5", tmp_path / "b.csv"]
    for path in paths:
        path.write_text(path.name)
    return paths


def test_the_same_training_has_the_same_fingerprint(inputs, tmp_path):
    first = fingerprint("train_flow", tiny.FLOW, inputs, "m1", "m2")
    assert fingerprint("train_flow", replace(tiny.FLOW), inputs, "m1", "m2") == first
    moved = tmp_path / "moved"  # a project's folder may move while a training waits
    moved.mkdir()
    others = [path.rename(moved / path.name) for path in inputs]
    assert fingerprint("train_flow", tiny.FLOW, others, "m1", "m2") == first


def test_any_change_makes_another(inputs, monkeypatch):
    found = {
        fingerprint("train_flow", tiny.FLOW, inputs, "m1", "m2"),
        fingerprint("train_features", tiny.FLOW, inputs, "m1", "m2"),
        fingerprint("train_flow", replace(tiny.FLOW, lr=2e-3), inputs, "m1", "m2"),
        fingerprint("train_flow", replace(tiny.FLOW, seed=1), inputs, "m1", "m2"),
        fingerprint("train_flow", tiny.FLOW, inputs, "m2", "m1"),
        fingerprint("train_flow", tiny.FLOW, inputs, "m1"),
        fingerprint("train_flow", tiny.FLOW, inputs[::-1], "m1", "m2"),
    }
    inputs[0].write_text("other")
    found.add(fingerprint("train_flow", tiny.FLOW, inputs, "m1", "m2"))
    monkeypatch.setitem(versions.VERSIONS, "train_flow", 99)
    found.add(fingerprint("train_flow", tiny.FLOW, inputs, "m1", "m2"))
    assert len(found) == 9


def test_what_is_published(tmp_path):
    history = pd.DataFrame({"epoch": [1], "val_loss": [math.nan], "train_loss": [0.5]})
    fitted = Fitted(history, {"best": math.nan, "best_epoch": 1})
    publish_training(
        fitted, history=tmp_path / "h.csv", record=tmp_path / "r.json", settings=tiny.FLOW,
        device=torch.device("cpu"), threads=3, videos=["m1"],
    )  # fmt: skip
    assert (tmp_path / "h.csv").read_text() == "epoch,val_loss,train_loss\n1,,0.5\n"
    record = json.loads((tmp_path / "r.json").read_text())
    assert record["best"] is None  # JSON knows no NaN
    assert record["settings"]["augment"]["flip_lr"] == 0.5
    assert (record["threads"], record["device"], record["videos"]) == (3, "cpu", ["m1"])
    assert set(record["packages"]) >= {"deg-core", "torch", "numpy"}
    assert {"python", "platform", "seed"} <= set(record)
