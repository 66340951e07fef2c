"""The doctor looks at permissions, other runs, disk, packages, graphics cards and results."""

import importlib.metadata
import json
import shutil
import socket
import sys
from collections import namedtuple

import pytest
from projects import make_project

from deg_core.project import check_place, machine
from deg_core.project.folder import open_project

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def folder(tmp_path):
    folder = make_project(tmp_path / "p", n_videos=1)
    (folder / "config.yaml").write_text("behaviors: [groom, rear]\npresets: [lite]\n")
    return folder


def examine(folder, environment=None, *, n_frames=20, import_bytes=0.0):
    found = check_place.examine_place(
        open_project(folder),
        {"CUDA_VISIBLE_DEVICES": ""} if environment is None else environment,
        n_frames=n_frames,
        import_bytes=import_bytes,
    )
    return [(finding.serious, finding.text) for finding in found]


def test_a_good_place_has_no_findings(folder):
    assert examine(folder) == []


def test_int8_needs_its_packages_where_it_is_chosen(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "nncf", None)
    assert examine(folder) == []
    with (folder / "config.yaml").open("a") as config:
        config.write("extract: {precision: int8}\n")
    ((serious, text),) = examine(folder)
    assert serious
    assert text.startswith("config.yaml: extract: `precision: int8` needs the package ")
    assert "run `pip install 'deg-core[openvino]'`" in text


def test_results_that_cannot_be_written_are_an_error(folder):
    (folder / "results").write_text("a file in its place")
    ((serious, text),) = examine(folder)
    assert serious
    assert f"{folder / 'results'}: cannot be written" in text


def test_locks_of_a_killed_run_are_a_warning(folder):
    locks = folder / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.input.lock").touch()
    ((serious, text),) = examine(folder)
    assert not serious
    assert f"`deg run {folder} --unlock`" in text


def test_a_killed_run_of_this_machine_needs_no_unlocking(folder):
    locks = folder / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.input.lock").touch()
    record = json.dumps({"host": socket.gethostname(), "pid": 1})
    (folder / ".snakemake" / "deg.lock").write_text(record)
    ((serious, text),) = examine(folder)
    assert not serious
    assert "the last run was killed" in text
    assert "--unlock" not in text


def test_a_run_at_work_is_a_warning(folder, monkeypatch):
    monkeypatch.setattr(machine, "workers", lambda _: [41, 42])
    ((serious, text),) = examine(folder)
    assert not serious
    assert "process 41, 42" in text


@pytest.mark.parametrize(
    ("free", "expected"),
    # 1000 frames need 4.096 MB of features and, here, 1 MB of imports.
    [(20e6, []), (6e6, [False]), (5e6, [True])],
)
def test_the_disk_must_hold_what_a_run_writes(folder, monkeypatch, free, expected):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, free))
    found = examine(folder, n_frames=1000, import_bytes=1e6)
    assert [serious for serious, _ in found] == expected
    assert all("GB are free" in text for _, text in found)


def test_packages_are_compared_with_what_is_asked_for(folder, monkeypatch):
    asked = ["numpy>=99", "no-such-package>=1", "h5py>=1", 'pytest>=99; extra == "dev"']
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: asked)
    found = examine(folder)
    assert [serious for serious, _ in found] == [True, True]
    assert "package numpy: expected >=99, found " in found[0][1]
    assert "package no-such-package: expected >=1, found none" in found[1][1]


def test_a_large_preset_without_graphics_card_is_a_warning(folder):
    (folder / "config.yaml").write_text("behaviors: [groom, rear]\npresets: [fast, lite]\n")
    ((serious, text),) = examine(folder)
    assert not serious
    assert "preset fast will train" in text


def test_a_card_that_torch_cannot_use_is_a_warning(folder, monkeypatch):
    monkeypatch.setattr(check_place, "torch_sees_gpu", lambda _: False)
    ((serious, text),) = examine(folder, {"CUDA_VISIBLE_DEVICES": "0"})
    assert not serious
    assert "torch cannot use" in text
    monkeypatch.setattr(check_place, "torch_sees_gpu", lambda _: True)
    assert examine(folder, {"CUDA_VISIBLE_DEVICES": "0"}) == []


def test_more_cards_than_there_are_is_a_warning(folder, monkeypatch):
    monkeypatch.setattr(check_place, "torch_sees_gpu", lambda _: True)
    text = "behaviors: [groom]\npresets: [fast]\nfeatures: {common: {gpus: 2}}\n"
    (folder / "config.yaml").write_text(text)
    ((serious, said),) = examine(folder, {"CUDA_VISIBLE_DEVICES": "3"})
    assert not serious
    assert "features of preset fast is to train on 2 graphics cards (`gpus`), but" in said
    assert "shows 1; lower it" in said
    assert examine(folder, {"CUDA_VISIBLE_DEVICES": "3,4"}) == []


def test_torch_is_asked_in_a_process_of_its_own(monkeypatch):
    assert check_place.torch_sees_gpu({"CUDA_VISIBLE_DEVICES": ""}) is False
