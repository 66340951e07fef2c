"""Model files: what was saved comes back, and nothing else is let in."""

import errno
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from deg_core.data.publish import sha256
from deg_core.errors import ModelError, StateError
from deg_core.models import files
from deg_core.settings import FlowSettings

FACTS = {
    "settings": {"width": 1.0, "streams": ["flow"]}, "behaviors": ["groom", "grüßen"],
    "normalization": {"mean": [0.4, 0.5, 0.6], "std": [0.1, 0.2, 0.3]},
}  # fmt: skip


def build():
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return build()


@pytest.fixture
def saved(tmp_path, network):
    files.save(tmp_path / "a model.pt", stage="train_flow", network=network, **FACTS)
    return tmp_path / "a model.pt"


def test_what_was_saved_comes_back(saved, network):
    content = files.load(saved, stage="train_flow")
    assert {key: content[key] for key in FACTS} == FACTS
    assert content["stage"] == "train_flow"
    assert content["sha256"] == sha256(saved)
    other = files.rebuilt(content, saved, build)
    for key, value in network.state_dict().items():
        assert torch.equal(other.state_dict()[key], value)


def test_torch_reads_it_without_executing_anything(saved):
    content = torch.load(saved, weights_only=True)
    assert content["format"] == files.FORMAT


def test_facts_that_cannot_be_read_back_are_not_written(tmp_path, network):
    with pytest.raises(pickle.UnpicklingError):
        files.save(tmp_path / "m.pt", stage="train_flow", network=network, used=Path("x"))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_sentence(tmp_path, network, monkeypatch):
    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StateError, match=r"m\.pt: the disk is full"):
        files.save(tmp_path / "m.pt", stage="train_flow", network=network)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file(tmp_path):
    with pytest.raises(ModelError, match=r"m\.pt: no such model file; run the rule train_flow"):
        files.load(tmp_path / "m.pt", stage="train_flow")


def test_another_stages_model(saved):
    with pytest.raises(ModelError, match="expected a model of predict, found train_flow; give"):
        files.load(saved, stage="predict")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"state_dict": {}}, "found the format 'None' in place of 'deg-core model 1'"),
        ({"format": "deg-core model 9"}, "found the format 'deg-core model 9'"),
        ({"format": files.FORMAT}, "found None"),
        (torch.zeros(3), "found a bare Tensor"),
        ([1, 2], "found a bare list"),
    ],
)
def test_foreign_content(tmp_path, content, found):
    torch.save(content, tmp_path / "m.pt")
    with pytest.raises(ModelError, match=found):
        files.load(tmp_path / "m.pt", stage="train_flow")


def truncated(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path):
    path.write_bytes(b"")


def text(path):
    path.write_text("this is\nno model")


def other_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme", "hello")


@pytest.mark.parametrize("damage", [truncated, emptied, text, other_zip])
def test_a_damaged_file(saved, damage):
    damage(saved)
    message = r"a model\.pt: expected a model of train_flow, but the file is damaged .*; delete it"
    with pytest.raises(ModelError, match=message) as caught:
        files.load(saved, stage="train_flow")
    assert "\n" not in str(caught.value)


def test_a_folder_in_its_place(tmp_path):
    with pytest.raises(ModelError, match="damaged or not written by this program"):
        files.load(tmp_path, stage="train_flow")


def test_no_permission(saved, monkeypatch):
    def forbidden(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", forbidden)  # root, who runs tests, may read everything
    with pytest.raises(ModelError, match="no permission to read it"):
        files.load(saved, stage="train_flow")


class Trap:
    """A pickle that makes a folder when it is read."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return (os.mkdir, (self.folder,))


@pytest.mark.parametrize("writer", ["torch", "pickle"])
def test_a_foreign_pickle_is_refused_and_not_executed(tmp_path, writer):
    content = {"format": files.FORMAT, "stage": "train_flow", "x": Trap(tmp_path / "trapped")}
    if writer == "torch":
        torch.save(content, tmp_path / "m.pt")
    else:
        (tmp_path / "m.pt").write_bytes(pickle.dumps(content))
    with pytest.raises(ModelError, match="damaged or not written by this program"):
        files.load(tmp_path / "m.pt", stage="train_flow")
    assert not (tmp_path / "trapped").exists()


def test_a_whole_network_is_refused(tmp_path, network):
    torch.save(network, tmp_path / "m.pt")
    with pytest.raises(ModelError, match="not written by this program"):
        files.load(tmp_path / "m.pt", stage="train_flow")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: w.pop("0.bias"), r"'0\.bias': expected \(2,\), found none"),
        (lambda w: w.update(extra=torch.zeros(1)), r"'extra': expected none, found \(1,\)"),
        (
            lambda w: w.update({"0.bias": torch.zeros(5)}),
            r"'0\.bias': expected \(2,\), found \(5,\)",
        ),
    ],
)
def test_weights_that_do_not_fit(network, change, words):
    weights = dict(network.state_dict())
    change(weights)
    with pytest.raises(ModelError, match=rf"m\.pt: the weights do not fit .*{words}") as caught:
        files.rebuilt({"state_dict": weights}, Path("m.pt"), build)
    assert "\n" not in str(caught.value)


def test_a_network_of_terabytes_is_refused_without_making_it(network):
    content = {"state_dict": dict(network.state_dict())}
    with pytest.raises(ModelError, match="the weights do not fit"):
        files.rebuilt(content, Path("m.pt"), lambda: nn.Linear(2**20, 2**22))


def test_settings_of_which_no_network_can_be_made():
    with pytest.raises(ModelError, match=r"m\.pt: its settings describe no network"):
        files.rebuilt({"state_dict": {}}, Path("m.pt"), lambda: nn.Linear(2**62, 2**62))


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("settings", None), ("settings", []), ("settings", {1: 2}),
        ("normalization", {"mean": [0.5] * 3}),
        ("normalization", {"mean": [0.5] * 3, "std": [0.5, 0.5, float("nan")]}),
        ("state_dict", []), ("state_dict", {"a": 1}), ("state_dict", {1: torch.zeros(1)}),
        ("state_dict", {"a": torch.eye(2).to_sparse()}), ("groups", [3]), ("origin", 3),
    ],
)  # fmt: skip
def test_facts_that_are_no_facts(tmp_path, saved, fact, value):
    content = torch.load(saved, weights_only=True) | {fact: value}
    torch.save(content, tmp_path / "m.pt")
    with pytest.raises(ModelError, match=rf"m\.pt: .* its '{fact}' is missing or no such thing"):
        files.load(tmp_path / "m.pt", stage="train_flow")


def test_settings_of_another_kind(saved):
    with pytest.raises(ModelError, match=r"m\.pt: its settings: FlowSettings: .*'epoch'"):
        files.settings_of({"settings": {"epoch": 1}}, Path("m.pt"), FlowSettings)


def test_a_compressed_archive_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.pt", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("m/data.pkl", bytes(10_000_000))
    with pytest.raises(ModelError, match="it is compressed, as torch never does"):
        files.load(tmp_path / "m.pt", stage="train_flow")


def test_a_video_that_was_named_by_mistake_is_not_read_into_memory(tmp_path):
    with (tmp_path / "m.pt").open("wb") as file:
        file.truncate(500 * 2**30)  # takes no room on the disk
    with pytest.raises(ModelError, match="no archive as torch writes"):
        files.load(tmp_path / "m.pt", stage="train_flow")


def test_a_model_of_numpy_values_is_not_published(tmp_path, network):
    """Facts are plain values; a numpy number slips in easily and would need trust to be read."""
    with pytest.raises(pickle.UnpicklingError):
        files.save(tmp_path / "m.pt", stage="train_flow", network=network, best=np.float64(0.5))
    assert list(tmp_path.iterdir()) == []
