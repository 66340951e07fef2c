"""torchvision must import beside every build of torch, and its networks must compute."""

import importlib
import subprocess
import sys

import pytest
import torch

from deg_core.models import vision


def test_networks_of_torchvision_compute():
    models = vision.torchvision_models()
    assert models.__name__ == "torchvision.models"
    network = models.resnet18(weights=None, num_classes=2).eval()
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 2)


def test_a_second_call_gives_the_same_module():
    assert vision.torchvision_models() is vision.torchvision_models()


def test_a_fresh_process_imports_it_first():
    """In this process something may have imported torchvision already."""
    code = (
        "from deg_core.models.vision import torchvision_models as get\n"
        "print(get().resnet.ResNet.__name__, get() is get())"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["ResNet", "True"]


def test_missing_operators_are_declared_once_and_the_import_tried_again(monkeypatch):
    tried, declared = [], []

    def import_module(name):
        tried.append(name)
        if len(tried) == 1:
            raise RuntimeError("operator torchvision::nms does not exist")
        return "the module"

    class Library:
        def __init__(self, *names):
            declared.append(names)

        def define(self, schema):
            declared.append(schema.split("(")[0])

    monkeypatch.setattr(vision, "_library", None)
    monkeypatch.setattr(vision.importlib, "import_module", import_module)
    monkeypatch.setattr(vision.torch.library, "Library", Library)
    monkeypatch.setitem(sys.modules, "torchvision.half", importlib)  # left behind by the first try
    monkeypatch.setitem(sys.modules, "torchvisionary", importlib)  # another package
    before = {n: m for n, m in sys.modules.items() if n.split(".")[0] == "torchvision"}
    try:
        assert vision.torchvision_models() == "the module"
        assert "torchvision.half" not in sys.modules
        assert "torchvisionary" in sys.modules
    finally:
        sys.modules.update(before)
    assert tried == ["torchvision.models"] * 2
    assert declared == [("torchvision", "DEF"), "nms", "qnms"]


@pytest.mark.parametrize(
    ("error", "library"),
    [
        (RuntimeError("CUDA driver is too old"), None),
        (RuntimeError("operator torchvision::roi_pool does not exist"), "declared before"),
        (ImportError("No module named 'torchvision'"), None),
    ],
)
def test_other_errors_are_not_hidden(monkeypatch, error, library):
    def import_module(name):
        raise error

    monkeypatch.setattr(vision, "_library", library)
    monkeypatch.setattr(vision.importlib, "import_module", import_module)
    with pytest.raises(type(error), match=str(error).split()[-1].strip("'")):
        vision.torchvision_models()
