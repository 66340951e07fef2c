"""Train what `lite` starts from: weights that know animals in arenas, from drawings alone.

    python tools/pretraining/pretrain_lite.py            half an hour of one core

Both streams of the preset's feature extractor learn to tell where the drawn animal lies and how it
moves (`drawn_arenas`). Their backbones are written to deg_core/models/drawn/lite.npz in half
precision, as `deg_core.models.drawn` reads them. The same machine and seed give the same file.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import drawn_arenas
import numpy as np
import torch
from drawn_arenas import MIRRORED, MOVEMENT, POSTURE, YES_OR_NO, DrawnClip, draw_clip
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from deg_core.data.publish import publish_npz
from deg_core.models import drawn, flow, two_stream
from deg_core.models.two_stream import TwoStream
from deg_core.presets import resolve
from deg_core.settings import FeatureSettings, FlowSettings, from_dict

SHAPES = ((96, 96), (96, 128))
BATCH, HELD_BACK, SAY_EVERY = 32, 512, 200
LR, WEIGHT_DECAY, DROPOUT = 2e-3, 1e-4, 0.1
KNEE = 0.3  # of the loss: errors above it count linearly


def draw(number: int, shape: tuple[int, int], seed: int) -> DrawnClip:
    """Draw clips, stacked along a new first axis; each has a seed of its own."""
    frames = np.empty((number, drawn_arenas.FRAMES, *shape), np.uint8)
    background = np.empty((number, *shape), np.uint8)
    others = []
    for i in range(number):
        clip = draw_clip(np.random.default_rng((seed, *shape, i)), *shape)
        frames[i], background[i] = clip.frames, clip.background
        others.append(clip[2:])
    return DrawnClip(frames, background, *map(np.stack, zip(*others, strict=True)))


def shown(
    clips: DrawnClip, rows: NDArray[np.intp], rng: np.random.Generator | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Bring clips to the network's input, normalised by themselves; with ``rng``, varied.

    Returns
    -------
    tuple of Tensor
        Clips (N, T, 3, H, W), backgrounds (N, 3, H, W), and what is true of them.
    """
    tint = torch.from_numpy(clips.tint[rows])[:, None, :, None, None] / 255
    x = torch.from_numpy(clips.frames[rows])[:, :, None] * tint
    still = torch.from_numpy(clips.background[rows])[:, None, None] * tint
    posture, movement = (torch.from_numpy(t[rows].copy()) for t in (clips.posture, clips.movement))
    mean = x.mean((1, 3, 4), keepdim=True)
    std = x.std((1, 3, 4), keepdim=True) + 0.04
    if rng is not None:
        for axis, names in zip((-1, -2), MIRRORED, strict=True):
            if rng.random() < 0.5:
                x, still = x.flip(axis), still.flip(axis)
                _negate(posture, POSTURE, names)
                _negate(movement, MOVEMENT, names)
        drawn_numbers = rng.random((2, len(rows), 1, 1, 1, 1), dtype=np.float32)
        brighter, wider = torch.from_numpy(drawn_numbers)
        mean, std = mean + 0.2 * brighter - 0.1, std * (0.7 + 0.9 * wider)
    return (x - mean) / std, ((still - mean) / std)[:, 0], posture, movement


def _negate(values: Tensor, names: Sequence[str], mirrored: Sequence[str]) -> None:
    values[:, [i for i, name in enumerate(names) if name in mirrored]] *= -1


def errors(said: Tensor, true: Tensor, names: Sequence[str]) -> Tensor:
    """Return the error of each clip and fact, (N, facts)."""
    smooth = F.smooth_l1_loss(said, true, beta=KNEE, reduction="none")
    logistic = F.binary_cross_entropy_with_logits(said, true.clamp(0, 1), reduction="none")
    yes_or_no = torch.tensor([name in YES_OR_NO for name in names])
    return torch.where(yes_or_no, 0.3 * logistic, smooth)


class Pupil(nn.Module):
    """Both streams of the extractor, with a last layer for each that says what is true."""

    def __init__(self) -> None:
        super().__init__()
        settings = from_dict(FeatureSettings, resolve({}, "features", drawn.PRESET))
        motion = flow.build(from_dict(FlowSettings, resolve({}, "flow", drawn.PRESET)))
        self.motion = motion.eval()
        self.network: TwoStream = two_stream.build(settings, motion, n_behaviors=1)
        length = self.network.length
        self.drop = nn.Dropout(DROPOUT)
        self.posture, self.movement = (
            nn.Linear(length, len(POSTURE)),
            nn.Linear(length, len(MOVEMENT)),
        )

    def forward(self, clip: Tensor, background: Tensor) -> tuple[Tensor, Tensor]:
        """Say what is true of each clip: posture and movement."""
        net = self.network
        lying = net.spatial.backbone(net.seen(clip, background))
        moving = net.flow.backbone(net.moved(self.motion(clip)[0]))
        return self.posture(self.drop(lying)), self.movement(self.drop(moving))


def train(pupil: Pupil, sets: Sequence[DrawnClip], *, steps: int, seed: int) -> None:
    """Train, and say now and then how wrong it is about clips that it has not seen."""
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.Adam(pupil.parameters(), LR, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, steps)
    for step in range(1, steps + 1):
        clips = sets[step % len(sets)]
        rows = rng.integers(0, len(clips.frames) - HELD_BACK, BATCH)
        clip, background, *true = shown(clips, rows, rng)
        said = pupil.train()(clip, background)
        loss = sum(
            errors(s, t, names).mean(0).sum()
            for s, t, names in zip(said, true, (POSTURE, MOVEMENT), strict=True)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % SAY_EVERY == 0 or step == steps:
            found = {k: round(v, 3) for k, v in judge(pupil, sets).items()}
            print(f"step {step}: loss {loss.item():.2f}, unseen {found}", flush=True)


@torch.no_grad()
def judge(pupil: Pupil, sets: Sequence[DrawnClip]) -> dict[str, float]:
    """Return the mean error of each fact on the clips held back; yes or no: the share wrong."""
    pupil.eval()
    found = []
    for clips in sets:
        end = len(clips.frames)
        for start in range(end - HELD_BACK, end, BATCH):
            clip, background, *true = shown(clips, np.arange(start, start + BATCH), None)
            said, true = torch.cat(pupil(clip, background), 1), torch.cat(true, 1)
            wrong = ((said > 0) != (true > 0.5)).float()
            yes_or_no = torch.tensor([name in YES_OR_NO for name in (*POSTURE, *MOVEMENT)])
            found.append(torch.where(yes_or_no, wrong, (said - true).abs()))
    return dict(zip((*POSTURE, *MOVEMENT), torch.cat(found).mean(0).tolist(), strict=True))


def main() -> int:
    """Draw, train, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=7000, help="of each of two shapes")
    parser.add_argument("--steps", type=int, default=3200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=drawn.FILE)
    chosen = parser.parse_args()
    if chosen.clips <= HELD_BACK:
        parser.error(f"--clips: more than {HELD_BACK} of each shape, which are held back")
    before = chosen.out.read_bytes() if chosen.out.exists() else b""
    torch.set_num_threads(1)
    torch.manual_seed(chosen.seed)
    pupil = Pupil()
    sets = [draw(chosen.clips, shape, chosen.seed) for shape in SHAPES]
    train(pupil, sets, steps=chosen.steps, seed=chosen.seed)
    publish_npz(chosen.out, drawn.packed(pupil.network))
    told = (
        "as before" if chosen.out.read_bytes() == before else "new; raise train_features' version"
    )
    print(f"{chosen.out}: {told}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
