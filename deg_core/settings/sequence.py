"""Settings of the sequence model."""

from dataclasses import dataclass
from typing import Literal

from deg_core.declared import AUTO, setting
from deg_core.registry import SEQUENCE_NETWORKS
from deg_core.settings.training import TrainSettings


@dataclass(frozen=True)
class SequenceSettings(TrainSettings):
    """The sequence model: probabilities from features over time."""

    network: Literal[*SEQUENCE_NETWORKS] = setting(
        "tgm_late", "Network that turns features over time into probabilities."
    )
    window: int = setting(180, "Frames per training window.", minimum=1)
    windows_per_video: int = setting(
        0, "Random windows per video and epoch; 0 cuts each video into neighbors once.", minimum=0
    )
    inference_window: int = setting(
        0,
        "Frames that are scored by themselves, with zeros around them, as DeepEthogram does; 0 "
        "scores each video as a whole.",
        minimum=0,
    )
    standardize: bool = setting(
        True, "Bring each feature to mean 0 over the training videos, and all to a common scale."
    )
    center_after: int = setting(
        0,
        "Frames of a video at which half of what sets its mean features apart from the training "
        "videos' is removed; 0 removes nothing.", minimum=0,
    )  # fmt: skip
    filter_length: int = setting(15, "Frames that a temporal filter covers.", minimum=1)
    n_filters: int = setting(8, "Gaussians that a layer's filters are mixed from.", minimum=1)
    filters: Literal["gaussian", "lorentzian"] = setting(
        "gaussian", "Shape of the temporal filters; files of the original program are lorentzian."
    )
    n_layers: int | Literal["auto"] = setting(
        AUTO,
        "Temporal layers; auto is 6 per stage of a tcn, and 3 for all others.",
        minimum=1,
        maximum=256,
    )
    c_out: int = setting(8, "Filters per layer.", minimum=1)
    soft_attention: bool = setting(
        True, "Whether a layer mixes its inputs by attention, or by 1x1 convolutions and ReLU."
    )
    reduction: Literal["max", "mean", "conv1x1"] = setting(
        "max", "How the copies that the last temporal layer gives become one."
    )
    hidden: int = setting(
        128, "Units of the read-out's hidden layer, of an rnn, a tcn or a transformer.", minimum=1
    )
    nonlinear: bool = setting(True, "Whether the late read-outs of tgm_late have a hidden layer.")
    final_bn: bool = setting(False, "Batch norm after the last layers of tgm_late.")
    shared_read_out: bool = setting(
        False,
        "Whether the two read-outs of tgm_late share hidden layer and bias, as files of the "
        "original program do.",
    )
    cell: Literal["lstm", "gru", "rnn"] = setting("lstm", "Cell of the rnn.")
    bidirectional: bool = setting(True, "Whether the rnn reads backward, too.")
    hidden_dropout: float = setting(
        0.0, "Dropout within an rnn, a tcn or a transformer.", minimum=0, maximum=0.95
    )
    n_stages: int = setting(
        3, "Stages of a tcn, each mending the one before.", minimum=1, maximum=64
    )
    smoothing_weight: float = setting(
        0.15, "Weight of a tcn's truncated smoothing loss.", minimum=0
    )
    n_heads: int = setting(4, "Attention heads of a transformer.", minimum=1)
    attention_window: int = setting(
        31, "Frames, an odd number, that each frame of a transformer attends to.", minimum=1
    )
    mlp_window: int = setting(
        31, "Frames, an odd number, that an mlp sees around each frame.", minimum=1
    )
    input_dropout: float = setting(0.5, "Dropout of the features.", minimum=0, maximum=0.95)
    dropout: float = setting(0.5, "Dropout before the last layer.", minimum=0, maximum=0.95)
    epochs: int = setting(
        100, "Largest number of epochs; 0 uses the loaded weights as they are.", minimum=0
    )
    patience: int = setting(5, "Epochs without progress before the rate is lowered.", minimum=0)
    weight_decay: float = setting(
        0.01, "Weight of half the sum of squared weights, biases and norms apart.", minimum=0
    )
    loss_gamma: float = setting(1.0, "Exponent of the focal loss.", minimum=0)
    loss_weight_exp: float = setting(
        0.25, "Exponent on negatives/positives, the weight of positive frames.", minimum=0
    )
    label_smoothing: float = setting(
        0.05, "Distance of the targets from 0 and 1.", minimum=0, maximum=0.5
    )
    normalise: bool = setting(
        True,
        "Divide the loss by the number of known labels; the original program sums over them.",
    )
