"""What holds for every sequence network, and the wrappers around them."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from deg_core.models import sequence
from deg_core.models.sequence.conv import Conv
from deg_core.models.sequence.linear import Linear
from deg_core.models.sequence.mlp import MLP, WindowMLP
from deg_core.models.sequence.recurrent import Recurrent
from deg_core.registry import SEQUENCE_NETWORKS
from deg_core.settings import SequenceSettings

SETTINGS = SequenceSettings(
    n_layers=3, c_out=4, n_filters=5, filter_length=15, hidden=8, n_heads=2, attention_window=7,
    n_stages=2,
)  # fmt: skip
D, K = 6, 3
VARIANTS = [
    *({"network": name} for name in SEQUENCE_NETWORKS),
    {"network": "tgm_late", "filters": "lorentzian", "soft_attention": False},
    {"network": "tgm_late", "shared_read_out": True, "final_bn": True},
    {"network": "tgm_late", "nonlinear": False, "reduction": "conv1x1"},
    {"network": "tgm", "reduction": "mean", "n_filters": 1, "c_out": 1},
    {"network": "tgm", "n_layers": 1, "filter_length": 6},
    {"network": "rnn", "cell": "gru", "bidirectional": False},
    {"network": "rnn", "cell": "rnn", "n_layers": 1, "hidden_dropout": 0.5},
    {"network": "tcn", "n_stages": 1, "n_layers": 1},
    {"network": "transformer", "attention_window": 1, "n_heads": 1},
    {"network": "mlp", "mlp_window": 1},
]
BOUNDED = [v for v in VARIANTS if v["network"] != "rnn"]


def by_name(variant):
    return "-".join(str(value) for value in variant.values())


each_network = pytest.mark.parametrize("name", SEQUENCE_NETWORKS)
each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=by_name)


def network_of(name="linear", *, n_features=D, n_behaviors=K, **changes):
    torch.manual_seed(0)
    settings = replace(SETTINGS, **{"network": name} | changes)
    return sequence.build(settings, n_features=n_features, n_behaviors=n_behaviors).eval()


# --- every network


@each_variant
@pytest.mark.parametrize(("n_features", "n_behaviors"), [(D, K), (1, 1)])
def test_networks_give_logits_of_every_frame(variant, n_features, n_behaviors):
    network = network_of(n_features=n_features, n_behaviors=n_behaviors, **variant)
    for n_frames in (1, 2, 7, 60):
        x = torch.randn(2, n_features, n_frames)
        assert network(x).shape == (2, n_behaviors, n_frames)


@each_variant
def test_videos_of_a_batch_do_not_see_each_other(variant):
    network = network_of(**variant)
    x = torch.randn(3, D, 20)
    torch.testing.assert_close(network(x)[1:2], network(x[1:2]), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("variant", BOUNDED, ids=by_name)
def test_no_frame_sees_beyond_the_reach(variant):
    network = network_of(**variant)
    x = torch.randn(1, D, 121, requires_grad=True)
    network(x)[0, :, 60].sum().backward()
    seen = x.grad.abs().sum((0, 1)).nonzero()[:, 0]
    assert 60 - network.reach <= seen.min()
    assert seen.max() <= 60 + network.reach


@pytest.mark.parametrize("name", ["linear", "conv", "tcn", "transformer"])
def test_the_reach_is_no_larger_than_needed(name):
    network = network_of(name)
    x = torch.randn(1, D, 121, requires_grad=True)
    network(x)[0, :, 60].sum().backward()
    seen = x.grad.abs().sum((0, 1)).nonzero()[:, 0]
    assert (60 - network.reach, 60 + network.reach) == (seen.min(), seen.max())


@pytest.mark.parametrize(
    ("bidirectional", "first", "last"), [(True, 0, 40), (False, 0, 20)], ids=["both", "forward"]
)
def test_a_recurrent_network_has_no_bound(bidirectional, first, last):
    network = network_of("rnn", bidirectional=bidirectional)
    assert network.reach is None
    x = torch.randn(1, D, 41, requires_grad=True)
    network(x)[0, :, 20].sum().backward()
    seen = x.grad.abs().sum((0, 1)).nonzero()[:, 0]
    assert (seen.min(), seen.max()) == (first, last)


# Those of the paper and of the original program see it, as they did there: they are not masked.
@pytest.mark.parametrize("name", ["linear", "tcn", "transformer"])
def test_padding_behind_the_end_is_not_seen(name):
    network = network_of(name)
    network.set_moments(torch.randn(D), torch.rand(D) + 0.1)
    x = torch.randn(1, D, 20)
    padded = torch.cat([x, network.mean.expand(1, D, 30)], dim=2)
    torch.testing.assert_close(network(padded)[..., :20], network(x), atol=1e-6, rtol=1e-5)


@each_variant
def test_bias_is_where_the_logits_start(variant):
    network = network_of(**variant)
    bias = torch.tensor([-3.0, 0.0, 2.0])
    network.set_bias(bias)
    assert len(network.heads) >= 1
    for head in network.heads:
        linear = head[0] if isinstance(head, nn.Sequential) else head
        nn.init.zeros_(linear.weight)
    expected = bias[:, None].expand(2, K, 5)
    for logits in network.stages(torch.randn(2, D, 5)):
        torch.testing.assert_close(logits, expected)


@each_variant
def test_heads_are_what_depends_on_the_behaviors(variant):
    """All tensors that are new for other behaviors, and no others."""
    few, many = (network_of(n_behaviors=k, **variant).state_dict() for k in (2, 5))
    network = network_of(**variant)
    for key in few:
        other_shape = few[key].shape != many[key].shape
        named = key.startswith(network.head_prefixes())
        assert named >= other_shape, key
        # A layer on top of K logits has tensors that do not depend on it, too: its own bias.
        assert other_shape or not named or key.endswith((".enter.bias", "num_batches_tracked"))


@each_variant
def test_the_last_stage_is_the_answer(variant):
    network, x = network_of(**variant), torch.randn(2, D, 9)
    stages = network.stages(x)
    assert len(stages) == (variant.get("n_stages", 2) if variant["network"] == "tcn" else 1)
    assert torch.equal(stages[-1], network(x))


@each_network
def test_dropout_works_in_training_only(name):
    network = network_of(name)
    x = torch.randn(1, D, 30)
    assert torch.equal(network(x), network(x))
    network.train()
    assert not torch.equal(network(x), network(x))


@pytest.mark.parametrize("name", ["rnn", "tcn", "transformer"])
@pytest.mark.parametrize("where", ["input_dropout", "hidden_dropout", "dropout"])
def test_each_dropout_does_something(name, where):
    off = {"input_dropout": 0.0, "hidden_dropout": 0.0, "dropout": 0.0}
    x = torch.randn(1, D, 30)
    still = network_of(name, **off).train()
    assert torch.equal(still(x), still(x))
    moved = network_of(name, **off | {where: 0.5}).train()
    assert not torch.equal(moved(x), moved(x))


@each_network
def test_half_precision_changes_little(name):
    network, x = network_of(name), torch.randn(2, D, 50)
    expected = network(x)
    with torch.autocast("cpu", torch.bfloat16):
        found = network(x)
    # Eight bits of mantissa, some layers deep.
    torch.testing.assert_close(found.float(), expected, atol=0.05, rtol=0.05)


@each_network
def test_networks_learn_what_the_features_say(name):
    """The first behavior is a feature's sign, noisy: a few steps must bring the loss down."""
    network = network_of(name, dropout=0.0, input_dropout=0.0).train()
    x = torch.randn(4, D, 60)
    truth = (x[:, :K] > 0).float()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.03)
    losses = []
    for _ in range(40):
        loss = nn.functional.binary_cross_entropy_with_logits(network(x), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


# --- single networks


def test_a_linear_network_sees_one_frame_only():
    linear = network_of("linear")
    x = torch.randn(1, D, 30)
    torch.testing.assert_close(linear(x)[..., 7:8], linear(x[..., 7:8]))


def test_a_convolutional_network_by_its_layers():
    network = Conv(D, K, hidden=8).eval()
    assert network.enter.weight.shape == (8, D, 7)
    assert network.enter.bias is None
    assert network.classify.weight.shape == (K, 8, 3)
    x = torch.randn(2, D, 9)
    hidden = torch.relu(network.norm(network.enter(x)))
    assert torch.equal(network(x), network.classify(hidden))


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_a_recurrent_network_is_made_of_the_chosen_cells(cell, bidirectional):
    network = Recurrent(D, K, cell=cell, hidden=5, n_layers=2, bidirectional=bidirectional)
    assert network.rnn.mode.split("_")[0] == cell.upper()
    assert network.rnn.num_layers == 2
    assert network.classify.in_features == 5 * (1 + bidirectional)


def test_the_keypoint_network_scores_windows():
    network = MLP(31 * 44, K).eval()
    assert [m.out_features for m in network if isinstance(m, nn.Linear)] == [256, 128, K]
    assert [m.p for m in network if isinstance(m, nn.Dropout)] == [0.35, 0.35]
    assert network(torch.randn(4, 31 * 44)).shape == (4, K)


def test_the_keypoint_network_of_this_stage_is_the_same_on_every_window():
    windows, frames = MLP(31 * D, K).eval(), WindowMLP(D, K).eval()
    layers = [m for m in frames.modules() if isinstance(m, nn.Conv1d)]
    for layer, linear in zip(layers, [windows[0], windows[3], windows[6]], strict=True):
        layer.weight.data = linear.weight.data.reshape(layer.weight.shape)
        layer.bias.data = linear.bias.data
    x = torch.randn(1, D, 40)
    assert frames.reach == 15
    padded = nn.functional.pad(x[0], (15, 15))
    flat = torch.stack([padded[:, t : t + 31].flatten() for t in range(40)])
    torch.testing.assert_close(frames(x)[0].T, windows(flat))
    assert [m.p for m in frames.modules() if isinstance(m, nn.Dropout)] == [0.35, 0.35]
    assert network_of("mlp", mlp_window=5).reach == 2


# --- wrappers


def test_features_are_standardised():
    network = network_of("linear")
    mean, std = torch.arange(6.0), torch.tensor([1.0, 2.0, 4.0, 0.0, 0.0, 0.5])
    network.set_moments(mean, std)
    x = mean[:, None] + torch.ones(6, 3)
    # One above the mean is 1 / std, but never more than 1 / 1.25, 1.25 being the average std.
    expected = torch.tensor([0.8, 0.5, 0.25, 0.8, 0.8, 0.8])[:, None].expand(6, 3)
    torch.testing.assert_close(network.scaled(x[None])[0], expected)
    assert torch.equal(network(x[None]), network.network(network.scaled(x[None])))


def test_features_that_never_change_stay_finite():
    network = network_of("linear")
    network.set_moments(torch.ones(D), torch.zeros(D))
    assert torch.isfinite(network(torch.ones(1, D, 3))).all()


def test_standardisation_travels_with_the_weights():
    first, second = network_of("tgm"), network_of("tgm")
    first.set_moments(torch.randn(D), torch.rand(D) + 0.1)
    second.load_state_dict(first.state_dict())
    x = torch.randn(1, D, 12)
    assert torch.equal(first(x), second(x))


def test_padding_is_zero_after_standardisation():
    network = network_of("tgm_late")
    network.set_moments(torch.randn(D), torch.rand(D) + 0.1)
    assert torch.equal(network.scaled(network.mean.expand(1, D, 20)), torch.zeros(1, D, 20))


def test_without_standardisation_features_go_in_as_they_are():
    network = network_of("tgm", standardize=False)
    assert type(network) is sequence.Unscaled
    network.set_moments(torch.randn(D), torch.rand(D))
    x = torch.randn(1, D, 12)
    assert torch.equal(network.scaled(x), x)
    assert torch.equal(network.mean, torch.zeros(D, 1))
    assert all(key.startswith("network.") for key in network.state_dict())


def test_options_that_are_no_settings_can_be_given():
    torch.manual_seed(0)
    network = sequence.build(SETTINGS, n_features=D, n_behaviors=K, extractor_logits=True)
    assert network.network.weights.shape == (3,)


@pytest.mark.parametrize(
    ("name", "expected"), [("tcn", 6), ("tgm", 3), ("transformer", 3), ("linear", 3)]
)
def test_each_network_says_how_many_layers_auto_is(name, expected):
    auto = replace(SETTINGS, network=name, n_layers="auto")
    assert sequence.n_layers(auto) == expected
    assert sequence.n_layers(replace(auto, n_layers=2)) == 2


@pytest.mark.parametrize(("name", "expected"), [("tcn", 6), ("transformer", 3)])
def test_auto_layers_are_built(name, expected):
    network = network_of(name, n_layers="auto").network
    layers = network.parts[0].layers if name == "tcn" else network.blocks
    assert len(layers) == expected


@each_network
def test_only_the_tcn_is_trained_to_be_smooth(name):
    assert network_of(name).network.smooths is (name == "tcn")


def test_settings_of_other_networks_are_ignored():
    assert isinstance(network_of("linear", n_layers=7).network, Linear)
