"""A whole study's summary tables, invented from a seed: what the figures of a paper are drawn from.

The numbers are of the right kind and size, and agree with each other as far as a figure compares
them; nothing was trained or scored.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd

from deg_core.data.publish import publish_csv

RUN = ("preset", "split", "n_train")
MODELS = ("sequence", "feature_extractor")
METRICS = {
    "f1": 0.0, "precision": 0.03, "recall": -0.03, "accuracy": 0.2, "auroc": 0.15,
    "average_precision": 0.02, "bout_f1_10": -0.05, "bout_f1_25": -0.1, "bout_f1_50": -0.2,
    "edit_score": -0.05,
}  # fmt: skip
MACRO_OF_RATERS = (("overall", "f1"), ("overall", "kappa"))
MACRO = ("f1", "precision", "recall", "auroc", "average_precision")


@dataclass
class Study:
    """What was run on what, and how good which behavior came out (0..1, first to last)."""

    behaviors: tuple[str, ...] = ("groom", "rear", "walk")
    presets: tuple[str, ...] = ("fast", "lite")
    splits: int = 3
    sizes: tuple[int, ...] = ()
    videos: int = 3  # test videos of a split
    raters: tuple[str, ...] = ()
    seed: int = 0
    random: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    @property
    def runs(self) -> list[dict[str, str]]:
        """All runs, full ones first."""
        sizes = ["all", *map(str, self.sizes)]
        every = product(sizes, self.presets, map(str, range(self.splits)))
        return [{"preset": p, "split": s, "n_train": n} for n, p, s in every]

    @property
    def full(self) -> list[dict[str, str]]:
        """Runs that train on all videos."""
        return [run for run in self.runs if run["n_train"] == "all"]

    def quality(self, run: dict[str, str], model: str = "sequence") -> np.ndarray:
        """(K,) F1 of a run: better for earlier presets, behaviors and more videos."""
        k = len(self.behaviors)
        level = np.linspace(0.92, 0.55, k) - 0.08 * self.presets.index(run["preset"])
        if run["n_train"] != "all":
            level = level * (1 - 0.5 / np.sqrt(int(run["n_train"])))
        level = level - 0.06 * (model == "feature_extractor")
        return (level + self.random.normal(0, 0.02, k)).clip(0.02, 0.99)


def write_study(folder: Path, study: Study, names: Iterable[str] = ()) -> dict[str, Path]:
    """Write tables of a study, all of them if none is named; return their paths by name."""
    paths = {}
    for name in names or TABLES:
        paths[name] = folder / f"{name}.csv"
        publish_csv(paths[name], TABLES[name](study))
    return paths


def metrics(study: Study) -> pd.DataFrame:
    """Scores of all runs with bootstrap intervals and chance."""
    rows = []
    for run, model in product(study.runs, MODELS):
        level = study.quality(run, model)
        values = {
            metric: (level + shift * (1 - level)).clip(0.01, 0.999)
            for metric, shift in METRICS.items()
        }
        for metric, value in values.items():
            overall = f"{metric}_macro" if metric in MACRO else metric
            rows.append(_score(run, model, "overall", overall, value.mean()))
            for name, one in zip([*study.behaviors, "background"], [*value, 0.9], strict=True):
                rows.append(_score(run, model, name, metric, one))
        for k, name in enumerate(study.behaviors):
            for metric, value in {
                "calibration_error": 0.03 + 0.01 * k, "split_count": 2.0 + k, "merge_count": 1.0,
            }.items():  # fmt: skip
                rows.append(_score(run, model, name, metric, value) | {"direction": "lower"})
    return pd.DataFrame(rows)


def _score(run, model, behavior, metric, value) -> dict[str, object]:
    chance = {"accuracy": 0.7, "auroc": 0.5, "auroc_macro": 0.5}.get(metric, 0.12)
    return {
        **run, "model": model, "behavior": behavior, "metric": metric, "value": value,
        "low": max(value - 0.08, 0), "high": min(value + 0.06, 1), "chance": chance,
        "direction": "higher", "n_frames": 9000, "n_bouts": 24,
    }  # fmt: skip


def over_splits(study: Study) -> pd.DataFrame:
    """Mean and standard error of the scores."""
    table = metrics(study)
    where = ["preset", "n_train", "model", "behavior", "metric"]
    groups = table.groupby(where, sort=False)
    return groups.agg(
        mean=("value", "mean"), sem=("value", "sem"), chance=("chance", "mean"),
        n_splits=("value", "count"), direction=("direction", "first"),
    ).reset_index()  # fmt: skip


def confusion(study: Study) -> pd.DataFrame:
    """Counts that are the same for every behavior."""
    names = [*study.behaviors, "background"]
    rows = [
        {**run, "model": model, "behavior": name, "tn": 6000, "fp": 300, "fn": 200, "tp": 900}
        for run, model, name in product(study.runs, MODELS, names)
    ]
    return pd.DataFrame(rows)


def calibration(study: Study) -> pd.DataFrame:
    """Ten bins, most frames in the first; somewhat too sure."""
    low = np.arange(10) / 10
    rows = []
    for run, model, (k, name) in product(study.full, MODELS, enumerate(study.behaviors)):
        bend = 0.6 + 0.1 * k + 0.3 * (model == "feature_extractor")
        for at in low:
            probability = at + 0.05
            odds = (probability / (1 - probability)) ** bend
            rows.append(
                {
                    **run, "model": model, "behavior": name, "low": at, "high": round(at + 0.1, 1),
                    "n_frames": int(9000 * 0.4 ** (10 * min(at, 0.9 - at)) / 2),
                    "mean_probability": probability, "share_positive": odds / (1 + odds),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def edges(study: Study) -> pd.DataFrame:
    """Signed errors of matched bouts, wider for later behaviors."""
    rows = []
    for run, model, (k, name) in product(study.full, MODELS, enumerate(study.behaviors)):
        for edge, late in (("onset", 1.0), ("offset", -2.0)):
            for error in study.random.normal(late, 3 + k, 20).round():
                video = f"m{int(abs(error)) % study.videos}"
                rows.append(
                    {
                        **run, "model": model, "behavior": name, "video": video, "edge": edge,
                        "error_frames": int(error), "error_s": error / 30,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def bouts(study: Study) -> pd.DataFrame:
    """Bouts at random times; the models find most, shortened."""
    rows = []
    for run, video, (k, name) in product(
        study.full, range(study.videos), enumerate(study.behaviors)
    ):
        labeled = study.random.gamma(2.0, 0.5 + 0.3 * k, 4 + 3 * (k % 4))
        start = np.sort(study.random.uniform(0, 290, len(labeled)))
        for source, share in (("labels", 1.0), ("sequence", 0.9), ("feature_extractor", 0.6)):
            for at, duration in zip(start, labeled * share, strict=True):
                if source == "labels" or study.random.random() < 0.9:
                    rows.append(
                        {
                            **run, "source": source, "behavior": name, "video": f"m{video}",
                            "start_s": round(at, 2), "duration_s": round(duration, 3),
                        }
                    )  # fmt: skip
    return pd.DataFrame(rows)


def statistics(study: Study) -> pd.DataFrame:
    """Time, number and mean duration per test video, from the bouts; all frames are scored."""
    keys = [*RUN, "source", "video", "behavior"]
    found = bouts(study).groupby(keys, sort=False)["duration_s"].agg(["sum", "count", "mean"])
    every = [
        (*run.values(), source, f"m{video}", name)
        for run, source, video, name in product(
            study.full, ("labels", *MODELS), range(study.videos), study.behaviors
        )
    ]
    found = found.reindex(pd.MultiIndex.from_tuples(every, names=keys)).reset_index()
    return found[keys].assign(
        n_frames=9000, seconds=found["sum"].fillna(0), share=found["sum"].fillna(0) / 300,
        n_bouts=found["count"].fillna(0).astype(int), mean_duration_s=found["mean"], scored_s=300.0,
    )  # fmt: skip


def transitions(study: Study) -> pd.DataFrame:
    """From each behavior mostly to the next one, and to the background."""
    names = [*study.behaviors, "background"]
    rows = []
    for run, source in product(study.full, ("labels", *MODELS)):
        for i, old in enumerate(names):
            step = (np.arange(len(names)) - i) % len(names)
            weight = np.where(step == 0, 0, 20 * 0.5**step + 2 * study.random.random(len(names)))
            for new, count in zip(names, weight.round(), strict=True):
                rows.append(
                    {
                        **run, "source": source, "from": old, "to": new, "count": int(count),
                        "probability": count / weight.round().sum(),
                        "count_without_background": int(count) * ("background" not in (old, new)),
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def data(study: Study) -> pd.DataFrame:
    """The labels of all videos; two videos are not labeled."""
    rows = []
    for video in range(3 * study.videos + 2):
        labeled = video < 3 * study.videos
        for k, name in enumerate(study.behaviors):
            n = int(study.random.gamma(2, 500 / (k + 1))) * labeled
            rows.append(
                {
                    "video": f"m{video}", "group": f"mouse {video // 2}",
                    "labeled": "yes" if labeled else "no", "behavior": name,
                    "n_frames": 9000 * labeled, "n_positive": n, "n_bouts": -(-n // 60),
                    "seconds": n / 30,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def raters(study: Study) -> pd.DataFrame:
    """Pairs of raters, and of the sequence model and a rater."""
    columns = [
        *RUN, "kind", "first", "second", "frames", "behavior", "metric", "value", "n_frames",
        "n_videos",
    ]  # fmt: skip
    pairs = [("human-human", *pair) for pair in combinations(study.raters, 2)]
    pairs += [("model-human", name, "sequence") for name in study.raters]
    rows = []
    for run, pair, frames in product(study.full, pairs, ("all", "agree", "disagree")):
        level = study.quality(run) + {"all": 0.0, "agree": 0.06, "disagree": -0.4}[frames]
        for metric, shift in {"f1": 0, "accuracy": 0.1, "kappa": -0.05, "bout_f1_50": -0.1}.items():
            values = (level + shift + study.random.normal(0, 0.02)).clip(0, 1)
            for name, value in zip(
                [*study.behaviors, "overall"], [*values, values.mean()], strict=True
            ):
                named = f"{metric}_macro" if (name, metric) in MACRO_OF_RATERS else metric
                row = (*run.values(), *pair, frames, name, named, value, 9000, study.videos)
                rows.append(dict(zip(columns, row, strict=True)))
    return pd.DataFrame(rows, columns=columns)


def learning(study: Study) -> pd.DataFrame:
    """F1 against the number of training videos and of positive frames."""
    rows = []
    for run in study.runs:
        n = 3 * study.videos if run["n_train"] == "all" else int(run["n_train"])
        level = study.quality(run)
        for k, (name, f1) in enumerate(zip(study.behaviors, level, strict=True)):
            rows.append(
                {
                    **run, "behavior": name, "n_train_videos": n,
                    "n_positive": int(n * 900 / (k + 1)), "f1": f1, "bout_f1_50": f1 - 0.1,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def advice(study: Study) -> pd.DataFrame:
    """Twice the videos are worth more to the later behaviors."""
    rows = [
        {
            "preset": preset, "behavior": name, "now_positive": 9000 // (k + 1),
            "now_f1": 0.9 - 0.05 * k, "more_videos": 8,
            "expected_f1": 0.92 - 0.04 * k, "low": 0.88 - 0.05 * k, "high": 0.94 - 0.03 * k,
            "advice": f"8 more videos would bring {name} to about {0.92 - 0.04 * k:.2f}.",
        }
        for preset, (k, name) in product(study.presets, enumerate(study.behaviors))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def tests(study: Study) -> pd.DataFrame:
    """Pairs of presets, and each preset with and without its sequence model."""
    columns = [
        "question", "behavior", "metric", "test", "first", "second", "n", "statistic", "df1",
        "df2", "p", "p_corrected", "stars",
    ]  # fmt: skip
    rows = []
    if study.splits > 1:
        for metric, (first, second) in product(
            ("f1_macro", "bout_f1_50"), combinations(study.presets, 2)
        ):
            row = ("presets", "overall", metric, "tukey", first, second, study.splits)
            rows.append((*row, 4.2, 2, 8, 0.004, 0.008, "**"))
        for preset, name in product(study.presets, ["overall", *study.behaviors]):
            metric = "f1_macro" if name == "overall" else "f1"
            row = (f"models of {preset}", name, metric, "paired_t", *MODELS[::-1], study.splits)
            rows.append((*row, 3.1, study.splits - 1, "", 0.01, 0.04, "*"))
    return pd.DataFrame(rows, columns=columns)


def models(study: Study) -> pd.DataFrame:
    """Networks of every preset; the sequence model's speed is not known."""
    rows = []
    for i, preset in enumerate(study.presets):
        for stage, millions, speed in (
            ("flow", 2.0, 900.0), ("features", 22.0, 300.0), ("sequence", 0.5, np.nan)
        ):  # fmt: skip
            rows.append(
                {
                    "preset": preset, "stage": stage, "parameters": int(1e6 * millions / (i + 1)),
                    "megabytes": 4 * millions / (i + 1), "seconds": 300.0 * millions,
                    "frames_per_second": speed * (i + 1), "device": "cpu",
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def examples(study: Study) -> pd.DataFrame:
    """Two windows of a minute per run."""
    rows = []
    for run, window in product(study.full, range(2)):
        begin = 60.0 * window
        for k, name in enumerate(study.behaviors):
            start = begin + 3 * k + study.random.uniform(0, 20, 3).cumsum()
            for source, late in (("labels", 0.0), ("sequence", 0.3)):
                for at in start[start < begin + 55]:
                    rows.append(
                        {
                            **run, "video": f"m{window}", "behavior": name, "source": source,
                            "start_s": at + late, "stop_s": at + 3, "window_start_s": begin,
                            "window_stop_s": begin + 60, "f1": 0.8 - 0.01 * k,
                        }
                    )  # fmt: skip
    return pd.DataFrame(rows)


def postprocessing(study: Study) -> pd.DataFrame:
    """Four methods per behavior, with three settings each."""
    rows = []
    for run, (k, name) in product(study.full, enumerate(study.behaviors)):
        for j, method in enumerate(("percentile", "hysteresis", "median", "stitch")):
            for setting in range(3):
                bout_f1 = 0.6 + 0.03 * j * (k % 2) + 0.01 * setting - 0.02 * k
                rows.append(
                    {
                        **run, "model": "sequence", "behavior": name, "method": method,
                        "parameters": f"{setting}", "frame_f1": 0.8 - 0.01 * setting,
                        "bout_f1_50": max(bout_f1, 0.05),
                        "chosen": "yes" if (setting == 2 and j == 3 * (k % 2)) else "no",
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


TABLES = {
    make.__name__: make
    for make in (
        metrics, over_splits, confusion, calibration, edges, bouts, statistics, transitions, data,
        raters, learning, advice, tests, models, examples, postprocessing,
    )
}  # fmt: skip
