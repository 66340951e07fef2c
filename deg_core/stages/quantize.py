"""Turn the feature extractor of one run into int8 for processors, and measure what that costs.

Calibrates on frames of the training videos, scores labeled frames of the validation videos with
fp32 and with int8; writes models/quantized/RUN.xml, .bin and .run.json, or refuses.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deg_core import extras
from deg_core.data.publish import publish_json
from deg_core.errors import ConfigError
from deg_core.ethogram.groups import probabilities
from deg_core.groups import Groups, indices
from deg_core.learn.clips import ClipSource
from deg_core.learn.device import choose, describe
from deg_core.learn.engine import Engine
from deg_core.learn.quantization import WholeExtractor, on_processors, quantized, to_graph
from deg_core.learn.quantized import (
    PARTS,
    Inputs,
    QuantizedEngine,
    full_range,
    publish,
)
from deg_core.learn.scores import classification_scores
from deg_core.models import files
from deg_core.models.two_stream import StreamOutput, TwoStream
from deg_core.progress import log, track
from deg_core.settings import FeatureSettings, from_dict
from deg_core.stages.labelled import check_lengths, read_labels
from deg_core.stages.networks import Motion, engine_of, load_two_stream
from deg_core.stages.scored import check_behaviors
from deg_core.stages.train_features import clip_source, known_frames
from deg_core.stages.training import environment

SEED = 0
CALIBRATION = 100  # windows of the training videos, at most
VALIDATION = 2000  # frames of the validation videos
LEAST = 100  # of them that show a behavior, so that one of the rare ones is no matter of luck
PACKAGES = ("deg-core", "torch", "numpy", "openvino", "nncf")
METRIC = "f1_macro"


def run(
    *,
    train_videos: list[str],
    val_videos: list[str],
    imports: Path,
    labels: Path,
    backgrounds: Path,
    flow: Path,
    features: Path,
    max_loss: float,
    threads: int,
    out: Path,
    record: Path,
) -> None:
    """Quantise the extractor of one run.

    Parameters
    ----------
    train_videos
        Ids of the training videos, whose frames calibrate.
    val_videos
        Ids of the validation videos, whose labels judge.
    imports
        Folder of the imported videos.
    labels
        Folder of the imported labels.
    backgrounds
        Folder of the videos' background pictures.
    flow
        Flow model.
    features
        Feature extractor trained behind it.
    max_loss
        Macro F1 that int8 may lose against fp32.
    threads
        Threads to use.
    out
        Graph to write, .xml; its weights appear beside it, .bin.
    record
        Run record to write, json.

    Raises
    ------
    ConfigError
        If OpenVINO or NNCF is not installed, int8 loses more than ``max_loss``, or no behavior
        occurs in the validation videos, so that nobody knows.
    ModelError
        If a model is damaged, or the two do not belong together.
    LabelError, VideoError, StateError
        If an input is damaged or does not fit the others, or a result cannot be written.
    """
    for package in extras.INT8:  # minutes before either is used
        extras.load(package)
    started = time.monotonic()
    device = choose(threads, gpu=False)
    motion = Motion.load(flow, device)
    network, content = load_two_stream(features, motion, device)
    settings = from_dict(FeatureSettings, content["settings"])
    source, val_source = (
        clip_source(ids, imports, backgrounds, settings, motion)
        for ids in (train_videos, val_videos)
    )
    names, tables = read_labels(labels, val_videos, "validation")
    check_behaviors(labels, names, content["behaviors"])
    check_lengths(labels, val_videos, tables, val_source.n_frames)
    rows = judging_frames(tables, VALIDATION, least=LEAST)
    truth = np.stack([tables[video][frame] for video, frame in rows])
    check_positives(truth, labels)

    graph, facts = calibrated(motion, network, source, most=CALIBRATION, threads=threads)
    fast = QuantizedEngine(graph, facts, threads=threads)
    fast.check_size(val_source.stores[0])
    exact = engine_of(motion, network, device, precision="fp32")
    answers = {
        "fp32": one_by_one(exact, windows(val_source, rows, "fp32")),
        "int8": fast.score_windows(windows(val_source, rows, "int8")),
    }
    groups = indices(content.get("groups", []), names)
    scores = {name: scores_of(answer, truth, groups) for name, answer in answers.items()}
    check_loss(scores, len(rows), max_loss)
    digest = files.digest_of_features(motion.origin, files.origin(content))
    publish(graph, out, facts=facts | {"digest": digest})
    about = {
        "models": {"flow": motion.sha256, "features": content["sha256"]},
        "train_videos": train_videos, "val_videos": val_videos, "behaviors": names,
        "windows": facts["windows"], "frames": len(rows), "size": facts["size"],
        "bits": facts["bits"], "scores": scores, "max_loss": max_loss,
        "change": {name: scores["int8"][name] - scores["fp32"][name] for name in scores["fp32"]},
        "cosine": {part: likeness(answers, part) for part in PARTS},
        "device": describe(device), "threads": threads, "seed": SEED,
        "seconds": round(time.monotonic() - started, 1),
    }  # fmt: skip
    publish_json(record, about | environment(PACKAGES))


# --- what calibrates, and what judges


def calibrated(
    motion: Motion, network: TwoStream, source: ClipSource, *, most: int, threads: int
) -> tuple[Any, dict[str, Any]]:
    """Quantise both networks.

    Parameters
    ----------
    motion, network
        The networks.
    source
        Clips of the videos that calibrate.
    most
        Windows at most.
    threads
        Threads to use.

    Returns
    -------
    tuple
        The graph in int8, and what `QuantizedEngine` has to know of it.
    """
    samples, bits = some_frames(source, most), 8 if full_range() else 7
    log(f"quantize: calibrates on {len(samples)} windows")
    whole = WholeExtractor(motion.network, network, motion.normalization)
    with on_processors(threads):
        graph = quantized(
            to_graph(whole, window(source, samples[0])), samples,
            lambda sample: window(source, sample), kind=motion.network.kind, bits=bits,
        )  # fmt: skip
    facts = {"clip": motion.clip, "size": source.stores[0].shape, "length": network.length}
    return graph, facts | {"bits": bits, "windows": len(samples)}


def some_frames(source: ClipSource, number: int) -> np.ndarray:
    """Draw frames of all videos: (n, 2) rows of video and frame."""
    rows = [
        np.column_stack([np.full(n, video), np.arange(n)])
        for video, n in enumerate(source.n_frames)
    ]
    every = np.concatenate(rows)
    return every[np.random.default_rng(SEED).permutation(len(every))[:number]]


def judging_frames(tables: Sequence[np.ndarray], number: int, *, least: int) -> np.ndarray:
    """Draw labeled frames to compare fp32 and int8 on.

    Parameters
    ----------
    tables
        Per video (T, K) int8 labels; -1 unknown.
    number
        Frames to draw.
    least
        Frames that show a behavior; where fewer were drawn, more are added, as far as there are.

    Returns
    -------
    ndarray
        (n, 2) rows of video and frame, in order.
    """
    rows = known_frames(tables)
    labels = np.stack([tables[video][frame] for video, frame in rows])
    order = np.random.default_rng(SEED).permutation(len(rows))
    chosen = np.zeros(len(rows), bool)
    chosen[order[:number]] = True
    for column in labels.T:
        chosen[order[column[order] == 1][:least]] = True
    return rows[chosen]


def window(source: ClipSource, row: np.ndarray) -> Inputs:
    """Read the window of a video's frame; a background is an input of its own."""
    video, frame = map(int, row)
    clip = source.clip(video, frame)
    return (clip,) if source.backgrounds is None else (clip[:-1], clip[-1])


def windows(source: ClipSource, rows: np.ndarray, label: str) -> Iterator[Inputs]:
    """Read the windows of rows of video and frame, one after the other, and show how far it is."""
    for row in track(rows, total=len(rows), label=label, unit="windows"):
        yield window(source, row)


def one_by_one(engine: Engine, windows: Iterator[Inputs]) -> StreamOutput:
    """Score windows that are no neighbors with the engine that wants a run of frames."""
    outputs = [
        engine.score(engine.prepare(frames), *map(engine.normalize, still))
        for frames, *still in windows
    ]
    joined = {
        name: torch.cat([getattr(out, name) for out in outputs]).cpu()
        for name in ("logits", *PARTS)
    }
    return StreamOutput(**joined)


# --- what it costs


def scores_of(answer: StreamOutput, truth: np.ndarray, groups: Groups) -> dict[str, float]:
    """Score logits frame by frame, each behavior at its best threshold."""
    return classification_scores(probabilities(answer.logits.numpy(), groups), truth)


def likeness(answers: Mapping[str, StreamOutput], part: str) -> float:
    """Return the mean cosine between the features of fp32 and of int8; 0 for a missing stream."""
    pair = (getattr(answer, part) for answer in answers.values())
    return float(torch.nn.functional.cosine_similarity(*pair, dim=1).mean())


def check_positives(truth: np.ndarray, labels: Path) -> None:
    """Check that any behavior occurs in the frames that judge, (n, K)."""
    if not (truth == 1).any():
        raise ConfigError(
            f"config.yaml: extract: `precision: int8` is judged by the F1 on validation, but no "
            f"behavior occurs there (labels in {labels}); label more videos, or choose "
            "`precision: auto`."
        )


def check_loss(scores: Mapping[str, Mapping[str, float]], frames: int, max_loss: float) -> None:
    """Check that int8 loses no more macro F1 than the user allows."""
    before, after = (scores[name][METRIC] for name in ("fp32", "int8"))
    log(f"quantize: macro F1 {before:.4f} with fp32, {after:.4f} with int8, on {frames} frames")
    if not before - after <= max_loss:  # also where one is no number
        raise ConfigError(
            f"config.yaml: extract: `precision: int8` lowers the macro F1 on {frames} validation "
            f"frames from {before:.4f} to {after:.4f}, which is more than `int8_max_loss: "
            f"{max_loss:g}` allows; choose `precision: auto`, or allow more."
        )
