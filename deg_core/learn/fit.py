"""The one training loop: steps, schedule, best weights, stop rules, state that survives a kill.

The state lives in ``state/``, never among results: weights, optimiser, schedule, best weights
and history (`deg_core.learn.state`). Randomness needs no state, since every step is seeded by
(seed, epoch, step); a resumed training therefore equals an uninterrupted one.
"""

import copy
import math
import time
from collections.abc import Generator, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import torch
from torch import Tensor, nn

from deg_core import states
from deg_core.errors import ConfigError, Interrupted, StateError
from deg_core.learn import distributed, parts
from deg_core.learn.average import averaged, running_average
from deg_core.learn.device import Precision
from deg_core.learn.losses import decayed, l2, l2_sp
from deg_core.learn.memory import peak_memory_mb
from deg_core.learn.rate import cosine, is_at_bottom, plateau
from deg_core.learn.state import FORMAT, Progress, find_state, write_state
from deg_core.learn.stopping import StopFlag
from deg_core.models.files import to_bytes
from deg_core.progress import log, track
from deg_core.settings import TrainSettings

SAVE_EVERY_S = 600.0
SAVE_BEFORE_VALIDATION_S = 5.0  # which may take long, and saves nothing
BETTER = {"higher": 1.0, "lower": -1.0}
# What loading raises where names, kinds or shapes are others.
UNFIT = (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError)


class Task(Protocol):
    """What a stage gives to the loop."""

    network: nn.Module
    precision: Precision  # of the network's computation
    metric: str  # the validation metric that chooses the best weights
    direction: str  # "higher" or "lower" is better

    def n_steps(self) -> int:
        """Count the steps of an epoch."""

    def batches(self, epoch: int, start: int) -> Generator[Any, None, None]:
        """Batches of an epoch from step ``start`` on; the epoch alone decides their order."""

    def loss(self, batch: Any, generator: torch.Generator, rows: slice | None = None) -> Tensor:
        """Mean data loss of a batch; of some rows of it, what these add to that mean."""

    def validate(self) -> dict[str, float]:
        """Metrics on the whole validation part, ``loss`` among them."""


@dataclass(frozen=True)
class Fitted:
    """The result: best weights are in the network; ``history`` has one row per epoch."""

    history: pd.DataFrame
    record: dict[str, Any]


class Fit:
    """One training of one task; `run` does it all.

    Parameters
    ----------
    task
        Network, data and metric.
    settings
        Epochs, rates, rules.
    state
        Folder of the resumable state.
    fingerprint
        Identity of settings, version and inputs; a state of another one is not continued.
    anchors
        Loaded weights by parameter name, to which ``l2_sp`` holds the parameters.
    """

    def __init__(
        self,
        task: Task,
        *,
        settings: TrainSettings,
        state: Path,
        fingerprint: str,
        anchors: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.task, self.settings, self.fingerprint = task, settings, fingerprint
        self.n_steps = task.n_steps()
        self.path = Path(state) / states.LAST
        self.weights, self.anchors = decayed(task.network), anchors or {}
        trainable = [p for p in task.network.parameters() if p.requires_grad]
        trains = bool(trainable) and settings.epochs > 0
        self.optimizer = torch.optim.Adam(trainable, lr=settings.lr) if trains else None
        self.progress = Progress()
        plateaus = trains and settings.schedule == "plateau"
        self.schedule = plateau(self.optimizer, settings, task.direction) if plateaus else None
        self.scaler = task.precision.scaler()
        self.average = running_average(task.network, settings.ema)
        self.fewest = parts.fewest(task.network)

    def run(self) -> Fitted:
        """Train to the end, from the saved state if there is one that fits.

        Returns
        -------
        Fitted
            History and record; the network holds the best weights.

        Raises
        ------
        Interrupted
            After SIGTERM; the state is saved.
        ConfigError
            If the loss or the metric is no number any more: the learning rate is too high.
        StateError
            If the state cannot be written.
        """
        self._resume()
        distributed.wait_for_all()  # all have read the state before anyone can replace it
        p = self.progress
        p.attempts += 1
        self._started, self._saved = time.monotonic() - p.seconds, time.monotonic()
        if self.optimizer is None and not p.finished:
            self._close_epoch(float("nan"))
            p.finished = True
        with StopFlag() as stop:
            while not p.finished:
                self._epoch(stop)
        if self.optimizer is not None and math.isnan(p.best):
            raise self._astray(f"val_{self.task.metric} was never a number")
        self.task.network.load_state_dict(p.best_weights)
        return Fitted(pd.DataFrame(p.history), self._record())

    def _epoch(self, stop: StopFlag) -> None:
        p = self.progress
        label = f"epoch {p.epoch + 1}/{self.settings.epochs}"
        # Closed at once on the way out, whatever happens: a thread reads ahead.
        with closing(self.task.batches(p.epoch, p.step)) as batches:
            shown = track(batches, total=self.n_steps, label=label, unit="steps", initial=p.step)
            for batch in shown:
                p.loss_sum += self._step(batch)
                p.step += 1
                overdue = time.monotonic() - self._saved > SAVE_EVERY_S
                stopped, due = distributed.any_of(stop.on, stop.on or overdue)
                if due:
                    self._save()
                if stopped:
                    raise self._stopped()
        if any(distributed.any_of(time.monotonic() - self._saved > SAVE_BEFORE_VALIDATION_S)):
            self._save()
        with stop.at_once(self._stopped) if distributed.size() == 1 else nullcontext():
            self._close_epoch(p.loss_sum / max(p.step, 1))
        p.epoch, p.step, p.loss_sum = p.epoch + 1, 0, 0.0
        p.finished = self._is_over()
        self._save()
        if any(distributed.any_of(stop.on)) and not p.finished:
            raise self._stopped()

    def _stopped(self) -> Interrupted:
        return Interrupted(f"{self.path}: stopped on request; run again to continue.")

    def _step(self, batch: Any) -> float:
        network = self.task.network
        self._set_rate()
        while (data_loss := self._gradients(batch)) is None:
            self._divide(len(batch))
        if self.settings.grad_clip:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(network.parameters(), self.settings.grad_clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        distributed.average_statistics(network)
        if self.average is not None:
            self.average.update_parameters(network)
        return data_loss

    def _gradients(self, batch: Any) -> float | None:
        """Leave the gradients of a batch's loss in the parameters.

        Returns
        -------
        float or None
            The loss; None if memory ran out, in whichever process.
        """
        own, weight = distributed.share(len(batch), self.fewest)
        divided = parts.evenly(own, most=self.progress.micro_batch, least=self.fewest)
        loss = parts.within_memory(lambda: self._backward(batch, divided, weight))
        if any(distributed.any_of(loss is None)):
            return None
        return distributed.add_up(self.task.network.parameters(), loss)

    def _backward(self, batch: Any, divided: list[slice], weight: float) -> float:
        p = self.progress
        seed = hash((self.settings.seed, p.epoch, p.step)) % 2**63
        torch.manual_seed(seed + distributed.rank())  # dropout
        self.task.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        whole = len(divided) == distributed.size() == 1
        # A card goes on with the gradients while the loss is on its way to the processor.
        later = self.task.precision.device.type == "cuda"
        losses = []
        for number, rows in enumerate(divided):
            generator = torch.Generator().manual_seed(seed)  # what is drawn, is for the whole batch
            of_part = () if whole else (rows,)
            loss = self.task.loss(batch, generator, *of_part)
            if weight != 1.0:
                loss = loss * weight
            losses.append(loss.detach() if later else self._finite(loss.item()))
            once = number == 0 and distributed.is_first()
            self.scaler.scale(loss + self._penalty() if once else loss).backward()
        return sum(self._finite(float(loss)) for loss in losses)

    def _divide(self, n: int) -> None:
        """Halve what is computed at once, after memory ran out on a batch of ``n``.

        Raises
        ------
        ConfigError
            If there is nothing to be halved.
        """
        own = -(-n // distributed.size())
        size = min(self.progress.micro_batch or own, own)
        if size <= self.fewest:
            raise ConfigError(
                f"{self.path.parent}: memory does not even hold a training step of {size} samples; "
                f"{parts.REMEDY}."
            )
        self.progress.micro_batch = half = (size + 1) // 2
        log(
            f"out of memory with {size} samples at once: going on with {half} at once; gradients "
            f"are added up over each batch of {self.settings.batch_size}, which stays as it is"
        )

    def _penalty(self) -> Tensor | float:
        s = self.settings
        if self.anchors:
            return l2_sp(self.weights, self.anchors, alpha=s.l2_sp, beta=s.weight_decay)
        return s.weight_decay * l2(self.weights.values()) if s.weight_decay else 0.0

    def _finite(self, loss: float) -> float:
        """Refuse to go on from NaN; on a processor before its gradients: a warp's may crash it."""
        if not math.isfinite(loss):
            p = self.progress
            raise self._astray(f"the loss became {loss} in epoch {p.epoch + 1}, step {p.step + 1}")
        return loss

    def _astray(self, what: str) -> ConfigError:
        return ConfigError(
            f"{self.path.parent}: {what}; lower `lr` (now {self.settings.lr:g}) of this stage in "
            "config.yaml, or set its `grad_clip`."
        )

    def _set_rate(self) -> None:
        if self.settings.schedule != "cosine":
            return
        total = self.settings.epochs * self.n_steps
        done = self.progress.epoch * self.n_steps + self.progress.step
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.lr * cosine(done, total)

    def _close_epoch(self, train_loss: float) -> None:
        p = self.progress
        with averaged(self.task.network, self.average):
            self._judge(train_loss)
        if self.schedule is not None:
            self.schedule.step(p.history[-1][f"val_{self.task.metric}"])

    def _judge(self, train_loss: float) -> None:
        p = self.progress
        self.task.network.eval()
        with torch.inference_mode():
            scores = distributed.from_first(self.task.validate)
        rate = self.optimizer.param_groups[0]["lr"] if self.optimizer else 0.0
        p.seconds = time.monotonic() - self._started
        row = {"epoch": self._number, "step": p.epoch * self.n_steps + p.step, "lr": rate}
        row |= {"train_loss": train_loss} | {f"val_{k}": v for k, v in scores.items()}
        p.history.append(row | {"seconds": round(p.seconds, 1)})
        self._keep_best(scores[self.task.metric])
        shown = ", ".join(f"{k} {v:.4g}" for k, v in row.items() if k not in ("epoch", "step"))
        log(f"epoch {self._number}: {shown}, {p.seconds:.0f} s")

    @property
    def _number(self) -> int:
        """The current epoch, counted from 1; 0 where nothing is trained."""
        return self.progress.epoch + 1 if self.optimizer else 0

    def _keep_best(self, value: float) -> None:
        p, sign = self.progress, BETTER[self.task.direction]
        s, number = self.settings, not math.isnan(value)
        early = s.schedule == "cosine" and self._number <= s.choose_after * s.epochs
        first = p.best is None or (number and (early or math.isnan(p.best)))
        if first or sign * value > sign * p.best:  # false where either is not a number
            p.best, p.best_epoch, p.since_best = value, self._number, 0
            p.best_weights = copy.deepcopy(self.task.network.state_dict())
        else:
            p.since_best += 1

    def _is_over(self) -> bool:
        p, s = self.progress, self.settings
        rate = self.optimizer.param_groups[0]["lr"]
        bottom = s.schedule == "plateau" and is_at_bottom(rate, s)
        return p.epoch >= s.epochs or bottom or 0 < s.stop_after <= p.since_best

    def _save(self) -> None:
        self.progress.seconds = time.monotonic() - self._started
        self._saved = time.monotonic()
        content = {
            "format": FORMAT,
            "fingerprint": self.fingerprint,
            "network": self.task.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict() if self.schedule else None,
            "scaler": self.scaler.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "progress": vars(self.progress),
        }
        if distributed.is_first():
            write_state(self.path, to_bytes(content))
        distributed.wait_for_all()

    def _resume(self) -> None:
        content = find_state(self.path, fingerprint=self.fingerprint, log=log)
        if content is None:
            return
        try:
            self._restore(content)
        except UNFIT as error:  # of this training by its fingerprint, but not by what it holds
            raise StateError(
                f"{self.path}: expected the saved state of this training, found one that does not "
                f"fit it ({type(error).__name__}); delete its folder and run again."
            ) from error
        log(f"continuing from epoch {self.progress.epoch + 1}, step {self.progress.step}")

    def _restore(self, content: Mapping[str, Any]) -> None:
        progress = Progress.restored(content["progress"])
        network = self.task.network
        if progress.best is not None:
            network.load_state_dict(progress.best_weights)  # fails here if it would in the end
        network.load_state_dict(content["network"])
        self.optimizer.load_state_dict(content["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(content["schedule"])
        if self.average is not None:
            self.average.load_state_dict(content["average"])
        if content["scaler"]:  # empty where the number format had none, as on another device
            self.scaler.load_state_dict(content["scaler"])
        self.progress = progress

    def _record(self) -> dict[str, Any]:
        p = self.progress
        return {
            "best_epoch": p.best_epoch,
            "metric": f"val_{self.task.metric}",
            "direction": self.task.direction,
            "best": p.best,
            "epochs": len(p.history),
            "attempts": p.attempts,
            "seconds": round(p.seconds, 1),
            "peak_memory_mb": peak_memory_mb(),
            "micro_batch": p.micro_batch or None,
            "processes": distributed.size(),
            "parameters": sum(w.numel() for w in self.task.network.parameters()),
        }
