"""What the models of each preset are: parameters, size, training time, speed; for `summarize`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from deg_core.data.publish import damage_of, open_hdf5, read_json
from deg_core.errors import StateError
from deg_core.splits import ALL
from deg_core.stages.run_tables import name_of

MODELS = [
    "preset", "stage", "parameters", "megabytes", "seconds", "frames_per_second", "device"
]  # fmt: skip

Row = dict[str, Any]
Key = Mapping[str, str]


def model_table(
    keys: Sequence[Key],
    *,
    trainings: Mapping[str, Sequence[str]],
    results: Path,
    benchmarks: Path,
) -> pd.DataFrame:
    """Return one row per preset and training.

    Parameters
    ----------
    keys
        ``preset``, ``split`` and ``n_train`` of the runs.
    trainings
        Per preset the trainings that its runs have; with ``features`` also one of flow.
    results
        Folder of the results, with the models and their run records.
    benchmarks
        Folder in which Snakemake notes how long jobs took.

    Returns
    -------
    pandas.DataFrame
        `MODELS`. Of features and sequence models, means over the preset's runs with all training
        videos, or, where there are none, over all of its runs. Empty cells: not recorded.

    Raises
    ------
    StateError
        If a run record is missing or damaged.
    """
    rows: list[Row] = []
    for preset in dict.fromkeys(key["preset"] for key in keys):
        own = [key for key in keys if key["preset"] == preset]
        names = [name_of(key) for key in own if key["n_train"] == ALL]
        names = names or [name_of(key) for key in own]
        stages = {stage: names for stage in trainings[preset]}
        if "features" in stages:
            stages = {"flow": [preset]} | stages
        for stage, runs in stages.items():
            row = {"preset": preset, "stage": stage}
            row |= _means([_record(results / "models" / stage, name) for name in runs])
            if stage == "features":
                row["frames_per_second"] = _extracted_per_second(results, benchmarks, names)
            rows.append(row)
    return pd.DataFrame(rows, columns=MODELS).astype({"parameters": "Int64"})


def _record(folder: Path, name: str) -> Row:
    """Return what is known of one model; the same job wrote its file and its record."""
    path = folder / f"{name}.run.json"
    record = read_json(path)
    model = folder / f"{name}.pt"
    with damage_of(path):
        return {
            "parameters": record.get("parameters"),
            # Deleted to save space, perhaps.
            "megabytes": model.stat().st_size / 1e6 if model.exists() else None,
            "seconds": record.get("seconds"),
            "device": record.get("device"),
        }


def _means(records: Sequence[Row]) -> Row:
    table = pd.DataFrame(records)
    parameters = table["parameters"].dropna()
    return {
        # One architecture per preset: the runs have the same number.
        "parameters": int(parameters.iloc[0]) if len(parameters) else None,
        "megabytes": _mean(table["megabytes"]),
        "seconds": _mean(table["seconds"]),
        "device": ", ".join(table["device"].dropna().astype(str).unique()),
    }


def _mean(column: pd.Series) -> float:
    return round(float(pd.to_numeric(column).mean()), 3)


def _extracted_per_second(results: Path, benchmarks: Path, runs: Sequence[str]) -> float | None:
    """Divide all extracted frames by the seconds of their jobs, as far as both are noted."""
    frames, seconds = 0, 0.0
    for run in runs:
        for path in sorted((benchmarks / "extract_features" / run).glob("*.tsv")):
            features = results / "features" / run / f"{path.stem}.h5"
            noted = _seconds(path)
            number = _frames(features)
            if noted and number:
                frames, seconds = frames + number, seconds + noted
    return round(frames / seconds, 3) if seconds else None


def _seconds(path: Path) -> float | None:
    """Read a job's run time; None if the note, which no stage wrote, cannot be read."""
    try:
        return float(pd.read_csv(path, sep="\t")["s"].iloc[0])
    except (OSError, ValueError, KeyError, IndexError):
        return None


def _frames(path: Path) -> int | None:
    try:
        with open_hdf5(path) as file:
            return int(file.attrs["n_frames"])
    except StateError:  # deleted to save space, perhaps
        return None
