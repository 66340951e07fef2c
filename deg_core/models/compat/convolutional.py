"""The original program's flow generators, classifiers and two-stream models."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from deg_core.errors import ModelError
from deg_core.models import flow, two_stream
from deg_core.models.compat.translation import Names, Options, Settings, Translation, chosen
from deg_core.models.two_stream import EndToEnd, Stream
from deg_core.settings import FeatureSettings, FlowSettings, from_dict

SPEEDS = {
    "fast": ("resnet18", "tiny_motion_net"),
    "medium": ("resnet50", "motion_net"),
    "slow": ("resnet3d_34", "tiny_motion_net_3d"),
}
FLOW_WEIGHT = 1.5  # of the motion stream against 1 of the spatial one
# The original computes the place of the picture from 11 images, whatever the clip's length.
SLICE_START = 16

_FLOW_NETWORKS = tuple(network for _, network in SPEEDS.values())
_BACKBONES = tuple(backbone for backbone, _ in SPEEDS.values())
_VOLUMES = ("tiny_motion_net_3d", "resnet3d_34")


def _clip_of(x: Tensor, *, n_frames: int, stacked: bool) -> Tensor:
    """Turn the original's input, (N, 3T, H, W) or (N, 3, T, H, W), into our clip.

    Raises
    ------
    ModelError
        If the input has another layout or number of channels.
    """
    dims, channels = (4, 3 * n_frames) if stacked else (5, 3)
    if x.ndim != dims or x.shape[1] != channels:
        layout = f"(N, {channels}, H, W)" if stacked else "(N, 3, T, H, W)"
        raise ModelError(
            f"input of shape {tuple(x.shape)}: expected {layout}; give the clip as the original "
            "network takes it."
        )
    return x.unflatten(1, (n_frames, 3)) if stacked else x.transpose(1, 2)  # (N, T, 3, H, W)


def _original_layout(motion: Tensor, *, stacked: bool) -> Tensor:
    if stacked:
        return motion
    return motion.unflatten(1, (-1, 2)).transpose(1, 2)  # (N, 2, T-1, h, w)


# --- flow generators


def _flow_settings(network: str, n_frames: int) -> FlowSettings:
    return from_dict(FlowSettings, {"network": network, "clip": n_frames})


def _flow_outputs(
    module: nn.Module, x: Tensor, _: Tensor | None, *, stacked: bool
) -> dict[str, Tensor]:
    flows = module(_clip_of(x, n_frames=module.n_frames, stacked=stacked))
    return {f"out{i}": _original_layout(f, stacked=stacked) for i, f in enumerate(flows)}


def _flow_generator(network: str) -> Translation:
    def settings(options: Options) -> dict[str, Settings]:
        return {"flow": _flow_settings(network, options["n_rgb"])}

    return Translation(
        defaults={"n_rgb": 11},
        settings=settings,
        build=lambda options: flow.build(settings(options)["flow"]),
        outputs=partial(_flow_outputs, stacked=network not in _VOLUMES),
    )


# --- classifiers


def _feature_settings(backbone: str, options: Options, **others: Any) -> FeatureSettings:
    values = {
        "backbone": backbone,
        "flow_weight": FLOW_WEIGHT,
        "picture": "channel_slice",
        "dropout": options["dropout_p"],
        "final_bn": options["final_bn"],
    }
    return from_dict(FeatureSettings, values | others)


def _stream_names(options: Options, *, ours: str, theirs: str) -> Names:
    """Name the tensors of a `Stream` whose names begin with ``ours``."""
    ours = ours.replace(".", r"\.")
    last = [(rf"{ours}head\.(.*)", [rf"{theirs}1.\1"])]
    if options["final_bn"]:
        places = {0: 1, 1: 2}
        last = [(rf"{ours}head\.{i}\.(.*)", [rf"{theirs}{k}.\1"]) for i, k in places.items()]
    return [
        (rf"{ours}backbone\.fc\.0\.(.*)", [rf"{theirs}0.compression_fc.0.\1"]),
        (rf"{ours}backbone\.(.*)", [rf"{theirs}0.\1"]),
        *last,
    ]


def _classifier_outputs(module: Stream, x: Tensor, _: Tensor | None) -> dict[str, Tensor]:
    features, logits = module(x)
    return {"out": logits, "features": features}


def _classifier(backbone: str, stream: str, *, final_bn: bool) -> Translation:
    def settings(options: Options) -> dict[str, Settings]:
        return {"features": _feature_settings(backbone, options, streams=[stream])}

    def build(options: Options) -> Stream:
        made = settings(options)["features"]
        # Of a network that takes volumes, the weights do not depend on the number of frames.
        channels, frames = {"spatial": (3, options["n_rgb"]), "flow": (2, options["n_flows"])}[
            stream
        ]
        return Stream(
            made.backbone,
            channels,
            frames,
            n_out=options["K"],
            width=made.width,
            dropout=made.dropout,
            final_bn=made.final_bn,
        )

    return Translation(
        defaults={"K": None, "n_rgb": 1, "n_flows": 10, "dropout_p": 0.25, "final_bn": final_bn},
        infer={"K": [("1.weight", 0)]},
        settings=settings,
        build=build,
        names=partial(_stream_names, ours="", theirs=""),
        outputs=_classifier_outputs,
    )


# --- two-stream models


def _two_stream_names(options: Options) -> Names:
    return [
        (r"motion\.(.*)", [r"flow_generator.\1"]),
        *_stream_names(options, ours="network.spatial.", theirs="spatial_classifier."),
        *_stream_names(options, ours="network.flow.", theirs="flow_classifier."),
        (r"network\.fusion\.(.*)", [r"fusion.fc.\1"]),
    ]


def _build_two_stream(
    options: Options, sections_of: Callable[[Options], Mapping[str, Settings]]
) -> EndToEnd:
    sections = sections_of(options)
    motion = flow.build(sections["flow"])
    network = two_stream.build(sections["features"], motion, options["K"])
    network.slice_start = SLICE_START
    return EndToEnd(motion, network)


def _refuse_impossible(options: Options, *, stacked: bool) -> None:
    """Refuse options with which the original itself cannot compute."""
    if options["final_bn"] and options["fusion"] == "concatenate":
        raise ModelError(
            "option final_bn: the original cannot compute it with the fusion concatenate; expected "
            "false."
        )
    if stacked and options["n_rgb"] != 1:
        raise ModelError(
            f"option n_rgb: expected 1, got {options['n_rgb']}; its two-stream models of 2-D "
            "networks look at one picture."
        )
    n_frames = options["n_flows"] + 1
    if stacked and 3 * n_frames < SLICE_START + 3:
        raise ModelError(
            f"option n_flows: expected 6 or more, got {options['n_flows']}; the original takes its "
            f"picture from channel {SLICE_START} on."
        )


def _two_stream_outputs(
    module: EndToEnd, x: Tensor, _: Tensor | None, *, stacked: bool
) -> dict[str, Tensor]:
    clip = _clip_of(x, n_frames=module.motion.n_frames, stacked=stacked)
    out, motion = module(clip)
    found = {"out": out.logits, "flow": _original_layout(motion, stacked=stacked)}
    if out.spatial_logits is None:  # concatenated: what a stream says is its features
        found |= {"spatial_stream_out": out.spatial, "flow_stream_out": out.flow}
    else:
        found |= {"spatial_stream_out": out.spatial_logits, "flow_stream_out": out.flow_logits}
        found |= {"spatial_features": out.spatial, "flow_features": out.flow}
    if stacked:
        start = module.network.slice_start
        found["spatial_input_channels"] = torch.arange(start, start + 3, device=x.device)
    return found


def _two_stream(speed: str, *, fusion: str) -> Translation:
    backbone, network = SPEEDS[speed]
    stacked = backbone not in _VOLUMES

    def sections_of(options: Options) -> dict[str, Settings]:
        _refuse_impossible(options, stacked=stacked)
        fused = chosen(options, "fusion", {"average": "average", "concatenate": "concatenate"})
        return {
            "flow": _flow_settings(network, options["n_flows"] + 1),
            "features": _feature_settings(backbone, options, fusion=fused),
        }

    def settings(options: Options) -> dict[str, Settings]:
        if stacked and options["n_flows"] != 10:
            raise ModelError(
                f"hidden_two_stream_{speed}: option n_flows: expected 10, got "
                f"{options['n_flows']}; no setting of ours has the picture that the original takes "
                "from clips of other lengths, so that this model cannot be used in a project."
            )
        return sections_of(options)

    return Translation(
        defaults={
            "K": None, "n_rgb": 1, "n_flows": 10, "dropout_p": 0.25, "final_bn": False,
            "fusion": fusion,
        },
        infer={"K": [("spatial_classifier.1.weight", 0), ("fusion.fc.weight", 0)]},
        settings=settings,
        build=partial(_build_two_stream, sections_of=sections_of),
        names=_two_stream_names,
        outputs=partial(_two_stream_outputs, stacked=stacked),
    )  # fmt: skip


def _translations() -> dict[str, Translation]:
    found = {network: _flow_generator(network) for network in _FLOW_NETWORKS}
    for ending, final_bn in {"": False, "_final_bn": True}.items():
        for backbone in _BACKBONES:
            for stream in ("spatial", "flow"):
                name = f"{backbone}_{stream}{ending}"
                found[name] = _classifier(backbone, stream, final_bn=final_bn)
    for ending, fusion in {"": "average", "_concatenate": "concatenate"}.items():
        for speed in SPEEDS:
            found[f"hidden_two_stream_{speed}{ending}"] = _two_stream(speed, fusion=fusion)
    return found


TRANSLATIONS: Mapping[str, Translation] = _translations()
