"""What trainings start from is checked before anything runs."""

from pathlib import Path

import pytest

from deg_core.errors import ConfigError
from deg_core.models.vision import torchvision_models
from deg_core.starting import IMAGENET_FILES, check_weights, weights_file, weights_problems


@pytest.mark.parametrize("weights", ["none", "imagenet", "drawn"])
def test_these_are_no_files(weights):
    assert weights_file(weights) is None


def test_anything_else_is_a_file():
    assert weights_file("models/m.pt") == Path("models/m.pt")


def test_the_names_of_imagenets_files_are_torchvisions():
    for backbone, name in IMAGENET_FILES.items():
        url = torchvision_models().get_model_weights(backbone).IMAGENET1K_V1.url
        assert url.rsplit("/", 1)[-1] == name


def problems(folder, **config):
    return list(weights_problems({"behaviors": ["a"], **config}, project=folder))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"flow": {"common": {"weights": "m.pt"}}},
            r"config.yaml: flow \(preset lite\): weights: .*m\.pt: no such file; give its place",
        ),
        (
            {"features": {"common": {"weights": "pretrained"}}},
            r"weights: expected none, imagenet or drawn \(under features\), or a model file, found "
            "pretrained; .* `deg import-model` makes",
        ),
        (
            {"presets": ["fast"], "sequence": {"fast": {"weights": "imagenet"}}},
            r"sequence \(preset fast\): weights: expected none or a model file, found imagenet",
        ),
        (
            {"flow": {"common": {"weights": "drawn"}}},
            r"flow \(preset lite\): weights: expected none or a model file, found drawn",
        ),
        (
            {"features": {"lite": {"weights": "imagenet"}}},
            "imagenet exists for resnet18 and resnet50, not for the backbone small_cnn",
        ),
        (
            {"features": {"lite": {"epochs": 0}}},
            "epochs: 0 uses a model file .*, but weights is drawn",
        ),
        (
            {"presets": ["fast"], "features": {"fast": {"epochs": 0, "weights": "imagenet"}}},
            "but weights is imagenet; name a model file",
        ),
    ],
)
def test_what_cannot_be_is_told(config, words, tmp_path):
    (problem,) = problems(tmp_path, **config)
    with pytest.raises(ConfigError, match=words) as caught:
        check_weights({"behaviors": ["a"], **config}, project=tmp_path)
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"presets": ["fast", "lite"]},
        {"presets": ["fast"], "features": {"fast": {"weights": "imagenet"}}},
        {"flow": {"lite": {"epochs": 0}}},  # differences need no training
        {"features": {"lite": {"epochs": 0, "weights": "a folder/m.pt"}}},
        {"presets": ["lite"], "flow": {"fast": {"weights": "absent.pt"}}},  # a preset not in use
    ],
)
def test_what_can_be_is_not(config, tmp_path):
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a folder" / "m.pt").touch()
    assert problems(tmp_path, **config) == []
    check_weights({"behaviors": ["a"], **config}, project=tmp_path)


def test_each_problem_is_told_once_per_section(tmp_path):
    config = {"presets": ["fast", "lite"], "flow": {"common": {"weights": "m.pt"}},
              "sequence": {"common": {"weights": "m.pt"}}}  # fmt: skip
    flow, sequence = problems(tmp_path, **config)
    assert flow.startswith("config.yaml: flow (preset fast)")
    assert sequence.startswith("config.yaml: sequence (preset fast)")
