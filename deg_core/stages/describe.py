"""What was run on what: versions, settings, trainings and videos, as tables.

Reads models/**/*.run.json and import/*.h5; writes summary/setup.csv and summary/videos.csv.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from deg_core.data.publish import publish_csv, read_json
from deg_core.data.source import read_source
from deg_core.splits import unpack
from deg_core.stages.run_tables import RUN, key_of, read_trainings
from deg_core.table import Video, read_videos

SETUP = [*RUN, "stage", "item", "value"]
VIDEOS = [
    "video", "group", "pretrain", "labeled", "n_frames", "fps", "seconds", "width", "height",
    "codec", "megabytes",
]  # fmt: skip
# Of a training's record, what tells how it was made; the weights' own file has the rest.
FACTS = (
    "seed", "device", "precision", "epochs", "best_epoch", "metric", "best", "parameters",
    "seconds", "attempts", "peak_memory_mb",
)  # fmt: skip
Row = dict[str, Any]


def run(
    *,
    runs: list[str],
    trainings: str,
    table: Path,
    parts: str,
    changed: str,
    results: Path,
    setup: Path,
    videos: Path,
) -> None:
    """Write down what was run on what.

    Parameters
    ----------
    runs
        Runs as preset/split/n_train.
    trainings
        JSON object: preset to the trainings that its runs have, ``features`` and ``sequence``.
        Presets with features learn motion first.
    table
        The video table, in the project's folder or one named from there.
    parts
        Which video is in which part of each split, as `splits.pack` writes it.
    changed
        JSON object: settings that differ from their defaults, by section.
    results
        Folder of the results.
    setup
        Table of versions, settings and trainings to write.
    videos
        Table of videos to write.

    Raises
    ------
    StateError
        If a run is not of that form, or a file is missing or damaged.
    """
    trained = read_trainings(trainings)
    models = results / "models"
    rows = list(settings_rows(json.loads(changed)))
    keys = {name: key_of(name) for name in runs}
    for preset in dict.fromkeys(key["preset"] for key in keys.values()):
        if "features" in trained[preset]:
            about = {"preset": preset, "stage": "flow"}
            rows += training_rows(about, models / "flow" / f"{preset}.run.json")
    for name, key in keys.items():
        for stage in trained[key["preset"]]:
            rows += training_rows({**key, "stage": stage}, models / stage / f"{name}.run.json")
    publish_csv(setup, pd.DataFrame(rows, columns=SETUP))
    divided = unpack(parts)
    columns = [*VIDEOS, *(f"split_{split}" for split in divided)]
    found = [
        video_row(entry, results / "import") | parts_of(entry.video, divided)
        for entry in read_videos(table, project=Path())
    ]
    publish_csv(videos, pd.DataFrame(found, columns=columns))


def settings_rows(changed: Mapping[str, Any], path: str = "") -> Iterator[Row]:
    """Yield one row per setting, named as ``features (lite): epochs``."""
    for key, value in sorted(changed.items()):
        inner = f"{path}.{key}" if path else key
        if isinstance(value, Mapping):
            yield from settings_rows(value, inner)
        else:
            text = json.dumps(value, ensure_ascii=False)
            yield {"stage": "settings", "item": inner, "value": text}


def training_rows(key: Row, path: Path) -> Iterator[Row]:
    """Yield the facts of one training and the versions that it ran with."""
    record = read_json(path)
    for fact in FACTS:
        if record.get(fact) is not None:
            yield {**key, "item": fact, "value": plain(record[fact])}
    versions = {"python": record.get("python"), "platform": record.get("platform")}
    versions |= record.get("packages", {})
    for name, version in versions.items():
        if version is not None:
            yield {**key, "item": f"version of {name}", "value": str(version)}


def plain(value: Any) -> str:
    """Write a fact; numbers with four digits are exact enough to be recognized."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def parts_of(video: str, divided: Mapping[str, Mapping[str, Sequence[str]]]) -> Row:
    """Say to which part of each split a video belongs; a new one to none."""
    return {
        f"split_{split}": next((part for part, ids in parts.items() if video in ids), "")
        for split, parts in divided.items()
    }


def video_row(entry: Video, imports: Path) -> Row:
    """Describe one video by its row of the table and what the import found."""
    source = read_source(imports / f"{entry.video}.h5")
    return {
        "video": entry.video, "group": entry.group,
        "pretrain": "yes" if entry.pretrain else "no",
        "labeled": "yes" if entry.labels else "no",
        "n_frames": source.n_frames, "fps": round(source.fps, 3),
        "seconds": round(source.seconds, 2), "width": source.width, "height": source.height,
        "codec": source.codec, "megabytes": round(source.size / 1e6, 2),
    }  # fmt: skip
