"""Checkpoints of the original program become model files that give the same probabilities."""

import json
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from parity.fill_weights import fill

from deg_core import cli
from deg_core.data.publish import sha256
from deg_core.errors import ModelError
from deg_core.models import compat, files
from deg_core.models.compat.background import without_background
from deg_core.models.compat.convert import convert
from deg_core.models.compat.recognise import options_of, recognise
from deg_core.project.import_model import import_model
from deg_core.settings import FeatureSettings, FlowSettings, SequenceSettings, from_dict
from deg_core.stages.networks import Motion, load_sequence, load_two_stream

REFERENCE = Path(__file__).parents[1] / "parity" / "reference"
LISTS = json.loads((REFERENCE / "state_dicts.json").read_text())
SAMPLES = REFERENCE / "sample_project" / "models"
SEQUENCES = ["tgm", "tgmj", "linear", "conv_nonlinear", "rnn"]
NAMES = ["groom", "rear", "dig", "rest"]  # the lists have K = 5, with background
CPU = torch.device("cpu")


def weights_of(name):
    return fill({key: (shape, dtype) for key, shape, dtype in LISTS[name]})


def config(**changes):
    run = {
        "project": {"class_names": ["background", *NAMES]},
        "augs": {
            "normalization": {"N": 3, "mean": [0.4, 0.5, 0.6], "std": [0.1, 0.2, 0.3]},
            "resize": [32, 48],
        },
        "feature_extractor": {"final_activation": "sigmoid"},
    }
    return {key: (run.get(key) or {}) | changes.get(key, {}) for key in {**run, **changes}}


SOFTMAX = config(feature_extractor={"final_activation": "softmax"})


def run_folder(folder, state, run, name="checkpoint.pt"):
    path = folder / "210101_000000_model_train" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"epoch": 2, "state_dict": state, "optimizer": None, "hyperparameters": None}, path)
    if run is not None:
        folder = path.parent if path.suffix == ".pt" else path.parents[1]
        (folder / "config.yaml").write_text(yaml.safe_dump(run))
    return path


# --- recognising


@pytest.mark.parametrize(
    "name", [n for n in LISTS if "two_stream" in n or "motion" in n or n in SEQUENCES]
)
def test_every_network_is_recognised(name):
    state = {key: torch.empty(shape, device="meta") for key, shape, _ in LISTS[name]}
    assert recognise(state) == name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mlp", "network for keypoints"),
        ("tgmj_fe_logits", "also reads the feature extractor's logits"),
        ("resnet18_spatial", "one stream of a feature extractor"),
    ],
)
def test_networks_without_a_place_here_are_refused(name, words):
    state = {key: torch.empty(shape, device="meta") for key, shape, _ in LISTS[name]}
    with pytest.raises(ModelError, match=words):
        recognise(state)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (["a.b", "c.d"], r"no network of DeepEthogram has such tensors \(a.b, c.d, ...\)"),
        (["conv1.0.weight", "conv6_1.0.weight"], "FlowNetS"),
    ],
)
def test_other_state_dicts_are_refused(keys, words):
    with pytest.raises(ModelError, match=words):
        recognise({key: torch.empty(1, 1, 1, 1) for key in keys})


@pytest.mark.parametrize("key", ["rnn.weight_ih_l0", "rnn.weight_hh_l0"])
def test_tensors_without_numbers_are_refused(key):
    """Sizes are told by shapes: one of 0 asks for a network that nobody can build."""
    state = compat_state("rnn", K=3, D=4, hidden_size=3, num_layers=1)
    state[key] = torch.zeros(12, 0)
    for read in (recognise, partial(compat.from_deepethogram, "rnn")):
        with pytest.raises(ModelError, match=rf"'{re.escape(key)}' has the shape \[12, 0\]"):
            read(state)


def test_a_pair_of_networks_that_no_preset_has_is_refused():
    state = {k: torch.empty(s, device="meta") for k, s, _ in LISTS["hidden_two_stream_fast"]}
    state = {k: v for k, v in state.items() if not k.startswith("flow_generator.")}
    state |= {
        f"flow_generator.{k}": torch.empty(s, device="meta") for k, s, _ in LISTS["motion_net"]
    }
    with pytest.raises(ModelError, match="preset fast, but its flow generator is a motion_net"):
        recognise(state)


def test_tensors_go_before_the_configuration():
    state = compat_state("tgmj", num_layers=2, n_filters=5, c_out=3, num_features=7, D=6, K=5,
                         final_bn=False, tgm_reduction="conv1x1", soft_attn=False)  # fmt: skip
    run = {"sequence": {"num_layers": 9, "filter_length": 4, "tgm_reduction": "max", "arch": "tgmj",
                        "final_bn": True, "latent_name": None, "input_dropout": None}}  # fmt: skip
    assert options_of("tgmj", state, run) == {
        "num_layers": 2, "n_filters": 5, "c_out": 3, "num_features": 7, "final_bn": False,
        "tgm_reduction": "conv1x1", "soft_attn": False, "filter_length": 4,
        "nonlinear_classification": True,
    }  # fmt: skip


def compat_state(name, **options):
    """State dict of a network with other options than in the lists, in the original's names."""
    translation = compat.NETWORKS[name]
    complete, _ = {**translation.defaults, **options}, torch.manual_seed(0)
    module = translation.build(complete)
    compat.translation.add_unused(module, translation.unused(complete))
    origin = compat.translation.Origin(name, translation, complete, ())
    places = compat.translation.correspondence(module, origin)
    return fill({k: torch.zeros(shape, dtype=t.dtype) for k, (t, shape) in places.items()})


@pytest.mark.parametrize(
    "options",
    [
        {"rnn_style": "gru", "num_layers": 1, "bidirectional": True, "hidden_size": 3},
        {"rnn_style": "rnn", "num_layers": 2, "bidirectional": False, "hidden_size": 4},
    ],
)
def test_a_recurrent_network_tells_its_options(options):
    state = compat_state("rnn", K=3, D=5, **options)
    assert options_of("rnn", state, {"sequence": {"rnn_style": "lstm"}}) == options


# --- without the background


def group_probabilities(logits, groups):
    """Exclusive behaviors (N, K, ...): softmax over them and a background of logit 0."""
    p = torch.sigmoid(logits)
    for group in groups:
        e = torch.exp(logits[:, group])
        p[:, group] = e / (1 + e.sum(1, keepdim=True))
    return p


@pytest.mark.parametrize(
    ("name", "final_bn"), [*((name, False) for name in SEQUENCES), ("tgmj", True)]
)
@pytest.mark.parametrize("exclusive", [False, True])
def test_probabilities_stay_when_the_background_goes(name, exclusive, final_bn):
    more = {"final_bn": final_bn, "num_features": 9, "c_out": 2} if name == "tgmj" else {}
    more |= {"channels": 6} if name == "conv_nonlinear" else {}
    state = compat_state(name, K=5, D=12, **more)
    x = torch.randn(2, 12, 30, generator=torch.Generator().manual_seed(1)) * 3
    original = compat.from_deepethogram(name, state, **options_of(name, state, {}))
    (part,) = convert(state, SOFTMAX if exclusive else config()).parts
    assert part.facts["behaviors"] == NAMES
    assert part.facts["groups"] == ([NAMES] if exclusive else [])
    with torch.no_grad():
        logits = compat.outputs(original, x)["out"]
        expected = (torch.softmax(logits, 1) if exclusive else torch.sigmoid(logits))[:, 1:]
        found = group_probabilities(part.network(x), [[0, 1, 2, 3]] if exclusive else [])
    assert expected.std() > 0.01  # they say something
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("convolution", [False, True])
@pytest.mark.parametrize("final_bn", [False, True])
def test_relative_logits_are_exact_behind_a_batch_norm(convolution, final_bn):
    """The row differences of the original's last layer, whatever its norm has learned."""
    torch.manual_seed(3)

    def head(k):
        linear = torch.nn.Conv1d(6, k, 3, bias=not final_bn) if convolution else torch.nn.Linear(
            6, k, bias=not final_bn)  # fmt: skip
        return torch.nn.Sequential(linear, torch.nn.BatchNorm1d(k)) if final_bn else linear

    full, part = head(4).eval(), head(3).eval()
    for value in full.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand_like(value) + 0.2)
    weights = {f"a.head.{key}": value for key, value in full.state_dict().items()}
    trimmed = without_background(weights, ("a.head.",), exclusive=True)
    part.load_state_dict({key.removeprefix("a.head."): value for key, value in trimmed.items()})
    x = torch.randn(5, 6, 9) if convolution else torch.randn(5, 6)
    with torch.no_grad():
        expected = full(x)[:, 1:] - full(x)[:, :1]
        torch.testing.assert_close(part(x), expected, rtol=1e-5, atol=1e-5)


def test_one_behavior_beside_background_is_no_group():
    state = compat_state("linear", K=2, D=4)
    (part,) = convert(state, SOFTMAX, behaviors=["groom"]).parts
    assert part.facts["groups"] == []
    x = torch.randn(1, 4, 3)
    expected = torch.softmax(torch.einsum("kdx,ndt->nkt", state["conv1.weight"], x)
                             + state["conv1.bias"][:, None], 1)[:, 1:]  # fmt: skip
    torch.testing.assert_close(torch.sigmoid(part.network(x)), expected)


# --- names and normalisation


@pytest.mark.parametrize("names", [NAMES, ["background", *NAMES]])
def test_names_may_be_given(names):
    (part,) = convert(compat_state("linear", K=5, D=2), {}, behaviors=names).parts
    assert part.facts["behaviors"] == NAMES


@pytest.mark.parametrize(
    ("run", "behaviors", "words"),
    [
        ({}, None, "5 outputs, the background and 4 behaviors, but nothing names them; pass --beh"),
        ({"project": None}, None, "nothing names them"),
        (config(project={"class_names": 4.5}), None, "nothing names them"),
        (config(), ["a", "b"], r"found 2 \(a, b\); pass --behaviors"),
        (config(project={"class_names": ["background", "a"]}), None, r"found 1 \(a\)"),
        (config(project={"class_names": ["background"]}), None, "nothing names them"),
    ],
)
def test_behaviors_must_be_known(run, behaviors, words):
    with pytest.raises(ModelError, match=words):
        convert(compat_state("linear", K=5, D=2), run, behaviors=behaviors)


def test_for_transfer_outputs_need_no_names():
    state = compat_state("linear", K=5, D=2)
    (part,) = convert(state, SOFTMAX, transfer=True).parts
    assert part.facts["behaviors"] == [f"output_{i}" for i in range(5)]
    assert part.facts["groups"] == []
    assert torch.equal(part.network.network.classify.weight, state["conv1.weight"])


@pytest.mark.parametrize(
    "normalization",
    [
        {}, {"mean": [0.5] * 3}, {"mean": [0.5] * 3, "std": [0.5] * 2}, None,
        {"mean": [0.5] * 3, "std": [0.5, 0.5, 0]}, {"mean": [0.5] * 3, "std": [0.5, 0.5, "x"]},
        {"mean": [0.5, 0.5, float("nan")], "std": [0.5] * 3},
    ],
)  # fmt: skip
def test_the_normalisation_must_be_known(normalization):
    run = {"augs": {"normalization": normalization}}
    with pytest.raises(ModelError, match=r"mean and deviation .* not known; pass --config"):
        convert(weights_of("tiny_motion_net_3d"), run)


# --- files


def test_a_flow_generator_becomes_a_model_file(tmp_path, capsys):
    state = weights_of("tiny_motion_net_3d")
    run = config(flow_generator={"n_rgb": 7})
    file, out = run_folder(tmp_path, state, run), tmp_path / "slow.pt"
    assert import_model(file, out=out, preset="slow") == 0
    motion = Motion.load(out, CPU)
    assert motion.clip == 7
    assert motion.normalization == {"mean": [0.4, 0.5, 0.6], "std": [0.1, 0.2, 0.3]}
    clip = torch.randn(1, 7, 3, 16, 16)
    original = compat.from_deepethogram("tiny_motion_net_3d", state, n_rgb=7)
    assert torch.equal(motion(clip), original(clip)[0])
    assert not out.with_name("slow.flow.pt").exists()
    printed = capsys.readouterr().out
    assert "checkpoint.pt: tiny_motion_net_3d, 78 tensors, epoch 2" in printed
    lines = in_config(printed)
    assert lines["import"] == {"size": [32, 48], "resize": "linear"}
    assert "assumed" not in printed
    assert lines["flow"] == {"slow": {"weights": str(out), "clip": 7}}
    from_dict(FlowSettings, lines["flow"]["slow"])


def in_config(printed):
    """Read the lines for config.yaml out of what was printed."""
    return yaml.safe_load(printed.split("In config.yaml:\n\n")[1].split("\n\n")[0])


def test_a_sequence_model_becomes_a_model_file(tmp_path, capsys):
    """A .ckpt: prefixed keys, its config.yaml one folder up."""
    state = {f"model.{key}": value for key, value in weights_of("tgmj").items()}
    state["model.criterion.pos_weight"] = torch.ones(5)
    name = "lightning_checkpoints/epoch=1-step=14.ckpt"
    file, out = (
        run_folder(
            tmp_path, state, config(sequence={"filter_length": 21, "sequence_length": 60}), name
        ),
        tmp_path / "s.pt",
    )
    assert cli.main(["import-model", str(file), "--out", str(out)]) == 0
    network, content = load_sequence(out, CPU)
    assert content["behaviors"] == NAMES
    assert content["n_features"] == 1024
    assert content["settings"]["filter_length"] == 21
    assert content["settings"]["inference_window"] == 60
    x = torch.randn(1, 1024, 40)
    original = compat.from_deepethogram("tgmj", weights_of("tgmj"), filter_length=21)
    with torch.no_grad():
        torch.testing.assert_close(network(x), compat.outputs(original, x)["out"][:, 1:])
    lines = in_config(capsys.readouterr().out)
    assert lines["behaviors"] == NAMES
    assert lines["sequence"]["common"]["shared_read_out"] is True
    assert "import" not in lines
    settings = from_dict(SequenceSettings, lines["sequence"]["common"])
    assert settings.inference_window == 60
    assert settings.filters == "lorentzian"
    assert not settings.standardize


@pytest.fixture(scope="module")
def two_stream(tmp_path_factory):
    folder, state = tmp_path_factory.mktemp("two_stream"), weights_of("hidden_two_stream_fast")
    return run_folder(folder, state, config()), state


def test_a_feature_extractor_becomes_two_files(two_stream, tmp_path, capsys):
    (file, state), out = two_stream, tmp_path / "fast.pt"
    import_model(file, out=out, preset="fast")
    motion = Motion.load(tmp_path / "fast.flow.pt", CPU)
    assert motion.sha256 == sha256(tmp_path / "fast.flow.pt")
    network, content = load_two_stream(out, motion, CPU)
    assert content["normalization"] == motion.normalization
    assert content["behaviors"] == NAMES
    clip = torch.randn(2, 11, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    original = compat.from_deepethogram("hidden_two_stream_fast", state)
    with torch.no_grad():
        expected = compat.outputs(original, clip.flatten(1, 2))
        found = network(clip, motion(clip))
    torch.testing.assert_close(found.logits, expected["out"][:, 1:])
    torch.testing.assert_close(found.spatial, expected["spatial_features"])
    torch.testing.assert_close(found.flow, expected["flow_features"])
    lines = in_config(capsys.readouterr().out)
    assert lines["features"] == {
        "fast": {"weights": str(out), "flow_weight": 1.5, "picture": "channel_slice"}
    }
    assert lines["flow"] == {"fast": {"weights": str(tmp_path / "fast.flow.pt")}}
    from_dict(FeatureSettings, lines["features"]["fast"])


def test_another_preset_is_refused(two_stream, tmp_path):
    with pytest.raises(
        ModelError, match=r"preset medium, found hidden_two_stream_fast, .* of fast"
    ):
        import_model(two_stream[0], out=tmp_path / "m.pt", preset="medium")
    assert list(tmp_path.iterdir()) == []


def test_half_an_import_leaves_nothing(two_stream, tmp_path, monkeypatch):
    save, done = files.save, []

    def failing(path, **facts):
        done.append(path)
        if len(done) == 2:
            raise OSError("disk")
        save(path, **facts)

    monkeypatch.setattr(files, "save", failing)
    with pytest.raises(OSError, match="disk"):
        import_model(two_stream[0], out=tmp_path / "m.pt")
    assert len(done) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["m.pt", "m.flow.pt"])
def test_an_existing_file_is_kept(two_stream, name, tmp_path, capsys):
    there = tmp_path / name
    there.write_text("mine")
    assert cli.main(["import-model", str(two_stream[0]), "--out", str(tmp_path / "m.pt")]) == 2
    assert f"{there}: this file exists" in capsys.readouterr().err
    assert there.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [there]


def test_a_file_that_will_not_be_written_may_exist(tmp_path, monkeypatch):
    file = run_folder(tmp_path, compat_state("linear", K=5, D=2), config())
    there = tmp_path / "m.flow.pt"
    there.write_text("mine")
    import_model(file, out=tmp_path / "m.pt")
    monkeypatch.setattr(files, "save", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        import_model(file, out=tmp_path / "m2.pt")
    assert there.read_text() == "mine"


def test_a_folder_is_no_place_to_write_to(tmp_path):
    file = run_folder(tmp_path, compat_state("linear", K=5, D=2), config())
    with pytest.raises(ModelError, match=r"expected the name of a file .* pass --out .*NAME\.pt"):
        import_model(file, out=tmp_path)


# --- what nobody tells


def printed_of(folder, capsys, state, run, **options):
    import_model(run_folder(folder, state, run), out=folder / "m.pt", **options)
    return capsys.readouterr().out


def assumed(printed):
    return {line.split()[1]: line.split()[2].rstrip(",") for line in printed.splitlines()
            if line.startswith("assumed: ")}  # fmt: skip


def test_what_no_tensor_tells_is_said_to_be_assumed(tmp_path, capsys):
    state = compat_state("tgmj", K=5, D=2)
    printed = printed_of(tmp_path, capsys, state, None, behaviors=NAMES)
    assert assumed(printed) == {
        "filter_length": "15", "tgm_reduction": "max", "final_activation": "sigmoid",
        "sequence_length": "180",
    }  # fmt: skip
    assert "pass --activation if its training had another" in printed
    assert "pass --config if its training had another" in printed


def test_what_is_told_is_not_assumed(tmp_path, capsys):
    told = {"filter_length": 9, "tgm_reduction": "mean", "sequence_length": 90}
    state = compat_state("tgmj", K=5, D=2)
    assert assumed(printed_of(tmp_path, capsys, state, config(sequence=told))) == {}
    content = files.load(tmp_path / "m.pt", stage="train_sequence")["settings"]
    assert [content[key] for key in ("filter_length", "reduction")] == [9, "mean"]


def test_frames_of_a_volume_are_assumed(tmp_path, capsys):
    printed = printed_of(tmp_path, capsys, weights_of("tiny_motion_net_3d"), config())
    assert assumed(printed) == {"n_rgb": "11"}


@pytest.mark.parametrize(
    ("activation", "groups"), [("softmax", [NAMES]), ("sigmoid", []), (None, [])]
)
def test_an_activation_may_be_given(activation, groups, tmp_path, capsys):
    options = {"behaviors": NAMES, "activation": activation}
    printed = printed_of(tmp_path, capsys, compat_state("linear", K=5, D=2), None, **options)
    assert ("final_activation" in assumed(printed)) == (activation is None)
    assert files.load(tmp_path / "m.pt", stage="train_sequence")["groups"] == groups


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"feature_extractor": {"final_activation": "tanh"}}, "tanh.*expected sigmoid or softmax"),
        ({"sequence": {"sequence_length": 0}}, "sequence_length 0, expected a number of frames"),
        ({"sequence": {"sequence_length": "long"}}, "sequence_length 'long', expected"),
        ({"project": {"class_names": ["background", "a", "a", "b", "c"]}}, "a stands twice"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(changes, words):
    with pytest.raises(ModelError, match=words):
        convert(compat_state("linear", K=5, D=2), config(**changes))


def test_no_two_behaviors_have_one_name():
    with pytest.raises(ModelError, match="named a, b, a, c, where a stands twice; pass --be"):
        convert(compat_state("linear", K=5, D=2), {}, behaviors=["a", "b", "a", "c"])


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"resize": None}, "Its frames were not resized: add `size` under import"),
        ({"resize": 64}, "so that the shorter side had 64 pixels: add `size`"),
        ({"crop_size": [20, 20]}, r"augs.crop_size \(\[20, 20\]\) has no counterpart"),
        ({"pad": [0, 4, 0, 4]}, r"augs.pad \(\[0, 4, 0, 4\]\) has no counterpart"),
    ],
)
def test_what_was_done_to_frames_is_said(told, words, tmp_path, capsys):
    run = config(augs=told)
    printed = printed_of(tmp_path, capsys, weights_of("tiny_motion_net_3d"), run)
    assert re.search(words, printed)
    expected = {} if "resize" in told else {"size": [32, 48]}
    assert in_config(printed)["import"] == expected | {"resize": "linear"}


def test_a_hidden_layer_of_tgm_is_imported(tmp_path, capsys):
    options = {"nonlinear_classification": True, "num_features": 6, "K": 5, "D": 4, "c_out": 2}
    state = compat_state("tgm", **options)
    printed = printed_of(tmp_path, capsys, state, config(sequence={"num_features": 128}))
    network, content = load_sequence(tmp_path / "m.pt", CPU)
    assert content["n_features"] == 4
    x = torch.randn(1, 4, 20)
    original = compat.outputs(compat.from_deepethogram("tgm", state, c_out=2), x)["out"]
    torch.testing.assert_close(network(x), original[:, 1:])
    lines = in_config(printed)["sequence"]["common"]
    assert (lines["network"], lines["hidden"]) == ("tgm_hidden", 6)


def test_softmax_behaviors_are_told_as_a_group(tmp_path, capsys):
    file = run_folder(tmp_path, compat_state("linear", K=5, D=2), SOFTMAX)
    import_model(file, out=tmp_path / "m.pt")
    assert in_config(capsys.readouterr().out)["exclusive_groups"] == [NAMES]


def test_a_bare_state_dict_with_what_the_command_says(tmp_path, capsys):
    file, out = tmp_path / "old.pt", tmp_path / "m.pt"
    torch.save(compat_state("linear", K=3, D=2), file)
    arguments = ["import-model", str(file), "--out", str(out)]
    assert cli.main(arguments) == 2
    assert f"{file}: it has 3 outputs" in capsys.readouterr().err
    assert cli.main([*arguments, "--behaviors", "rear", "größe"]) == 0
    assert files.load(out, stage="train_sequence")["behaviors"] == ["rear", "größe"]
    assert "configuration of its run: none" in capsys.readouterr().out


def test_a_configuration_may_be_named(tmp_path, capsys):
    file, other = run_folder(tmp_path, compat_state("linear", K=5, D=2), None), tmp_path / "p.yaml"
    (file.parent / "config.yaml").write_text("behaviors: [one of ours]\n")
    with pytest.raises(ModelError, match="nothing names them"):
        import_model(file, out=tmp_path / "m.pt")
    other.write_text(yaml.safe_dump(config()))
    import_model(file, out=tmp_path / "m.pt", config=other)
    assert str(other) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("behaviors: [a]", "expected a configuration of DeepEthogram"),
        ("a: [", "cannot be read"),
        ("a: !!python/object/apply:os.system ['touch mark']", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_an_unusable_configuration_is_one_sentence(tmp_path, text, words):
    file = run_folder(tmp_path, compat_state("linear", K=5, D=2), None)
    if text is not None:
        (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(ModelError, match=words) as caught:
        import_model(file, out=tmp_path / "m.pt", config=tmp_path / "p.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "file", sorted(SAMPLES.glob("*/checkpoint.pt")), ids=lambda p: p.parent.name
)
def test_the_sample_projects_files_are_imported(file, tmp_path, capsys):
    import_model(file, out=tmp_path / "m.pt")
    stage = "train_flow" if "flow" in file.parent.name else "train_sequence"
    content = files.load(tmp_path / "m.pt", stage=stage)
    if stage == "train_flow":
        np.testing.assert_allclose(content["normalization"]["mean"][0], 0.48651348039215686)
    else:
        assert content["behaviors"] == ["groom", "rear"]
