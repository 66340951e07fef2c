"""Sequence networks of the original program: its outputs, its training step, its whole videos.

What the fixtures do not vary is compared with the formulas, written out once more and slowly.
"""

import math
import re

import h5py
import numpy as np
import pytest
import reference
import torch
from torch import nn
from torch.nn import functional as F

from deg_core.errors import ModelError
from deg_core.learn.losses import focal_bce
from deg_core.learn.tiling import tiled, windowed
from deg_core.models import compat, sequence
from deg_core.models.compat import checkpoint

CPU = torch.device("cpu")
FIXTURES = (
    "tgm_180", "tgmj_180", "tgmj_no_final_bn", "tgmj_fe_logits", "tgmj_train_mode", "linear_180",
    "conv_nonlinear_180", "rnn_lstm_60", "mlp",
)  # fmt: skip
D, K = 7, 3


def without_dropout(module):
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    return module


# --- fixtures


@pytest.mark.parametrize("name", FIXTURES)
def test_networks_give_the_stored_outputs(name):
    meta, arrays = reference.load(f"net_{name}")
    weights = reference.weights_of(meta)
    module = compat.from_deepethogram(meta["network"], weights, **meta["config"])
    training = meta["mode"] == "train"
    without_dropout(module).train(training)
    inputs = [
        reference.network_input(meta, key=key) for key in ("input", "fe_logits") if key in meta
    ]
    found = compat.outputs(module, *inputs)
    assert set(found) == set(arrays)
    for key, expected in arrays.items():
        reference.close(found[key], expected, rtol=1e-3 if training else 1e-4)


def test_a_training_step_gives_the_stored_gradients():
    meta, arrays = reference.load("train_step")
    case = meta["cases"][0]
    labels = torch.from_numpy(arrays["c00_labels"])
    module = compat.from_deepethogram(case["network"], reference.filled(case["network"]))
    without_dropout(module).train()
    x = reference.network_input({"input": case})
    loss = focal_bce(
        module(x), labels, pos_weight=torch.tensor([1.0, 2, 4, 8, 16]), gamma=1.0, smoothing=0.05,
        normalise=False,
    )  # fmt: skip
    reference.close(loss, arrays["c00_loss"], rtol=1e-3)
    loss.backward()
    parameters = compat.named_parameters(module)
    assert set(parameters) == {*case["parameters"], *case["without_gradient"]}
    assert [parameters[key].grad for key in case["without_gradient"]] == [None, None]
    for key, expected in zip(case["parameters"], arrays["c00_grad_norms"], strict=True):
        gradient = parameters[key].grad
        norm = 0.0 if gradient is None else gradient.norm().item()  # the original's delta: zeros
        assert norm == pytest.approx(expected, rel=1e-3), key


@pytest.mark.parametrize("case", [0, 1, 2])
def test_whole_videos_are_scored_window_by_window(case):
    meta, arrays = reference.load("sequence_inference")
    case = meta["cases"][case]
    streams = [
        np.random.default_rng(case[f"seed_{stream}"]).standard_normal((case["T"], 512))
        for stream in ("spatial", "flow")
    ]
    features = np.concatenate(streams, axis=1).astype("float32")
    module = compat.from_deepethogram(case["network"], reference.filled(listing_of(case)))
    logits = windowed(module, features, CPU, window=case["sequence_length"])
    reference.close(logits, arrays[case["prefix"] + "logits"])
    reference.close(torch.sigmoid(torch.from_numpy(logits)), arrays[case["prefix"] + "P"])


def listing_of(case):
    """The network's tensors with as many behaviors as the case has, in place of five."""
    return [
        (key, [case["K"] if key.startswith("classify") and i == 0 else n
               for i, n in enumerate(shape)], dtype)
        for key, shape, dtype in reference.STATE_DICTS[case["network"]]
    ]  # fmt: skip


@pytest.mark.parametrize("video", ["mouse00", "mouse01", "mouse05"])
def test_the_sample_project_is_scored_as_it_was(video):
    # Its configuration says 180 frames, but its outputs were computed in windows of 15.
    window = reference.load("project_contents")[0]["sequence_length"]
    assert window == 15
    (file,) = reference.PROJECT.glob("models/*sequence*/lightning_checkpoints/*.ckpt")
    module = compat.from_deepethogram("tgmj", checkpoint.read(file).state_dict)
    with h5py.File(reference.PROJECT / f"DATA/{video}/{video}_outputs.h5") as stored:
        extractor, expected = stored["resnet18"], stored["tgmj/logits"][()]
        features = [extractor[f"{stream}_features"][()] for stream in ("spatial", "flow")]
    found = windowed(module, np.concatenate(features, axis=1), CPU, window=window)
    reference.close(found, expected)


# --- formulas, written out


DEFAULTS = {
    "num_layers": 3, "filter_length": 15, "n_filters": 8, "c_out": 8, "soft_attn": True,
    "tgm_reduction": "max", "num_features": 128, "nonlinear_classification": True,
    "final_bn": True,
}  # fmt: skip


def listing(network, *, n_features=D, k=K, **options):
    """Names and shapes of the original's tensors of a temporal mixture network."""
    options = DEFAULTS | options
    found = layer_shapes(options)
    if network == "tgm":
        found |= {"classify.weight": (k, 2 * n_features, 1), "classify.bias": (k,)}
    else:
        found |= late_shapes(options, n_features, k)
    return [
        (key, shape, "int64" if key.endswith("tracked") else "float32")
        for key, shape in found.items()
    ]


def layer_shapes(options):
    found, n_filters, c_out = {}, options["n_filters"], options["c_out"]
    for i in range(options["num_layers"]):
        c_in = c_out if i else 1
        layer = {name: (n_filters,) for name in ("center", "delta", "gamma")}
        layer["soft_attn"] = (c_out * c_in, n_filters)
        if c_in > 1 and options["soft_attn"]:
            layer["cls_attn"] = (1, c_out, c_in, 1, 1)
        elif c_in > 1:
            for j in range(c_out):
                layer |= {f"convs.{j}.weight": (1, c_in, 1, 1), f"convs.{j}.bias": (1,)}
        found |= {f"tgm_layers.{i}.{name}": shape for name, shape in layer.items()}
    if options["tgm_reduction"] == "conv1x1":
        found |= {"reduction_layer.weight": (1, c_out, 1, 1), "reduction_layer.bias": (1,)}
    return found


def late_shapes(options, n_features, k):
    found, width = {}, n_features
    if options["nonlinear_classification"]:
        width = options["num_features"]
        for h in ("h", "h2"):
            found |= {f"{h}.weight": (width, n_features, 1), f"{h}.bias": (width,)}
    for c in ("classify1", "classify2"):
        if options["final_bn"]:
            found[f"{c}.0.weight"] = (k, width, 1)
            norm = ("weight", "bias", "running_mean", "running_var")
            found |= {f"{c}.1.{name}": (k,) for name in norm}
            found[f"{c}.1.num_batches_tracked"] = ()
        else:
            found |= {f"{c}.weight": (k, width, 1), f"{c}.bias": (k,)}
    return found


def layer_by_hand(weights, x, length):
    """One temporal layer of the original, copy by copy: (N, c_in, D, T) to (N, c_out, D, T)."""
    _, c_in, d, _ = x.shape
    t = torch.arange(length)
    center = ((length - 1) * (torch.tanh(weights["center"]) + 1) / 2)[:, None]
    width = torch.exp(1.5 - 2 * torch.tanh(weights["gamma"]).abs())[:, None]
    filters = 1 / (math.pi * width * (((t - center) / width) ** 2 + 1))
    filters = filters / (filters.sum(1, keepdim=True) + 1e-6)
    kernels = torch.softmax(weights["soft_attn"], 1) @ filters
    before = (length - 1) // 2
    padded = F.pad(x, (before, length - 1 - before))
    outputs = []
    for o in range(len(kernels) // c_in):
        copies = [
            F.conv1d(padded[:, i], kernels[o * c_in + i].expand(d, 1, length), groups=d)
            for i in range(c_in)
        ]
        if "cls_attn" in weights:
            share = torch.softmax(weights["cls_attn"][0, o, :, 0, 0], 0)
            outputs.append(sum(s * copy for s, copy in zip(share, copies, strict=True)))
        elif c_in > 1:
            mixed, bias = weights[f"convs.{o}.weight"][0, :, 0, 0], weights[f"convs.{o}.bias"]
            added = sum(w * copy for w, copy in zip(mixed, copies, strict=True))
            outputs.append(torch.relu(added + bias))
        else:
            outputs.append(copies[0])
    return torch.stack(outputs, 1)


def mixture_by_hand(state, x, *, length, reduction):
    y = x[:, None]
    n_layers = 1 + max(int(k.split(".")[1]) for k in state if k.startswith("tgm_layers"))
    for i in range(n_layers):
        start = f"tgm_layers.{i}."
        y = layer_by_hand(
            {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}, y, length
        )
    if reduction == "conv1x1":
        return (y * state["reduction_layer.weight"]).sum(1) + state["reduction_layer.bias"]
    return y.amax(1) if reduction == "max" else y.mean(1)


def late_by_hand(state, x, mixture):
    total = 0
    for rows, name in ((x, "classify1"), (mixture, "classify2")):
        if "h.weight" in state:
            rows = torch.relu(F.conv1d(rows, state["h.weight"], state["h.bias"]))
        if f"{name}.weight" in state:
            total = total + F.conv1d(rows, state[f"{name}.weight"], state[f"{name}.bias"])
            continue
        norm = [state[f"{name}.1.{k}"] for k in ("running_mean", "running_var", "weight", "bias")]
        total = total + F.batch_norm(F.conv1d(rows, state[f"{name}.0.weight"]), *norm)
    return total / 2


VARIANTS = [
    {},
    {"num_layers": 1},
    {"num_layers": 2, "filter_length": 4, "n_filters": 3, "c_out": 2},
    {"n_filters": 1, "c_out": 1},
    {"filter_length": 1},
    {"tgm_reduction": "mean"},
    {"tgm_reduction": "conv1x1"},
    {"soft_attn": False},
    {"soft_attn": False, "tgm_reduction": "conv1x1", "c_out": 3},
]
LATE = [
    {"final_bn": False},
    {"num_features": 5},
    {"nonlinear_classification": False},
    {"nonlinear_classification": False, "final_bn": False},
]


@pytest.mark.parametrize(("n_frames", "k", "n_features"), [(30, K, D), (1, K, D), (30, 1, 1)])
@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_options_of_the_linear_head(options, n_frames, k, n_features):
    state = reference.filled(listing("tgm", k=k, n_features=n_features, **options))
    module = compat.from_deepethogram("tgm", state, **options)
    x = torch.randn(2, n_features, n_frames, generator=torch.Generator().manual_seed(0))
    mixture = mixture_by_hand(
        state, x, length=options.get("filter_length", 15),
        reduction=options.get("tgm_reduction", "max"),
    )  # fmt: skip
    rows = torch.cat([x, mixture], 1)
    expected = F.conv1d(rows, state["classify.weight"], state["classify.bias"])
    found = compat.outputs(module, x)
    reference.close(found.pop("out"), expected)
    assert list(found) == [f"filters{i}" for i in range(options.get("num_layers", 3))]


@pytest.mark.parametrize(("n_frames", "k", "n_features"), [(30, K, D), (1, K, D), (30, 1, 1)])
@pytest.mark.parametrize("width", [5, 128])
@pytest.mark.parametrize("told", [{}, {"nonlinear_classification": True}])
def test_a_hidden_layer_of_the_linear_head(told, width, n_frames, k, n_features):
    shapes = {key: (shape, kind) for key, shape, kind in listing("tgm", k=k, n_features=n_features)}
    shapes |= {
        "h.weight": ((width, 2 * n_features, 1), "float32"), "h.bias": ((width,), "float32"),
        "classify.weight": ((k, width, 1), "float32"),
    }  # fmt: skip
    state = reference.fill(shapes)
    module = compat.from_deepethogram("tgm", state, **told)
    x = torch.randn(2, n_features, n_frames, generator=torch.Generator().manual_seed(0))
    rows = torch.cat([x, mixture_by_hand(state, x, length=15, reduction="max")], 1)
    rows = torch.relu(F.conv1d(rows, state["h.weight"], state["h.bias"]))
    expected = F.conv1d(rows, state["classify.weight"], state["classify.bias"])
    reference.close(compat.outputs(module, x)["out"], expected)
    assert list(compat.state_dict(module)) == list(state)
    (settings,) = compat.settings(module).values()
    assert (settings.network, settings.hidden) == ("tgm_hidden", width)


def test_without_its_tensors_a_configuration_makes_no_hidden_layer():
    """The original's builder does not hand the option on."""
    weights = reference.filled("tgm")
    module = compat.from_deepethogram("tgm", weights, nonlinear_classification=True)
    assert compat.settings(module)["sequence"].network == "tgm"


@pytest.mark.parametrize(("n_frames", "k", "n_features"), [(30, K, D), (1, K, D), (30, 1, 1)])
@pytest.mark.parametrize("options", VARIANTS + LATE, ids=str)
def test_options_of_the_late_head(options, n_frames, k, n_features):
    state = reference.filled(listing("tgmj", k=k, n_features=n_features, **options))
    module = compat.from_deepethogram("tgmj", state, K=k, D=n_features, **options)
    x = torch.randn(2, n_features, n_frames, generator=torch.Generator().manual_seed(0))
    mixture = mixture_by_hand(
        state, x, length=options.get("filter_length", 15),
        reduction=options.get("tgm_reduction", "max"),
    )  # fmt: skip
    reference.close(module(x), late_by_hand(state, x, mixture))


@pytest.mark.parametrize("style", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("n_layers", "n_frames", "k"), [(1, 9, K), (3, 1, K), (2, 9, 1)])
def test_options_of_the_recurrent_network(style, bidirectional, n_layers, n_frames, k):
    kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[style]
    cells = kind(D, 5, n_layers, batch_first=True, bidirectional=bidirectional)
    read_out = nn.Linear(10 if bidirectional else 5, k)
    names = {f"rnn.{key}": value for key, value in cells.state_dict().items()}
    names |= {f"hidden_to_output.{key}": value for key, value in read_out.state_dict().items()}
    state = reference.fill(names)
    module = compat.from_deepethogram(
        "rnn", state, rnn_style=style, hidden_size=5, num_layers=n_layers,
        bidirectional=bidirectional,
    )  # fmt: skip
    cells.load_state_dict({key: state[f"rnn.{key}"] for key in cells.state_dict()})
    read_out.load_state_dict({k: state[f"hidden_to_output.{k}"] for k in read_out.state_dict()})
    x = torch.randn(2, D, n_frames)
    expected = read_out(cells(x.transpose(1, 2))[0]).transpose(1, 2)
    reference.close(module(x), expected)


@pytest.mark.parametrize("dropout", [0, 0.5])
@pytest.mark.parametrize("place", [3, 4])
def test_the_last_convolution_is_found_where_it_stands(place, dropout):
    """Without dropout it stands one place earlier, whatever a configuration says by now."""
    weights = reference.filled("conv_nonlinear")
    moved = {key.replace("net.4.", f"net.{place}."): value for key, value in weights.items()}
    x = torch.randn(1, 1024, 9)
    expected = compat.from_deepethogram("conv_nonlinear", weights)(x)
    module = compat.from_deepethogram("conv_nonlinear", moved, dropout_p=dropout)
    assert torch.equal(module(x), expected)
    assert list(compat.state_dict(module)) == list(moved)


# --- files that do not fit


@pytest.mark.parametrize(
    ("network", "first", "second"),
    [
        ("tgmj", "classify1.1.bias", "classify2.1.bias"),
        ("conv_nonlinear", "conv1.weight", "net.0.weight"),
        ("conv_nonlinear", "bn1.running_var", "net.1.running_var"),
    ],
)
def test_tied_tensors_must_be_equal(network, first, second):
    state = reference.filled(network)
    state[second] = state[second] + 1
    with pytest.raises(ModelError) as raised:
        compat.from_deepethogram(network, state)
    assert f"'{first}' and '{second}'" in str(raised.value)


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        ("tgmj", {"num_layers": 2}, "unknown 'tgm_layers.2.center'"),
        ("tgmj", {"num_layers": 4}, "missing 'tgm_layers.3.center'"),
        ("tgmj", {"final_bn": False}, "missing 'classify1.weight'"),
        ("tgmj", {"n_filters": 4}, "'tgm_layers.0.center': expected shape [4], found [8]"),
        ("tgmj", {"D": 512}, "'h.weight': expected shape [128, 512, 1], found [128, 1024, 1]"),
        ("tgmj", {"c_in": 2}, "option c_in: expected one of 1, got 2"),
        ("tgm", {"tgm_reduction": "sum"}, "expected one of max, mean, conv1x1, got 'sum'"),
        ("tgm", {"D": 512}, "'classify.weight': expected shape [5, 1024, 1], found [5, 2048, 1]"),
        ("rnn", {"rnn_style": "LSTM"}, "expected one of lstm, gru, rnn, got 'LSTM'"),
        ("rnn", {"bidirectional": True}, "missing 'rnn.weight_ih_l0_reverse'"),
        ("linear", {"K": 4}, "'conv1.weight': expected shape [4, 1024, 1], found [5, 1024, 1]"),
        ("mlp", {"D": 7}, "'model.0.weight': expected shape [256, 7]"),
    ],
)
def test_what_does_not_fit_is_named(network, options, message):
    with pytest.raises(ModelError, match=re.escape(message)):
        compat.from_deepethogram(network, reference.filled(network), **options)


def test_logits_of_the_extractor_are_asked_for():
    module = compat.from_deepethogram("tgmj_fe_logits", reference.filled("tgmj_fe_logits"))
    with pytest.raises(ModelError, match=r"give them as fe_logits, \(N, K, T\)"):
        compat.outputs(module, torch.randn(1, 1024, 3))


# --- use in the pipeline


@pytest.mark.parametrize("network", ["tgm", "tgmj", "linear", "conv_nonlinear", "rnn"])
def test_settings_describe_the_same_network(network):
    module = compat.from_deepethogram(network, reference.filled(network))
    settings = compat.settings(module)
    assert list(settings) == ["sequence"]
    ours = sequence.build(settings["sequence"], n_features=1024, n_behaviors=5).eval()
    ours.load_state_dict(compat.own(module))
    features = np.random.default_rng(0).standard_normal((40, 1024)).astype(np.float32)
    x = torch.from_numpy(features.T.copy())[None]
    assert torch.equal(ours(x), module(x))
    np.testing.assert_allclose(
        tiled(ours, features, CPU, tile=9), module(x)[0].T.detach(), atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("network", ["mlp", "tgmj_fe_logits"])
def test_networks_that_no_settings_describe_say_so(network):
    module = compat.from_deepethogram(network, reference.filled(network))
    assert compat.settings(module) == {}


@pytest.mark.parametrize(
    "network", ["tgm", "tgmj", "tgmj_fe_logits", "linear", "conv_nonlinear", "rnn", "mlp"]
)
def test_weights_come_back_under_their_names(network):
    weights = reference.filled(network)
    back = compat.state_dict(compat.from_deepethogram(network, weights))
    assert list(back) == list(weights)
    assert all(torch.equal(back[key], weights[key]) for key in weights)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [("output_dropout", "dropout_p", 0.2), ("reduction", "tgm_reduction", "mean")],
)
def test_options_have_the_names_of_the_constructors_too(name, key, value):
    weights = reference.filled("tgmj")
    one, other = (compat.from_deepethogram("tgmj", weights, **{n: value}) for n in (name, key))
    assert compat.settings(one) == compat.settings(other)
    assert compat.settings(one) != compat.settings(compat.from_deepethogram("tgmj", weights))
