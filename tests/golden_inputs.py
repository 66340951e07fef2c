"""Inputs of the golden tests: the same on every machine and with every version of every package.

Everything comes from SHAKE-256 of a name, so no stage's numbers depend on those of the stages
before it: a change of one stage fails its own golden test and no other.
"""

import hashlib
import math

import numpy as np
import torch
import videos

from deg_core.data.arrays import Predictions, feature_writer, write_predictions
from deg_core.data.labels import write_frame_labels
from deg_core.data.publish import publish_csv, publish_json
from deg_core.data.statistics import write_background
from deg_core.models import files, flow, sequence, two_stream
from deg_core.settings import FeatureSettings, FlowSettings, SequenceSettings, to_dict
from deg_core.stages import described
from deg_core.stages.networks import Motion

BEHAVIORS = ("bright", "move")
TRAIN, VAL = ["g1", "g2"], ["g3"]
FRAMES = {"g1": 40, "g2": 32, "g3": 30}
SIZE = 32
NORMALIZATION = {"mean": [0.45, 0.4, 0.35], "std": [0.2, 0.25, 0.3]}
FLOW = FlowSettings(
    width=0.1, clip=5, epochs=2, steps_per_epoch=1, batch_size=4, lr=1e-3, val_clips=6,
    precision="fp32",
)  # fmt: skip
FEATURES = FeatureSettings(
    backbone="small_cnn", width=0.25, inputs=("frame", "background_difference"), epochs=2,
    steps_per_epoch=3, batch_size=8, lr=5e-3, precision="fp32",
)  # fmt: skip
SEQUENCE = SequenceSettings(
    window=10, filter_length=5, n_filters=3, n_layers=2, c_out=2, hidden=8, epochs=2, batch_size=2,
    steps_per_epoch=3, lr=5e-3, precision="fp32",
)  # fmt: skip
N_FEATURES = 6  # of each stream, for the stages that read features
FPS = 25.0


def noise(name, *shape):
    """Uniform numbers in 0..1, float64, in steps of 1/65536."""
    content = hashlib.shake_256(name.encode()).digest(2 * math.prod(shape))
    return np.frombuffer(content, "<u2").reshape(shape) / 65536


def labels_of(video, n_frames=None):
    """Give (T, 2): bouts of 6 and of 9 frames; the last 4 frames are unknown."""
    t = np.arange(n_frames or FRAMES[video]) + 5 * int(video[-1])
    labels = np.stack([t % 17 < 6, t % 23 < 9], axis=1).astype(np.int8)
    labels[-4:] = -1
    return labels


def frames_of(video, height=SIZE, width=SIZE):
    """Draw a square on a coarse texture: it shines while `bright`, and steps while `move`."""
    coarse = (60 + 80 * noise(f"arena {video}", height // 4, width // 4, 3)).astype(np.uint8)
    arena = coarse.repeat(4, 0).repeat(4, 1)
    x, frames = 3, []
    for bright, move in labels_of(video):
        x = (x + 3 * (move == 1)) % (width - 8)
        frame = arena.copy()
        frame[10:18, x : x + 8] = (230, 220, 200) if bright == 1 else (20, 30, 25)
        frames.append(frame)
    return frames


def write_project(results):
    """Write imports, labels, backgrounds and statistics of all videos."""
    for video in FRAMES:
        frames = frames_of(video)
        videos.write_store(results / "import" / f"{video}.h5", frames, fps=FPS)
        write_frame_labels(results / "labels" / f"{video}.csv", BEHAVIORS, labels_of(video))
        write_background(results / "stats" / f"{video}.background.png", frames[0])
    moments = {"frames": 1, "n": 1, "sum": [1, 1, 1], "sum_squares": [1, 1, 1], **NORMALIZATION}
    publish_json(results / "stats/rgb.json", moments)


def fill(network):
    """Give every weight a number that depends on its name only, of the size of usual weights."""
    weights = {}
    for name, old in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            weights[name] = torch.zeros_like(old)
            continue
        u = torch.tensor(noise(name, *old.shape) - 0.5, dtype=old.dtype)
        if name.endswith(("running_var", "scale")):
            weights[name] = 1 + u
        elif old.ndim > 1:
            weights[name] = u * (12 / math.prod(old.shape[1:])) ** 0.5
        elif name.endswith("weight"):  # of batch norm
            weights[name] = 1 + 0.4 * u
        else:
            weights[name] = 0.4 * u
    network.load_state_dict(weights)
    return network


def write_flow(path, settings=FLOW):
    """Write a flow model that was never trained."""
    network = flow.build(settings)
    files.save(
        path, stage="train_flow", network=fill(network), settings=to_dict(settings), version=1,
        normalization=NORMALIZATION,
    )  # fmt: skip
    return path


def write_extractor(path, flow_model, settings=FEATURES):
    """Write a feature extractor that was never trained."""
    motion = Motion.load(flow_model, torch.device("cpu"))
    network = fill(two_stream.build(settings, motion.network, len(BEHAVIORS)))
    files.save(
        path, stage="train_features", network=network, settings=to_dict(settings), version=1,
        behaviors=list(BEHAVIORS), flow_sha256=motion.sha256, normalization=NORMALIZATION,
    )  # fmt: skip
    return path


def write_sequence(path, settings=SEQUENCE):
    """Write a sequence model that was never trained."""
    network = sequence.build(settings, n_features=2 * N_FEATURES, n_behaviors=len(BEHAVIORS))
    files.save(
        path, stage="train_sequence", network=fill(network), settings=to_dict(settings), version=1,
        behaviors=list(BEHAVIORS), n_features=2 * N_FEATURES,
    )  # fmt: skip
    return path


def write_features(folder, video):
    """Write features that know a little of the labels."""
    n, known = FRAMES[video], np.maximum(labels_of(video), 0)
    spatial, motion = (
        2 * noise(f"{stream} {video}", n, N_FEATURES) + known.repeat(N_FEATURES // 2, axis=1)
        for stream in ("spatial", "flow")
    )
    logits = 4 * noise(f"logits {video}", n, len(BEHAVIORS)) - 3 + 2 * known
    about = {"n_frames": n, "fps": FPS, "behaviors": BEHAVIORS, "digest": "d" * 64}
    path = folder / f"{video}.h5"
    with feature_writer(path, n_features=N_FEATURES, **about) as writer:
        writer.write(0, *(x.astype(np.float32) for x in (spatial, motion, logits)))
    return path


def predictions_of(video, n_frames=150):
    """Give fair probabilities of the sequence model, and worse ones of the feature extractor."""
    known = np.maximum(labels_of(video, n_frames), 0)
    first, second = noise(f"predictions {video}", 2, *known.shape)
    return Predictions(
        probabilities=(0.35 * known + 0.6 * first).astype(np.float32),
        feature_probabilities=(0.2 * known + 0.75 * second).astype(np.float32),
        fps=FPS, behaviors=BEHAVIORS, digest="d" * 64,
    )  # fmt: skip


def write_scored(results):
    """Write labels, predictions, ethograms, thresholds and bout lengths of all videos."""
    for video in FRAMES:
        write_frame_labels(results / "labels" / f"{video}.csv", BEHAVIORS, labels_of(video, 150))
        predicted = predictions_of(video)
        write_predictions(results / "predictions" / f"{video}.h5", predicted)
        publish_csv(results / "ethograms" / f"{video}.csv", ethogram_of(predicted))
    chosen = {name: {"threshold": 0.4 + 0.1 * k} for k, name in enumerate(BEHAVIORS)}
    both = {"sequence": chosen, "feature_extractor": chosen}
    publish_json(results / "thresholds.json", {"behaviors": BEHAVIORS, **both})
    lengths = {"bright": [3, 6, 6, 6], "move": [5, 9, 9]}
    publish_json(results / "lengths.json", {"behaviors": BEHAVIORS, "lengths": lengths})


def ethogram_of(predicted):
    """Call present what is above 0.5, without any cleaning."""
    import pandas as pd

    present = (predicted.probabilities > 0.5).astype(int)
    table = pd.DataFrame(present, columns=list(BEHAVIORS))
    table.insert(0, "background", 1 - present.max(1))
    table.insert(0, "time_s", np.arange(len(present)) / FPS)
    table.insert(0, "frame", np.arange(len(present)))
    return table


TABLES = {
    "bouts": described.BOUTS, "edges": described.EDGES, "statistics": described.STATISTICS,
    "transitions": described.TRANSITIONS, "examples": described.EXAMPLES,
}  # fmt: skip


def write_results(results):
    """Write the few numbers of one run that `summarize` puts into its tables."""
    curve = {"threshold": [0.25, 0.75], "precision": [0.5, 1.0], "recall": [1.0, 0.5],
             "f1": [2 / 3, 2 / 3]}  # fmt: skip
    choice = {"threshold": 0.25, "precision": 0.5, "recall": 1.0, "f1": 2 / 3, "curve": curve}
    bins = {"low": [0.0, 0.1], "high": [0.1, 0.2], "n_frames": [70, 0],
            "mean_probability": [0.05, None], "share_positive": [0.25, None]}  # fmt: skip
    block = {
        "f1": {"value": 0.625, "low": 0.5, "high": 0.75, "chance": 0.25},
        "edit_score": {"value": None, "low": None, "high": None, "chance": 0.125},
        "n_frames": 70, "n_bouts": 4, "confusion": [[40, 5], [10, 15]], "curve": curve,
        "calibration": bins,
    }  # fmt: skip
    f1_macro = {"value": 0.5, "low": 0.4, "high": 0.6, "chance": 0.2}
    overall = {"f1_macro": f1_macro, "n_frames": 140, "n_bouts": 8}
    model = {"overall": overall, "behaviors": dict.fromkeys(BEHAVIORS, block), "background": block}
    directions = {"f1": "higher", "f1_macro": "higher", "edit_score": "higher"}
    models = ("sequence", "feature_extractor")
    for run in ("fast/0/all", "fast/final/all"):
        tuned = {name: dict.fromkeys(BEHAVIORS, choice) for name in models}
        publish_json(results / "thresholds" / f"{run}.json", {"behaviors": BEHAVIORS, **tuned})
        scores = {"behaviors": BEHAVIORS, "directions": directions, **dict.fromkeys(models, model)}
        publish_json(results / "metrics" / f"{run}.json", scores)
        for stage in ("flow/fast", f"features/{run}", f"sequence/{run}"):
            path = results / "models" / f"{stage}.history.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("epoch,step,lr,train_loss,val_loss,seconds\n1,9,0.1,2.0,,3.5\n")
            record = {"parameters": 1000, "seconds": 8.5, "device": "cpu"}
            publish_json(results / "models" / f"{stage}.run.json", record)
    for name, columns in TABLES.items():
        header, row = ",".join(columns), ",".join(f"{name} {i}" for i in range(len(columns)))
        path = results / f"metrics/fast/0/all.{name}.csv"
        path.write_text(f"{header}\n{row}\n{'0.5,' * (len(columns) - 1)}\n")
