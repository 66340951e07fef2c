"""Small inputs of every figure, in the formats that the stages write."""

import numpy as np
import pandas as pd

from deg_core.data.arrays import Predictions, write_predictions
from deg_core.data.labels import write_frame_labels
from deg_core.data.publish import publish_csv, publish_json
from deg_core.ethogram.bouts import ethogram_table
from deg_core.stages.summarize import CONFUSION, CURVES, METRICS

RUN = {"preset": "fast", "split": "0", "n_train": "all"}
MODELS = ("sequence", "feature_extractor")


def write_video(folder, *, behaviors, n_frames=300, fps=25.0, labels=None, bouts=True, low=None):
    """Write one video's predictions, ethogram, postprocessing and labels; return their paths.

    ``labels`` (T, K) is what a person says, the same bouts as the model's if None. The model sees a
    bout of 20 frames in every 100, later for later behaviors; none if ``bouts`` is false.
    ``low`` is the lower of two thresholds, hysteresis.
    """
    k = len(behaviors)
    phase = (np.arange(n_frames)[:, None] + 7 * np.arange(k)) % 100  # (T, K)
    present = (phase < 20) & bouts
    probabilities = np.where(present, 0.9, 0.1).astype(np.float32)
    paths = {
        "predictions": folder / "predictions.h5",
        "ethogram": folder / "ethogram.csv",
        "postprocessing": folder / "postprocess.json",
        "labels": folder / "labels.csv",
    }
    write_predictions(
        paths["predictions"],
        Predictions(probabilities, probabilities, fps, tuple(behaviors), "d" * 64),
    )
    publish_csv(paths["ethogram"], ethogram_table(present, behaviors=behaviors, fps=fps))
    own = {"method": "percentile", "parameters": {"threshold": 0.5, "length": 0}}
    if low is not None:
        own = {"method": "hysteresis", "parameters": {"threshold": 0.5, "low": low, "length": 0}}
    used = {"behaviors": list(behaviors), "sequence": dict.fromkeys(behaviors, own)}
    publish_json(paths["postprocessing"], used)
    write_frame_labels(
        paths["labels"], behaviors, present.astype(int) if labels is None else labels
    )
    return paths


def write_metrics(path, *, behaviors, runs=(RUN,), value=0.75, chance=0.25):
    """Write summary/metrics.csv: the same F1 and average precision for every behavior."""
    rows = []
    for run in runs:
        for model in MODELS:
            own = {**run, "model": model, "value": value, "chance": chance, "direction": "higher"}
            rows.append({**own, "behavior": "overall", "metric": "f1_macro"})
            for name in [*behaviors, "background"]:
                rows.append({**own, "behavior": name, "metric": "f1"})
                rows.append({**own, "behavior": name, "metric": "average_precision"})
    publish_csv(path, pd.DataFrame(rows, columns=METRICS))
    return path


def write_curves(path, *, behaviors, parts=("validation", "chosen", "test"), undefined=False):
    """Write summary/curves.csv: F1 on validation is highest, 0.8, at the threshold 0.4."""
    threshold = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    curve = {
        "validation": {
            "threshold": threshold,
            "precision": np.array([0.2, 0.6, 0.8, 0.9, 1.0, 0.0]),
            "recall": np.array([1.0, 0.9, 0.8, 0.4, 0.1, 0.0]),
            "f1": np.array([1 / 3, 0.72, 0.8, 0.55, 0.18, 0.0]),
        },
        "chosen": {"threshold": np.array([0.4]), "f1": np.array([0.8])},
        "test": {
            "threshold": threshold[:0:-1],
            "precision": np.array([1.0, 1.0, 0.9, 0.7, 0.5]),
            "recall": np.array([0.2, 0.4, 0.6, 0.8, 1.0]),
            "f1": np.array([0.33, 0.57, 0.72, 0.75, 0.67]),
        },
    }
    tables = [
        pd.DataFrame(curve[part]).assign(**RUN, model=model, behavior=name, part=part)
        for model in MODELS
        for name in behaviors
        for part in parts
        if not (undefined and part == "test")
    ]
    table = pd.concat(tables).reindex(columns=CURVES)
    if undefined:
        table[["precision", "recall", "f1"]] = np.nan
    publish_csv(path, table)
    return path


def write_confusion(path, *, counts):
    """Write summary/confusion.csv from (tn, fp, fn, tp) of each behavior."""
    rows = [
        {**RUN, "model": model, "behavior": name} | dict(zip(CONFUSION[-4:], cells, strict=True))
        for model in MODELS
        for name, cells in counts.items()
    ]
    publish_csv(path, pd.DataFrame(rows, columns=CONFUSION))
    return path


def write_history(path, *, epochs, trained_flow=True):
    """Write summary/history.csv: the scores are highest in the epoch before the last."""
    epoch = np.arange(1, epochs + 1)
    loss = 1 / epoch
    score = np.minimum(epoch, epochs - 1) / epochs - 0.1 * (epoch == epochs)
    classified = {"val_f1_macro": score, "val_average_precision_macro": score / 2}
    flow = {"val_l1": loss / 2, "val_ssim": loss / 4, "val_smoothness": loss, "val_sparsity": loss}
    tables = [
        pd.DataFrame({"epoch": epoch, "train_loss": loss, "val_loss": loss, **columns}).assign(
            **run, stage=stage
        )
        for stage, run, columns in (
            ("flow", {"preset": "fast"}, flow),
            ("features", RUN, classified),
            ("sequence", RUN, classified),
        )
    ]
    if not trained_flow:
        nothing = {"preset": "fast", "stage": "flow", "epoch": 1}
        tables[0] = pd.DataFrame([{**nothing, "train_loss": np.nan, "val_loss": np.nan}])
    publish_csv(path, pd.concat(tables))
    return path


def write_examples(path, *, kind="flow", n=4, size=(48, 64), moving=True):
    """Write a preset's example frames: a square that moves 4 pixels to the right."""
    height, width = size
    frames = np.full((n, 2, height, width, 3), 200, np.uint8)
    for t in range(2):
        left = width // 4 + 4 * t * moving
        frames[:, t, height // 4 : height // 2, left : left + width // 4] = 40
    arrays = {"frames": frames, "kind": np.array(kind)}
    if kind == "difference":
        change = frames[:, 1].mean(-1) - frames[:, 0].mean(-1)
        arrays["flow"] = (change / 64)[:, None, ::2, ::2].astype(np.float32)
    else:
        flow = np.zeros((n, 2, height // 4, width // 4), np.float32)
        flow[:, 0, height // 16 : height // 8, width // 16 : width // 8] = moving
        arrays |= {"flow": flow, "reconstruction": frames[:, 0, ::4, ::4]}
    np.savez(path, **arrays)
    return path
