"""One case per stage: run it on a fixed tiny input and digest its numbers.

A digest holds whole numbers and texts, which must stay as they are, and floats, which may differ
by the stage's tolerance: processors round sums differently, and training magnifies that, since a
first step of Adam takes the sign of each gradient, be it ever so small. What a stage really
computes differently moves the digest further.
"""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import figure_inputs
import golden_inputs as inputs
import h5py
import numpy as np
import pandas as pd
import videos
from golden_figures import case_figures  # noqa: F401
from golden_report import (  # noqa: F401
    case_check_quality,
    case_describe,
    case_judge,
    case_quality_reference,
    case_report_pages,
    case_summarize_quality,
)
from golden_study import (  # noqa: F401
    case_advise,
    case_compare_raters,
    case_compare_runs,
    case_summarize_raters,
)
from tracker_files import frame_of, write_csv, write_sleap

from deg_core.data.arrays import read_features, read_predictions
from deg_core.data.publish import publish_json
from deg_core.data.statistics import read_background
from deg_core.data.video import FrameStore
from deg_core.example.render import VIDEOS, VideoSpec, labels_of, render_frames, table_text
from deg_core.models import files
from deg_core.settings import (
    AutoSettings,
    BehaviorSmoothing,
    ClusterSettings,
    EvaluateSettings,
    ExtractSettings,
    FeatureSettings,
    ImportSettings,
    KeypointSettings,
    LabelSettings,
    PostprocessSettings,
    StatsSettings,
    ThresholdSettings,
)
from deg_core.stages import (
    bout_lengths,
    choose_postprocessing,
    evaluate,
    extract_features,
    import_keypoints,
    import_labels,
    import_video,
    map_clusters,
    merge_stats,
    postprocess,
    predict,
    predict_clusters,
    quantize,
    summarize,
    summarize_flow,
    summarize_labels,
    summarize_postprocessing,
    train_features,
    train_flow,
    train_sequence,
    tune_thresholds,
    video_stats,
)

Digest = dict[str, Any]


# --- digests


def exact(content: bytes | str | np.ndarray) -> str:
    """Give the first digits of a SHA-256."""
    if isinstance(content, np.ndarray):
        content = np.ascontiguousarray(content).tobytes()
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()[
        :16
    ]


def summary(array: np.ndarray) -> dict[str, Any]:
    """Give shape, mean, norm, and a few entries of an array of floats."""
    flat = np.asarray(array, np.float64).ravel()
    some = flat[:: max(1, len(flat) // 5)][:5]
    return {
        "shape": list(np.shape(array)), "mean": flat.mean(), "norm": np.linalg.norm(flat),
        "some": some.tolist(),
    }  # fmt: skip


def trained(model: Path, stage: str) -> Digest:
    """Digest a training: its curves, and the norms of its weights."""
    history = pd.read_csv(model.with_suffix(".history.csv"))
    weights = files.load(model, stage=stage)["state_dict"]
    return {
        # The columns of seconds are the clock's.
        "history": history.drop(columns="seconds").to_dict("list"),
        "norms": {n: float(w.norm()) for n, w in weights.items() if w.ndim > 1},
        "chosen": json.loads(model.with_suffix(".run.json").read_text())["best_epoch"],
    }


def training_files(folder: Path) -> dict[str, Any]:
    return {
        "model": folder / "m.pt", "history": folder / "m.history.csv", "threads": 1,
        "record": folder / "m.run.json", "state": folder / "state",
    }  # fmt: skip


# --- import


def case_import_video(folder: Path) -> Digest:
    found = {}
    # Halved, which is exact; to a size that is no fraction; and as it is, in gray.
    gray = [frame[..., 0] for frame in inputs.frames_of("g3", 48, 64)]
    sources = {
        "halved": ((24, 32), inputs.frames_of("g1", 48, 64)),
        "odd": ((30, 35), inputs.frames_of("g2", 48, 64)),
        "gray": ((48, 64), gray),
    }
    for name, (size, frames) in sources.items():
        raw = videos.write_images(folder / name, frames)
        settings = ImportSettings(size=size, store="raw", image_fps=25.0)
        import_video.run(raw=raw, out=folder / f"{name}.h5", settings=settings)
        with FrameStore(folder / f"{name}.h5") as store:
            stored = store.read(range(store.n_frames))
            found[name] = {
                "frames": summary(stored) if name == "odd" else exact(stored),
                "fps": store.fps, "times": summary(store.timestamps), "channels": store.channels,
            }  # fmt: skip
    return found


def case_import_labels(folder: Path) -> Digest:
    inputs.write_project(folder)
    rows = [
        "kind,behavior,start_frame,stop_frame,annotator", "scored,*,0,30,anna",
        "scored,move,30,34,anna", "bout,bright,3,9,anna", "bout,move,5,33,anna",
    ]  # fmt: skip
    table = "bright,move,background\n" + "".join(f"{i % 2},-1,0\n" for i in range(40))
    found = {}
    for name, text in {"intervals": "\n".join(rows) + "\n", "frames": table}.items():
        (folder / f"{name}.csv").write_text(text)
        import_labels.run(
            labels=folder / f"{name}.csv", store=folder / "import/g1.h5",
            out=folder / "out.csv", settings=LabelSettings(behaviors=inputs.BEHAVIORS),
        )  # fmt: skip
        found[name] = exact((folder / "out.csv").read_text())
    return found


def case_video_stats(folder: Path) -> Digest:
    inputs.write_project(folder)
    settings = StatsSettings(stride=3, background_frames=7)
    video_stats.run(
        store=folder / "import/g1.h5", out=folder / "s.json", background=folder / "b.png",
        settings=settings,
    )  # fmt: skip
    background = exact(read_background(folder / "b.png"))
    return {"moments": json.loads((folder / "s.json").read_text()), "background": background}


def case_merge_stats(folder: Path) -> Digest:
    for k, video in enumerate(inputs.FRAMES, 1):
        squares = [90_000 * k, 80_000 * k * k, 70_000]
        moments = {"frames": k, "n": 10 * k, "sum": [900 * k, 700, 800], "sum_squares": squares}
        publish_json(folder / f"{video}.json", moments)
    merge_stats.run(videos=list(inputs.FRAMES), folder=folder, out=folder / "rgb.json")
    return json.loads((folder / "rgb.json").read_text())


# --- training and what comes of it


def case_train_flow(folder: Path) -> Digest:
    inputs.write_project(folder)
    train_flow.run(
        videos=list(inputs.FRAMES), imports=folder / "import", stats=folder / "stats/rgb.json",
        settings=inputs.FLOW, examples=folder / "m.npz", **training_files(folder),
    )  # fmt: skip
    with np.load(folder / "m.npz") as file:
        # Single vectors say less on another processor than their length altogether.
        norms = {name: float(np.linalg.norm(file[name])) for name in ("flow", "reconstruction")}
        examples = norms | {"frames": exact(file["frames"])}
    return trained(folder / "m.pt", "train_flow") | {"examples": examples}


def case_train_features(folder: Path) -> Digest:
    inputs.write_project(folder)
    flow = inputs.write_flow(folder / "flow.pt")
    resnet = FeatureSettings(epochs=1, steps_per_epoch=1, batch_size=4, lr=1e-3, precision="fp32")
    joint = replace(inputs.FEATURES, fusion="concatenate", oversampling_exp=0.5, schedule="cosine")
    found = {}
    for name, settings in {"small": inputs.FEATURES, "joint": joint, "resnet": resnet}.items():
        train_features.run(
            train_videos=inputs.TRAIN, val_videos=inputs.VAL, imports=folder / "import",
            labels=folder / "labels", backgrounds=folder / "stats",
            stats=folder / "stats/rgb.json", flow=flow, settings=settings,
            **training_files(folder / name),
        )  # fmt: skip
        found[name] = trained(folder / name / "m.pt", "train_features")
    found["resnet"].pop("norms")  # 42 of them; the losses tell as much
    for digest in found.values():
        # These rank nearly equal frames, and another processor may swap two.
        for ranked in ("val_f1_macro", "val_average_precision_macro"):
            digest["history"].pop(ranked)
        digest.pop("chosen")
    return found


def case_quantize(folder: Path) -> Digest:
    inputs.write_project(folder)
    flow = inputs.write_flow(folder / "flow.pt")
    model = inputs.write_extractor(folder / "features.pt", flow)
    quantize.run(
        train_videos=inputs.TRAIN, val_videos=inputs.VAL, imports=folder / "import",
        labels=folder / "labels", backgrounds=folder / "stats", flow=flow, features=model,
        max_loss=1.0, threads=1, out=folder / "q.xml", record=folder / "q.run.json",
    )  # fmt: skip
    record = json.loads((folder / "q.run.json").read_text())
    extract_features.run(
        store=folder / "import/g3.h5", background=folder / "stats/g3.background.png", flow=flow,
        features=model, quantized=folder / "q.xml", out=folder / "q.h5", threads=1,
        settings=ExtractSettings(precision="int8"),
    )  # fmt: skip
    features = read_features(folder / "q.h5")
    return {
        "drawn": {name: record[name] for name in ("windows", "frames", "size")},
        "exact": record["scores"]["fp32"]["average_precision_macro"],
        "cosine": record["cosine"],
        # Single numbers of int8 say less on another processor, whose weights may have a bit less.
        "norms": {
            name: float(np.linalg.norm(getattr(features, name)))
            for name in ("spatial", "flow", "logits")
        },
    }


def case_extract_features(folder: Path) -> Digest:
    inputs.write_project(folder)
    flow = inputs.write_flow(folder / "flow.pt")
    difference = inputs.write_flow(folder / "d.pt", replace(inputs.FLOW, network="difference"))
    found = {}
    for name, motion, settings in (
        ("small", flow, inputs.FEATURES),
        ("resnet", flow, FeatureSettings(flow_weight=1.5)),
        ("difference", difference, replace(inputs.FEATURES, fusion="concatenate")),
    ):
        model = inputs.write_extractor(folder / f"{name}.pt", motion, settings)
        out = folder / f"{name}.h5"
        extract_features.run(
            store=folder / "import/g3.h5", background=folder / "stats/g3.background.png",
            flow=motion, features=model, out=out, threads=1,
            settings=ExtractSettings(batch_size=8, precision="fp32"),
        )  # fmt: skip
        features = read_features(out)
        arrays = ("spatial", "flow", "logits")
        found[name] = {array: summary(getattr(features, array)) for array in arrays}
    return found


def case_train_sequence(folder: Path) -> Digest:
    for video in inputs.FRAMES:
        inputs.write_features(folder / "features", video)
    inputs.write_project(folder)
    found = {}
    variants = {
        "tgm_late": {}, "tgm": {"schedule": "cosine", "grad_clip": 1.0},
        "linear": {"windows_per_video": 2},
    }  # fmt: skip
    for network, changes in variants.items():
        train_sequence.run(
            train_videos=inputs.TRAIN, val_videos=inputs.VAL, features=folder / "features",
            labels=folder / "labels", settings=replace(inputs.SEQUENCE, network=network, **changes),
            **training_files(folder / network),
        )  # fmt: skip
        found[network] = trained(folder / network / "m.pt", "train_sequence")
    return found


def case_predict(folder: Path) -> Digest:
    features, found = inputs.write_features(folder, "g1"), {}
    for network in ("tgm_late", "tgm", "linear"):
        model = folder / f"{network}.pt"
        inputs.write_sequence(model, replace(inputs.SEQUENCE, network=network))
        predict.run(features=features, model=model, out=folder / "p.h5", threads=1)
        predicted = read_predictions(folder / "p.h5")
        found[network] = summary(predicted.probabilities)
    return found | {"feature_extractor": summary(predicted.feature_probabilities)}


# --- keypoints and clusters


def case_import_keypoints(folder: Path) -> Digest:
    likelihood = 0.5 + inputs.noise("likelihood", 40, 7, 1)
    points = np.concatenate([100 * inputs.noise("points", 40, 7, 2), likelihood], axis=-1)
    store = videos.write_store(folder / "v.h5", inputs.frames_of("g1"), fps=inputs.FPS)
    with h5py.File(store, "r+") as file:
        file.attrs.update(source="v.mp4", source_bytes=1, codec="h264")
        file.attrs.update(source_height=100, source_width=80)
    found, files_of = {}, {
        "deeplabcut": write_csv(folder / "k.csv", frame_of(points)),
        "sleap": write_sleap(folder / "s.h5", points[None]),
    }  # fmt: skip
    for name, path in files_of.items():
        import_keypoints.run(
            keypoints=path, store=store, out=folder / "k.h5", settings=KeypointSettings()
        )
        features = read_features(folder / "k.h5")
        found[name] = {"digest": features.digest, "features": summary(features.spatial)}
    return found


def write_clusters(folder: Path) -> None:
    """Write labels and clusters of all videos; clusters follow the labels in most frames."""
    inputs.write_project(folder)
    for video in inputs.FRAMES:
        other = inputs.noise(video, inputs.FRAMES[video]) < 0.2
        names = inputs.labels_of(video) @ [1, 2] + other
        text = "".join(f"{t},{name}\n" for t, name in enumerate(names))
        (folder / f"{video}.csv").write_text(f"frame,cluster\n{text}")


def map_to(folder: Path, **settings: Any) -> Digest:
    map_clusters.run(
        videos=inputs.TRAIN, clusters=[folder / f"{video}.csv" for video in inputs.TRAIN],
        labels=folder / "labels", settings=ClusterSettings(**settings), out=folder / "map.json",
    )  # fmt: skip
    return json.loads((folder / "map.json").read_text())


def case_map_clusters(folder: Path) -> Digest:
    write_clusters(folder)
    return {"share": map_to(folder), "majority": map_to(folder, mapping="majority")}


def case_predict_clusters(folder: Path) -> Digest:
    write_clusters(folder)
    map_to(folder)
    predict_clusters.run(
        clusters=folder / "g3.csv", store=folder / "import/g3.h5", mapping=folder / "map.json",
        out=folder / "p.h5",
    )  # fmt: skip
    return summary(read_predictions(folder / "p.h5").probabilities)


# --- bouts and scores


def case_tune_thresholds(folder: Path) -> Digest:
    inputs.write_scored(folder)
    tune_thresholds.run(
        videos=inputs.VAL, predictions=folder / "predictions", labels=folder / "labels",
        settings=ThresholdSettings(n_grid=21), out=folder / "t.json",
    )  # fmt: skip
    return without_curves(json.loads((folder / "t.json").read_text()))


def case_bout_lengths(folder: Path) -> Digest:
    inputs.write_scored(folder)
    bout_lengths.run(videos=inputs.TRAIN, labels=folder / "labels", out=folder / "l.json")
    return json.loads((folder / "l.json").read_text())


def choose_with(folder: Path, settings: PostprocessSettings, **tuning: Any) -> Digest:
    choose_postprocessing.run(
        videos=list(inputs.FRAMES), predictions=folder / "predictions", labels=folder / "labels",
        thresholds=folder / "thresholds.json", lengths=folder / "lengths.json", settings=settings,
        tuning=ThresholdSettings(**tuning), out=folder / "c.json",
    )  # fmt: skip
    return json.loads((folder / "c.json").read_text())


def case_choose_postprocessing(folder: Path) -> Digest:
    inputs.write_scored(folder)
    bold = AutoSettings(min_bouts=1, margin=0.1)
    each = [
        BehaviorSmoothing(behavior="bright", method="hysteresis"),
        BehaviorSmoothing(behavior="move", method="stitch", max_gap=3, min_bout=4),
    ]
    median = PostprocessSettings(method="median", percentile=30.0)
    return {
        "median": choose_with(folder, median),
        "each": choose_with(folder, PostprocessSettings(per_behavior=tuple(each))),
        "auto": choose_with(folder, PostprocessSettings(method="auto", auto=bold)),
        "joint": choose_with(folder, PostprocessSettings(method="auto", auto=bold), joint=True),
    }


def case_postprocess(folder: Path) -> Digest:
    inputs.write_scored(folder)
    found = {}
    for name, settings in {
        "percentile": PostprocessSettings(percentile=30.0),
        "min_bout": PostprocessSettings(method="min_bout", min_bout=3, inclusive=True),
        "none": PostprocessSettings(method="none"),
    }.items():
        choose_with(folder, settings)
        postprocess.run(
            predictions=folder / "predictions/g1.h5", postprocessing=folder / "c.json",
            ethogram=folder / "e.csv", bouts=folder / "b.csv",
        )  # fmt: skip
        bouts = pd.read_csv(folder / "b.csv")
        found[name] = {
            "ethogram": exact((folder / "e.csv").read_text()),
            "bouts": exact(bouts[["behavior", "start_frame", "stop_frame"]].to_csv()),
            "seconds": summary(bouts[["start_s", "stop_s", "duration_s"]].to_numpy()),
            "probability": summary(bouts["mean_probability"].to_numpy()),
        }
    return found


def case_evaluate(folder: Path) -> Digest:
    inputs.write_scored(folder)
    tables = ("bouts", "edges", "statistics", "transitions", "examples")
    choose_with(folder, PostprocessSettings(percentile=30.0))
    evaluate.run(
        videos=list(inputs.FRAMES), predictions=folder / "predictions",
        ethograms=folder / "ethograms", labels=folder / "labels",
        postprocessing=folder / "c.json", settings=EvaluateSettings(shuffles=5),
        out=folder / "m.json", **{name: folder / f"{name}.csv" for name in tables},
    )  # fmt: skip
    return without_curves(json.loads((folder / "m.json").read_text())) | {
        name: exact((folder / f"{name}.csv").read_text()) for name in tables
    }


def without_curves(value: Any) -> Any:
    """Replace each curve by its length and mean, which keeps the file small."""
    if isinstance(value, dict):
        return {
            key: {k: [len(v), np.nanmean(np.array(v, float))] for k, v in item.items()}
            if key == "curve"
            else without_curves(item)
            for key, item in value.items()
        }
    return value


def case_summarize(folder: Path) -> Digest:
    inputs.write_results(folder)
    summarize.run(
        runs=["fast/0/all", "fast/final/all"], tested=["fast/0/all"],
        trainings='{"fast": ["features", "sequence"]}', results=folder,
        benchmarks=folder / "benchmarks", out=folder / "summary",
    )  # fmt: skip
    tables = sorted((folder / "summary").glob("*.csv"))
    return {
        path.stem: {"rows": len(pd.read_csv(path)), "text": exact(path.read_text())}
        for path in tables
    }


def case_summarize_flow(folder: Path) -> Digest:
    examples = figure_inputs.write_examples(folder / "x.npz")
    summarize_flow.run(examples=examples, out=folder / "out.npz")
    with np.load(folder / "out.npz") as file:
        return {name: exact(file[name].tobytes()) for name in sorted(file.files)}


def case_summarize_labels(folder: Path) -> Digest:
    inputs.write_project(folder)
    summarize_labels.run(
        groups='{"g1": "cage", "g2": "cage", "g3": "alone"}', labels=folder / "labels",
        imports=folder / "import", out=folder / "data.csv",
    )  # fmt: skip
    return {"data": pd.read_csv(folder / "data.csv").to_dict("list")}


def case_summarize_postprocessing(folder: Path) -> Digest:
    inputs.write_scored(folder)
    found = choose_with(folder, PostprocessSettings(percentile=30.0))
    publish_json(folder / "fast/0/all.postprocess.json", found)
    summarize_postprocessing.run(runs=["fast/0/all"], thresholds=folder, out=folder / "p.csv")
    return {"text": exact((folder / "p.csv").read_text())}


def case_example(folder: Path) -> Digest:
    frames, _ = render_frames(VideoSpec("small", seed=1, n_frames=40, size=48))
    return {
        "table": exact(table_text()),
        "labels": {video: exact(labels_of(video).astype(np.int8)) for video in VIDEOS},
        "frames": summary(frames),
        "first": summary(frames[0]),
        "last": summary(frames[-1]),
    }


CASES = {name[5:]: case for name, case in list(globals().items()) if name.startswith("case_")}
