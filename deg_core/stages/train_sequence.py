"""Train the sequence model: features over time to probabilities over time."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deg_core.data.arrays import Features, read_features
from deg_core.errors import LabelError, StateError
from deg_core.learn.clips import cut, epoch_order
from deg_core.learn.device import choose
from deg_core.learn.fit import Fit
from deg_core.learn.losses import focal_bce, log_odds, positive_weights
from deg_core.learn.scores import classification_scores
from deg_core.learn.tiling import TILE, tiled
from deg_core.models import files
from deg_core.progress import log
from deg_core.settings import SequenceSettings, to_dict
from deg_core.stages.networks import build_sequence
from deg_core.stages.train_features import chosen_by, count, read_labels
from deg_core.stages.training import fingerprint, publish_training
from deg_core.versions import VERSIONS


@dataclass(frozen=True)
class Windows:
    """A batch: ``features`` (N, D, L) float32 and ``labels`` (N, K, L) int8, -1 in padding."""

    features: Tensor
    labels: Tensor


def joined(features: Features) -> np.ndarray:
    """Put both feature vectors side by side, spatial first: (T, 2D) float32."""
    return np.concatenate([features.spatial, features.flow], axis=1, dtype=np.float32)


class SequenceTask:
    """Classification of windows; validation scores whole videos."""

    metric, direction = "f1_macro", "higher"

    def __init__(
        self,
        train: tuple[list[np.ndarray], list[np.ndarray]],
        val: tuple[list[np.ndarray], list[np.ndarray]],
        *,
        settings: SequenceSettings,
        device: torch.device,
    ) -> None:
        self.settings, self.device = settings, device
        self.features, self.labels = train
        self.val_features, self.val_labels = val
        self.metric, self.direction = chosen_by(self.val_labels)
        self.starts = [window_starts(table, settings) for table in self.labels]
        positives, negatives = count(self.labels)
        self.n_features = self.features[0].shape[1]
        torch.manual_seed(settings.seed)
        self.network = build_sequence(
            settings, n_features=self.n_features, n_behaviors=len(positives)
        )
        self.network.set_moments(*moments(self.features))
        self.network.set_bias(log_odds(positives, negatives))
        self.network.to(device)
        weight = positive_weights(positives, negatives, settings.loss_weight_exp)
        self.pos_weight = weight.to(device)

    def n_steps(self) -> int:
        """Count the steps of an epoch."""
        batches = -(-len(self._windows(0)) // self.settings.batch_size)
        return min(self.settings.steps_per_epoch, batches)

    def _windows(self, epoch: int) -> np.ndarray:
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
            self._windows(epoch), seed=self.settings.seed, epoch=epoch, limit=size * self.n_steps()
        )
        for rows in cut(order, size=size, start=start):
            yield self._read(rows)

    def _read(self, rows: np.ndarray) -> Windows:
        length = self.settings.window
        shape = (len(rows), length)
        features = np.zeros((*shape, self.n_features), np.float32)
        labels = np.full((*shape, self.labels[0].shape[1]), -1, np.int8)
        features[:] = self.network.mean.cpu().numpy()[:, 0]  # padding is 0 once standardised
        for i, (video, a) in enumerate(rows):
            piece = self.features[video][a : a + length]
            features[i, : len(piece)] = piece
            labels[i, : len(piece)] = self.labels[video][a : a + length]
        return Windows(
            torch.from_numpy(features).transpose(1, 2), torch.from_numpy(labels).transpose(1, 2)
        )

    def loss(self, batch: Windows, generator: torch.Generator) -> Tensor:
        """Focal loss over the known frames of the windows."""
        logits = self.network(batch.features.to(self.device))
        return self._loss(logits, batch.labels.to(self.device))

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        s = self.settings
        return focal_bce(
            logits, labels, pos_weight=self.pos_weight, gamma=s.loss_gamma,
            smoothing=s.label_smoothing,
        )  # fmt: skip

    def validate(self) -> dict[str, float]:
        """Score whole validation videos, without window borders."""
        logits = [tiled(self.network, x, self.settings, self.device) for x in self.val_features]
        scores = torch.from_numpy(np.concatenate(logits))  # (sum of T, K)
        truth = np.concatenate(self.val_labels)
        loss = float(self._loss(scores.to(self.device), torch.from_numpy(truth).to(self.device)))
        return {"loss": loss, **classification_scores(torch.sigmoid(scores).numpy(), truth)}


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


def moments(features: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (D,) of each feature over all frames of some videos."""
    parts = [x[a : a + TILE] for x in features for a in range(0, len(x), TILE)]
    n = sum(len(x) for x in parts)
    mean = sum(x.sum(0, dtype=np.float64) for x in parts) / n
    var = sum(np.square(x - mean).sum(0) for x in parts) / n
    return torch.from_numpy(mean).float(), torch.from_numpy(np.sqrt(var)).float()


def read_part(
    videos: Sequence[str], features: Path, labels: Path, part: str
) -> tuple[list[str], list[np.ndarray], list[np.ndarray]]:
    """Read features and labels of one part; lengths must agree.

    Raises
    ------
    StateError
        If a video's features and labels differ in length or behaviors.
    """
    names, tables = read_labels(labels, videos, part)
    arrays = []
    for video, table in zip(videos, tables, strict=True):
        found = read_features(features / f"{video}.h5")
        if len(found.spatial) != len(table) or list(found.behaviors) != names:
            raise StateError(
                f"{features / video}.h5: expected {len(table)} frames of {names}, found "
                f"{len(found.spatial)} of {list(found.behaviors)}; run extract_features again."
            )
        arrays.append(joined(found))
    return names, arrays, tables


def run(
    *,
    train_videos: list[str],
    val_videos: list[str],
    features: Path,
    labels: Path,
    settings: SequenceSettings,
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
    StateError
        If an input is damaged, features and labels do not fit, or a result cannot be written.
    ConfigError
        If the training goes astray.
    Interrupted
        After SIGTERM; the next call continues.
    """
    device = choose(threads)
    names, train_x, train_y = read_part(train_videos, features, labels, "training")
    val_names, val_x, val_y = read_part(val_videos, features, labels, "validation")
    if val_names != names:
        raise LabelError(f"{labels}: training and validation hold different behaviors.")
    task = SequenceTask((train_x, train_y), (val_x, val_y), settings=settings, device=device)
    log(f"train_sequence: {sum(map(len, train_x))} frames, {task.n_features} features on {device}")
    used = [*train_videos, *val_videos]
    inputs = [*(features / f"{v}.h5" for v in used), *(labels / f"{v}.csv" for v in used)]
    identity = fingerprint("train_sequence", settings, inputs, *used)
    fit = Fit(task, settings=settings, state=state, fingerprint=identity)
    fitted = fit.run()
    publish_training(
        fitted, history=history, record=record, settings=settings, device=device, threads=threads,
        train_videos=train_videos, val_videos=val_videos, behaviors=names,
    )  # fmt: skip
    files.save(
        model, stage="train_sequence", network=task.network, settings=to_dict(settings),
        version=VERSIONS["train_sequence"], behaviors=names, n_features=task.n_features,
    )  # fmt: skip
    fit.forget()
