"""Train the feature extractor: two streams from clips to the behaviors of their center frame."""

from collections.abc import Generator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from deg_core.data.labels import read_frame_labels
from deg_core.data.statistics import read_background
from deg_core.errors import LabelError, StateError
from deg_core.learn.augment import augment
from deg_core.learn.clips import ClipBatch, ClipSource, ahead, cut, epoch_order, to_unit
from deg_core.learn.device import choose
from deg_core.learn.fit import Fit
from deg_core.learn.losses import focal_bce, log_odds, positive_weights
from deg_core.learn.scores import classification_scores
from deg_core.models import files
from deg_core.progress import log
from deg_core.settings import FeatureSettings, to_dict
from deg_core.stages.networks import Extractor, Motion, build_two_stream
from deg_core.stages.training import fingerprint, publish_training
from deg_core.versions import VERSIONS


class FeatureTask:
    """Frame-wise classification behind the frozen motion network."""

    metric, direction = "f1_macro", "higher"

    def __init__(
        self,
        train: tuple[ClipSource, list[np.ndarray]],
        val: tuple[ClipSource, list[np.ndarray]],
        *,
        settings: FeatureSettings,
        motion: Motion,
        device: torch.device,
    ) -> None:
        self.settings, self.device = settings, device
        self.source, self.labels = train
        self.val_source, self.val_labels = val
        self.metric, self.direction = chosen_by(self.val_labels)
        self.samples, self.val_samples = known_frames(self.labels), known_frames(self.val_labels)
        positives, negatives = count(self.labels)
        torch.manual_seed(settings.seed)
        self.network = build_two_stream(settings, motion, self.labels[0].shape[1])
        self.network.set_bias(log_odds(positives, negatives))
        self.network.to(device)
        self.extractor = Extractor(motion, self.network, device)
        self.pos_weight = positive_weights(positives, negatives, settings.loss_weight_exp)
        self.pos_weight = self.pos_weight.to(device)
        self.weights = rarity(self.samples, self.labels, settings.oversampling_exp)

    def n_steps(self) -> int:
        """Count the steps of an epoch."""
        batches = -(-len(self.samples) // self.settings.batch_size)
        return min(self.settings.steps_per_epoch, batches)

    def batches(self, epoch: int, start: int) -> Generator[ClipBatch, None, None]:
        """Shuffled clips of frames whose labels are known at least in part."""
        size = self.settings.batch_size
        order = epoch_order(
            self.samples, seed=self.settings.seed, epoch=epoch, limit=size * self.n_steps(),
            weights=self.weights,
        )  # fmt: skip
        # Batch norm needs two values per channel, also where maps have shrunk to one pixel: a
        # batch of one clip holds it twice.
        rows = [
            r.repeat(2 if len(r) == 1 else 1, axis=0) for r in cut(order, size=size, start=start)
        ]
        return ahead(lambda r: self.source.batch(r, self.labels), rows)

    def loss(self, batch: ClipBatch, generator: torch.Generator) -> Tensor:
        """Focal loss of the fused logits of augmented clips."""
        clips = augment(to_unit(batch.clips, self.device), self.settings.augment, generator)
        return self._loss(self.extractor.score(clips).logits, batch.labels.to(self.device))

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        s = self.settings
        return focal_bce(
            logits, labels, pos_weight=self.pos_weight, gamma=s.loss_gamma,
            smoothing=s.label_smoothing,
        )  # fmt: skip

    def validate(self) -> dict[str, float]:
        """Score all known frames of the validation videos."""
        rows = cut(self.val_samples, size=2 * self.settings.batch_size)
        logits, labels = [], []
        for batch in ahead(lambda r: self.val_source.batch(r, self.val_labels), rows):
            logits.append(self.extractor.score_bytes(batch.clips).logits)
            labels.append(batch.labels.to(self.device))
        joined, truth = torch.cat(logits), torch.cat(labels)
        loss = float(self._loss(joined, truth))
        scores = classification_scores(torch.sigmoid(joined).cpu().numpy(), truth.cpu().numpy())
        return {"loss": loss, **scores}


def chosen_by(val_labels: Sequence[np.ndarray]) -> tuple[str, str]:
    """Name the metric that chooses the best epoch, and which direction is better.

    F1 on validation; where no behavior ever occurs there, every F1 is 0 and the loss chooses.
    """
    if any((table == 1).any() for table in val_labels):
        return "f1_macro", "higher"
    log("no behavior occurs in the validation part; the best epoch is chosen by the loss.")
    return "loss", "lower"


def known_frames(labels: Sequence[np.ndarray]) -> np.ndarray:
    """List rows (video, frame) of all frames with at least one known label."""
    rows = []
    for video, table in enumerate(labels):
        frames = np.flatnonzero((table >= 0).any(1))
        rows.append(np.stack([np.full_like(frames, video), frames], axis=1))
    return np.concatenate(rows)


def count(labels: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Count positive and negative frames per behavior, (K,) each."""
    joined = np.concatenate(list(labels))
    return torch.from_numpy((joined == 1).sum(0)), torch.from_numpy((joined == 0).sum(0))


def rarity(samples: np.ndarray, labels: Sequence[np.ndarray], exponent: float) -> np.ndarray | None:
    """Weigh each sample, in the order of `known_frames`, by how rare its behaviors are.

    None if the exponent is 0, where all weigh alike.
    The weight is the sum over a frame's behaviors of (their share of all positives) ** -exponent;
    frames of background weigh as background does.
    """
    if exponent == 0:
        return None
    chosen = np.concatenate([t[samples[samples[:, 0] == v, 1]] for v, t in enumerate(labels)]) == 1
    with_background = np.column_stack([~chosen.any(1), chosen])
    share = with_background.sum(0) / with_background.sum()
    weight = np.where(share > 0, np.where(share > 0, share, 1.0) ** -exponent, 0.0)
    return with_background @ weight


def read_labels(folder: Path, videos: Sequence[str], part: str) -> tuple[list[str], list]:
    """Read the imported labels of one part, whose behaviors must agree.

    Returns
    -------
    tuple
        Names of the behaviors and per video (T, K) int8.

    Raises
    ------
    LabelError
        If there is no video, no known frame, or the behaviors differ.
    """
    tables = [read_frame_labels(folder / f"{video}.csv") for video in videos]
    names = tables[0][0] if tables else []
    for video, (found, _) in zip(videos, tables, strict=True):
        if list(found) != list(names):
            raise LabelError(
                f"{folder / video}.csv: expected the behaviors {list(names)}, found {list(found)}; "
                "run import_labels again."
            )
    if not any((table >= 0).any() for _, table in tables):
        raise LabelError(f"{folder}: no frame of the {part} part is labelled; label more videos.")
    return list(names), [table for _, table in tables]


def check_lengths(
    labels: Path, videos: Sequence[str], tables: Sequence[np.ndarray], n_frames: Sequence[int]
) -> None:
    """Check that each video has one row of labels per frame.

    Raises
    ------
    StateError
        If it has not: labels and video were not imported together.
    """
    for video, table, n in zip(videos, tables, n_frames, strict=True):
        if len(table) != n:
            raise StateError(
                f"{labels / video}.csv: {len(table)} frames, but the imported video has {n}; "
                "delete it and run again, so that the labels are checked against the video."
            )


def run(
    *,
    train_videos: list[str],
    val_videos: list[str],
    imports: Path,
    labels: Path,
    backgrounds: Path,
    stats: Path,
    flow: Path,
    settings: FeatureSettings,
    state: Path,
    threads: int,
    model: Path,
    history: Path,
    record: Path,
) -> None:
    """Train the feature extractor of one run.

    Parameters
    ----------
    train_videos
        Ids of the training videos.
    val_videos
        Ids of the validation videos.
    imports
        Folder of the imported videos.
    labels
        Folder of the imported labels.
    backgrounds
        Folder of the videos' background pictures.
    stats
        Channel statistics, rgb.json.
    flow
        Flow model of the preset.
    settings
        Settings of the stage, as JSON.
    state
        Folder for the resumable state.
    threads
        Threads to use.
    model
        Model file to write.
    history
        Learning curves to write, csv.
    record
        Run record to write, json.

    Raises
    ------
    LabelError
        If a part has no labels, or the parts hold different behaviors.
    VideoError
        If the videos were imported at different sizes.
    ModelError
        If the flow model cannot be used.
    StateError
        If an input is damaged or labels do not fit their video, or a result cannot be written.
    ConfigError
        If the settings contradict each other, or the training goes astray.
    Interrupted
        After SIGTERM; the next call continues.
    """
    device = choose(threads)
    cv2.setNumThreads(1)
    motion = Motion.load(flow, device)
    names, train_labels = read_labels(labels, train_videos, "training")
    val_names, val_labels = read_labels(labels, val_videos, "validation")
    if val_names != names:
        raise LabelError(f"{labels}: training and validation hold different behaviors.")
    source, val_source = (
        clip_source(ids, imports, backgrounds, settings, motion)
        for ids in (train_videos, val_videos)
    )
    check_lengths(labels, train_videos, train_labels, source.n_frames)
    check_lengths(labels, val_videos, val_labels, val_source.n_frames)
    task = FeatureTask(
        (source, train_labels), (val_source, val_labels),
        settings=settings, motion=motion, device=device,
    )  # fmt: skip
    log(f"train_features: {len(task.samples)} labelled frames on {device}")
    used = [*train_videos, *val_videos]
    inputs = [*(imports / f"{v}.h5" for v in used), *(labels / f"{v}.csv" for v in used)]
    identity = fingerprint("train_features", settings, [*inputs, stats, flow], *used)
    fit = Fit(task, settings=settings, state=state, fingerprint=identity)
    fitted = fit.run()
    positives, negatives = count(train_labels)
    publish_training(
        fitted, history=history, record=record, settings=settings, device=device, threads=threads,
        train_videos=train_videos, val_videos=val_videos, behaviors=names,
        positives=positives.tolist(), negatives=negatives.tolist(),
    )  # fmt: skip
    files.save(
        model, stage="train_features", network=task.network, settings=to_dict(settings),
        version=VERSIONS["train_features"], behaviors=names, flow_sha256=motion.sha256,
        normalization=motion.normalization,
    )  # fmt: skip
    fit.forget()


def clip_source(
    videos: Sequence[str],
    imports: Path,
    backgrounds: Path,
    settings: FeatureSettings,
    motion: Motion,
) -> ClipSource:
    """Open the clips of some videos, with their backgrounds where the settings ask for them."""
    pictures = None
    if "background_difference" in settings.inputs:
        pictures = [read_background(backgrounds / f"{v}.background.png") for v in videos]
    stores = [imports / f"{video}.h5" for video in videos]
    mean = motion.normalization["mean"]
    return ClipSource(stores, length=motion.clip, mean=mean, backgrounds=pictures)
