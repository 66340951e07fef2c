"""What a network starts from is loaded as a whole, or refused by name."""

import hashlib
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from deg_core.errors import ConfigError, ModelError
from deg_core.models import files, flow, imagenet, sequence, two_stream, weights
from deg_core.models.vision import torchvision_models
from deg_core.settings import FeatureSettings, FlowSettings, SequenceSettings, to_dict

FLOW = FlowSettings(clip=5, width=0.1)
FEATURES = FeatureSettings(backbone="small_cnn", width=0.25)
SEQUENCE = SequenceSettings(n_layers=1, c_out=2, hidden=4, filter_length=5)
NAMES = ["groom", "rear", "dig"]
NORMALIZATION = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}


def built(settings, k=3, seed=0):
    torch.manual_seed(seed)
    if isinstance(settings, FlowSettings):
        return flow.build(settings)
    if isinstance(settings, FeatureSettings):
        return two_stream.build(settings, SimpleNamespace(n_frames=5, per_pair=2), k)
    return sequence.build(settings, n_features=6, n_behaviors=k)


def stage_of(settings):
    stages = {FlowSettings: "train_flow", FeatureSettings: "train_features"}
    return stages.get(type(settings), "train_sequence")


def saved(path, settings, *, k=3, behaviors=NAMES, **facts):
    """Write a model file, and return what a training from it has as settings."""
    stage = stage_of(settings)
    if stage != "train_flow":
        facts = {"behaviors": behaviors, "groups": []} | facts
    network = built(settings, k, seed=1)
    files.save(path, stage=stage, network=network, settings=to_dict(settings), **facts)
    return replace(settings, weights=str(path))


def load(settings, *, k=3, **facts):
    network, stage = built(settings, k), stage_of(settings)
    if stage != "train_flow":
        facts = {"behaviors": NAMES} | facts
    return network, weights.load(network, settings, stage=stage, **facts)


EACH = pytest.mark.parametrize("settings", [FLOW, FEATURES, SEQUENCE], ids=lambda s: stage_of(s))


@EACH
def test_none_leaves_the_network_as_it_is(settings):
    network, loaded = load(settings)
    for key, value in built(settings).state_dict().items():
        assert torch.equal(network.state_dict()[key], value)
    assert loaded.record() == {
        "loaded": None, "sha256": None, "matched": 0, "missing": [], "reinitialised": [],
    }  # fmt: skip
    assert loaded.files == ()
    assert loaded.anchors == {}


@EACH
def test_a_model_file_is_loaded_whole(settings, tmp_path):
    path = tmp_path / "m.pt"
    network, loaded = load(saved(path, settings, normalization=NORMALIZATION))
    expected = built(settings, seed=1)
    for key, value in expected.state_dict().items():
        assert torch.equal(network.state_dict()[key], value)
    assert loaded.record() == {
        "loaded": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "matched": len(expected.state_dict()), "missing": [], "reinitialised": [],
    }  # fmt: skip
    assert loaded.files == (path,)
    assert set(loaded.anchors) == {name for name, _ in network.named_parameters()}
    assert loaded.normalization == NORMALIZATION
    assert loaded.settings == to_dict(settings)


def test_anchors_do_not_move_with_the_parameters(tmp_path):
    network, loaded = load(saved(tmp_path / "m.pt", SEQUENCE))
    before = {key: value.clone() for key, value in loaded.anchors.items()}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    assert all(torch.equal(loaded.anchors[key], before[key]) for key in before)


@pytest.mark.parametrize(
    "names", [["groom", "rear"], ["rear", "groom", "walk"], ["a", "b", "c", "d"]]
)
@pytest.mark.parametrize("settings", [FEATURES, SEQUENCE, replace(SEQUENCE, network="tcn")])
def test_other_behaviors_start_the_last_layers_anew(settings, names, tmp_path, capsys):
    chosen, k = saved(tmp_path / "m.pt", settings), len(names)
    network, loaded = load(chosen, k=k, behaviors=names)
    fresh, source = built(settings, k).state_dict(), built(settings, seed=1).state_dict()
    heads = [key for key in fresh if key.startswith(network.head_prefixes())]
    assert list(loaded.reinitialised) == heads != []
    for key, value in network.state_dict().items():
        assert torch.equal(value, (fresh if key in heads else source)[key])
    assert not set(loaded.anchors) & set(heads)
    assert loaded.record()["matched"] == len(fresh) - len(heads)
    assert loaded.behaviors == tuple(NAMES)
    logged = capsys.readouterr().err
    assert f"made for groom, rear, dig in place of {', '.join(names)}: the last layers" in logged
    assert heads[0] in logged


def logits(network, settings):
    """Score the same input; dropout and batch statistics apart."""
    network.eval()
    generator = torch.Generator().manual_seed(4)
    if isinstance(settings, SequenceSettings):
        return network(torch.randn(2, 6, 12, generator=generator))
    clip = torch.rand(2, 5, 3, 16, 16, generator=generator)
    return network(clip, torch.rand(2, 8, 8, 8, generator=generator)).logits


@pytest.mark.parametrize("epochs", [0, 1])
@pytest.mark.parametrize(
    "settings",
    [
        FEATURES, replace(FEATURES, final_bn=True), replace(FEATURES, fusion="concatenate"),
        SEQUENCE, replace(SEQUENCE, shared_read_out=True, final_bn=True),
        replace(SEQUENCE, network="tgm_hidden"), replace(SEQUENCE, network="tcn", n_stages=2),
        replace(SEQUENCE, network="rnn"),
    ],
)  # fmt: skip
def test_behaviors_in_another_order_keep_their_last_layers(settings, epochs, tmp_path, capsys):
    chosen = replace(saved(tmp_path / "m.pt", settings), epochs=epochs)
    network, loaded = load(chosen, behaviors=["dig", "groom", "rear"])
    assert loaded.reinitialised == ()
    assert loaded.record()["matched"] == len(network.state_dict())
    before = logits(built(settings, seed=1), settings)
    assert before.std() > 0
    torch.testing.assert_close(logits(network, settings), before[:, [2, 0, 1]])
    assert "put in this project's order" in capsys.readouterr().err
    for name, parameter in network.named_parameters():
        assert torch.equal(loaded.anchors[name], parameter)


@pytest.mark.parametrize(("theirs", "ours"), [("auto", 3), (3, "auto")])
def test_auto_is_as_good_as_the_number_that_it_stands_for(theirs, ours, tmp_path):
    chosen = saved(tmp_path / "m.pt", replace(SEQUENCE, n_layers=theirs))
    _, loaded = load(replace(chosen, n_layers=ours))
    assert loaded.matched
    with pytest.raises(ModelError, match="`n_layers: 3`, found `n_layers: 2`"):
        load(replace(chosen, n_layers=2))


@pytest.mark.parametrize(
    ("settings", "changes", "words"),
    [
        (FLOW, {"network": "tiny_motion_net_3d"}, r"network: tiny_motion_net\S* found .*_3d"),
        (FLOW, {"clip": 7}, r"expected under flow in config.yaml `clip: 5`, found `clip: 7`"),
        (FEATURES, {"flow_weight": 1.5}, "`flow_weight: 1.0`, found `flow_weight: 1.5`"),
        (FEATURES, {"picture": "channel_slice"}, "`picture: center`"),
        (FEATURES, {"inputs": ("background_difference",)}, r"`inputs: \[frame\]`"),
        (FEATURES, {"fusion": "concatenate"}, "`fusion: average`"),
        (SEQUENCE, {"standardize": False}, "`standardize: true`"),
        (
            SEQUENCE,
            {"filters": "lorentzian", "filter_length": 7},
            "`filter_length: 5, filters: gau",
        ),
        (SEQUENCE, {"reduction": "mean"}, "`reduction: max`"),
        (SEQUENCE, {"network": "linear"}, "`network: tgm_late`"),
    ],
)
def test_settings_that_change_the_weights_meaning_must_agree(settings, changes, words, tmp_path):
    chosen = replace(saved(tmp_path / "m.pt", settings), **changes)
    with pytest.raises(ModelError, match=words) as caught:
        load(chosen)
    assert str(caught.value).startswith(f"{tmp_path / 'm.pt'}: its weights need settings")
    assert "\n" not in str(caught.value)


def test_settings_that_the_network_does_not_use_may_differ(tmp_path):
    chosen = saved(tmp_path / "m.pt", replace(SEQUENCE, network="linear"))
    _, loaded = load(replace(chosen, n_heads=2, c_out=7, dropout=0.1, lr=1.0, window=9))
    assert loaded.matched


def test_other_shapes_are_named(tmp_path):
    chosen = replace(saved(tmp_path / "m.pt", FLOW), width=0.2)
    words = r"m\.pt: its tensors are not those of the network .*'conv1.0.weight' .* and \d+ more\)"
    with pytest.raises(ModelError, match=words):
        load(chosen)


def test_missing_and_unknown_tensors_are_named(tmp_path):
    path, network = tmp_path / "m.pt", built(SEQUENCE)
    network.extra = torch.nn.Linear(1, 1, bias=False)
    del network.network.stack.layers[0].center
    files.save(
        path, stage="train_sequence", network=network, settings=to_dict(SEQUENCE), behaviors=NAMES
    )
    with pytest.raises(
        ModelError, match=r"\(no 'network.stack.layers.0.center', 'extra.weight' un"
    ):
        load(replace(SEQUENCE, weights=str(path)))


def test_a_network_of_another_number_of_features_is_refused(tmp_path):
    chosen = saved(tmp_path / "m.pt", SEQUENCE)
    network = sequence.build(SEQUENCE, n_features=9, n_behaviors=3)
    with pytest.raises(ModelError, match="its tensors are not those of the network"):
        weights.load(network, chosen, stage="train_sequence", behaviors=NAMES)


def test_a_model_of_another_stage_is_refused(tmp_path):
    saved(tmp_path / "m.pt", FLOW)
    with pytest.raises(ModelError, match="expected a model of train_sequence, found train_flow"):
        load(replace(SEQUENCE, weights=str(tmp_path / "m.pt")))


@pytest.mark.parametrize("content", [{"epoch": 1, "state_dict": {"a": torch.ones(1)}},
                                     {"model.a": torch.ones(1)}])  # fmt: skip
def test_a_file_of_the_original_program_must_be_imported_first(content, tmp_path):
    torch.save(content, tmp_path / "checkpoint.pt")
    with pytest.raises(
        ModelError, match=r"original program, .* run `deg import-model \S*t.pt --out"
    ):
        load(replace(SEQUENCE, weights=str(tmp_path / "checkpoint.pt")))


@pytest.mark.parametrize("content", [b"", b"nothing"])
def test_a_damaged_file_is_refused(content, tmp_path):
    (tmp_path / "m.pt").write_bytes(content)
    with pytest.raises(ModelError, match="damaged or not written by this program"):
        load(replace(SEQUENCE, weights=str(tmp_path / "m.pt")))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"m\.pt: no such file to take weights from"):
        load(replace(SEQUENCE, weights=str(tmp_path / "m.pt")))


# --- used as they are


def test_what_is_used_as_it_is_must_be_for_the_same_behaviors(tmp_path):
    chosen = replace(saved(tmp_path / "m.pt", SEQUENCE), epochs=0)
    load(chosen)
    with pytest.raises(
        ModelError, match="made for the behaviors groom, rear, dig in place of a, b"
    ):
        load(chosen, k=2, behaviors=["a", "b"])


@pytest.mark.parametrize("groups", [(), (("groom", "dig"),)])
def test_other_groups_are_told_and_refused_where_nothing_is_trained(groups, tmp_path, capsys):
    chosen = replace(saved(tmp_path / "m.pt", SEQUENCE, groups=[["rear", "groom"]]), epochs=0)
    load(chosen, groups=(("groom", "rear"),))
    assert "exclusive" not in capsys.readouterr().err
    load(replace(chosen, epochs=1), groups=groups)
    ours = ", ".join(groups[0]) if groups else "none"
    words = f"made for the exclusive groups rear, groom in place of {ours}: the same last layers"
    assert words in capsys.readouterr().err
    with pytest.raises(ModelError, match=r"it needs `exclusive_groups: \[\[rear, groom\]\]` in"):
        load(chosen, groups=groups)


def test_features_used_as_they_are_need_the_motion_they_were_trained_with(tmp_path):
    chosen = replace(saved(tmp_path / "m.pt", FEATURES, flow_sha256="abc"), epochs=0)
    load(chosen, partners=("xyz", "abc"))
    load(replace(chosen, epochs=1), partners=("xyz",))
    with pytest.raises(ModelError, match="trained behind another flow model; name the one"):
        load(chosen, partners=("xyz",))
    handed_on = saved(tmp_path / "n.pt", FEATURES, flow_sha256="abc", flow_origin="root")
    load(replace(handed_on, epochs=0), partners=("other copy", "root"))


def test_a_sequence_model_used_as_it_is_needs_the_features_it_was_trained_with(tmp_path, capsys):
    chosen = replace(saved(tmp_path / "m.pt", SEQUENCE, features_digest="abc"), epochs=0)
    load(chosen, partners=["abc"])
    load(replace(chosen, epochs=1), partners=["xyz"])
    assert "behind" not in capsys.readouterr().err
    with pytest.raises(ModelError, match="trained behind other features; name the flow model and"):
        load(chosen, partners=["xyz"])


def test_an_imported_sequence_model_cannot_say_what_its_features_were(tmp_path, capsys):
    chosen = replace(saved(tmp_path / "m.pt", SEQUENCE), epochs=0)
    load(chosen, partners=["xyz"])
    assert "m.pt: does not say behind which models it was trained" in capsys.readouterr().err


def test_a_file_that_was_handed_on_says_whose_weights_it_has(tmp_path):
    _, first = load(saved(tmp_path / "m.pt", SEQUENCE))
    assert first.origin == first.sha256
    _, second = load(saved(tmp_path / "n.pt", SEQUENCE, origin=first.origin))
    assert second.origin == first.origin != second.sha256


# --- imagenet


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache with a small stand-in for torchvision's file, under a name that fits its digest."""
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))

    def refuse(url, path, **_):
        raise OSError("no network in tests")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    return folder


def in_cache(folder, monkeypatch, backbone):
    torch.manual_seed(5)
    models = torchvision_models()
    state = getattr(models, backbone)(num_classes=7).state_dict()
    torch.save(state, folder / "new.pth")
    digest = hashlib.sha256((folder / "new.pth").read_bytes()).hexdigest()
    name = f"{backbone}-{digest[:8]}.pth"
    (folder / "new.pth").rename(folder / name)
    found = SimpleNamespace(IMAGENET1K_V1=SimpleNamespace(url=f"https://x.org/{name}"))
    monkeypatch.setattr(models, "get_model_weights", lambda _: found)
    return state, digest, folder / name


def test_imagenet_fills_the_backbones_of_both_streams(cache, monkeypatch):
    state, digest, file = in_cache(cache, monkeypatch, "resnet18")
    settings = FeatureSettings(backbone="resnet18", weights="imagenet")
    network, loaded = load(settings)
    got, mean = network.state_dict(), state["conv1.weight"].mean(1)
    assert torch.equal(got["spatial.backbone.conv1.weight"], state["conv1.weight"])
    stem = got["flow.backbone.conv1.weight"]
    assert stem.shape == (64, 8, 7, 7)  # four pairs of frames, dx and dy
    for channel in range(8):
        assert torch.equal(stem[:, channel], mean)
    for key in ("layer4.1.conv2.weight", "bn1.running_var"):
        for stream in ("spatial", "flow"):
            assert torch.equal(got[f"{stream}.backbone.{key}"], state[key])
    heads = ["spatial.head.weight", "spatial.head.bias", "flow.head.weight", "flow.head.bias"]
    assert loaded.record() == {
        "loaded": f"https://x.org/{file.name}", "sha256": digest,
        "matched": 2 * (len(state) - 2), "missing": heads, "reinitialised": [],
    }  # fmt: skip
    assert "flow.backbone.conv1.weight" in loaded.anchors
    assert loaded.files == ()


def test_imagenet_of_resnet50_leaves_the_projection(cache, monkeypatch):
    in_cache(cache, monkeypatch, "resnet50")
    settings = FeatureSettings(
        backbone="resnet50", weights="imagenet", streams=("spatial",),
        inputs=("frame", "background_difference"),
    )  # fmt: skip
    network, loaded = load(settings)
    assert set(loaded.missing) == {
        "spatial.backbone.fc.0.weight", "spatial.backbone.fc.0.bias", "spatial.head.weight",
        "spatial.head.bias",
    }  # fmt: skip
    stem = network.spatial.backbone.conv1.weight
    assert torch.equal(stem[:, 0], stem[:, 5])  # six channels, none of which is red


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (FEATURES, "imagenet exists for resnet18 and resnet50, not for the backbone small_cnn"),
        (FLOW, "flow: weights: expected none or a model file, found imagenet"),
        (SEQUENCE, "sequence: weights: expected none or a model file, found imagenet"),
    ],
)
def test_imagenet_exists_for_two_backbones(settings, words):
    with pytest.raises(ConfigError, match=words):
        load(replace(settings, weights="imagenet"))


def test_without_network_it_says_where_to_put_the_file(cache):
    with pytest.raises(ConfigError) as caught:
        imagenet.fetch("resnet18")
    url = "https://download.pytorch.org/models/resnet18-f37072fd.pth"
    text = str(caught.value)
    assert f"needs {cache / 'resnet18-f37072fd.pth'}, which is missing" in text
    assert "(no network in tests)" in text
    assert f"get {url} where there is a network and put it there, or write `weights: none`." in text


def test_it_is_downloaded_once_and_its_digest_is_checked(cache, monkeypatch):
    state, digest, file = in_cache(cache, monkeypatch, "resnet18")
    content, calls = file.read_bytes(), []
    file.unlink()

    def download(url, path, *, hash_prefix, progress):
        calls.append((url, hash_prefix))
        file.write_bytes(content)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    for _ in range(2):
        found = imagenet.fetch("resnet18")
        assert found.sha256 == digest
        assert list(found.state_dict) == list(state)
    assert calls == [(f"https://x.org/{file.name}", digest[:8])]


def test_a_damaged_file_in_the_cache_is_not_used(cache, monkeypatch):
    _, digest, file = in_cache(cache, monkeypatch, "resnet18")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ConfigError, match=f"begins with {digest[:8]}, found .* is damaged: delete"):
        imagenet.fetch("resnet18")
