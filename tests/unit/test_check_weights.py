"""The doctor reads the model files that a project starts from, and says what does not fit."""

import pytest
import tiny
import torch

from deg_core.models import files, flow, sequence, two_stream
from deg_core.project.check_weights import model_file_problems
from deg_core.settings import FeatureSettings, FlowSettings, SequenceSettings, to_dict

NAMES = ["groom", "rear"]
FLOW = FlowSettings(network="difference", clip=5)
FEATURES = FeatureSettings(backbone="small_cnn", width=0.1, inputs=("frame",))
SEQUENCE = SequenceSettings(network="linear")
AS_IT_IS = {"epochs": 0}


@pytest.fixture
def folder(tmp_path):
    """A folder with models of all three stages that belong together, and their digests."""
    motion = flow.build(FLOW)
    save(tmp_path / "flow.pt", "flow", FLOW, motion, normalization=None)
    first = files.load(tmp_path / "flow.pt", stage="train_flow")["sha256"]
    about = {"behaviors": NAMES, "groups": [["groom", "rear"]]}
    network = two_stream.build(FEATURES, motion, 2)
    save(tmp_path / "features.pt", "features", FEATURES, network, flow_sha256=first, **about)
    second = files.load(tmp_path / "features.pt", stage="train_features")["sha256"]
    network = sequence.build(SEQUENCE, n_features=6, n_behaviors=2)
    digest = files.digest_of_features(first, second)
    save(tmp_path / "sequence.pt", "sequence", SEQUENCE, network, features_digest=digest, **about)
    return tmp_path


def save(path, section, settings, network, **facts):
    files.save(path, stage=f"train_{section}", network=network, settings=to_dict(settings), **facts)


def problems(project, **changes):
    """Examine a project of preset lite that uses all three models as they are."""
    config = {
        "behaviors": NAMES,
        "exclusive_groups": [["rear", "groom"]],
        "flow": {"lite": {"weights": "flow.pt", "clip": 5, **AS_IT_IS}},
        "features": {"lite": {"weights": "features.pt", "inputs": ["frame"], **AS_IT_IS}},
        "sequence": {"lite": {"weights": "sequence.pt", "network": "linear", **AS_IT_IS}},
    }
    for key, value in changes.items():
        merged = {**config[key]["lite"], **value} if key in ("flow", "features", "sequence") else 0
        config[key] = {"lite": merged} if merged else value
    return list(model_file_problems(config, project=project))


def test_models_that_belong_together_are_right(folder):
    assert problems(folder) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"flow": {"weights": "features.pt"}}, "model of train_flow, found train_features"),
        ({"features": {"inputs": ["background_difference"]}}, "`inputs: [frame]`, found `inputs:"),
        ({"behaviors": ["groom", "dig"], "sequence": {"epochs": 1}},
         "made for the behaviors groom, rear in place of groom, dig"),
        ({"exclusive_groups": [], "sequence": {"epochs": 1}},
         "it needs `exclusive_groups: [[groom, rear]]` in config.yaml"),
        ({"flow": {"epochs": 1}, "sequence": {"epochs": 1}}, "trained behind another flow model"),
        ({"features": {"epochs": 1}}, "trained behind other features"),
        ({"sequence": {"network": "conv"}}, "`network: linear`, found `network: conv`"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_once(folder, changes, words):
    (problem,) = problems(folder, **changes)
    assert words in problem
    assert problem.startswith("config.yaml: ")
    assert " (preset lite): weights: " in problem
    assert "\n" not in problem


def test_models_that_are_trained_further_may_be_of_other_behaviors(folder):
    further = {section: {"epochs": 3} for section in ("flow", "features", "sequence")}
    assert problems(folder, behaviors=["dig"], exclusive_groups=[], **further) == []


def test_a_problem_of_several_presets_is_told_once(folder):
    config = {"behaviors": NAMES, "presets": ["fast", "medium"],
              "sequence": {"common": {"weights": "flow.pt"}}}  # fmt: skip
    assert len(list(model_file_problems(config, project=folder))) == 1


def test_a_checkpoint_of_the_original_program_is_to_be_imported(tmp_path):
    torch.save({"epoch": 1, "state_dict": {"a": torch.ones(1)}}, tmp_path / "c.pt")
    config = {"behaviors": NAMES, "flow": {"common": {"weights": "c.pt"}}}
    (problem,) = model_file_problems(config, project=tmp_path)
    assert "run `deg import-model" in problem


def test_missing_files_are_told_elsewhere(tmp_path):
    config = {"behaviors": list(tiny.BEHAVIORS), "flow": {"common": {"weights": "c.pt"}}}
    assert list(model_file_problems(config, project=tmp_path)) == []
