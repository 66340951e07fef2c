"""A project of any frames and labels, taken through all stages to its scores."""

import json

import tiny
import videos

from deg_core.data.publish import read_json
from deg_core.settings import (
    EvaluateSettings,
    ExtractSettings,
    ImportSettings,
    LabelSettings,
    PostprocessSettings,
    StatsSettings,
    ThresholdSettings,
)

TRAIN, VAL, TEST = ["m1", "m2"], ["m3"], ["m4"]
TABLES = ("bouts", "edges", "statistics", "transitions", "examples")  # of evaluate


def table_text(behaviors, labels):
    """Write labels (T, K) as a table of frames, with a background where all are known."""
    rows = [",background," + ",".join(behaviors)]
    for frame, row in enumerate(labels):
        background = -1 if (row < 0).any() else int(not row.any())
        rows.append(",".join(map(str, [frame, background, *row])))
    return "\n".join(rows) + "\n"


def import_all(results, frames, labels, behaviors, *, size, groups=()):
    """Import videos and labels, both by id."""
    from deg_core.stages import import_labels, import_video, merge_stats, video_stats

    for video, pictures in frames.items():
        raw = videos.write_video(results.parent / "raw" / f"{video}.mkv", pictures, codec="ffv1")
        store, stats = results / "import" / f"{video}.h5", results / "stats"
        import_video.run(raw=raw, out=store, settings=ImportSettings(size=size))
        raw.with_suffix(".csv").write_text(table_text(behaviors, labels[video]))
        import_labels.run(
            labels=raw.with_suffix(".csv"), store=store, out=results / "labels" / f"{video}.csv",
            settings=LabelSettings(behaviors=tuple(behaviors)), groups=json.dumps(groups),
        )  # fmt: skip
        video_stats.run(
            store=store, out=stats / f"{video}.json", settings=StatsSettings(),
            background=stats / f"{video}.background.png",
        )  # fmt: skip
    merge_stats.run(videos=list(frames), folder=results / "stats", out=results / "stats/rgb.json")


def run(results, frames, labels, *, behaviors, flow, features, sequence, size=(32, 32), groups=()):
    """Run every stage; returns the metrics of the test video.

    ``frames`` and ``labels`` hold the videos m1 to m4: two train, one chooses, one tests.
    """
    from deg_core.stages import (
        bout_lengths,
        choose_postprocessing,
        evaluate,
        postprocess,
        predict,
        tune_thresholds,
    )

    import_all(results, frames, labels, behaviors, size=size, groups=groups)
    parts = {"train_videos": TRAIN, "val_videos": VAL, "groups": json.dumps(groups)}
    tiny.train_flow(results, settings=flow, videos=list(frames))
    tiny.train_features(results, settings=features, **parts)
    for video in frames:
        tiny.extract(results, video, settings=vars(ExtractSettings()))
    tiny.train_sequence(results, settings=sequence, **parts)
    predictions, ethograms = results / "predictions", results / "ethograms"
    for video in frames:
        predict.run(
            features=results / "features" / f"{video}.h5", out=predictions / f"{video}.h5",
            model=results / "models/sequence/tiny.pt", threads=1,
        )  # fmt: skip
    thresholds, lengths = results / "thresholds.json", results / "lengths.json"
    tune_thresholds.run(
        videos=VAL, predictions=predictions, labels=results / "labels", out=thresholds,
        settings=ThresholdSettings(),
    )  # fmt: skip
    bout_lengths.run(videos=TRAIN, labels=results / "labels", out=lengths)
    chosen = results / "postprocess.json"
    choose_postprocessing.run(
        videos=VAL, predictions=predictions, labels=results / "labels", thresholds=thresholds,
        lengths=lengths, settings=PostprocessSettings(method="auto"), tuning=ThresholdSettings(),
        out=chosen,
    )  # fmt: skip
    for video in frames:
        postprocess.run(
            predictions=predictions / f"{video}.h5", postprocessing=chosen,
            ethogram=ethograms / f"{video}.csv", bouts=ethograms / f"{video}.bouts.csv",
        )  # fmt: skip
    evaluate.run(
        videos=TEST, predictions=predictions, ethograms=ethograms, labels=results / "labels",
        postprocessing=chosen, settings=EvaluateSettings(shuffles=5), out=results / "metrics.json",
        **{name: results / f"{name}.csv" for name in TABLES},
    )  # fmt: skip
    return read_json(results / "metrics.json")
