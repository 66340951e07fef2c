"""Train the flow generator on label-free videos: rebuild each frame from the next one."""

from collections.abc import Generator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deg_core.data.publish import publish_npz
from deg_core.data.statistics import read_moments
from deg_core.learn import parts
from deg_core.learn.augment import augment_part
from deg_core.learn.clips import (
    ClipBatch,
    ClipSource,
    ahead,
    cut,
    epoch_order,
    normalize,
    share_ahead,
    to_unit,
)
from deg_core.learn.device import choose, precision_of
from deg_core.learn.distributed import is_first
from deg_core.learn.losses import flow_reconstruction, warp
from deg_core.learn.workers import on_several_devices
from deg_core.models import flow, weights
from deg_core.models.weights import Loaded
from deg_core.progress import log
from deg_core.settings import FlowSettings
from deg_core.stages.training import Training, paths

VAL_SHARE = 0.1
N_EXAMPLES = 4
MOST_CANDIDATES = 64


class FlowTask:
    """Self-supervised flow: the last tenth of every video is the validation part."""

    metric, direction = "loss", "lower"

    def __init__(self, source: ClipSource, settings: FlowSettings, device: torch.device) -> None:
        self.source, self.settings, self.device = source, settings, device
        self.precision = precision_of(settings.precision, device)
        torch.manual_seed(settings.seed)
        self.network = flow.build(settings).to(device)
        self.train, self.val = split_in_time(source.n_frames, settings)

    def normalize_by(self, moments: Mapping[str, Sequence[float]]) -> None:
        """Take channel means and standard deviations, three each."""
        self.mean = torch.tensor(moments["mean"], device=self.device)
        self.std = torch.tensor(moments["std"], device=self.device)

    def n_steps(self) -> int:
        """Count the steps of an epoch."""
        batches = -(-len(self.train) // self.settings.batch_size)
        return min(self.settings.steps_per_epoch, batches)

    def batches(self, epoch: int, start: int) -> Generator[ClipBatch, None, None]:
        """Shuffled clips of the training part."""
        size = self.settings.batch_size
        order = epoch_order(
            self.train, seed=self.settings.seed, epoch=epoch, limit=size * self.n_steps()
        )
        orders = cut(order, size=size, start=start)
        return share_ahead(self.source, orders, self.device, fewest=parts.fewest(self.network))

    def loss(
        self, batch: ClipBatch, generator: torch.Generator, rows: slice | None = None
    ) -> Tensor:
        """Reconstruction loss of the augmented clips."""
        clips = augment_part(batch, rows, self.settings.augment, generator, device=self.device)
        return self._score(clips)["loss"] * (len(clips) / len(batch))

    def trial(self, n: int) -> Tensor:
        """Loss of the first clip, ``n`` times: what a batch size costs."""
        batch = self.source.batch(self.train[:1].repeat(n, axis=0))
        self.network.train()
        if self.network.kind != "flow":  # nothing is learned, so nothing has to fit
            return torch.zeros(())
        return self.loss(batch, torch.Generator().manual_seed(0))

    def validate(self) -> dict[str, float]:
        """Average the loss and its parts over the validation clips."""
        if self.network.kind != "flow":
            return {"loss": float("nan")}
        total: dict[str, float] = {}
        most = self.settings.batch_size
        for batch in ahead(self.source.batch, cut(self.val, size=self.settings.batch_size)):
            score = partial(self._summed_scores, batch.clips)
            answers, most = parts.as_fits(score, len(batch), most=most)
            for name, value in (pair for answer in answers for pair in answer.items()):
                total[name] = total.get(name, 0.0) + value
        return {name: value / len(self.val) for name, value in total.items()}

    def _summed_scores(self, clips: Tensor, rows: slice) -> dict[str, float]:
        some = clips[rows]
        scores = self._score(to_unit(some, self.device))
        return {name: float(value) * len(some) for name, value in scores.items()}

    def _score(self, clips: Tensor) -> dict[str, Tensor]:
        with self.precision.autocast():
            flows = self.network(normalize(clips, self.mean, self.std))
        s = self.settings
        return flow_reconstruction(
            clips, [flow.float() for flow in flows], smooth_weight=s.smooth_weight,
            sparsity_weight=s.sparsity_weight, image_eps=s.charbonnier_eps,
        )  # fmt: skip

    @torch.inference_mode()
    def examples(self) -> dict[str, np.ndarray]:
        """Frames and their motion, from clips of the validation part where much moves."""
        ends = np.array(self.source.n_frames)[self.val[:, 0]] - 1
        inside = self.val[self.val[:, 1] < ends]  # after a last frame comes padding
        candidates = inside if len(inside) else self.val
        candidates = candidates[:: -(-len(candidates) // MOST_CANDIDATES)]
        clips = to_unit(self.source.batch(candidates).clips, self.device)
        middle = min(self.settings.clip // 2, self.settings.clip - 2)
        moving = (clips[:, middle + 1] - clips[:, middle]).abs().mean((1, 2, 3))
        clips = clips[moving.argsort(descending=True, stable=True)[:N_EXAMPLES]]
        self.network.eval()
        motion = self.network(normalize(clips, self.mean, self.std))[0]
        per_pair = self.network.per_pair
        chosen = motion[:, per_pair * middle : per_pair * (middle + 1)]
        pair = clips[:, middle : middle + 2].permute(0, 1, 3, 4, 2)
        found = {"frames": (pair * 255).round().byte().cpu().numpy(), "flow": chosen.cpu().numpy()}
        if self.network.kind == "flow":
            small = torch.nn.functional.interpolate(
                clips[:, middle + 1], chosen.shape[-2:], mode="bilinear", align_corners=False
            )
            rebuilt = warp(small, chosen).clamp(0, 1).permute(0, 2, 3, 1)
            found["reconstruction"] = (rebuilt * 255).round().byte().cpu().numpy()
        return found | {"kind": np.array(self.network.kind)}


def split_in_time(n_frames: list[int], settings: FlowSettings) -> tuple[np.ndarray, np.ndarray]:
    """Cut every video: its last tenth validates, all clips before that train.

    Parameters
    ----------
    n_frames
        Frames of each video.
    settings
        Clip length and number of validation clips.

    Returns
    -------
    tuple of ndarray
        Rows of video and center frame, (n, 2): training, validation. No clip of one part shows a
        frame of the other, unless all videos are too short to be cut: then what trains validates.
        Validation clips lie within the video: its end pairs a frame with padding, which moves
        like nothing on earth.
    """
    half = settings.clip // 2
    train, val = [], []
    for video, n in enumerate(n_frames):
        border = n - max(settings.clip + half, int(n * VAL_SHARE))
        if border <= settings.clip:
            train.append(_rows(video, 0, n))
            continue
        train.append(_rows(video, 0, border - half))
        val.append(_rows(video, border + half, n - half))
    rows, val_rows = np.concatenate(train), np.concatenate(val or train)
    chosen = np.linspace(0, len(val_rows) - 1, min(settings.val_clips, len(val_rows)))
    return rows, val_rows[chosen.round().astype(int)]


def _rows(video: int, start: int, stop: int) -> np.ndarray:
    frames = np.arange(start, stop)
    return np.stack([np.full_like(frames, video), frames], axis=1)


@on_several_devices
def run(
    *,
    videos: list[str],
    imports: Path,
    stats: Path,
    settings: FlowSettings,
    state: Path,
    threads: int,
    model: Path,
    history: Path,
    record: Path,
    examples: Path,
) -> None:
    """Train one preset's flow generator.

    Parameters
    ----------
    videos
        Ids of the label-free set.
    imports
        Folder of the imported videos.
    stats
        Channel statistics, rgb.json.
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
    examples
        Example frames with their motion to write, npz.

    Raises
    ------
    VideoError
        If the videos were imported at different sizes.
    ModelError
        If the weights to start from cannot be used.
    StateError
        If an input is damaged, or a result cannot be written.
    ConfigError
        If the training goes astray, or DEG_DEVICE names no device.
    Interrupted
        After SIGTERM; the next call continues.
    """
    device = choose(threads)
    stores = paths(imports, videos, ".h5")
    source = ClipSource(
        stores, length=settings.clip, mean=read_moments(stats)["mean"],
        pinned=device.type == "cuda",
    )  # fmt: skip
    task = FlowTask(source, settings, device)
    loaded = weights.load(task.network, settings, stage="train_flow")
    moments = normalization(read_moments(stats), loaded, settings)
    task.normalize_by(moments)
    log(f"train_flow: {len(task.train)} clips of {len(videos)} videos on {device}")
    inputs = (*stores, stats, *loaded.files)
    training = Training(
        "train_flow", settings, inputs, tuple(videos), state, device, threads
    )  # fmt: skip
    training.with_batch_size(task, len(task.train))
    fitted = training.fit(task, loaded)
    if not is_first():
        return
    publish_npz(examples, task.examples())
    training.publish(
        task, fitted, loaded, model=model, history=history, record=record,
        in_record={"videos": videos, "n_clips": len(task.train)},
        in_model={"normalization": moments},
    )  # fmt: skip


def normalization(
    own: Mapping[str, list[float]], loaded: Loaded, settings: FlowSettings
) -> dict[str, list[float]]:
    """Choose means and standard deviations of the channels.

    They are the project's own; weights used as they are keep those that they were trained with.
    """
    as_they_are = settings.epochs == 0 and loaded.normalization is not None
    chosen = loaded.normalization if as_they_are else own
    return {"mean": list(chosen["mean"]), "std": list(chosen["std"])}
