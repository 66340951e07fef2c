"""Networks back from their files, and the two of the feature extractor together."""

from dataclasses import replace

import pytest
import tiny
import torch

from deg_core.errors import ModelError
from deg_core.learn.clips import normalize, to_unit
from deg_core.models import files, flow, sequence, two_stream
from deg_core.settings import SequenceSettings, to_dict
from deg_core.stages.networks import Extractor, Motion, load_sequence

CPU = torch.device("cpu")
NORMALIZATION = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}


def motion_of(**settings):
    chosen = replace(tiny.FLOW, **settings)
    torch.manual_seed(0)
    network = flow.build(chosen).eval()
    return Motion(network, chosen.clip, NORMALIZATION, "sha", "sha")


def extractor_of(motion, **settings):
    torch.manual_seed(1)
    network = two_stream.build(replace(tiny.FEATURES, **settings), motion.network, 2)
    return Extractor(motion, network.eval(), CPU)


def bytes_of(n=2, t=5):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, t, 32, 32, 3), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("network", ["tiny_motion_net", "difference"])
def test_both_networks_see_the_same_normalised_clip(network):
    motion = motion_of(network=network)
    extractor = extractor_of(motion, inputs=("frame",))
    clips = bytes_of()
    found = extractor.score_bytes(clips)
    mean, std = (torch.tensor(NORMALIZATION[key]) for key in ("mean", "std"))
    clip = normalize(to_unit(clips, CPU), mean, std)
    expected = extractor.network(clip, motion.network(clip)[0])
    torch.testing.assert_close(found.logits, expected.logits)


def test_the_background_travels_as_the_last_frame():
    motion = motion_of()
    extractor = extractor_of(motion)
    clips = bytes_of(t=6)
    found = extractor.score_bytes(clips)
    mean, std = (torch.tensor(NORMALIZATION[key]) for key in ("mean", "std"))
    unit = normalize(to_unit(clips, CPU), mean, std)
    clip, background = unit[:, :5], unit[:, 5]
    expected = extractor.network(clip, motion.network(clip)[0], background)
    torch.testing.assert_close(found.logits, expected.logits)


def test_without_a_motion_stream_no_motion_is_computed():
    motion = motion_of()
    motion.network.forward = None  # would fail if called
    extractor = extractor_of(motion, streams=("spatial",), inputs=("frame",))
    assert extractor.score_bytes(bytes_of()).logits.shape == (2, 2)


def test_motion_has_no_gradient():
    motion = motion_of()
    clip = torch.randn(1, 5, 3, 32, 32, requires_grad=True)
    assert not motion(clip).requires_grad


def test_settings_of_a_model_that_nobody_knows(tmp_path):
    """A file of a later version of this program, say."""
    network = flow.build(tiny.FLOW)
    settings = to_dict(tiny.FLOW) | {"depth": 3}
    files.save(
        tmp_path / "m.pt", stage="train_flow", network=network, settings=settings,
        normalization=NORMALIZATION,
    )  # fmt: skip
    with pytest.raises(ModelError, match=r"m\.pt: its settings: .*depth"):
        Motion.load(tmp_path / "m.pt", CPU)


def test_a_model_of_another_number_of_behaviors(tmp_path):
    settings = SequenceSettings(hidden=4)
    network = sequence.build(settings, n_features=6, n_behaviors=3)
    files.save(
        tmp_path / "m.pt", stage="train_sequence", network=network, settings=to_dict(settings),
        behaviors=["a", "b"], n_features=6,
    )  # fmt: skip
    with pytest.raises(ModelError, match=r"m\.pt: the weights do not fit .*expected"):
        load_sequence(tmp_path / "m.pt", CPU)


@pytest.mark.parametrize("name", ["tgm_late", "tgm", "linear"])
def test_sequence_settings_reach_the_network(name):
    settings = SequenceSettings(network=name, dropout=0.3, n_layers=2, filter_length=7)
    network = sequence.build(settings, n_features=6, n_behaviors=3).network
    dropouts = {m.p for m in network.modules() if isinstance(m, torch.nn.Dropout)}
    assert dropouts == ({0.3, 0.5} if name == "tgm_late" else {0.3})
    if name != "linear":
        assert [layer.length for layer in network.stack.layers] == [7, 7]
