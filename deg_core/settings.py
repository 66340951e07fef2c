"""The settings of every stage: one frozen dataclass each, with default and description.

This module is the only place where a setting is declared. ``config.schema.yaml`` is generated
from it, and a stage gets its settings as one JSON text that `from_json` turns back into the
dataclass. How that is done is in `deg_core.declared`; what a preset changes is in
`deg_core.presets`.
"""

from dataclasses import dataclass
from typing import Literal

# "as": given on, so that callers find all of it here.
from deg_core.declared import AUTO as AUTO
from deg_core.declared import changed as changed
from deg_core.declared import from_dict as from_dict
from deg_core.declared import from_json as from_json
from deg_core.declared import schema_of as schema_of
from deg_core.declared import setting
from deg_core.declared import to_dict as to_dict
from deg_core.declared import to_json as to_json
from deg_core.registry import BACKBONES, FLOW_NETWORKS, SEQUENCE_NETWORKS


@dataclass(frozen=True)
class ImportSettings:
    """Each video is decoded once and resized once."""

    size: tuple[int, int] = setting(
        (128, 128), "Height and width in pixels to which every frame is resized.", minimum=16
    )
    resize: Literal["area", "linear"] = setting(
        "area",
        "How frames shrink: by areas, or linearly, which skips pixels, as DeepEthogram does.",
    )
    store: Literal["auto", "raw", "jpeg"] = setting(
        "auto", "How frames are kept: raw (lossless, large), jpeg, or raw up to raw_limit_gb."
    )
    jpeg_quality: int = setting(90, "Quality of the jpeg store.", minimum=1, maximum=100)
    raw_limit_gb: float = setting(
        4.0, "Largest raw store of one video, in GB, that `auto` accepts.", minimum=0
    )
    max_missing: float = setting(
        0.02, "Share of the frames that may be missing before a video counts as truncated.",
        minimum=0, maximum=1,
    )  # fmt: skip
    image_fps: float = setting(
        30.0, "Frames per second of a folder of images, which cannot tell.", exclusiveMinimum=0
    )


@dataclass(frozen=True)
class LabelSettings:
    """Which labels become the per-frame table."""

    behaviors: tuple[str, ...] = setting((), "Names of the behaviors, without background.")
    annotator: str | None = setting(
        None, "Whose labels train, where a file holds several annotators."
    )


@dataclass(frozen=True)
class StatsSettings:
    """Channel statistics and the empty arena of each video."""

    stride: int = setting(10, "Every how many frames the channel statistics look.", minimum=1)
    background_frames: int = setting(
        50, "Number of frames, evenly spaced, whose median is a video's background.", minimum=1
    )


@dataclass(frozen=True)
class AugmentSettings:
    """Augmentation, drawn once per clip."""

    flip_lr: float = setting(0.5, "Probability of a left-right flip.", minimum=0, maximum=1)
    flip_ud: float = setting(0.0, "Probability of an upside-down flip.", minimum=0, maximum=1)
    degrees: float = setting(10.0, "Largest rotation, in degrees.", minimum=0, maximum=180)
    rotate_p: float = setting(0.5, "Probability of a rotation.", minimum=0, maximum=1)
    brightness: float = setting(0.25, "Largest relative change of brightness.", minimum=0)
    contrast: float = setting(0.1, "Largest relative change of contrast.", minimum=0)
    saturation: float = setting(0.1, "Largest relative change of saturation.", minimum=0)
    hue: float = setting(0.1, "Largest change of hue, as a share of the circle.", minimum=0)
    color_p: float = setting(0.5, "Probability of the color changes.", minimum=0, maximum=1)
    grayscale: float = setting(0.5, "Probability of dropping the color.", minimum=0, maximum=1)


@dataclass(frozen=True)
class TrainSettings:
    """What the three trainings share."""

    weights: str = setting(
        "none",
        "Weights to start from: none, imagenet (features only), or a model file that deg wrote.",
        minLength=1,
    )
    epochs: int = setting(
        20, "Largest number of epochs; 0 uses the loaded weights as they are.", minimum=0
    )
    steps_per_epoch: int = setting(
        1000, "Steps after which an epoch ends, even if not all clips were seen.", minimum=1
    )
    batch_size: int | Literal["auto"] = setting(
        32, "Clips, or windows, per step; auto takes what fits the memory, 8 to 512.", minimum=1
    )
    lr: float = setting(1e-4, "Learning rate of Adam at the start.", exclusiveMinimum=0)
    schedule: Literal["plateau", "cosine"] = setting(
        "plateau", "Lower the rate when the metric stalls, or along a cosine over all epochs."
    )
    patience: int = setting(3, "Epochs without progress before the rate is lowered.", minimum=0)
    reduction_factor: float = setting(
        0.1, "Factor by which a plateau lowers the rate.", exclusiveMinimum=0, maximum=1
    )
    min_lr: float = setting(
        5e-7, "Training stops when a plateau has brought the rate down here.", minimum=0
    )
    stop_after: int = setting(
        0, "Training stops after so many epochs without progress; 0 means never.", minimum=0
    )
    grad_clip: float = setting(
        0.0, "Largest gradient norm; 0 leaves gradients as they are.", minimum=0
    )
    ema: float = setting(
        0.0,
        "Share of the running average of the weights that each step keeps; 0 averages nothing.",
        minimum=0, exclusiveMaximum=1,
    )  # fmt: skip
    precision: Literal["auto", "fp32", "bf16", "fp16"] = setting(
        "auto", "Number format of the computation; auto is bf16 or fp16 where a GPU has it."
    )
    weight_decay: float = setting(
        1e-3, "Weight of half the sum of squared weights, biases and norms apart.", minimum=0
    )
    l2_sp: float = setting(
        1e-5,
        "Weight of half the squared distance to loaded weights, which takes the place of "
        "weight_decay for them.",
        minimum=0,
    )
    seed: int = setting(0, "Seed of everything random in the training.", minimum=0)


@dataclass(frozen=True)
class FlowSettings(TrainSettings):
    """The flow generator, trained without labels."""

    network: Literal[*FLOW_NETWORKS] = setting(
        "tiny_motion_net", "Network that turns a clip into motion."
    )
    width: float = setting(
        1.0, "Factor on the network's numbers of channels; 1 is the paper's.", exclusiveMinimum=0
    )
    clip: int = setting(11, "Frames per clip; one flow field less.", minimum=2)
    epochs: int = setting(
        10, "Largest number of epochs; 0 uses the loaded weights as they are.", minimum=0
    )
    charbonnier_eps: float = setting(
        1e-7, "Smoothing of the image differences' penalty; the original program has 1e-4.",
        exclusiveMinimum=0,
    )  # fmt: skip
    smooth_weight: float = setting(1.0, "Factor on the smoothness terms.", minimum=0)
    sparsity_weight: float = setting(0.0, "Weight of the mean absolute flow.", minimum=0)
    val_clips: int = setting(
        512, "Clips of the validation part, evenly spaced over the end of each video.", minimum=1
    )
    augment: AugmentSettings = setting(AugmentSettings(), "Augmentation of the clips.")


@dataclass(frozen=True)
class FeatureSettings(TrainSettings):
    """The feature extractor: a spatial and a motion stream."""

    backbone: Literal[*BACKBONES] = setting("resnet18", "Network of each stream.")
    width: float = setting(1.0, "Factor on the backbone's numbers of channels.", exclusiveMinimum=0)
    streams: tuple[Literal["spatial", "flow"], ...] = setting(
        ("spatial", "flow"), "Which streams look: the picture, the motion, or both.", minItems=1
    )
    inputs: tuple[Literal["frame", "background_difference"], ...] = setting(
        ("frame",), "What the spatial stream sees of the center frame.", minItems=1
    )
    fusion: Literal["average", "concatenate"] = setting(
        "average", "How the two streams become one prediction."
    )
    flow_weight: float = setting(
        1.0, "Weight of the motion stream in the average; the spatial stream has 1.", minimum=0
    )
    picture: Literal["center", "channel_slice"] = setting(
        "center",
        "What a 2-D spatial stream calls the frame: the center frame, or the three channels from "
        "1.5 times the clip's length on, as files of the original program need it.",
    )
    final_bn: bool = setting(False, "Batch norm after the last layers, in place of their bias.")
    curriculum: bool = setting(
        False, "Train the spatial stream first, then the motion stream, then both together."
    )
    dropout: float = setting(0.25, "Dropout before the last layer.", minimum=0, maximum=0.95)
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
    oversampling_exp: float = setting(
        0.0, "Exponent by which frames of rare behaviors are drawn more often.", minimum=0
    )
    augment: AugmentSettings = setting(AugmentSettings(), "Augmentation of the clips.")


@dataclass(frozen=True)
class ExtractSettings:
    """Extraction of features from whole videos."""

    batch_size: int = setting(32, "Frames per batch.", minimum=1)
    dtype: Literal["float32", "float16"] = setting("float32", "How features are kept on disk.")
    precision: Literal["auto", "fp32", "bf16", "int8"] = setting(
        "auto",
        "Number format of the networks; auto is bf16 where a GPU or the processor is fast at it, "
        "int8 wants the extra `openvino`.",
    )
    int8_max_loss: float = setting(
        0.01, "Macro F1 on validation frames that int8 may lose against fp32.", minimum=0
    )


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
        AUTO, "Temporal layers; auto is 6 per stage of a tcn, and 3 for all others.", minimum=1
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
    n_stages: int = setting(3, "Stages of a tcn, each mending the one before.", minimum=1)
    smoothing_weight: float = setting(
        0.15, "Weight of a tcn's truncated smoothing loss.", minimum=0
    )
    n_heads: int = setting(4, "Attention heads of a transformer.", minimum=1)
    attention_window: int = setting(
        31, "Frames, an odd number, that each frame of a transformer attends to.", minimum=1
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


@dataclass(frozen=True)
class ThresholdSettings:
    """From which probability on a behavior counts as present."""

    n_grid: int = setting(200, "Thresholds tried, evenly spaced up to 1.", minimum=2)
    lowest: float = setting(1e-4, "Lowest threshold tried.", minimum=0, maximum=1)
    floor: float = setting(0.01, "A lower best threshold is raised to this.", minimum=0, maximum=1)
    fallback: float = setting(
        0.5, "Threshold where none is better than min_f1.", minimum=0, maximum=1
    )
    shift: float = setting(
        0.5,
        "Standard deviation, in log odds, by which the probabilities of other videos are expected "
        "to differ from those of one validation video; of n videos 1 / sqrt(n) of it.",
        minimum=0,
    )
    pull: float = setting(
        0.05,
        "F1 on one validation video that is given up for a threshold one unit of log odds nearer "
        "to the fallback; on n videos 1 / sqrt(n) of it. With shift and pull 0 the highest F1 "
        "decides, as in the paper.",
        minimum=0,
    )
    min_f1: float = setting(
        0.05, "F1 on validation below which a threshold is not believed.", minimum=0, maximum=1
    )


@dataclass(frozen=True)
class PostprocessSettings:
    """How present frames become bouts."""

    method: Literal["percentile", "min_bout", "none"] = setting(
        "percentile", "Which bouts are too short: by the labels' percentile, by min_bout, or none."
    )
    percentile: float = setting(
        1.0, "Percentile of the training labels' bout lengths.", minimum=0, maximum=100
    )
    one_frame_bouts: int = setting(
        1,
        "Bouts of one frame counted beside the labeled ones, so that the low percentile of a few "
        "bouts is not the shortest of them; 0 counts the labeled ones alone, as the paper does.",
        minimum=0,
    )
    min_bout: int = setting(1, "Frames that the shortest bout has, for method min_bout.", minimum=1)
    inclusive: bool = setting(False, "Whether a bout of exactly that length goes, too.")


@dataclass(frozen=True)
class SplitSettings:
    """Which videos train, choose and test."""

    count: int = setting(1, "Number of random splits.", minimum=0)
    final: bool = setting(
        False, "Whether a final model is trained, too: no test part, for new videos."
    )
    val: float = setting(0.2, "Share of the groups in validation.", minimum=0, exclusiveMaximum=1)
    test: float = setting(0.2, "Share of the groups in the test.", minimum=0, exclusiveMaximum=1)
    seed: int = setting(0, "Seed of the splits.", minimum=0)
    missing: Literal["error", "allow"] = setting(
        "error", "What to do if a behavior cannot be in every part of a split."
    )


@dataclass(frozen=True)
class SweepSettings:
    """Runs with fewer training videos."""

    train_sizes: tuple[int, ...] = setting((), "Numbers of training videos to try.", minimum=1)
    presets: tuple[str, ...] = setting((), "Presets of the sweep; empty means all.")


@dataclass(frozen=True)
class EvaluateSettings:
    """Scores on the test part."""

    shuffles: int = setting(100, "Circular shifts of the labels for the chance level.", minimum=1)
    seed: int = setting(0, "Seed of the shifts.", minimum=0)
    iou: tuple[float, ...] = setting(
        (0.1, 0.25, 0.5), "Overlaps at which bouts count as found.", minimum=0, maximum=1
    )


@dataclass(frozen=True)
class FigureSettings:
    """Which figures are drawn."""

    ethograms: Literal["all", "test", "none"] = setting(
        "all", "Videos of which the ethogram is drawn."
    )


SECTIONS: dict[str, type] = {
    "labels": LabelSettings,
    "import": ImportSettings,
    "stats": StatsSettings,
    "augment": AugmentSettings,
    "flow": FlowSettings,
    "features": FeatureSettings,
    "extract": ExtractSettings,
    "sequence": SequenceSettings,
    "thresholds": ThresholdSettings,
    "postprocess": PostprocessSettings,
    "splits": SplitSettings,
    "sweep": SweepSettings,
    "evaluate": EvaluateSettings,
    "figures": FigureSettings,
}
