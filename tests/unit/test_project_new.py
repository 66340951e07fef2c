"""`deg new` makes a folder that the rest of the program can read."""

import re

import pytest
import yaml
from projects import HEADER

from deg_core.config import load_config
from deg_core.errors import ConfigError, StateError
from deg_core.presets import DEFAULT_PRESETS, PRESETS, resolve
from deg_core.project import new
from deg_core.starting import IMAGENET_FILES, weights_problems
from deg_core.table import read_videos


def test_what_is_written_can_be_read(tmp_path):
    folder = tmp_path / "my project"
    new.create(folder, behaviors=["groom", "rear"], environment={})
    config = load_config(folder / "config.yaml")
    assert config["behaviors"] == ["groom", "rear"]
    assert read_videos(folder / "videos.tsv") == []
    assert (folder / "videos.tsv").read_text() == HEADER
    assert (folder / "labels").is_dir()
    assert "results/" in (folder / ".gitignore").read_text()


def test_every_commented_line_is_a_valid_setting_with_its_default(tmp_path):
    text = new.config_text(["groom"], DEFAULT_PRESETS, "so")
    # Lines such as "# splits: {...}": what a user gets by removing the number sign.
    shown = yaml.safe_load(re.sub(r"^# (?=\w+: \{)", "", text, flags=re.MULTILINE))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(shown))
    config = load_config(tmp_path / "config.yaml")
    assert config["presets"] == DEFAULT_PRESETS
    for section in ("import", "splits", "augment", "postprocess", "figures"):
        defaults = resolve({}, section)
        assert config[section] == {key: defaults[key] for key in config[section]}
    assert config["labels"] == {"annotator": "anna"}


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_mentioned(preset):
    assert preset in new.config_text([], [], "")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, ["lite"]), ({"CUDA_VISIBLE_DEVICES": "0"}, ["fast", "lite"])],
)
def test_presets_suit_the_machine(tmp_path, environment, expected, capsys):
    new.create(tmp_path / "p", behaviors=["groom"], environment=environment)
    assert load_config(tmp_path / "p" / "config.yaml")["presets"] == expected
    assert f"presets {', '.join(expected)}, since there is " in capsys.readouterr().err


def with_weights(tmp_path, **environment):
    """Return an environment whose cache holds a file of ImageNet's weights."""
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / IMAGENET_FILES["resnet18"]).write_text("weights")
    return {"TORCH_HOME": str(tmp_path / "torch"), **environment}


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"CUDA_VISIBLE_DEVICES": ""}, "there are pretrained weights here"),
        ({"CUDA_VISIBLE_DEVICES": "0"}, "there are a graphics card and pretrained weights here"),
    ],
)
def test_weights_on_the_machine_are_used(tmp_path, more, reason, capsys):
    folder = tmp_path / "p"
    new.create(folder, behaviors=["groom"], environment=with_weights(tmp_path, **more))
    config = load_config(folder / "config.yaml")
    assert config["presets"] == ["fast", "lite"]
    assert resolve(config, "features", "fast")["weights"] == "imagenet"
    assert resolve(config, "features", "lite")["weights"] == "drawn"
    assert list(weights_problems(config, project=folder)) == []
    assert f"presets fast, lite, since {reason}; keep what" in capsys.readouterr().err


@pytest.mark.parametrize("visible", ["", "0"])
def test_weights_that_are_not_there_are_not_asked_for(tmp_path, visible):
    environment = {"CUDA_VISIBLE_DEVICES": visible, "TORCH_HOME": str(tmp_path)}
    new.create(tmp_path / "p", behaviors=["groom"], environment=environment)
    assert "imagenet" not in (tmp_path / "p" / "config.yaml").read_text()


@pytest.mark.parametrize("name", ["no", "1", "wet dog shake", "Fußputzen", "a: b"])
def test_odd_names_of_behaviors_survive_yaml(tmp_path, name):
    new.create(tmp_path / "p", behaviors=[name], environment={})
    assert load_config(tmp_path / "p" / "config.yaml")["behaviors"] == [name]


def test_behaviors_may_follow_later(tmp_path, capsys):
    new.create(tmp_path / "p", behaviors=[], environment={})
    assert yaml.safe_load((tmp_path / "p" / "config.yaml").read_text())["behaviors"] == []
    assert "1. name the behaviors in" in capsys.readouterr().err


def test_a_name_that_cannot_be_used_makes_nothing(tmp_path):
    with pytest.raises(ConfigError, match="background"):
        new.create(tmp_path / "p", behaviors=["background"], environment={})
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("name", ["config.yaml", "videos.tsv"])
def test_an_existing_project_is_refused_and_left_alone(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(ConfigError, match="exists already"):
        new.create(tmp_path, behaviors=["groom"], environment={})
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_other_files_in_the_folder_are_left_alone(tmp_path):
    (tmp_path / ".gitignore").write_text("mine")
    new.create(tmp_path, behaviors=["groom"], environment={})
    assert (tmp_path / ".gitignore").read_text() == "mine"
    assert (tmp_path / "config.yaml").exists()


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be made"):
        new.create(tmp_path / "file" / "p", behaviors=["groom"], environment={})
