"""A run's labels and predictions on disk, small enough to work out by hand."""

from pathlib import Path

import numpy as np

from deg_core.data.arrays import Predictions, write_predictions
from deg_core.data.labels import write_frame_labels
from deg_core.data.publish import publish_json
from deg_core.settings import EvaluateSettings, PostprocessSettings, ThresholdSettings
from deg_core.stages import (
    bout_lengths,
    choose_postprocessing,
    evaluate,
    postprocess,
    tune_thresholds,
)

BEHAVIORS = ["groom", "rear"]
RUN = "fast/0/all"
TABLES = ("bouts", "edges", "statistics", "transitions", "examples")  # of evaluate
TRAIN, VAL, TEST = ["m1"], ["m2"], ["m3", "m4"]
TRAININGS = '{"fast": ["features", "sequence"]}'
HISTORY = "epoch,step,lr,train_loss,val_loss,val_f1_macro,seconds\n1,10,0.1,2.0,1.5,,3\n"


def labels_of(seed, n_frames=120):
    """Return (T, 2) labels: bouts of 6 and of 9 frames, the last 10 frames unknown."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((n_frames, 2), dtype=np.int8)
    for k, length in enumerate((6, 9)):
        for start in range(int(rng.integers(2, 9)), n_frames - 15, 25):
            labels[start : start + length, k] = 1
    labels[-10:] = -1
    return labels


def predictions_of(labels, seed):
    """Return good probabilities from the sequence model, noisy ones from the feature extractor."""
    rng = np.random.default_rng(seed)
    noise = rng.random((2, *labels.shape))
    return Predictions(
        probabilities=(0.6 * (labels == 1) + 0.4 * noise[0]).astype(np.float32),
        feature_probabilities=(0.3 * (labels == 1) + 0.7 * noise[1]).astype(np.float32),
        fps=25.0,
        behaviors=tuple(BEHAVIORS),
        digest="d" * 64,
    )


def write_inputs(results: Path):
    """Write labels and predictions of all videos; return their folders."""
    labels, predictions = results / "labels", results / "predictions" / RUN
    for seed, video in enumerate([*TRAIN, *VAL, *TEST]):
        table = labels_of(seed)
        write_frame_labels(labels / f"{video}.csv", BEHAVIORS, table)
        write_predictions(predictions / f"{video}.h5", predictions_of(table, seed))
    return labels, predictions


def tune(results: Path, **changes):
    """Run tune_thresholds and return the file."""
    out = results / "thresholds" / f"{RUN}.json"
    arguments = {
        "videos": VAL, "predictions": results / "predictions" / RUN, "labels": results / "labels",
        "settings": ThresholdSettings(), "out": out,
    }  # fmt: skip
    tune_thresholds.run(**(arguments | changes))
    return out


def measure_bouts(results: Path, **changes):
    """Run bout_lengths and return the file."""
    out = results / "thresholds" / f"{RUN}.lengths.json"
    bout_lengths.run(**({"videos": TRAIN, "labels": results / "labels", "out": out} | changes))
    return out


def choose(results: Path, **changes):
    """Run choose_postprocessing and return the file."""
    out = results / "thresholds" / f"{RUN}.postprocess.json"
    arguments = {
        "videos": VAL, "predictions": results / "predictions" / RUN, "labels": results / "labels",
        "thresholds": results / "thresholds" / f"{RUN}.json",
        "lengths": results / "thresholds" / f"{RUN}.lengths.json",
        "settings": PostprocessSettings(), "tuning": ThresholdSettings(), "out": out,
    }  # fmt: skip
    choose_postprocessing.run(**(arguments | changes))
    return out


def clean(results: Path, video: str, **changes):
    """Run postprocess on a video and return the ethogram and the bouts."""
    folder = results / "ethograms" / RUN
    ethogram, bouts = folder / f"{video}.csv", folder / f"{video}.bouts.csv"
    arguments = {
        "predictions": results / "predictions" / RUN / f"{video}.h5",
        "postprocessing": results / "thresholds" / f"{RUN}.postprocess.json",
        "ethogram": ethogram, "bouts": bouts,
    }  # fmt: skip
    postprocess.run(**(arguments | changes))
    return ethogram, bouts


def score(results: Path, **changes):
    """Run evaluate and return the file."""
    out = results / "metrics" / f"{RUN}.json"
    arguments = {
        "videos": TEST, "predictions": results / "predictions" / RUN,
        "ethograms": results / "ethograms" / RUN, "labels": results / "labels",
        "postprocessing": results / "thresholds" / f"{RUN}.postprocess.json",
        "settings": EvaluateSettings(shuffles=10),
        "out": out,
    } | {
        name: out.with_name(f"{out.stem}.{name}.csv") for name in TABLES
    }  # fmt: skip
    evaluate.run(**(arguments | changes))
    return out


def write_run(results: Path):
    """Run all stages from labels and predictions up to the metrics."""
    write_inputs(results)
    tune(results)
    measure_bouts(results)
    choose(results)
    for video in TEST:
        clean(results, video)
    return score(results)


def write_trainings(results: Path, *runs: str) -> None:
    """Write the learning curves and records of the trainings of runs of the preset fast."""
    names = ["flow/fast", *(f"{stage}/{run}" for run in runs for stage in ("features", "sequence"))]
    for name in names:
        path = results / "models" / f"{name}.run.json"
        publish_json(path, {"train_videos": TRAIN, "parameters": 500, "seconds": 2.5})
        path.with_name(path.name.replace(".run.json", ".history.csv")).write_text(HISTORY)
