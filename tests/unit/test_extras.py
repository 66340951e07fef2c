"""Packages of extras: there, or missing with a sentence that says how to get them."""

import subprocess
import sys

import pytest

from deg_core import extras
from deg_core.errors import ConfigError


@pytest.fixture
def absent(monkeypatch):
    """Make a package one that is not installed."""
    return lambda name: monkeypatch.setitem(sys.modules, name, None)


def test_a_missing_package_is_named(absent):
    absent("nncf")
    assert extras.missing(["json"]) is None
    assert extras.missing(["json", "nncf"]) == (
        "config.yaml: extract: `precision: int8` needs the package nncf, which is not installed; "
        "run `pip install 'deg-core[openvino]'`, or choose `precision: auto`."
    )
    with pytest.raises(ConfigError, match="needs the package nncf"):
        extras.load("nncf.quantization")


def test_a_package_that_cannot_be_imported_says_why(monkeypatch, tmp_path):
    (tmp_path / "half_a_package.py").write_text("raise ImportError('no library libx.so')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"half_a_package, .*cannot be imported \(no library"):
        extras.load("half_a_package")


def test_packages_are_loaded(monkeypatch):
    monkeypatch.delitem(sys.modules, "openvino_telemetry", raising=False)
    assert extras.load("json.decoder").JSONDecoder
    assert sys.modules["openvino_telemetry"] is None  # nothing is reported to anybody


def test_asking_loads_nothing():
    code = "from deg_core import extras; extras.missing(); import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"openvino", "nncf", "numpy"} & set(done.stdout.split())
