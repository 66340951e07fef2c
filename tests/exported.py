"""The tiny project's run as one file, and what the project itself predicts for its videos."""

import shutil
from pathlib import Path

import tiny
import yaml

from deg_core.settings import (
    ExtractSettings,
    ImportSettings,
    PostprocessSettings,
    StatsSettings,
    ThresholdSettings,
    to_dict,
)

RUN = "lite/0/all"
SETTINGS = {
    "import": to_dict(ImportSettings(size=(tiny.SIZE, tiny.SIZE))),
    "stats": to_dict(StatsSettings()),
    "extract": to_dict(ExtractSettings(batch_size=16)),
}


def make_project(folder, tiny_results):
    """Lay the tiny project out as `deg run` would, up to the ethograms; returns its folder."""
    from deg_core.stages import (
        bout_lengths,
        choose_postprocessing,
        postprocess,
        predict,
        tune_thresholds,
    )

    results = folder / "results"
    for stage, name in (("flow", "lite"), ("features", RUN), ("sequence", RUN)):
        target = results / "models" / stage / f"{name}.pt"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tiny_results / "models" / stage / "tiny.pt", target)
    predictions, chosen = results / "predictions" / RUN, results / "thresholds" / RUN
    for video in tiny.VIDEOS:
        predict.run(
            features=tiny_results / "features" / f"{video}.h5", threads=1,
            model=results / "models/sequence" / f"{RUN}.pt", out=predictions / f"{video}.h5",
        )  # fmt: skip
    labels = {"labels": tiny_results / "labels"}
    files = {part: chosen.with_name(f"all{part}") for part in (".json", ".lengths.json")}
    final = chosen.with_name("all.postprocess.json")
    tune_thresholds.run(
        videos=tiny.VAL, predictions=predictions, settings=ThresholdSettings(), **labels,
        out=files[".json"],
    )  # fmt: skip
    bout_lengths.run(videos=tiny.TRAIN, out=files[".lengths.json"], **labels)
    choose_postprocessing.run(
        videos=tiny.VAL, predictions=predictions, thresholds=files[".json"], **labels,
        lengths=files[".lengths.json"], settings=PostprocessSettings(), out=final,
        tuning=ThresholdSettings(),
    )  # fmt: skip
    for video in tiny.VIDEOS:
        ethogram = results / "ethograms" / RUN / f"{video}.csv"
        postprocess.run(
            predictions=predictions / f"{video}.h5", postprocessing=final, ethogram=ethogram,
            bouts=ethogram.with_suffix(".bouts.csv"),
        )  # fmt: skip
    write_inputs(folder, tiny_results.parent / "raw")
    return folder


def write_inputs(folder: Path, raw: Path) -> None:
    """Write settings, table and labels of a project on the tiny videos."""
    config = {
        "behaviors": list(tiny.BEHAVIORS), "import": {"size": [tiny.SIZE, tiny.SIZE]},
        "extract": {"batch_size": 16}, "splits": {"count": 1, "missing": "allow"},
    }  # fmt: skip
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    rows = ["video\tpath\tpretrain"]
    (folder / "labels").mkdir()
    for video in tiny.VIDEOS:
        rows.append(f"{video}\t{raw / video}.mkv\tyes")
        (folder / "labels" / f"{video}.csv").write_text(tiny.label_text(video))
    (folder / "videos.tsv").write_text("\n".join([*rows, ""]))
