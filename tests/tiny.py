"""A project of three small videos, taken through all stages up to the predictions.

Each function calls one stage on ``results`` with small settings; keywords replace its arguments.
"""

from dataclasses import replace

import numpy as np
import videos

from deg_core.settings import (
    ExtractSettings,
    FeatureSettings,
    FlowSettings,
    ImportSettings,
    LabelSettings,
    SequenceSettings,
    StatsSettings,
)

BEHAVIORS = ("bright", "move")
VIDEOS = {"m1": 60, "m2": 48, "m3": 40}  # frames
TRAIN, VAL = ["m1", "m2"], ["m3"]
SIZE = 32
N_UNKNOWN = 6  # frames at the end of m1
FLOW = FlowSettings(
    width=0.1, clip=5, epochs=1, steps_per_epoch=2, batch_size=4, lr=1e-3, val_clips=6
)
FEATURES = FeatureSettings(
    backbone="small_cnn", width=0.25, inputs=("frame", "background_difference"), epochs=1,
    steps_per_epoch=2, batch_size=8, lr=1e-3,
)  # fmt: skip
SEQUENCE = SequenceSettings(
    window=20, filter_length=5, n_filters=3, n_layers=2, c_out=2, hidden=8, epochs=2, batch_size=4,
    lr=1e-3,
)  # fmt: skip


def labels_of(video):
    """Return (T, 2): bouts of 7 frames, `move` five frames later; the end of m1 is unknown."""
    n = VIDEOS[video]
    phase = np.arange(n) + 3 * list(VIDEOS).index(video)
    labels = np.stack([phase % 16 < 7, (phase - 5) % 16 < 7], axis=1).astype(np.int8)
    if video == "m1":
        labels[-N_UNKNOWN:] = -1
    return labels


def frames_of(video):
    """Draw a square on a texture: it shines while `bright`, and steps while `move`."""
    rng = np.random.default_rng(list(VIDEOS).index(video))
    arena = rng.integers(40, 120, (SIZE // 4, SIZE // 4, 3), dtype=np.uint8).repeat(4, 0)
    arena = arena.repeat(4, 1)
    x, frames = 4, []
    for bright, move in labels_of(video):
        x = (x + 2 * (move == 1)) % (SIZE - 8)
        frame = arena.copy()
        frame[12:20, x : x + 8] = (230, 220, 200) if bright == 1 else (20, 30, 25)
        frames.append(frame)
    return frames


def label_text(video):
    """Write the labels as intervals."""
    labels = labels_of(video)
    scored = len(labels) - (N_UNKNOWN if video == "m1" else 0)
    rows = ["kind,behavior,start_frame,stop_frame,annotator", f"scored,*,0,{scored},anna"]
    for name, column in zip(BEHAVIORS, labels.T, strict=True):
        change = np.flatnonzero(np.diff((column == 1).astype(int), prepend=0, append=0))
        rows += [f"bout,{name},{a},{b},anna" for a, b in change.reshape(-1, 2)]
    return "\n".join(rows) + "\n"


def import_all(results):
    """Import videos and labels, and sum up the colors."""
    from deg_core.stages import import_labels, import_video, merge_stats, video_stats

    for video in VIDEOS:
        raw = videos.write_video(results.parent / "raw" / f"{video}.mkv", frames_of(video),
                                 codec="ffv1")  # fmt: skip
        store = results / "import" / f"{video}.h5"
        import_video.run(raw=raw, out=store, settings=ImportSettings(size=(SIZE, SIZE)))
        text = raw.with_suffix(".csv")
        text.write_text(label_text(video))
        import_labels.run(
            labels=text, store=store, out=results / "labels" / f"{video}.csv",
            settings=LabelSettings(behaviors=BEHAVIORS, annotator="anna"),
        )  # fmt: skip
        stats = results / "stats"
        video_stats.run(
            store=store, out=stats / f"{video}.json", settings=StatsSettings(),
            background=stats / f"{video}.background.png",
        )  # fmt: skip
    merge_stats.run(videos=list(VIDEOS), folder=results / "stats", out=results / "stats/rgb.json")


def _training(out):
    return {
        "state": out.parent / "state", "threads": 1, "model": out,
        "history": out.with_suffix(".history.csv"), "record": out.with_suffix(".run.json"),
    }  # fmt: skip


def train_flow(results, out=None, *, settings=None, **changes):
    """Train the flow generator; returns the model's file."""
    from deg_core.stages import train_flow as stage

    out = out or results / "models/flow/tiny.pt"
    arguments = {
        "videos": list(VIDEOS), "imports": results / "import", "stats": results / "stats/rgb.json",
        "settings": replace(FLOW, **settings or {}), "examples": out.with_suffix(".examples.npz"),
    }  # fmt: skip
    stage.run(**(arguments | _training(out) | changes))
    return out


def train_features(results, out=None, *, settings=None, **changes):
    """Train the feature extractor; returns the model's file."""
    from deg_core.stages import train_features as stage

    out = out or results / "models/features/tiny.pt"
    arguments = {
        "train_videos": TRAIN, "val_videos": VAL, "imports": results / "import",
        "labels": results / "labels", "backgrounds": results / "stats",
        "stats": results / "stats/rgb.json", "flow": results / "models/flow/tiny.pt",
        "settings": replace(FEATURES, **settings or {}),
    }  # fmt: skip
    stage.run(**(arguments | _training(out) | changes))
    return out


def extract(results, video, out=None, *, settings=None, **changes):
    """Extract one video's features; returns their file."""
    from deg_core.stages import extract_features as stage

    out = out or results / "features" / f"{video}.h5"
    arguments = {
        "store": results / "import" / f"{video}.h5", "flow": results / "models/flow/tiny.pt",
        "background": results / "stats" / f"{video}.background.png",
        "features": results / "models/features/tiny.pt", "out": out, "threads": 1,
        "settings": replace(ExtractSettings(batch_size=16), **settings or {}),
    }  # fmt: skip
    stage.run(**(arguments | changes))
    return out


def joined(features):
    """Put both feature vectors side by side, spatial first: (T, 2D) float32."""
    return np.concatenate([features.spatial, features.flow], axis=1)


def train_sequence(results, out=None, *, settings=None, **changes):
    """Train the sequence model; returns its file."""
    from deg_core.stages import train_sequence as stage

    out = out or results / "models/sequence/tiny.pt"
    arguments = {
        "train_videos": TRAIN, "val_videos": VAL, "features": results / "features",
        "labels": results / "labels", "settings": replace(SEQUENCE, **settings or {}),
    }  # fmt: skip
    stage.run(**(arguments | _training(out) | changes))
    return out


def build(results):
    """Run all stages up to the sequence model."""
    import_all(results)
    train_flow(results)
    train_features(results)
    for video in VIDEOS:
        extract(results, video)
    train_sequence(results)
    return results
