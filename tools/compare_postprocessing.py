"""Compare the methods of postprocessing on real labels with simulated probabilities.

    python tools/compare_postprocessing.py FOLDER ... [--seeds 5] [--val 1] [--out FILE.json]

A folder holds tables of frames, `<video>_labels.csv` or, of several raters,
`<video>__<rater>_labels.csv` (.gz, too), one 0/1 column per behavior. For each seed the videos are
divided into train, validation and test; probabilities are made from the labels of one rater, with
noise of several strengths, or from the labels of another rater. Thresholds and methods are chosen
on validation and scored on test. Prints tables; writes all cases as JSON, see --out.
"""

import argparse
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deg_core.data.publish import publish_json
from deg_core.ethogram.bouts import bout_lengths, from_intervals, intervals
from deg_core.ethogram.choosing import MOVES, Bench, Track, candidates, pick, with_moved_thresholds
from deg_core.ethogram.smoothing import METHODS, Treatment
from deg_core.ethogram.thresholds import tune
from deg_core.settings import AutoSettings, PostprocessSettings, ThresholdSettings

Numbers = NDArray[np.float64]
Labels = dict[str, dict[str, NDArray[np.int8]]]  # by video and rater, each (T, K)
LIMIT = 0.005  # frame F1 that auto must not lose
DISTANCE = 2.5  # log odds of frames inside a bout, and minus those of frames outside
SHIFT = 0.4  # standard deviation between videos, log odds


@dataclass(frozen=True)
class Noise:
    """What probabilities get wrong.

    ``jitter``: standard deviation of edges, frames; ``dropout``, ``blip``: chance per frame that a
    gap in a bout or a false bout begins; ``noise``: standard deviation of log odds, correlated over
    8 frames; ``miss``: chance that a short bout is not seen; ``merge``: chance that a gap of less
    than 25 frames is not.
    """

    jitter: float
    dropout: float
    blip: float
    noise: float
    miss: float
    merge: float


LEVELS = {
    "low": Noise(2, 0.005, 0.0005, 0.8, 0.03, 0.05),
    "medium": Noise(4, 0.015, 0.002, 1.2, 0.08, 0.1),
    "high": Noise(8, 0.03, 0.005, 1.8, 0.18, 0.2),
}
RATER = "another rater"


def simulate(trace: NDArray[np.bool_], noise: Noise, rng: np.random.Generator) -> Numbers:
    """Return probabilities (T,) of a model that gets the trace (T,) wrong as the noise says."""
    n = len(trace)
    runs = intervals(trace)
    short = np.exp(-np.diff(runs, axis=1)[:, 0] / 50)
    runs = runs[rng.random(len(runs)) >= noise.miss * short]
    runs = np.clip(np.rint(runs + rng.normal(0, noise.jitter, runs.shape)).astype(int), 0, n)
    seen = from_intervals(runs[runs[:, 1] > runs[:, 0]], n_frames=n)
    gaps = intervals(~seen)
    merged = (np.diff(gaps, axis=1)[:, 0] < 25) & (rng.random(len(gaps)) < noise.merge)
    seen |= from_intervals(gaps[merged], n_frames=n)
    dropped, invented = _pieces(n, noise.dropout, 5, rng), _pieces(n, noise.blip, 8, rng)
    return _probabilities((seen & ~dropped) | (~seen & invented), 1.5, noise.noise, rng)


def from_rater(trace: NDArray[np.bool_], rng: np.random.Generator) -> Numbers:
    """Return probabilities (T,) of a model that sees what another rater labeled (T,)."""
    return _probabilities(trace, 4.0, 0.8, rng)


def _pieces(n: int, rate: float, mean: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    starts = np.flatnonzero(rng.random(n) < rate)
    stops = np.minimum(starts + rng.geometric(1 / mean, len(starts)), n)
    return from_intervals(np.column_stack([starts, stops]), n_frames=n)


def _probabilities(
    seen: NDArray[np.bool_], blur: float, noise: float, rng: np.random.Generator
) -> Numbers:
    reach = int(3 * blur) + 1
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / blur) ** 2)
    share = np.convolve(np.pad(seen.astype(float), reach, mode="edge"), bell / bell.sum(), "valid")
    fading = np.exp(-np.arange(64) / 8)
    wander = np.convolve(rng.standard_normal(len(seen) + 63), fading, "valid")
    wander *= noise / np.sqrt((fading**2).sum())
    return 1 / (1 + np.exp(-(DISTANCE * (2 * share - 1) + wander + rng.normal(0, SHIFT))))


def read_folder(
    folder: Path, *, leave_out: Sequence[str], raters: Sequence[str], part_frames: int
) -> tuple[list[str], Labels]:
    """Read all tables of a folder; long videos in parts, if asked for."""
    names: list[str] = []
    found: Labels = {}
    for path in sorted(folder.glob("*_labels.csv*")):
        video, _, rater = path.name.split("_labels.csv")[0].partition("__")
        if rater in leave_out or (raters and rater not in raters):
            continue
        table = pd.read_csv(path)
        names = [n for n in table.columns if n not in ("background", *leave_out)]
        values = table[names].to_numpy(np.int8)
        size = part_frames or len(values)
        for i in range(max(1, len(values) // size)):
            part = f"{video}.{i}" if part_frames else video
            found.setdefault(part, {})[rater] = values[i * size : (i + 1) * size]
    if len(found) < 3:
        raise SystemExit(f"{folder}: {len(found)} videos; expected at least three.")
    return names, found


@dataclass(frozen=True)
class Case:
    """Validation and test of one division of the videos under one kind of noise."""

    data: str
    seed: int
    noise: str
    names: list[str]
    val: list[Track]
    test: list[Track]
    lengths: list[NDArray[np.int64]]


def cases(data: str, names: list[str], labels: Labels, *, seed: int, n_val: int) -> Iterator[Case]:
    """Yield the cases of one seed: each kind of noise with a division and a rater of its own."""
    raters = sorted(set.intersection(*(set(tracks) for tracks in labels.values())))
    for number, kind in enumerate([*LEVELS, *([RATER] if len(raters) > 1 else [])]):
        rng = np.random.default_rng([seed, number])
        order = [sorted(labels)[i] for i in rng.permutation(len(labels))]
        n_test = max(1, round(0.3 * len(order)))
        val, test, train = order[:n_val], order[n_val : n_val + n_test], order[n_val + n_test :]
        rater, *others = (raters[i] for i in rng.permutation(len(raters)))

        def track(video: str, kind: str = kind, rater: str = rater, others: Any = others) -> Track:
            truth = labels[video][rater]
            if kind == RATER:
                seen = labels[video][others[0]]
                columns = [from_rater(seen[:, k] == 1, rng) for k in range(len(names))]  # noqa: B023
            else:
                noise = LEVELS[kind]
                columns = [simulate(truth[:, k] == 1, noise, rng) for k in range(len(names))]  # noqa: B023
            return Track(truth, np.column_stack(columns).astype(np.float32))

        bouts = [
            np.concatenate([bout_lengths(labels[v][rater][:, k]) for v in train])
            for k in range(len(names))
        ]
        yield Case(data, seed, kind, names, [*map(track, val)], [*map(track, test)], bouts)


def compare(case: Case, settings: AutoSettings) -> list[dict[str, Any]]:
    """Choose on validation, each method alone and all together, and score on test."""
    tables = [np.concatenate(part) for part in zip(*case.val, strict=True)]
    many = np.sqrt(len(case.val))
    tuning = ThresholdSettings()
    tuned = tune(
        *tables, behaviors=case.names, settings=tuning, pull=tuning.pull / many,
        shift=tuning.shift / many,
    )  # fmt: skip
    rows = []
    for k, name in enumerate(case.names):
        threshold = tuned[name]["threshold"]
        options = candidates(
            PostprocessSettings(method="auto"), threshold=threshold, lengths=case.lengths[k]
        )
        row = {"data": case.data, "seed": case.seed, "noise": case.noise, "behavior": name}
        rows.append(row | _compare(case, k, options, settings))
    return rows


def _compare(
    case: Case, k: int, options: list[Treatment], settings: AutoSettings
) -> dict[str, Any]:
    start = [options[0]] * len(case.names)
    bench, test = Bench(case.val, k, start, ()), Bench(case.test, k, start, ())
    counts, found, safe = bench.judge(options, settings)
    safe &= counts.labeled[0].sum() >= settings.min_bouts
    changed = counts.changed.sum(axis=1)
    chosen = {
        method: pick(found, safe & [o.method == method for o in options], changed, settings)
        for method in METHODS
    }
    chosen["auto"] = pick(found, safe, changed, settings)
    tried = {name: options[i] for name, i in chosen.items()}
    tried["auto, joint"] = tried["auto"]
    if counts.labeled[0].sum() >= settings.min_bouts:
        more = [*options, *(with_moved_thresholds(tried["auto"], by) for by in MOVES)]
        tried["auto, joint"] = more[bench.choose(more, settings)[0]]
    scored = test.count([options[0], *tried.values()])
    frame, bout = scored.frame_f1(), scored.bout_f1()
    scores = zip(tried, frame[1:], bout[1:], strict=True)
    return {
        "n_val_bouts": int(counts.labeled[0].sum()),
        "n_test_bouts": int(scored.labeled[0].sum()),
        "chosen": tried["auto"].method,
        "scores": {name: {"frame_f1": f, "bout_f1_50": b} for name, f, b in scores},
    }


def gain(rows: Sequence[dict[str, Any]], method: str) -> tuple[list[float], list[float]]:
    """Return what a method gains over the percentile filter in each case: bout F1, frame F1."""
    pairs = [(row["scores"][method], row["scores"]["percentile"]) for row in rows]
    bout, frame = (
        [new[key] - old[key] for new, old in pairs] for key in ("bout_f1_50", "frame_f1")
    )
    return bout, frame


def method_table(rows: Sequence[dict[str, Any]]) -> str:
    """Write what each method gains, over all cases."""
    lines = [
        "| method | bout F1 at IoU 0.5 | gain | cases that lose bouts | frame F1 gain "
        f"| worst frame F1 loss | cases that lose more than {LIMIT} |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for method in rows[0]["scores"]:
        bout, frame = gain(rows, method)
        mean = statistics.mean(row["scores"][method]["bout_f1_50"] for row in rows)
        lines.append(
            f"| {method} | {mean:.3f} | {statistics.mean(bout):+.3f} "
            f"| {sum(b < -LIMIT for b in bout)} of {len(rows)} | {statistics.mean(frame):+.3f} "
            f"| {max(0, -min(frame)):.4f} | {sum(f < -LIMIT for f in frame)} of {len(rows)} |"
        )
    return "\n".join(lines)


def data_table(rows: Sequence[dict[str, Any]], method: str = "auto") -> str:
    """Write what one method gains by data and noise."""
    lines = [
        "| data | noise | cases | changed | bout F1, percentile | bout F1, auto | frame F1, "
        "percentile | frame F1, auto | worst frame F1 loss |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    kinds = dict.fromkeys((row["data"], row["noise"]) for row in rows)
    for data, noise in kinds:
        some = [row for row in rows if (row["data"], row["noise"]) == (data, noise)]
        cells = [
            f"{statistics.mean(row['scores'][name][key] for row in some):.3f}"
            for key in ("bout_f1_50", "frame_f1")
            for name in ("percentile", method)
        ]
        changed = sum(row["chosen"] != "percentile" for row in some)
        loss = max(0.0, -min(gain(some, method)[1]))
        lines.append(
            f"| {data} | {noise} | {len(some)} | {changed} | {' | '.join(cells)} | {loss:.4f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Read the command line, choose and score, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--leave-out", nargs="+", default=[], help="columns and raters to ignore")
    parser.add_argument("--raters", nargs="+", default=[], help="default: all")
    parser.add_argument("--part-frames", type=int, default=0, help="cut videos into such parts")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--val", type=int, default=0, help="validation videos; default: 30 %%")
    parser.add_argument("--out", type=Path, default=Path("postprocessing.json"))
    chosen = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for folder in chosen.folders:
        names, labels = read_folder(
            folder, leave_out=chosen.leave_out, raters=chosen.raters,
            part_frames=chosen.part_frames,
        )  # fmt: skip
        n_val = chosen.val or max(1, round(0.3 * len(labels)))
        for seed in range(chosen.first_seed, chosen.first_seed + chosen.seeds):
            for case in cases(folder.name, names, labels, seed=seed, n_val=n_val):
                found = compare(case, AutoSettings())
                # Without a labeled bout in the test part there is nothing to score.
                rows += [row for row in found if row["n_test_bouts"]]
    publish_json(chosen.out, rows)
    print(data_table(rows) + "\n\n" + method_table(rows))


if __name__ == "__main__":
    main()
