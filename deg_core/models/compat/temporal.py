"""Sequence networks of the original program as ours."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from deg_core.errors import ModelError
from deg_core.models import sequence
from deg_core.models.compat.translation import Names, Options, Shape, Translation, chosen
from deg_core.models.sequence.mlp import MLP
from deg_core.settings import SequenceSettings, from_dict

SIZES = {"K": None, "D": None}
DROPOUT = {"dropout_p": 0.5}
LAYERS = {
    "num_layers": 3, "filter_length": 15, "n_filters": 8, "c_in": 1, "c_out": 8, "soft_attn": True,
    "tgm_reduction": "max",
}  # fmt: skip
READ_OUTS = {
    "input_dropout": 0.5, "num_features": 128, "nonlinear_classification": True, "final_bn": True,
}  # fmt: skip
HIDDEN = {"input_dropout": 0.5, "num_features": 128, "nonlinear_classification": False}
RECURRENT = {
    "rnn_style": "lstm", "hidden_size": 64, "num_layers": 3, "bidirectional": False,
    "hidden_dropout": 0.0,
}  # fmt: skip
LAST = "place of the last layer"  # an option that no configuration has


def _sequence(network: str, **values: Any) -> SequenceSettings:
    return from_dict(SequenceSettings, {"network": network, "standardize": False, **values})


def _layers(options: Options) -> dict[str, Any]:
    """Return the settings of the temporal layers, whose filters are Lorentzian."""
    chosen(options, "c_in", {1: 1})
    chosen(options, "tgm_reduction", dict.fromkeys(("max", "mean", "conv1x1")))
    return {
        "filters": "lorentzian",
        "n_layers": options["num_layers"],
        "filter_length": options["filter_length"],
        "n_filters": options["n_filters"],
        "c_out": options["c_out"],
        "soft_attention": options["soft_attn"],
        "reduction": options["tgm_reduction"],
        "dropout": options["dropout_p"],
    }


def _tgm(options: Options) -> SequenceSettings:
    if not options["nonlinear_classification"]:
        return _sequence("tgm", **_layers(options))
    return _sequence(
        "tgm_hidden",
        input_dropout=options["input_dropout"],
        hidden=options["num_features"],
        **_layers(options),
    )


def _tgmj(options: Options) -> SequenceSettings:
    return _sequence(
        "tgm_late",
        input_dropout=options["input_dropout"],
        hidden=options["num_features"],
        nonlinear=options["nonlinear_classification"],
        final_bn=options["final_bn"],
        shared_read_out=True,
        **_layers(options),
    )


def _linear(_: Options) -> SequenceSettings:
    return _sequence("linear", dropout=0.0)


def _conv_nonlinear(options: Options) -> SequenceSettings:
    return _sequence("conv", hidden=options["channels"], dropout=options["dropout_p"])


def _rnn(options: Options) -> SequenceSettings:
    chosen(options, "rnn_style", dict.fromkeys(("lstm", "gru", "rnn")))
    return _sequence(
        "rnn",
        cell=options["rnn_style"],
        hidden=options["hidden_size"],
        n_layers=options["num_layers"],
        bidirectional=options["bidirectional"],
        input_dropout=0.0,
        hidden_dropout=options["hidden_dropout"],
        dropout=options["dropout_p"],
    )


def _built_from(
    settings: Callable[[Options], SequenceSettings], **more: Any
) -> Callable[[Options], sequence.Unscaled]:
    """Return what builds a network from settings and, if they leave something open, ``more``."""
    return lambda options: sequence.build(
        settings(options), n_features=options["D"], n_behaviors=options["K"], **more
    )


def _build_conv_nonlinear(options: Options) -> sequence.Unscaled:
    """Build it with a last bias of zeros, in place of none, so that our settings describe it."""
    model = _built_from(_conv_nonlinear)(options)
    nn.init.zeros_(model.network.classify.bias)
    return model


class _Windows(nn.Module):
    """The MLP under the name that its tensors have in the original's files."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.model = MLP(options["D"], options["K"], dropout=options["dropout_p"])

    def forward(self, x: Tensor) -> Tensor:
        """Map flattened windows (N, D) to logits (N, K)."""
        return self.model(x)


# --- names and shapes


def _layer_names(_: Options) -> Names:
    return [
        (r"network\.stack\.layers\.(.*)", [r"tgm_layers.\1"]),
        (r"network\.stack\.reduce\.(.*)", [r"reduction_layer.\1"]),
        (r"network\.read_out\.hidden\.(.*)", [r"h.\1"]),
        (r"network\.read_out\.classify\.(.*)", [r"classify.\1"]),
        (r"network\.now\.hidden\.(.*)", [r"h.\1"]),
        (r"network\.around\.hidden\.(.*)", [r"h.\1"]),
        (r"network\.now\.classify\.(.*)", [r"classify1.\1"]),
        (r"network\.around\.classify\.(.*)", [r"classify2.\1"]),
        (r"network\.(.*)", [r"\1"]),
    ]


def _conv_names(options: Options) -> Names:
    last = options.get(LAST, 4)
    return [
        (r"network\.enter\.(.*)", [r"conv1.\1", r"net.0.\1"]),
        (r"network\.norm\.(.*)", [r"bn1.\1", r"net.1.\1"]),
        (r"network\.classify\.weight", ["conv2.weight", f"net.{last}.weight"]),
        (r"network\.classify\.bias", []),
    ]


def _layer_shape(key: str, shape: Shape) -> Shape:
    return (1, *shape, 1, 1) if key.endswith(".cls_attn") else shape


def _unused_of_layers(options: Options) -> dict[str, Shape]:
    return {f"tgm_layers.{i}.delta": (options["n_filters"],) for i in range(options["num_layers"])}


def _unused_of_tgmj(options: Options) -> dict[str, Shape]:
    unused = _unused_of_layers(options)
    if options["nonlinear_classification"]:
        width = options["num_features"]
        unused |= {"h2.weight": (width, options["D"], 1), "h2.bias": (width,)}
    return unused


# --- outputs


def _out(module: nn.Module, x: Tensor, _: Tensor | None) -> dict[str, Tensor]:
    return {"out": module(x)}


def _filters(module: nn.Module) -> dict[str, Tensor]:
    layers = module.network.stack.layers
    return {f"filters{i}": layer.filters() for i, layer in enumerate(layers)}


def _out_and_filters(module: nn.Module, x: Tensor, _: Tensor | None) -> dict[str, Tensor]:
    return {"out": module(x), **_filters(module)}


def _out_with_logits(module: nn.Module, x: Tensor, logits: Tensor | None) -> dict[str, Tensor]:
    if logits is None:
        raise ModelError(
            "tgmj_fe_logits: expected the feature extractor's logits beside the features, got "
            "none; give them as fe_logits, (N, K, T)."
        )
    return {"out": module.network(x, logits), **_filters(module)}


class _SideBySide(Translation):
    """A network whose read-out reads 2D rows: the features, and below them their mixture."""

    def complete(self, given: Options, shapes: Mapping[str, Shape], network: str) -> dict[str, Any]:
        """Fill up the options as any network's, but D is half of the rows.

        Tensors alone tell of the hidden layer: the original's configuration says that there is
        one, its program makes none.
        """
        options = super().complete(given, shapes, network)
        hidden = shapes.get("h.weight")
        options["nonlinear_classification"] = bool(hidden)
        if hidden and given.get("num_features") is None:
            options["num_features"] = hidden[0]
        if given.get("D") is None:
            options["D"] //= 2
        return options


class _InList(Translation):
    """A network that stores its layers in a list, too, where a dropout of 0 takes no place."""

    def complete(self, given: Options, shapes: Mapping[str, Shape], network: str) -> dict[str, Any]:
        """Fill up the options as any network's, and note the place of the last layer."""
        options = super().complete(given, shapes, network)
        return options | {LAST: 3 if "net.3.weight" in shapes else 4}


_LATE = {
    "defaults": SIZES | DROPOUT | LAYERS | READ_OUTS,
    "infer": {
        "K": [("classify1.0.weight", 0), ("classify1.weight", 0)],
        "D": [("h.weight", 1), ("classify1.0.weight", 1), ("classify1.weight", 1)],
    },
    "names": _layer_names,
    "shape": _layer_shape,
    "unused": _unused_of_tgmj,
}

TRANSLATIONS: Mapping[str, Translation] = {
    "tgm": _SideBySide(
        defaults=SIZES | DROPOUT | LAYERS | HIDDEN,
        infer={
            "K": [("classify.weight", 0)],
            "D": [("h.weight", 1), ("classify.weight", 1)],
        },
        settings=lambda options: {"sequence": _tgm(options)},
        build=_built_from(_tgm),
        names=_layer_names,
        shape=_layer_shape,
        unused=_unused_of_layers,
        outputs=_out_and_filters,
    ),
    "tgmj": Translation(
        **_LATE,
        settings=lambda options: {"sequence": _tgmj(options)},
        build=_built_from(_tgmj),
        outputs=_out_and_filters,
    ),
    "tgmj_fe_logits": Translation(
        **_LATE,
        build=_built_from(_tgmj, extractor_logits=True),
        outputs=_out_with_logits,
    ),
    "linear": Translation(
        defaults=SIZES,
        infer={"K": [("conv1.weight", 0)], "D": [("conv1.weight", 1)]},
        settings=lambda options: {"sequence": _linear(options)},
        build=_built_from(_linear),
        names=lambda _: [(r"network\.classify\.(.*)", [r"conv1.\1"])],
        outputs=_out,
    ),
    "conv_nonlinear": _InList(
        defaults=SIZES | DROPOUT | {"channels": None},
        infer={
            "K": [("conv2.weight", 0)],
            "D": [("conv1.weight", 1)],
            "channels": [("conv1.weight", 0)],
        },
        settings=lambda options: {"sequence": _conv_nonlinear(options)},
        build=_build_conv_nonlinear,
        names=_conv_names,
        outputs=_out,
    ),
    "rnn": Translation(
        defaults=SIZES | DROPOUT | RECURRENT,
        infer={"K": [("hidden_to_output.weight", 0)], "D": [("rnn.weight_ih_l0", 1)]},
        settings=lambda options: {"sequence": _rnn(options)},
        build=_built_from(_rnn),
        names=lambda _: [
            (r"network\.rnn\.(.*)", [r"rnn.\1"]),
            (r"network\.classify\.(.*)", [r"hidden_to_output.\1"]),
        ],
        outputs=_out,
    ),
    "mlp": Translation(
        defaults=SIZES | DROPOUT,
        infer={"K": [("model.6.weight", 0)], "D": [("model.0.weight", 1)]},
        build=_Windows,
        outputs=_out,
    ),
}
