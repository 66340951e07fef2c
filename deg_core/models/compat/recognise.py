"""Which network of the original program a state dict belongs to, and with which options.

Names and shapes of the tensors tell most; they go before the configuration of the run.
"""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from deg_core.errors import ModelError
from deg_core.models import compat
from deg_core.models.compat.translation import refuse_empty

State = Mapping[str, Tensor]
Run = Mapping[str, Any]

PRESETS = {  # of the original's networks, and of ours
    "tiny_motion_net": "fast", "motion_net": "medium", "tiny_motion_net_3d": "slow",
    "hidden_two_stream_fast": "fast", "hidden_two_stream_medium": "medium",
    "hidden_two_stream_slow": "slow",
}  # fmt: skip
UNUSABLE = {
    "mlp": "its network for keypoints, which scores windows of them",
    "tgmj_fe_logits": "a sequence model that also reads the feature extractor's logits",
    "flownet_s": "FlowNetS, which gives no motion for a clip",
    "stream": "one stream of a feature extractor, from a curriculum",
}
CELLS = {4: "lstm", 3: "gru", 1: "rnn"}  # gates of a cell
# Options that no tensor of a network tells, although its outputs depend on them.
UNTOLD = {
    "tgm": ("filter_length", "tgm_reduction"),
    "tgmj": ("filter_length", "tgm_reduction"),
    "tiny_motion_net_3d": ("n_rgb",),
    "hidden_two_stream_slow": ("n_flows",),
    "hidden_two_stream_slow_concatenate": ("n_flows",),
}


def recognise(state: State) -> str:
    """Name the network of a state dict, as `compat.NETWORKS` does.

    Raises
    ------
    ModelError
        If it is no known one, or one that has no place here.
    """
    refuse_empty({key: tuple(tensor.shape) for key, tensor in state.items()})
    name = _name(state)
    if name is None:
        raise ModelError(
            "no network of DeepEthogram has such tensors "
            f"({', '.join(list(state)[:3])}, ...); give a checkpoint of a flow generator, a "
            "feature extractor or a sequence model."
        )
    if name in UNUSABLE:
        raise ModelError(
            f"{UNUSABLE[name]}, which has no counterpart here; give a checkpoint of a flow "
            "generator, a whole feature extractor or a sequence model."
        )
    return name


def _name(state: State) -> str | None:
    if any(key.startswith("spatial_classifier.") for key in state):
        return _two_stream(state)
    if "0.conv1.weight" in state:
        return "stream"
    if "conv1.0.weight" in state:
        return _flow_generator(state)
    if "tgm_layers.0.center" in state:
        late = "tgmj_fe_logits" if "weights" in state else "tgmj"
        return "tgm" if "classify.weight" in state else late
    telling = {
        "rnn.weight_ih_l0": "rnn", "net.0.weight": "conv_nonlinear", "model.6.weight": "mlp",
        "6.weight": "mlp", "conv1.weight": "linear",
    }  # fmt: skip
    return next((name for key, name in telling.items() if key in state), None)


def _two_stream(state: State) -> str:
    speed = "fast"
    if state_ndim(state, "spatial_classifier.0.conv1.weight") == 5:
        speed = "slow"
    elif "spatial_classifier.0.layer1.0.conv3.weight" in state:
        speed = "medium"
    prefix = "flow_generator."
    inside = {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}
    motion = _flow_generator(inside)
    if PRESETS.get(motion) != speed:
        raise ModelError(
            f"a feature extractor of the preset {speed}, but its flow generator is a {motion}; "
            "only the pairs of the presets fast, medium and slow can be imported."
        )
    return f"hidden_two_stream_{speed}" + ("_concatenate" if "fusion.fc.weight" in state else "")


def _flow_generator(state: State) -> str:
    if state_ndim(state, "conv1.0.weight") == 5:
        return "tiny_motion_net_3d"
    if "conv6_1.0.weight" not in state:
        return "tiny_motion_net"
    return "motion_net" if "conv1_1.0.weight" in state else "flownet_s"


def state_ndim(state: State, key: str) -> int:
    """Count the axes of a tensor; 0 if there is none."""
    return state[key].ndim if key in state else 0


# --- options


def section(run: Run, name: str) -> Mapping[str, Any]:
    """Return a section of a run's configuration; empty where it has none."""
    found = run.get(name)
    return found if isinstance(found, Mapping) else {}


def options_of(name: str, state: State, run: Run) -> dict[str, Any]:
    """Collect the options of a network: from its tensors, else from the run's configuration.

    Parameters
    ----------
    name
        As `recognise` gives it.
    state
        Its weights.
    run
        The run's configuration.
    """
    if name.startswith("hidden_two_stream"):
        part, told = "feature_extractor", _of_two_stream(state)
    elif "motion_net" in name:
        part, told = "flow_generator", _of_flow(state)
    else:
        part, told = "sequence", _of_sequence(name, state)
    known = compat.NETWORKS[name].defaults
    given = {key: v for key, v in section(run, part).items() if key in known and v is not None}
    return given | told


def _of_flow(state: State) -> dict[str, Any]:
    first = state["conv1.0.weight"]
    return {"n_rgb": first.shape[1] // 3} if first.ndim == 4 else {}


def _of_two_stream(state: State) -> dict[str, Any]:
    found: dict[str, Any] = {
        "fusion": "concatenate" if "fusion.fc.weight" in state else "average",
        "final_bn": "spatial_classifier.2.weight" in state,
    }
    if state_ndim(state, "flow_classifier.0.conv1.weight") == 4:
        found["n_flows"] = state["flow_classifier.0.conv1.weight"].shape[1] // 2
    return found


def _of_sequence(name: str, state: State) -> dict[str, Any]:
    if name == "tgm":
        return _of_layers(state) | _of_hidden(state)
    if name == "tgmj":
        return _of_layers(state) | _of_read_outs(state)
    if name == "rnn":
        return _of_rnn(state)
    without_dropout = name == "conv_nonlinear" and "net.3.weight" in state
    return {"dropout_p": 0.0} if without_dropout else {}


def _of_layers(state: State) -> dict[str, Any]:
    found: dict[str, Any] = {
        "num_layers": sum(bool(re.fullmatch(r"tgm_layers\.\d+\.center", key)) for key in state),
        "n_filters": len(state["tgm_layers.0.center"]),
    }
    if "tgm_layers.0.soft_attn" in state:
        found["c_out"] = len(state["tgm_layers.0.soft_attn"])
    if found["num_layers"] > 1:
        found["soft_attn"] = "tgm_layers.1.cls_attn" in state
    if "reduction_layer.weight" in state:
        found["tgm_reduction"] = "conv1x1"
    return found


def _of_read_outs(state: State) -> dict[str, Any]:
    found: dict[str, Any] = {
        "nonlinear_classification": "h.weight" in state,
        "final_bn": "classify1.1.weight" in state,
    }
    return found | _of_hidden(state)


def _of_hidden(state: State) -> dict[str, Any]:
    return {"num_features": len(state["h.weight"])} if "h.weight" in state else {}


def _of_rnn(state: State) -> dict[str, Any]:
    rows, hidden = state["rnn.weight_hh_l0"].shape if "rnn.weight_hh_l0" in state else (0, 1)
    found: dict[str, Any] = {
        "num_layers": sum(bool(re.fullmatch(r"rnn\.weight_ih_l\d+", key)) for key in state),
        "bidirectional": any(key.endswith("_reverse") for key in state),
        "hidden_size": hidden,
    }
    return found | ({"rnn_style": CELLS[rows // hidden]} if rows // hidden in CELLS else {})
