"""Settings of the trainings on clips: flow generator and feature extractor, and extraction."""

from dataclasses import dataclass
from typing import Literal

from deg_core.declared import setting
from deg_core.registry import BACKBONES, FLOW_NETWORKS


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
        "Weights to start from: none, a model file that deg wrote, or, for features, imagenet or "
        "drawn, which comes with deg-core for small_cnn as lite has it, and is none for others.",
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
    choose_after: float = setting(
        0.0,
        "With the cosine schedule, the share of epochs before whose end none is chosen as the "
        "best, and stop_after does not count: on little validation video, weights of the first "
        "steps are sometimes the best by chance.",
        minimum=0,
        maximum=1,
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
        "auto",
        "Number format of the computation; auto is bf16 where the processor or GPU is fast at it, "
        "fp16 on older GPUs.",
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
    gpus: int = setting(
        1,
        "Graphics cards that share each batch of one training, a process each; without any, so "
        "many processes on the processor.",
        minimum=1,
    )


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
    members: int = setting(
        1,
        "Networks per stream, trained side by side; their answers are averaged.",
        minimum=1,
        maximum=64,
    )
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
        "int8 is for processors and needs the extra `openvino`.",
    )
    int8_max_loss: float = setting(
        0.01, "Macro F1 on validation that int8 may lose against fp32.", minimum=0, maximum=1
    )
