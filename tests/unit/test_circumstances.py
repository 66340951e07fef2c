"""Versions and machine of a record."""

import re
import sys
from pathlib import Path

import pytest

from deg_core import __version__, circumstances


def test_software_names_loaded_packages_only(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.delitem(sys.modules, "openvino")
    import numpy

    found = circumstances.software()
    assert found["deg-core"] == __version__
    assert found["packages"]["numpy"] == numpy.__version__
    assert "openvino" not in found["packages"]
    assert re.fullmatch("[0-9a-f]{64}", found["code"])


def test_machine(monkeypatch):
    found = circumstances.machine({"DEG_DEVICE": "cpu", "HOME": "/home/anna"})
    assert found["environment"] == {"DEG_DEVICE": "cpu"}
    assert found["cores"] >= 1
    assert found["processor"]
    assert found["host"]


def test_graphics_cards_are_those_that_were_used(monkeypatch):
    class Cuda:
        is_initialized = staticmethod(lambda: True)
        device_count = staticmethod(lambda: 1)
        get_device_name = staticmethod(lambda n: f"card {n}")

    monkeypatch.setitem(sys.modules, "torch", type("torch", (), {"cuda": Cuda}))
    assert circumstances.graphics_cards() == ["card 0"]
    monkeypatch.setattr(Cuda, "is_initialized", staticmethod(lambda: False))
    assert circumstances.graphics_cards() == []
    monkeypatch.delitem(sys.modules, "torch")
    assert circumstances.graphics_cards() == []


def test_processor(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Fast: 9000\nmodel name\t: Other\n")
    assert circumstances.processor(cpuinfo) == "Fast: 9000"
    assert circumstances.processor(tmp_path / "none")


def test_digest_of_code_changes_with_content_and_names_only(tmp_path):
    def write(folder, name="a.py", text="x = 1"):
        (tmp_path / folder / "inner").mkdir(parents=True)
        (tmp_path / folder / "inner" / name).write_text(text)
        return circumstances.digest_of_code(tmp_path / folder)

    first = write("one")
    assert write("two") == first
    assert write("three", text="x = 2") != first
    assert write("four", name="b.py") != first
    (tmp_path / "one" / "a.pyc").write_text("compiled")
    assert circumstances.digest_of_code(tmp_path / "one") == first


def test_commit(tmp_path, monkeypatch):
    assert circumstances.commit(tmp_path) is None
    (tmp_path / ".git").mkdir()  # no repository, in spite of its name
    assert circumstances.commit(tmp_path) is None
    monkeypatch.setenv("PATH", "")
    assert circumstances.commit(tmp_path) is None


@pytest.mark.parametrize("name", sorted(circumstances.PACKAGES.values()))
def test_packages_are_dependencies(name):
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert f'"{name}' in text
