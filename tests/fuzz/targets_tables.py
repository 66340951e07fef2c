"""Readers of texts: labels, settings, tables, records."""

from pathlib import Path

import golden_inputs
import mutations
import torch
import tracker_files
from harness import Target

from deg_core.data import labels, trackers
from deg_core.data.clusters import read_clusters
from deg_core.data.ethograms import read_ethogram
from deg_core.data.statistics import read_moments
from deg_core.errors import DegError, ModelError
from deg_core.models.compat.convert import convert, normalization_of
from deg_core.presets import DEFAULT_PRESETS, resolve
from deg_core.project import check_settings, import_model, run, scores, verdicts
from deg_core.project.folder import open_project
from deg_core.settings import SECTIONS
from deg_core.splits import RUN
from deg_core.stages import run_tables, scored, summarize
from deg_core.table import read_videos

BEHAVIORS = ["groom", "rear"]
INTERVALS = """kind,behavior,start_frame,stop_frame,annotator
scored,*,0,40,anna
bout,groom,3,10,anna
bout,rear,12,20,anna
bout,groom,20,31,anna
scored,rear,5,30,bert
"""
QUOTED = (
    '"stop_frame";"start_frame";"behavior";"kind"\r\n'
    '"40";"0";"*";"scored"\r\n9.0;3;"groom";bout\r\n'
)
FRAMES = ",background,groom,rear\n" + "".join(
    f"{i},{int(i % 4 == 0)},{int(i % 4 == 1)},{int(i % 4 > 1) if i < 30 else -1}\n"
    for i in range(40)
)
SIMPLE = "groom;rear\n" + "0,0;1\n" * 40
CONFIG = """# A project with many settings.
behaviors: [groom, rear]
exclusive_groups: [[groom, rear]]
presets: [mine, lite]
preset_base: {mine: lite}
labels: {annotator: anna}
import: {size: [32, 32], store: raw}
flow: {mine: {epochs: 2}}
features: {common: {epochs: 3, lr: 1.0e-3}, mine: {backbone: small_cnn}}
sequence: {mine: {network: tcn, epochs: 2}}
postprocess: {method: percentile}
splits: {count: 2, val: 0.2, test: 0.3, seed: 4}
sweep: {train_sizes: [1], presets: [lite]}
"""
VIDEOS = (
    "video\tpath\tgroup\tpretrain\tlabels\tsplit\n"
    "m0\tm0.mp4\tcage 1\tyes\tlabels/m0.csv\t\n"
    "m1\tm1.mp4\tcage 2\tno\tlabels/m1.csv\tval\n"
    "m2\tm2.mp4\t\tyes\t\t\n"
    "m3\tm3.mp4\tcage 3\tyes\t\t\n"
)
PROJECT = {
    "m0.mp4": b"0", "m1.mp4": b"1", "m2.mp4": b"2", "m3.mp4": b"3",
    **{f"labels/m{i}.csv": INTERVALS.encode() for i in range(4)},
}  # fmt: skip
ORIGINAL = """project: {class_names: [background, groom, rear]}
augs:
  normalization: {N: 3, mean: [0.4, 0.5, 0.6], std: [0.1, 0.2, 0.3]}
  resize: [32, 48]
feature_extractor: {final_activation: sigmoid, dropout_p: 0.25}
"""
STATE = {"conv1.weight": torch.zeros(3, 4, 1), "conv1.bias": torch.zeros(3)}  # of a linear network
VERDICTS = (
    f"{','.join(RUN)},behavior,verdict,reason,flag,video\n"
    'lite,0,all,groom,usable,"because, well",look,m1\nlite,0,all,rear,"not ""yet""",few,ok,m2\n'
)
SCORES = f"{','.join(run_tables.SCORES)}\nlite,0,all,sequence,groom,f1,0.5\nlite,0,all,x,nan,f1,\n"


def read_labels(path: Path) -> None:
    """Read a label file in all the ways in which it is read."""
    labels.annotators(path)
    labels.unknown_names(path, BEHAVIORS)
    first = None
    for annotator in ("anna", None):
        try:
            labels.positive_frames(path, behaviors=BEHAVIORS, annotator=annotator)
            labels.read_label_file(path, behaviors=BEHAVIORS, n_frames=40, annotator=annotator)
            return
        except DegError as error:
            first = first or error
    raise first


def read_project(path: Path) -> None:
    """Do with settings and table what `deg run` and `deg doctor` do before anything else."""
    folder = path.parent
    _, findings = check_settings.examine_settings(folder)
    list(map(str, findings))
    project = open_project(folder)
    for preset in project.config.get("presets") or DEFAULT_PRESETS:
        for section in SECTIONS:
            if section not in ("flow", "features", "sequence"):
                resolve(project.config, section)
            elif section in ("features", "sequence"):
                resolve(project.config, section, preset)
    run.check(project)


def read_run(path: Path) -> None:
    """Read the configuration of a training of the original program, and convert with it."""
    run, _ = import_model.read_run(path, path)
    try:
        convert(STATE, run)
        normalization_of(run)
    except DegError as error:  # as import_model does
        raise ModelError(f"{path}: {error}") from error


def read_clusters_either_way(path: Path) -> None:
    """Read a file of clusters with and without the name of its column."""
    read_clusters(path, column="cluster" if "named" in path.name else "")


def read_scores_of_run(path: Path) -> None:
    """Read the metrics of a run as the summary, `deg status` and `deg report` do."""
    key, results = [{"preset": "lite", "split": "0", "n_train": "all"}], path.parents[3]
    for name in ("_metrics", "_confusion", "_calibration", "_test_curves"):
        summarize._of_runs(key, path.parents[2], getattr(summarize, name))
    scores.brief(results)
    scores.full(results)


def read_tables(path: Path) -> None:
    """Read a table of the summary."""
    run_tables.read_table(path, [*RUN, "value"], numbers=["value"])
    run_tables.read_scores(path)


def read_verdicts(path: Path) -> None:
    """Read the tables of verdicts and of flags as `deg report` does."""
    verdicts.lines(path.parents[1])


def _json(folder: Path) -> dict[str, Target]:
    results = folder / "results"
    golden_inputs.write_project(results)
    golden_inputs.write_scored(results)
    golden_inputs.write_results(results)
    behaviors = golden_inputs.BEHAVIORS
    metrics = (results / "metrics/fast/0/all.json").read_bytes()
    metrics = metrics.replace(b"{", b'{ "n_videos": 2, "n_frames": 70,', 1)
    moments = (
        b'{"frames": 9, "n": 90, "sum": [1, 2, 3], "sum_squares": [4, 5, 6],'
        b' "mean": [0.4, 0.4, 0.4], "std": [0.1, 0.1, 0.1]}'
    )
    thresholds = (results / "thresholds.json").read_bytes()
    lengths = (results / "lengths.json").read_bytes()
    json = mutations.JSON
    return {
        "record, metrics": Target(
            read_scores_of_run, {"results/metrics/lite/0/all.json": metrics}, json
        ),
        "record, thresholds": Target(scored.read_thresholds, {"thresholds.json": thresholds}, json),
        "record, lengths": Target(
            lambda path: scored.read_lengths(path, behaviors=behaviors), {"l.json": lengths}, json
        ),
        "record, statistics": Target(read_moments, {"rgb.json": moments}, json),
    }


def _results(folder: Path) -> dict[str, Target]:
    names = golden_inputs.BEHAVIORS
    predicted = golden_inputs.predictions_of("g1", 30)
    ethogram = golden_inputs.ethogram_of(predicted).to_csv(index=False).encode()
    labels.write_frame_labels(folder / "l.csv", names, golden_inputs.labels_of("g1", 30))
    text = mutations.TEXT
    return {
        "result, ethogram": Target(
            lambda path: read_ethogram(path, names), {"e.csv": ethogram}, text
        ),
        "result, labels per frame": Target(
            labels.read_frame_labels, {"l.csv": (folder / "l.csv").read_bytes()}, text
        ),
        "result, summary": Target(read_tables, {"metrics.csv": SCORES.encode()}, text),
        "result, verdicts": Target(
            read_verdicts,
            {
                "results/summary/verdicts.csv": VERDICTS.encode(),
                "results/summary/quality.csv": VERDICTS.encode(),
            },
            text,
        ),
    }


def _tracked(folder: Path) -> dict[str, Target]:
    one = tracker_files.frame_of(tracker_files.points_of(12))
    two = tracker_files.frame_of(tracker_files.points_of(6), individuals=["a", "b"])
    clusters = {
        "b.csv": "frame,B-SOiD labels\n" + "".join(f"{i},{i % 3}\n" for i in range(20)),
        "named.csv": "time,cluster,x\n" + "".join(f"{i / 30},{i % 3}.0,a\n" for i in range(20)),
        "only.csv": "syllable\n" + "3\n4\nnan\n" * 9,
    }
    text = mutations.TEXT
    return {
        "keypoints, csv": Target(
            trackers.read_tracks,
            {"one.csv": one.to_csv().encode(), "two.csv": two.to_csv().encode()}, text,
        ),
        "clusters, csv": Target(
            read_clusters_either_way, {k: v.encode() for k, v in clusters.items()}, text
        ),
    }  # fmt: skip


def targets(folder: Path) -> dict[str, Target]:
    """Make small texts of each kind."""
    text = mutations.TEXT
    return {
        "labels, intervals": Target(
            read_labels,
            {"i.csv": INTERVALS.encode(), "q.csv": QUOTED.encode("utf-8-sig")}, text,
        ),
        "labels, frames": Target(
            read_labels, {"f.csv": FRAMES.encode(), "s.csv": SIMPLE.encode()}, text
        ),
        "config.yaml": Target(
            read_project, {"config.yaml": CONFIG.encode()}, mutations.YAML,
            needs=PROJECT | {"videos.tsv": VIDEOS.encode()},
        ),
        "videos.tsv": Target(
            read_project, {"videos.tsv": VIDEOS.encode()}, text,
            needs=PROJECT | {"config.yaml": b"behaviors: [groom, rear]\nlabels: {annotator: anna}\n"
                             b"presets: [lite]\n"},
        ),
        "videos.tsv alone": Target(
            lambda path: read_videos(path), {"videos.tsv": VIDEOS.encode()}, text, needs=PROJECT
        ),
        "import-model's config": Target(
            read_run, {"config.yaml": ORIGINAL.encode()},
            mutations.YAML,
        ),
        **_json(folder),
        **_results(folder),
        **_tracked(folder),
    }  # fmt: skip
