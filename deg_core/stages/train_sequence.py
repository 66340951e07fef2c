"""Train the sequence model: features over time to probabilities over time."""

from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deg_core.data.stored import StoredFeatures
from deg_core.errors import LabelError, StateError
from deg_core.groups import Groups, from_text, indices, named
from deg_core.learn.centering import centered
from deg_core.learn.clips import ahead, cut, epoch_order
from deg_core.learn.device import choose, precision_of
from deg_core.learn.distributed import is_first
from deg_core.learn.losses import truncated_smoothing
from deg_core.learn.tiling import TILE, Rows, scored
from deg_core.learn.windows import CPU, Cutter, Video, Windows, held
from deg_core.learn.workers import on_several_devices
from deg_core.models import sequence, weights
from deg_core.progress import log
from deg_core.settings import SequenceSettings
from deg_core.stages.criterion import Criterion, start_bias
from deg_core.stages.labelled import read_labels
from deg_core.stages.training import Training, paths


class SequenceTask:
    """Classification of windows; validation scores whole videos.

    Parameters
    ----------
    train, val
        Per video, features (T, D) and labels (T, K).
    settings
        Of the stage.
    device
        What computes.
    groups
        Exclusive behaviors, by column.
    """

    def __init__(
        self,
        train: tuple[Sequence[Video], list[np.ndarray]],
        val: tuple[Sequence[Video], list[np.ndarray]],
        *,
        settings: SequenceSettings,
        device: torch.device,
        groups: Groups = (),
    ) -> None:
        self.settings, self.device = settings, device
        self.frames, self.labels = held(train[0], device), train[1]
        self.val_labels = val[1]
        self.as_extracted = self.frames.videos, held(val[0], CPU).videos
        self.cutter = Cutter(self.frames, self.labels, length=settings.window, device=device)
        self.precision = precision_of(settings.precision, device)
        self.criterion = Criterion.of(self.labels, self.val_labels, settings, groups, device)
        self.metric, self.direction = self.criterion.metric, self.criterion.direction
        self.starts = [window_starts(table, settings) for table in self.labels]
        self.n_features = train[0][0].shape[1]
        torch.manual_seed(settings.seed)
        self.network = sequence.build(
            settings, n_features=self.n_features, n_behaviors=self.labels[0].shape[1]
        )
        mean, std = moments(self.frames.videos)
        self.around: np.ndarray | None = None
        self.center(mean.numpy())
        if settings.center_after:
            _, std = moments(self.features)
        self.network.set_moments(mean, std)
        self.network.set_bias(start_bias(self.labels, groups))
        self.network.to(device)

    def center(self, center: np.ndarray) -> None:
        """Move the features of each video towards ``center`` (D,), as far as the settings say."""
        if self.around is not None and np.array_equal(self.around, center):
            return
        self.around, after = center.copy(), self.settings.center_after
        self.features, self.val_features = (
            [centered(rows, center, after=after) for rows in part] for part in self.as_extracted
        )
        if after:
            self.cutter.shift([rows.offset for rows in self.features])

    def n_steps(self) -> int:
        """Count the steps of an epoch."""
        batches = -(-len(self.windows(0)) // self.settings.batch_size)
        return min(self.settings.steps_per_epoch, batches)

    def windows(self, epoch: int) -> np.ndarray:
        """Rows (video, first frame) of an epoch's windows."""
        rng, rows = np.random.default_rng([self.settings.seed, epoch, 1]), []
        for video, starts in enumerate(self.starts):
            if self.settings.windows_per_video and len(starts):
                starts = starts[rng.integers(0, len(starts), self.settings.windows_per_video)]
            rows.append(np.stack([np.full_like(starts, video), starts], axis=1))
        return np.concatenate(rows)

    def batches(self, epoch: int, start: int) -> Generator[Windows, None, None]:
        """Shuffled windows; those of an epoch are drawn by seed and epoch."""
        size = self.settings.batch_size
        order = epoch_order(
            self.windows(epoch), seed=self.settings.seed, epoch=epoch, limit=size * self.n_steps()
        )
        parts = cut(order, size=size, start=start)
        yield from (map(self.read, parts) if self.cutter.is_at_once else ahead(self.read, parts))

    def read(self, rows: np.ndarray) -> Windows:
        """Cut the windows of a batch, (N, 2) rows of video and first frame."""
        return self.cutter.cut(rows, self.network.mean[:, 0])  # padding: 0 once standardized

    def loss(self, batch: Windows, generator: torch.Generator, rows: slice | None = None) -> Tensor:
        """Loss over the known frames of the windows, summed over the stages of the network."""
        rows = rows or slice(0, len(batch))
        with self.precision.autocast():
            stages = self.network.stages(batch.features[rows])
        return sum(self._stage_loss(logits.float(), batch.labels, rows) for logits in stages)

    def _stage_loss(self, logits: Tensor, whole: Tensor, rows: slice) -> Tensor:
        """Loss of some windows, of a batch whose labels are ``whole``."""
        loss = self.criterion.loss(logits, whole[rows], whole=whole)
        weight = self.settings.smoothing_weight
        if not (weight and self.network.network.smooths):
            return loss
        return loss + weight * truncated_smoothing(
            logits, whole[rows] >= 0, groups=self.criterion.groups, whole=whole >= 0
        )

    def trial(self, n: int) -> Tensor:
        """Loss of the first window, ``n`` times: what a batch size costs."""
        self.network.train()
        return self.loss(self.read(self.windows(0)[:1].repeat(n, axis=0)), torch.Generator())

    def validate(self) -> dict[str, float]:
        """Score whole validation videos, as `predict` will."""
        window = self.settings.inference_window
        logits = [scored(self.network, x, self.device, window=window) for x in self.val_features]
        scores = torch.from_numpy(np.concatenate(logits))  # (sum of T, K)
        truth = torch.from_numpy(np.concatenate(self.val_labels))
        return self.criterion.scores(scores.to(self.device), truth.to(self.device))


def window_starts(labels: np.ndarray, settings: SequenceSettings) -> np.ndarray:
    """List the first frames of a video's windows that hold any known label.

    Parameters
    ----------
    labels
        (T, K) int8.
    settings
        Length of a window; whether windows are neighbors, or drawn at random from all.

    Returns
    -------
    ndarray
        (n,) int64; a window may reach beyond the end only if it is the last of neighbors, or the
        video is shorter than it.
    """
    n, window = len(labels), settings.window
    before = np.append(0, np.cumsum((labels >= 0).any(1)))  # known frames before each frame
    starts = np.arange(0, n, window)
    if settings.windows_per_video:
        starts = np.arange(max(1, n - window + 1))
    return starts[before[np.minimum(starts + window, n)] > before[starts]]


def moments(features: Sequence[Rows]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (D,) of each feature over all frames of some videos."""
    parts = [(x, slice(a, a + TILE)) for x in features for a in range(0, len(x), TILE)]
    n = sum(map(len, features))
    mean = sum(x[part].sum(0, dtype=np.float64) for x, part in parts) / n
    var = sum(np.square(x[part] - mean).sum(0) for x, part in parts) / n
    return torch.from_numpy(mean).float(), torch.from_numpy(np.sqrt(var)).float()


def read_part(
    videos: Sequence[str], features: Path, labels: Path, part: str
) -> tuple[list[str], list[StoredFeatures], list[np.ndarray], set[str]]:
    """Open the features and read the labels of one part; lengths must agree.

    Returns
    -------
    tuple
        Names of the behaviors, features (T, D) and labels (T, K) per video, and the digests by
        which the features' models are known.

    Raises
    ------
    StateError
        If a video's features and labels differ in length or behaviors.
    """
    names, tables = read_labels(labels, videos, part)
    found = [StoredFeatures(features / f"{video}.h5") for video in videos]
    for rows, table in zip(found, tables, strict=True):
        # Features of keypoints know of no behaviors.
        if len(rows) != len(table) or list(rows.behaviors or names) != names:
            raise StateError(
                f"{rows.path}: expected {len(table)} frames of {names}, found "
                f"{len(rows)} of {list(rows.behaviors)}; run extract_features again."
            )
    return names, found, tables, {rows.digest for rows in found}


@on_several_devices
def run(
    *,
    train_videos: list[str],
    val_videos: list[str],
    features: Path,
    labels: Path,
    settings: SequenceSettings,
    groups: str = "[]",
    state: Path,
    threads: int,
    model: Path,
    history: Path,
    record: Path,
) -> None:
    """Train the sequence model of one run.

    Parameters
    ----------
    train_videos
        Ids of the training videos.
    val_videos
        Ids of the validation videos.
    features
        Folder of the run's features.
    labels
        Folder of the imported labels.
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
    ModelError
        If the weights to start from cannot be used.
    StateError
        If an input is damaged, features and labels do not fit, or a result cannot be written.
    ConfigError
        If the training goes astray.
    Interrupted
        After SIGTERM; the next call continues.
    """
    device = choose(threads)
    names, train_x, train_y, train_digests = read_part(train_videos, features, labels, "training")
    val_names, val_x, val_y, val_digests = read_part(val_videos, features, labels, "validation")
    if val_names != names:
        raise LabelError(f"{labels}: training and validation hold different behaviors.")
    columns = indices(from_text(groups), names)
    exclusive = named(columns, names)
    task = SequenceTask(
        (train_x, train_y), (val_x, val_y), settings=settings, device=device, groups=columns
    )
    used = [*train_videos, *val_videos]
    digests = sorted(train_digests | val_digests)
    loaded = weights.load(
        task.network, settings, stage="train_sequence", behaviors=names, groups=exclusive,
        partners=digests,
    )  # fmt: skip
    task.center(task.network.mean.cpu().numpy()[:, 0])  # loaded weights bring their own
    log(
        f"train_sequence: {sum(map(len, train_x))} frames, {task.n_features} features on {device}, "
        f"from {task.frames.place}"
    )
    inputs = (*paths(features, used, ".h5"), *paths(labels, used, ".csv"), *loaded.files)
    training = Training("train_sequence", settings, inputs, (*used, groups), state, device, threads)
    training.with_batch_size(task, len(task.windows(0)))
    fitted = training.fit(task, loaded)
    if not is_first():
        return
    training.publish(
        task, fitted, loaded, model=model, history=history, record=record,
        in_record={
            "train_videos": train_videos, "val_videos": val_videos, "behaviors": names,
            "groups": exclusive,
        },
        in_model={
            "behaviors": names, "groups": exclusive, "n_features": task.n_features,
            "features_digest": digests[0] if len(digests) == 1 else None,
        },
    )  # fmt: skip
