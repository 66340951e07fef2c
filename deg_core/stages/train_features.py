"""Train the feature extractor: two streams from clips to the behaviors of their center frame."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deg_core.data.statistics import read_background
from deg_core.errors import LabelError
from deg_core.groups import Groups, from_text, indices, named
from deg_core.learn import parts
from deg_core.learn.augment import augment_part
from deg_core.learn.clips import ClipBatch, ClipSource, cut, epoch_order, share_ahead
from deg_core.learn.device import choose, precision_of
from deg_core.learn.distributed import is_first
from deg_core.learn.engine import Engine
from deg_core.learn.fit import Fitted
from deg_core.learn.streaming import stream
from deg_core.learn.workers import on_several_devices
from deg_core.models import two_stream, weights
from deg_core.models.folding import with_channels_last
from deg_core.models.two_stream import TwoStream
from deg_core.models.weights import Loaded
from deg_core.progress import log
from deg_core.settings import FeatureSettings
from deg_core.stages.criterion import Criterion, count, start_bias
from deg_core.stages.labelled import check_lengths, read_labels
from deg_core.stages.networks import Extractor, Motion, engine_of
from deg_core.stages.training import Training, chained, paths

BOTH = "both"


class FeatureTask:
    """Frame-wise classification behind the frozen motion network."""

    def __init__(
        self,
        train: tuple[ClipSource, list[np.ndarray]],
        val: tuple[ClipSource, list[np.ndarray]],
        *,
        settings: FeatureSettings,
        motion: Motion,
        device: torch.device,
        groups: Groups = (),
    ) -> None:
        self.settings, self.device, self.motion = settings, device, motion
        self.source, self.labels = train
        self.val_source, self.val_labels = val
        self.precision = precision_of(settings.precision, device)
        self.criterion = Criterion.of(self.labels, self.val_labels, settings, groups, device)
        self.metric, self.direction = self.criterion.metric, self.criterion.direction
        self.samples, self.val_samples = known_frames(self.labels), known_frames(self.val_labels)
        self.weights = rarity(self.samples, self.labels, settings.oversampling_exp)
        torch.manual_seed(settings.seed)
        network = two_stream.build(settings, motion.network, self.labels[0].shape[1])
        network.set_bias(start_bias(self.labels, groups))
        self.use(network)

    def use(self, network: TwoStream) -> None:
        """Train ``network`` from here on."""
        self.network = with_channels_last(network.to(self.device))
        motion = self.motion.for_inference(self.settings.precision, self.device)
        self.extractor = Extractor(motion, self.network, self.device, self.precision)

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
        fewest = parts.fewest(self.network)
        return share_ahead(self.source, rows, self.device, fewest=fewest, labels=self.labels)

    def loss(
        self, batch: ClipBatch, generator: torch.Generator, rows: slice | None = None
    ) -> Tensor:
        """Loss of the fused logits of augmented clips."""
        rows = rows or slice(0, len(batch))
        clips = augment_part(batch, rows, self.settings.augment, generator, device=self.device)
        logits = self.extractor.score(clips).logits
        labels = batch.labels.to(self.device)
        if logits.ndim == 3:  # (N, K, members): each member learns by itself
            labels = labels[..., None].expand(*labels.shape, logits.shape[-1])
        return self.criterion.loss(logits, labels[rows], whole=labels)

    def trial(self, n: int) -> Tensor:
        """Loss of the first clip, ``n`` times: what a batch size costs."""
        batch = self.source.batch(self.samples[:1].repeat(n, axis=0), self.labels)
        self.network.train()
        return self.loss(batch, torch.Generator().manual_seed(0))

    def validate(self) -> dict[str, float]:
        """Score all known frames of the validation videos, as extraction would."""
        precision = self.settings.precision
        engine = engine_of(self.motion, self.network, self.device, precision=precision)
        logits, labels = [], []
        for video, table in enumerate(self.val_labels):
            frames = self.val_samples[self.val_samples[:, 0] == video, 1]
            for run in stretches(frames, gap=engine.clip):
                logits.append(self._score(engine, video, run))
                labels.append(torch.from_numpy(table[run]).to(self.device))
        return self.criterion.scores(torch.cat(logits), torch.cat(labels))

    def _score(self, engine: Engine, video: int, frames: np.ndarray) -> Tensor:
        """Return the logits (n, K) of some of a validation video's frames, which increase."""
        source, background = self.val_source, None
        if source.backgrounds is not None:
            background = engine.normalize(source.backgrounds[video])
        first = int(frames[0])
        outputs = stream(
            engine, source.stores[video], start=first, stop=int(frames[-1]) + 1,
            batch=2 * self.settings.batch_size, pad=source.pad, background=background,
        )  # fmt: skip
        scored = torch.cat([out.logits for out in outputs])
        return scored[torch.from_numpy(frames - first).to(self.device)]


def stretches(frames: np.ndarray, *, gap: int) -> list[np.ndarray]:
    """Split increasing frame numbers (n,) where ``gap`` frames or more are left out."""
    return np.split(frames, np.flatnonzero(np.diff(frames) > gap) + 1) if len(frames) else []


def known_frames(labels: Sequence[np.ndarray]) -> np.ndarray:
    """List rows (video, frame) of all frames with at least one known label."""
    rows = []
    for video, table in enumerate(labels):
        frames = np.flatnonzero((table >= 0).any(1))
        rows.append(np.stack([np.full_like(frames, video), frames], axis=1))
    return np.concatenate(rows)


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


def train(task: FeatureTask, training: Training, loaded: Loaded) -> Fitted:
    """Train the task's network; with a curriculum each stream by itself before both together.

    Returns
    -------
    Fitted
        Of the last phase; the learning curves are those of all phases, named in ``phase``.
    """
    settings = task.settings
    if not (settings.curriculum and settings.epochs and len(set(settings.streams)) == 2):
        return training.fit(task, loaded)
    done = {}
    whole = task.network
    for name in ("spatial", "flow"):
        task.settings = replace(settings, streams=(name,))
        torch.manual_seed(settings.seed)
        part = two_stream.build(task.settings, task.motion.network, len(task.criterion.pos_weight))
        part.set_bias(start_bias(task.labels, task.criterion.groups))
        hand_over(whole, part)
        task.use(part)
        done[name] = training.fit(task, loaded, phase=name)
        hand_over(part, whole)
    task.settings = settings
    task.use(whole)
    done[BOTH] = training.fit(task, loaded, phase=BOTH)
    return chained(done)


def hand_over(source: TwoStream, target: TwoStream) -> None:
    """Give ``target`` the weights of ``source`` that both have, in equal shape."""
    own = target.state_dict()
    given = source.state_dict()
    shared = {k: v for k, v in given.items() if k in own and own[k].shape == v.shape}
    target.load_state_dict(own | shared)


@on_several_devices
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
    groups: str = "[]",
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
    groups
        Lists of exclusive behaviors, as JSON.
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
        If the flow model or the weights to start from cannot be used.
    StateError
        If an input is damaged or labels do not fit their video, or a result cannot be written.
    ConfigError
        If the settings contradict each other, or the training goes astray.
    Interrupted
        After SIGTERM; the next call continues.
    """
    device = choose(threads)
    motion = Motion.load(flow, device)
    names, train_labels = read_labels(labels, train_videos, "training")
    val_names, val_labels = read_labels(labels, val_videos, "validation")
    if val_names != names:
        raise LabelError(f"{labels}: training and validation hold different behaviors.")
    source, val_source = (
        clip_source(ids, imports, backgrounds, settings, motion, pinned=device.type == "cuda")
        for ids in (train_videos, val_videos)
    )
    check_lengths(labels, train_videos, train_labels, source.n_frames)
    check_lengths(labels, val_videos, val_labels, val_source.n_frames)
    columns = indices(from_text(groups), names)
    exclusive = named(columns, names)
    task = FeatureTask(
        (source, train_labels), (val_source, val_labels), settings=settings, motion=motion,
        device=device, groups=columns,
    )  # fmt: skip
    loaded = weights.load(
        task.network, settings, stage="train_features", behaviors=names, groups=exclusive,
        partners=(motion.sha256, motion.origin),
    )  # fmt: skip
    log(f"train_features: {len(task.samples)} labelled frames on {device}")
    used = [*train_videos, *val_videos]
    inputs = [*paths(imports, used, ".h5"), *paths(labels, used, ".csv"), stats, flow]
    training = Training(
        "train_features", settings, (*inputs, *loaded.files), (*used, groups), state, device,
        threads,
    )  # fmt: skip
    training.with_batch_size(task, len(task.samples))
    fitted = train(task, training, loaded)
    if not is_first():
        return
    positives, negatives = count(train_labels)
    training.publish(
        task, fitted, loaded, model=model, history=history, record=record,
        in_record={
            "train_videos": train_videos, "val_videos": val_videos, "behaviors": names,
            "groups": exclusive, "positives": positives.tolist(), "negatives": negatives.tolist(),
        },
        in_model={
            "behaviors": names, "groups": exclusive, "flow_sha256": motion.sha256,
            "flow_origin": motion.origin, "normalization": motion.normalization,
        },
    )  # fmt: skip


def clip_source(
    videos: Sequence[str],
    imports: Path,
    backgrounds: Path,
    settings: FeatureSettings,
    motion: Motion,
    *,
    pinned: bool = False,
) -> ClipSource:
    """Open the clips of some videos, with their backgrounds where the settings ask for them."""
    pictures = None
    if "background_difference" in settings.inputs:
        pictures = [read_background(backgrounds / f"{v}.background.png") for v in videos]
    stores = [imports / f"{video}.h5" for video in videos]
    mean = motion.normalization["mean"]
    return ClipSource(stores, length=motion.clip, mean=mean, backgrounds=pictures, pinned=pinned)
