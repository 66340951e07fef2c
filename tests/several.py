"""Trainings of a few numbers for tests of several processes, which import this module anew."""

import os
import signal
from pathlib import Path

import numpy as np
import torch
from torch import nn

from deg_core.errors import Interrupted
from deg_core.learn import distributed
from deg_core.learn.device import Precision
from deg_core.learn.fit import Fit
from deg_core.learn.losses import classification_loss
from deg_core.settings import FeatureSettings

SETTINGS = FeatureSettings(
    epochs=2, batch_size=9, lr=0.05, weight_decay=0.01, grad_clip=0.4, schedule="cosine", ema=0.5,
    gpus=2,
)  # fmt: skip
N_STEPS, K = 4, 5


class Task:
    """Two layers on made-up samples of which unequal numbers of labels are known.

    Parameters
    ----------
    norm
        Whether a batch norm lies between.
    holds
        Samples beyond which memory runs out, by process.
    """

    metric, direction = "loss", "lower"
    precision = Precision(torch.device("cpu"), torch.float32)

    def __init__(self, settings, *, norm=False, holds=(99, 99)):
        torch.manual_seed(3)
        self.settings, self.holds = settings, holds
        between = nn.BatchNorm1d(6) if norm else nn.Tanh()
        self.device = device_of_this_process()
        self.network = nn.Sequential(nn.Linear(4, 6), between, nn.Linear(6, K)).to(self.device)
        self.before = lambda epoch, step: None

    def n_steps(self):
        return N_STEPS

    def batches(self, epoch, start):
        rng = np.random.default_rng(epoch)
        size = self.settings.batch_size
        x = torch.from_numpy(rng.normal(size=(N_STEPS, size, 4)).astype("f"))
        y = torch.from_numpy(rng.integers(-1, 2, (N_STEPS, size, K)).astype("i1"))
        y[:, : size // 2] = torch.where(y[:, : size // 2] == 0, -1, y[:, : size // 2])
        for step in range(start, N_STEPS):
            self.before(epoch, step)
            n = 1 if (epoch, step) == (0, 3) else size  # too few for two processes
            yield list(zip(x[step][:n], y[step][:n], strict=True))

    def loss(self, batch, generator, rows=slice(None)):
        noise = 0.1 * torch.randn(len(batch), 4, generator=generator)
        x, y = (torch.stack(part) for part in zip(*batch, strict=True))
        if len(x[rows]) > self.holds[distributed.rank()]:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        if len(x) == 1:  # batch norm needs two
            x, y, noise, rows = (x.repeat(2, 1), y.repeat(2, 1), noise.repeat(2, 1), slice(None))
        y = y.to(self.device)
        logits = self.network((x + noise)[rows].to(self.device))
        return classification_loss(logits, y[rows], whole=y, groups=((1, 3),))

    def validate(self):
        assert distributed.is_first()
        x = torch.linspace(-1, 1, 40).view(10, 4).to(self.device)
        return {"loss": self.network(x).square().mean().item()}


def device_of_this_process():
    """Return what `deg_core.learn.workers` gave to a process of several; else the processor."""
    return torch.device(os.environ["DEG_DEVICE"] if distributed.size() > 1 else "cpu")


def fit(task, state, *, settings=None):
    """Train; the result is what every process must agree on."""
    fitted = Fit(task, settings=settings or task.settings, state=state, fingerprint="a").run()
    return {
        "weights": task.network.state_dict(),
        "history": fitted.history.drop(columns="seconds").to_dict("list"),
        "micro_batch": fitted.record["micro_batch"],
    }


CASES = {
    "plain": {},
    "memory": {"holds": (99, 3)},
    "norm": {"norm": True},
    "norm and memory": {"norm": True, "holds": (3, 99)},
}


def run_cases(*, settings, folder, threads=1):
    """Train all cases, and one that SIGTERM at the last process stops; write what came of it."""
    found = {name: fit(Task(settings, **case), folder / name) for name, case in CASES.items()}
    task = Task(settings)
    task.before = lambda *at: end_last(signal.SIGTERM) if at == (1, 2) else None
    try:
        fit(task, folder / "stopped")
    except Interrupted:
        state = torch.load(folder / "stopped/last.pt", weights_only=True)["progress"]
        found["stopped after"] = state["epoch"], state["step"]
    found["stopped"] = fit(Task(settings), folder / "stopped")
    found["threads"] = threads
    torch.save(found, folder / f"rank{distributed.rank()}.pt")


def run_killed(*, settings, folder, threads):
    """Train up to the middle of the second epoch, where one process is killed."""
    task = Task(settings)
    task.before = lambda *at: end_last(signal.SIGKILL) if at == (1, 2) else None
    fit(task, folder)


def run_again(*, settings, folder, threads):
    """Train to the end."""
    torch.save({"killed": fit(Task(settings), folder)}, folder / f"rank{distributed.rank()}.pt")


def end_last(number):
    """Send a signal to this process, if it is the last one."""
    if distributed.rank() == distributed.size() - 1:
        os.kill(os.getpid(), number)


def read(folder: Path, rank: int):
    """Return what a process has written."""
    return torch.load(folder / f"rank{rank}.pt", weights_only=False)
